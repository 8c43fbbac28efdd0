"""Arrays in the JSON of TensorFlow Serving: `instances` has a row for each element, `inputs` an array for each name.

Arrays of text have the type object and hold bytes. Source: json_tensor.cc of tensorflow/serving, whose texts the errors have.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from wildsage.containers.frameworks.tensorflow_serving.errors import InvalidArgument

Types = Mapping[str, np.dtype[Any]]
"""The types of a signature's inputs by name."""

TEXT = np.dtype(object)
TYPE_NAMES = {
    np.dtype(np.float32): "float",
    np.dtype(np.float64): "double",
    np.dtype(np.float16): "half",
    TEXT: "string",
}
KINDS = {"f": "iuf", "i": "i", "u": "iu", "b": "b"}
"""Kinds of NumPy's arrays that become one of a kind without a look at every value."""


def of_instances(elements: Any, types: Types) -> dict[str, np.ndarray]:
    """The arrays of `instances`, (n, …) each: a value or array for each row, or an object with one for each input.

    Raises InvalidArgument.
    """
    if not isinstance(elements, list):
        raise InvalidArgument("JSON Value: Excepting 'instances' to be an list/array")
    if not elements:
        raise InvalidArgument("JSON Value: No values in 'instances' array")
    if not _is_object(elements[0]):
        if len(types) > 1:
            raise InvalidArgument(
                "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
                f"tensorinfo_map: {', '.join(sorted(types))}"
            )
        _reject_mixed(elements, object_expected=False)
        ((name, dtype),) = types.items()
        return {name: _stack(elements, dtype, "")}
    _reject_mixed(elements, object_expected=True)
    for number, element in enumerate(elements):
        if set(element) != set(types):
            raise InvalidArgument(
                f"Failed to process element: {number} of 'instances' list. JSON object: {json.dumps(element)} keys must be "
                f"equal to: {','.join(sorted(types))}"
            )
    return {
        name: _stack([element[name] for element in elements], dtype, f" key: {name}") for name, dtype in types.items()
    }


def of_inputs(value: Any, types: Types) -> dict[str, np.ndarray]:
    """The arrays of `inputs`: one for the only input, or an object with one for each. Raises InvalidArgument."""
    if not _is_object(value):
        if len(types) > 1:
            raise InvalidArgument(
                "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
                f"tensorinfo_map: {', '.join(sorted(types))}"
            )
        ((name, dtype),) = types.items()
        return {name: _dense(value, dtype)}
    if missing := sorted(set(types) - set(value)):
        raise InvalidArgument(f"Missing named input: {missing[0]} in 'inputs' object.")
    return {name: _dense(value[name], dtype) for name, dtype in types.items()}


def to_predictions(outputs: Mapping[str, np.ndarray]) -> str:
    """The answer to `instances`: `predictions` with an element for each row. Raises InvalidArgument."""
    sizes = set()
    for name, array in outputs.items():
        if not array.ndim:
            raise InvalidArgument(f"Tensor name: {name} has no shape information ")
        sizes.add(len(array))
        if len(sizes) > 1:
            raise InvalidArgument(f"Tensor name: {name} has inconsistent batch size: {len(array)}")
    if len(outputs) == 1:
        ((name, array),) = outputs.items()
        return document("predictions", [_line(row, _is_bytes(name)) for row in array])
    names = sorted(outputs)
    elements = []
    for number in range(sizes.pop()):
        values = ((name, _line(outputs[name][number], _is_bytes(name))) for name in names)
        fields = ",\n".join(f"            {json.dumps(name)}: {value}" for name, value in values)
        elements.append(f"\n        {{\n{fields}\n        }}")
    return '{\n    "predictions": [' + ",".join(elements) + "\n    ]\n}"


def to_outputs(outputs: Mapping[str, np.ndarray]) -> str:
    """The answer to `inputs`: `outputs` with the only array, or with one for each name."""
    if len(outputs) == 1:
        ((name, array),) = outputs.items()
        return f'{{\n    "outputs": {_lines(array, _is_bytes(name), 1)}\n}}'
    fields = (f"        {json.dumps(name)}: {_lines(outputs[name], _is_bytes(name), 2)}" for name in sorted(outputs))
    return '{\n    "outputs": {\n' + ",\n".join(fields) + "\n    }\n}"


def document(name: str, elements: Sequence[str]) -> str:
    """`{name: [elements]}` in the layout of the server."""
    return f'{{\n    "{name}": [{", ".join(elements)}\n    ]\n}}'


def decimal(value: Any) -> str:
    """A float as the server writes it: six digits, or as many as are needed to read the same number."""
    if not np.isfinite(value):
        return "NaN" if np.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    text = f"{value:g}"
    if type(value)(text) != value:
        text = f"{value:.17g}" if isinstance(value, np.float64) else f"{value:.9g}"
    return text if "." in text or "e" in text else f"{text}.0"


def _stack(elements: list[Any], dtype: np.dtype[Any], key: str) -> np.ndarray:
    """(n, …): the arrays of all elements, which have one shape."""
    if (found := _regular(elements, dtype)) is not None:
        return found
    arrays: list[np.ndarray] = []
    for number, element in enumerate(elements):
        try:
            arrays.append(_dense(element, dtype))
            _expect_shape(arrays[-1], arrays[0])
        except InvalidArgument as error:
            raise InvalidArgument(
                f"Failed to process element: {number}{key} of 'instances' list. Error: INVALID_ARGUMENT: {error}"
            ) from None
    return np.stack(arrays)


def _expect_shape(found: np.ndarray, expected: np.ndarray) -> None:
    if found.size != expected.size:
        raise InvalidArgument(f"Expecting tensor size: {expected.size} but got: {found.size}")
    if found.shape != expected.shape:
        raise InvalidArgument(f"Expecting shape {list(expected.shape)} but got: {list(found.shape)}")


def _dense(value: Any, dtype: np.dtype[Any]) -> np.ndarray:
    """The array of a value or of nested lists."""
    if isinstance(value, list) and (found := _regular(value, dtype)) is not None:
        return found
    shape = _shape(value)
    values: list[Any] = []
    _fill(value, 0, shape, dtype, values)
    array = np.empty(len(values), dtype)
    array[:] = values
    return array.reshape(shape)


def _regular(elements: list[Any], dtype: np.dtype[Any]) -> np.ndarray | None:
    """The array, if NumPy finds numbers that fit the type; None where each value needs a look."""
    if dtype.kind not in KINDS:
        return None
    try:
        found = np.array(elements)
    except (ValueError, OverflowError):
        return None
    if found.dtype.kind not in KINDS[dtype.kind] or not found.size:
        return None
    if dtype.kind != "b" and not np.all(np.abs(found[np.isfinite(found)], dtype=np.float64) <= _largest(dtype, found)):
        return None
    if dtype.kind == "u" and np.any(found < 0):  # it would become a large one
        return None
    return found.astype(dtype)


def _largest(dtype: np.dtype[Any], given: np.ndarray) -> float:
    """The largest number that the type holds; of whole numbers that become floats, the largest that stays itself."""
    if dtype.kind != "f":
        return float(np.iinfo(dtype).max)
    found = np.finfo(dtype)
    return float(found.max) if given.dtype.kind == "f" else float(2 ** (found.nmant + 1) - 1)


def _shape(value: Any) -> tuple[int, ...]:
    """The shape that the first elements have."""
    shape: list[int] = []
    while isinstance(value, list):
        shape.append(len(value))
        if not value:
            break
        value = value[0]
    return tuple(shape)


def _fill(value: Any, level: int, shape: tuple[int, ...], dtype: np.dtype[Any], values: list[Any]) -> None:
    """Append the leaves of nested lists, which must have the shape."""
    if not isinstance(value, list):
        if level != len(shape):
            raise InvalidArgument(
                f"JSON Value: {json.dumps(value)} found at incorrect level: {level + 1} in the JSON DOM. Expected at level: "
                f"{len(shape)}"
            )
        values.append(_leaf(value, dtype))
        return
    if level >= len(shape):
        raise InvalidArgument(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
    if len(value) != shape[level]:
        raise InvalidArgument(
            f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: {shape[level]}"
        )
    for one in value:
        _fill(one, level + 1, shape, dtype, values)


def _leaf(value: Any, dtype: np.dtype[Any]) -> Any:
    """A value of a tensor."""
    if dtype == TEXT:
        return _text(value)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    fits = {"f": number, "b": isinstance(value, bool)}.get(dtype.kind, number and isinstance(value, int))
    if not fits:
        raise _wrong_type(value, dtype)
    if dtype.kind == "f" and np.isfinite(value) and abs(value) > _largest(dtype, np.array(value)):
        raise InvalidArgument(f"Cannot convert JSON value: {value} to {TYPE_NAMES[dtype]} without loss of precision.")
    if dtype.kind in "iu" and not np.iinfo(dtype).min <= value <= np.iinfo(dtype).max:
        raise _wrong_type(value, dtype)
    return value


def _text(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if not _is_base64(value):
        raise _wrong_type(value, TEXT)
    try:
        return base64.b64decode(value["b64"], validate=True)
    except binascii.Error:
        raise InvalidArgument("Unable to base64 decode") from None


def _wrong_type(value: Any, dtype: np.dtype[Any]) -> InvalidArgument:
    kinds = {type(None): "Null", bool: str(value), dict: "Object", list: "Array", str: "String"}
    return InvalidArgument(
        f"JSON Value: {json.dumps(value)} Type: {kinds.get(type(value), 'Number')} is not of expected type: "
        f"{TYPE_NAMES.get(dtype, dtype.name)}"
    )


def _reject_mixed(elements: list[Any], object_expected: bool) -> None:
    wanted, got = ("object", "list") if object_expected else ("value/list", "object")
    for number, element in enumerate(elements):
        if _is_object(element) != object_expected:
            raise InvalidArgument(f"Expecting {wanted} but got {got} at item {number} of input list")


def _is_base64(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"b64"} and isinstance(value["b64"], str)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and not _is_base64(value)


def _is_bytes(name: str) -> bool:
    """Whether text of an output goes out in base64: by its name, as the server has it."""
    return name.endswith("_bytes")


def _line(array: Any, as_bytes: bool) -> str:
    """A value, or nested lists in one line."""
    if isinstance(array, np.ndarray) and array.ndim:
        return f"[{', '.join(_line(one, as_bytes) for one in array)}]"
    return _scalar(array[()] if isinstance(array, np.ndarray) else array, as_bytes)


def _lines(array: np.ndarray, as_bytes: bool, level: int) -> str:
    """A value, or nested lists with an element a line."""
    if not array.ndim:
        return _line(array, as_bytes)
    if not len(array):
        return "[]"
    elements = (_lines(np.asarray(one, array.dtype), as_bytes, level + 1) for one in array)
    space = "    " * level
    return "[\n" + ",\n".join(f"{space}    {one}" for one in elements) + f"\n{space}]"


def _scalar(value: Any, as_bytes: bool) -> str:
    if isinstance(value, bytes):
        if as_bytes:
            return json.dumps({"b64": base64.b64encode(value).decode()})
        return json.dumps(value.decode(errors="replace"), ensure_ascii=False)
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, np.integer):
        return str(value)
    return decimal(value)
