"""The files of a channel: which are read, and whether their first lines look as they should [contract: xgboost, Channels]."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from wildsage.algorithms.base import other_formats
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.xgboost.data import csv_text
from wildsage.algorithms.xgboost.data.content_types import CSV, LIBSVM, PARQUET, RECORDS

CHUNK_BYTES = 1 << 20
"""More takes longer: the system then clears new memory for each chunk."""
MAX_FOLDER_DEPTH = 3
SHOWN_CHARACTERS = 50
OWN_FORMAT = {PARQUET: other_formats.PARQUET, RECORDS: other_formats.RECORDIO}
LIBSVM_LINE = re.compile(r"[^\s:]+(:[^\s:]+)?(\s+[^\s:]+:[^\s:]+)*\s*(#.*)?")


def below(folder: Path, log: Callable[[str], None]) -> list[Path]:
    """All files of a channel to folder depth 3, in the order of their names; deeper ones are left out with a warning.

    Raises UserError for a hidden file.
    """
    found: list[Path] = []
    deeper = False
    for place, folders, names in os.walk(folder, followlinks=True):
        if any(name.startswith(".") for name in names):
            raise UserError("Hidden file found in the data path! Remove that before training.")
        if len(Path(place).relative_to(folder).parts) < MAX_FOLDER_DEPTH:
            found += [Path(place) / name for name in names]
        else:
            deeper = True
            folders.clear()
    if deeper:
        log(f"WARNING:root:Folder depth exceeded {MAX_FOLDER_DEPTH}: deeper files of {folder} are not read.")
    filled = (path for path in found if path.stat().st_size)
    return sorted(filled, key=lambda path: path.relative_to(folder).as_posix())


def chunks(path: Path) -> Iterator[bytes]:
    """A file's bytes from front to back."""
    with path.open("rb", buffering=0) as stream:
        while chunk := stream.read(CHUNK_BYTES):
            yield chunk


def check_first_lines(paths: Sequence[Path], form: str, log: Callable[[str], None]) -> None:
    """Raise UserError for a file of another format, and in the original's words for text whose first line is not `form`."""
    for path in paths:
        if problem := other_formats.problem_of(next(chunks(path), b""), form, OWN_FORMAT.get(form, "")):
            raise UserError(f"{path.name}: {problem}")
        if path.name.startswith("_") or form not in (CSV, LIBSVM):
            continue
        with path.open("rb") as stream:
            line = csv_text.first_line(stream)
        if form == LIBSVM:
            _check_libsvm(line, path)
        else:
            _check_csv(line, path, log)


def _check_libsvm(line: str, path: Path) -> None:
    label = line.strip().split(" ")[0].split(":")[0]
    if line.strip() and not (LIBSVM_LINE.fullmatch(line.strip()) and _is_number(label)):
        raise _wrong(line, path, LIBSVM)


def _check_csv(line: str, path: Path, log: Callable[[str], None]) -> None:
    if not line.strip() or "\0" in line:
        raise _wrong(line, path, CSV)
    log(f"INFO:root:Determined delimiter of CSV input is '{csv_text.delimiter_of(line)}'")


def _wrong(line: str, path: Path, form: str) -> UserError:
    return UserError(
        f"First line '{line[:SHOWN_CHARACTERS].rstrip()}...' of file '{path.name}' is not '{form}' format. "
        f"Please ensure the file is in '{form}' format."
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
