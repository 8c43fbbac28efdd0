"""What a channel's ContentType means [contract: xgboost, Channels and content types]."""

from __future__ import annotations

from wildsage.algorithms.base.errors import UserError

CSV, LIBSVM, PARQUET, RECORDS = "CSV", "LIBSVM", "Parquet", "RecordIO-Protobuf"
NAMES = {
    "csv": CSV,
    "libsvm": LIBSVM,
    "parquet": PARQUET,
    "recordio-protobuf": RECORDS,
    "text/csv": CSV,
    "text/libsvm": LIBSVM,
    "text/x-libsvm": LIBSVM,
    "application/x-parquet": PARQUET,
    "application/x-recordio-protobuf": RECORDS,
}


def parse(content_type: str | None) -> str:
    """The format of a channel; LIBSVM where none is said. Parameters after `;` are allowed, which the original rejects.

    Raises UserError in the original's words.
    """
    if content_type is None:
        return LIBSVM
    name, _, parameters = content_type.lower().partition(";")
    if name.strip() not in NAMES:
        raise UserError(f"{content_type} is not an accepted ContentType: {', '.join(NAMES)}.")
    if NAMES[name.strip()] == CSV:
        check_label_size(content_type, parameters)
    return NAMES[name.strip()]


def check_label_size(content_type: str, parameters: str) -> None:
    """Raise UserError where a CSV type says that there is not exactly one label."""
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip() == "label_size" and value.strip() != "1":
            raise UserError(
                f"{content_type} is not an accepted csv ContentType. Optional parameter label_size must be equal to 1"
            )
