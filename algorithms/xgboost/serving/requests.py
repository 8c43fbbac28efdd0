"""Bodies of requests → rows.

Axes: n rows · d columns
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix, vstack

from wildsage.algorithms.base import other_formats
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.program import Records
from wildsage.algorithms.xgboost.data import csv_text, libsvm
from wildsage.algorithms.xgboost.data.channel import features_of
from wildsage.algorithms.xgboost.data.content_types import check_label_size
from wildsage.algorithms.xgboost.data.late_loops import REQUESTS_BYTES
from wildsage.algorithms.xgboost.data.table import Rows
from wildsage.algorithms.xgboost.versions import Version

CSV, LIBSVM, RECORDS = "csv", "libsvm", "recordio-protobuf"
KINDS = {
    "text/csv": CSV,
    "csv": CSV,
    "text/libsvm": LIBSVM,
    "text/x-libsvm": LIBSVM,
    "libsvm": LIBSVM,
    "application/x-recordio-protobuf": RECORDS,
    "recordio-protobuf": RECORDS,
}


class UnreadableBody(Exception):
    """The body is not what its content type says, or of a type that is not known (HTTP 415); the text says what is wrong."""


def kind_of(content_type: str | None) -> str:
    """The format of a body; LIBSVM where none is said. Raises UnreadableBody."""
    if not content_type:
        return LIBSVM
    name, _, parameters = content_type.lower().partition(";")
    if name.strip() not in KINDS:
        raise UnreadableBody(
            f"Content-type {name.strip()} not supported. Supported content-type is text/csv, text/libsvm, text/x-libsvm, "
            "application/x-recordio-protobuf"
        )
    try:
        check_label_size(content_type, parameters)
    except UserError as error:
        raise UnreadableBody(str(error)) from None
    return KINDS[name.strip()]


def parse(kind: str, body: bytes, version: Version, records: Records, width: int = 0) -> Rows:
    """The rows of a body; `width` columns are the model's, if it is known. Raises UnreadableBody in the original's words."""
    try:
        if foreign := other_formats.problem_of(body, kind, other_formats.RECORDIO if kind == RECORDS else ""):
            raise UserError(foreign)
        if kind == CSV:
            return csv_text.parse_request(body)
        if kind == LIBSVM:
            return _libsvm(body, version, width)
        return _records(body, records)
    except (ValueError, UserError) as error:
        shown = type(error) if isinstance(error, ValueError) else ValueError
        raise UnreadableBody(
            f"Loading {kind} data failed with Exception, please ensure data is in {kind} format:\n {shown}\n {error}"
        ) from None


def _libsvm(body: bytes, version: Version, width: int) -> csr_matrix:
    """Rows with or without a label; a row without begins with index:value."""
    lines = b"\n".join(_with_label(line) for line in body.strip().split(b"\n"))
    table = libsvm.parse(lines, REQUESTS_BYTES)
    if version.shifts_indices:
        (table,) = libsvm.shifted([table])
    features = table.sparse
    return csr_matrix((features.data, features.indices, features.indptr), (len(table), max(width, features.shape[1])))


def _with_label(line: bytes) -> bytes:
    words = line.split(None, 1)
    return b"0 " + line if not words or b":" in words[0] else line


def _records(body: bytes, records: Records) -> Rows:
    parts = [features_of(part) for part in records.decode([body])]
    if not parts:
        raise ValueError("the body holds no records")
    if all(isinstance(part, np.ndarray) for part in parts):
        return np.concatenate(parts)
    return vstack([csr_matrix(part) for part in parts]).tocsr()


def checked(rows: Rows, kind: str, width: int) -> Rows:
    """The rows as wide as the model, which must have as many columns or one more. Raises UserError in the original's words."""
    given = rows.shape[1]
    if kind == LIBSVM:
        if given > width:
            raise UserError(
                f"Feature size of libsvm inference data {given} is larger than feature size of trained model {width}."
            )
        return rows
    if given not in (width, width - 1):
        raise UserError(
            f"Feature size of {kind} inference data {given} is not consistent with feature size of trained model {width}."
        )
    if given == width:
        return rows
    if not isinstance(rows, np.ndarray):
        return csr_matrix((rows.data, rows.indices, rows.indptr), (rows.shape[0], width))
    return np.column_stack([rows, np.full(len(rows), np.nan, np.float32)])
