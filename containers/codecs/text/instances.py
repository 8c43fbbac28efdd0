"""One instance of a JSON request → one row (contract: formats, section 5).

    {"features": [1.5, 16.0]}
    {"data": {"features": {"values": [1.5, 16.0]}}}
    {"data": {"features": {"keys": [26, 182], "shape": [2000], "values": [1, 1]}}}

Other keys, such as `configuration` and `label`, are ignored.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wildsage.algorithms.base.errors import BadRecord
from wildsage.algorithms.base.float32 import BEYOND, EXPECTED, rounded
from wildsage.containers.codecs.rows import FlatRows, stack

NUMBERS = {int, float}


class MalformedInstance(ValueError):
    """An instance that cannot be read as a row; the text says why."""


def rows_of(instances: Sequence[Any], first_row: int, width: int | None) -> FlatRows:
    """Return the instances as float32 rows. Raises BadRecord for a malformed instance, and for one of another width."""
    dense = _all_dense(instances, width)
    if dense is not None:
        return dense
    parts: list[FlatRows] = []
    for row, instance in enumerate(instances, start=first_row):
        try:
            part = _row(instance)
        except MalformedInstance as error:
            raise BadRecord(row, f"{error}.") from None
        width = width or part.width
        if part.width != width:
            raise BadRecord(row, f"{part.width} columns, expected {width} as in the rows before.")
        parts.append(part)
    return stack(parts)


def _all_dense(instances: Sequence[Any], width: int | None) -> FlatRows | None:
    """Read all rows at once if every instance is `{"features": [numbers]}` of one width; otherwise return None.

    Numbers beyond float32 give None, too: reading row by row then says which it is.
    """
    try:
        lists = [instance["features"] for instance in instances]
        width = width or len(lists[0])
        uniform = all(type(numbers) is list and len(numbers) == width for numbers in lists)
    except (TypeError, KeyError):
        return None
    if not (uniform and width and set(map(type, chain.from_iterable(lists))) <= NUMBERS):
        return None
    values = np.fromiter(chain.from_iterable(lists), np.float64, width * len(lists))
    try:
        return FlatRows(np.full(len(lists), width), rounded(values), None, width)
    except FloatingPointError:
        return None


def _row(instance: Any) -> FlatRows:
    features = _features(instance)
    if isinstance(features, list):
        features = {"values": features}
    if not isinstance(features, dict) or "values" not in features:
        raise MalformedInstance(f"features are {_kind(features)}, expected a list of numbers or an object with values")
    values = _numbers(features["values"], "values")
    if "keys" not in features:
        if not len(values):
            raise MalformedInstance("the features have no values")
        return FlatRows(np.array([len(values)]), values, None, len(values))
    keys, width = _keys(features["keys"], len(values)), _width(features.get("shape"))
    wrong = next((key for key in keys.tolist() if not 0 <= key < width), None)
    if wrong is not None:
        raise MalformedInstance(f"key {wrong} is out of range, expected 0 to {width - 1} (shape {features['shape']})")
    return FlatRows(np.array([len(values)]), values, keys, width)


def _features(instance: Any) -> Any:
    if not isinstance(instance, dict):
        raise MalformedInstance(f"the instance is {_kind(instance)}, expected an object with features")
    if "features" in instance:
        return instance["features"]
    data = instance.get("data")
    if isinstance(data, dict) and "features" in data:
        return data["features"]
    expected = 'expected {"features": [...]} or {"data": {"features": {"values": [...]}}}'
    raise MalformedInstance(f"no features among its keys {sorted(instance)}, {expected}")


def _numbers(values: Any, name: str) -> NDArray[np.float32]:
    if not isinstance(values, list):
        raise MalformedInstance(f"{name} are {_kind(values)}, expected a list of numbers")
    wrong = next((place for place, value in enumerate(values, start=1) if type(value) not in NUMBERS), None)
    if wrong is not None:
        raise MalformedInstance(f"value {wrong} of {len(values)} is {_kind(values[wrong - 1])}, expected a number")
    beyond = next((place for place, value in enumerate(values, start=1) if abs(value) >= BEYOND), None)
    if beyond is not None:
        raise MalformedInstance(f"value {beyond} of {len(values)} is {values[beyond - 1]}, {EXPECTED}")
    return rounded(np.array(values, np.float64))


def _keys(keys: Any, values: int) -> NDArray[np.int64]:
    if not isinstance(keys, list) or any(type(key) is not int or abs(key) >= 1 << 63 for key in keys):
        raise MalformedInstance("keys are not all whole numbers, expected the columns of the values, counted from 0")
    if len(keys) != values:
        raise MalformedInstance(f"{len(keys)} keys and {values} values, expected as many of one as of the other")
    return np.array(keys, np.int64)


def _width(shape: Any) -> int:
    if not isinstance(shape, list) or not shape or any(type(length) is not int or length < 1 for length in shape):
        raise MalformedInstance(f"shape of a sparse instance is {_kind(shape)}, expected [columns]")
    if math.prod(shape) >= 1 << 63:
        raise MalformedInstance(f"shape {shape} is beyond 2^63 columns")
    return math.prod(shape)


def _kind(value: Any) -> str:
    """Name a JSON value in words."""
    if value is None:
        return "missing or null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f"the text {value[:40]!r}"
    if isinstance(value, list):
        return "a list"
    return "an object" if isinstance(value, dict) else f"the number {value}"
