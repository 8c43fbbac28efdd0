"""The AWS query format: a form with dotted names in, XML out."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from xml.etree import ElementTree

from botocore.model import OperationModel, Shape

from wildsage.containers.contract.whole_number import shortened, whole_number
from wildsage.local_runner.wire.errors import AwsError
from wildsage.local_runner.wire.values import XML, serialize

FLOAT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")


def read_form(form: Mapping[str, str], shape: Shape | None) -> dict[str, Any]:
    """Values of a form: `List.member.1.Name=x` → `{"List": [{"Name": "x"}]}`. Raises AwsError for an invalid number or time."""
    return (_read_value(form, shape, "") or {}) if shape is not None else {}


def _read_value(form: Mapping[str, str], shape: Shape, prefix: str) -> Any:
    """Value at a dotted prefix; None if the form has none."""
    if shape.type_name == "structure":
        members = {
            name: _read_value(form, member, _join(prefix, name, member)) for name, member in shape.members.items()
        }
        return {name: value for name, value in members.items() if value is not None} or None
    if shape.type_name == "list":
        found: list[Any] = []
        step = prefix if shape.serialization.get("flattened") else f"{prefix}.member"
        while (value := _read_value(form, shape.member, f"{step}.{len(found) + 1}")) is not None:
            found.append(value)
        return found or None
    return _scalar(form[prefix], shape.type_name) if prefix in form else None


def _join(prefix: str, name: str, member: Shape) -> str:
    name = member.serialization.get("name", name)
    return f"{prefix}.{name}" if prefix else name


def _scalar(text: str, type_name: str) -> Any:
    try:
        if type_name in ("integer", "long"):
            return whole_number(text.removeprefix("-")) * (-1 if text.startswith("-") else 1)
        if type_name in ("float", "double"):
            return _float(text)
        if type_name == "timestamp":
            return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        raise AwsError("MalformedInput", f"{shortened(text)} is not a valid {type_name}.") from None
    return text == "true" if type_name == "boolean" else text


def _float(text: str) -> float:
    """A number in ASCII digits. `float` also takes underscores, blanks and digits of other scripts."""
    if not FLOAT.fullmatch(text):
        raise ValueError(text)
    return float(text)


def result_document(operation: OperationModel, result: Mapping[str, Any]) -> bytes:
    """The document of a result: `<GetRoleResponse><GetRoleResult>…`."""
    root = ElementTree.Element(f"{operation.name}Response", xmlns=operation.metadata["xmlNamespace"])
    shape = operation.output_shape
    if shape is not None:
        wrapper = shape.serialization.get("resultWrapper")
        place = ElementTree.SubElement(root, wrapper) if wrapper else root
        _add_members(place, serialize(result, shape, XML), shape)
    return _document(root)


def error_document(error: AwsError) -> bytes:
    """The document of an error: `<ErrorResponse><Error><Type>Sender</Type><Code>…`."""
    root = ElementTree.Element("ErrorResponse")
    inner = ElementTree.SubElement(root, "Error")
    for name, text in (("Type", "Sender"), ("Code", error.code), ("Message", error.message)):
        ElementTree.SubElement(inner, name).text = text
    return _document(root)


def ec2_error_document(error: AwsError) -> bytes:
    """The same for EC2: `<Response><Errors><Error><Code>…`."""
    root = ElementTree.Element("Response")
    inner = ElementTree.SubElement(ElementTree.SubElement(root, "Errors"), "Error")
    for name, text in (("Code", error.code), ("Message", error.message)):
        ElementTree.SubElement(inner, name).text = text
    ElementTree.SubElement(root, "RequestID").text = str(uuid.uuid4())
    return ElementTree.tostring(root, encoding="utf-8")


def _document(root: ElementTree.Element) -> bytes:
    metadata = ElementTree.SubElement(root, "ResponseMetadata")
    ElementTree.SubElement(metadata, "RequestId").text = str(uuid.uuid4())
    return ElementTree.tostring(root, encoding="utf-8")


def _add_members(element: ElementTree.Element, values: Mapping[str, Any], shape: Shape) -> None:
    for name, member in shape.members.items():
        wire_name = member.serialization.get("name", name)
        if wire_name in values:
            _add(element, wire_name, values[wire_name], member)


def _add(parent: ElementTree.Element, name: str, value: Any, shape: Shape) -> None:
    if shape.type_name == "list" and shape.serialization.get("flattened"):
        for member in value:
            _add(parent, name, member, shape.member)
        return
    element = ElementTree.SubElement(parent, name)
    if shape.type_name == "structure":
        _add_members(element, value, shape)
    elif shape.type_name == "list":
        for member in value:
            _add(element, shape.member.serialization.get("name", "member"), member, shape.member)
    else:
        element.text = str(value).lower() if isinstance(value, bool) else str(value)
