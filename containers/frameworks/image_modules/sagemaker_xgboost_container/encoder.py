"""Matrices of bodies, with the defaults of XGBoost's image."""

from __future__ import annotations

import xgboost

from wildsage.containers.frameworks.defaults.xgboost import XGBoostHooks


def csv_to_dmatrix(string_like: str | bytes) -> xgboost.DMatrix:
    """The matrix of CSV without labels."""
    return decode(string_like, "text/csv")


def libsvm_to_dmatrix(string_like: str | bytes) -> xgboost.DMatrix:
    """The matrix of LIBSVM."""
    return decode(string_like, "text/libsvm")


def recordio_protobuf_to_dmatrix(string_like: bytes) -> xgboost.DMatrix:
    """The matrix of RecordIO-protobuf."""
    return decode(string_like, "application/x-recordio-protobuf")


def decode(obj: str | bytes, content_type: str) -> xgboost.DMatrix:
    """The matrix of a body. Raises UnreadableBody."""
    return XGBoostHooks("").input_fn(obj, content_type)
