"""AWS's request and response formats. The request says which one it is in, not the model: clients of many ages speak to us.

Each protocol parses a request into its operation and plain values, and writes a result or an error back. Times go out
as the format demands; absent members are left out, never sent as null or `{}`.
"""

from __future__ import annotations

import re
import uuid
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote
from xml.etree import ElementTree

import orjson
from botocore.model import OperationModel, ServiceModel, Shape
from werkzeug import Request, Response

from local_runner.wire import cbor
from local_runner.wire.errors import AwsError, not_implemented

Values = dict[str, Any]


class WireProtocol(Protocol):
    """One format."""

    def parse(self, request: Request, service: ServiceModel) -> tuple[OperationModel, Values]:
        """Raises AwsError for an unknown operation or an unreadable body."""

    def reply(self, operation: OperationModel, result: Values) -> Response: ...

    def fail(self, error: AwsError) -> Response: ...


def protocol_of(request: Request, service: ServiceModel) -> WireProtocol:
    """The format a request is in."""
    if request.headers.get("Smithy-Protocol") == "rpc-v2-cbor":
        return Cbor()
    if "X-Amz-Target" in request.headers:
        return Json()
    return Rest() if service.metadata["protocol"] == "rest-json" else Query()


class Json:
    """AWS JSON 1.0 and 1.1: the operation in X-Amz-Target, one JSON object each way."""

    def parse(self, request: Request, service: ServiceModel) -> tuple[OperationModel, Values]:
        operation = _operation(service, request.headers["X-Amz-Target"].rpartition(".")[2])
        return operation, without_nulls(_json_object(request.get_data()))

    def reply(self, operation: OperationModel, result: Values) -> Response:
        if operation.output_shape is None:
            return _response(b"", "application/x-amz-json-1.1")
        return _response(_json(plain(result, operation.output_shape)), "application/x-amz-json-1.1")

    def fail(self, error: AwsError) -> Response:
        body = {"__type": error.code, "message": error.message, **error.fields}
        return _response(_json(body), "application/x-amz-json-1.1", error.status)


class Cbor:
    """Smithy RPC v2 CBOR: the operation in the path, one CBOR map each way."""

    headers = {"Smithy-Protocol": "rpc-v2-cbor"}

    def parse(self, request: Request, service: ServiceModel) -> tuple[OperationModel, Values]:
        operation = _operation(service, request.path.rpartition("/")[2])
        try:
            values = cbor.decode(request.get_data() or cbor.encode({}))
        except ValueError as error:
            raise AwsError("SerializationException", str(error)) from None
        return operation, without_nulls(values)

    def reply(self, operation: OperationModel, result: Values) -> Response:
        body = plain(result, operation.output_shape, as_is) if operation.output_shape else {}
        return _response(cbor.encode(body), "application/cbor", headers=self.headers)

    def fail(self, error: AwsError) -> Response:
        body = {"__type": error.code, "message": error.message}
        return _response(cbor.encode(body), "application/cbor", error.status, self.headers)


class Query:
    """AWS query: a form with dotted names in, XML out."""

    def parse(self, request: Request, service: ServiceModel) -> tuple[OperationModel, Values]:
        form = dict(parse_qsl(request.get_data(as_text=True), keep_blank_values=True)) or request.args.to_dict()
        operation = _operation(service, form.get("Action", ""))
        return operation, _from_form(form, operation.input_shape, "") or {}

    def reply(self, operation: OperationModel, result: Values) -> Response:
        root = ElementTree.Element(f"{operation.name}Response", xmlns=operation.metadata["xmlNamespace"])
        if operation.output_shape is not None:
            values = plain(result, operation.output_shape, _iso8601)
            place = operation.output_shape.serialization.get("resultWrapper")
            _add_members(ElementTree.SubElement(root, place) if place else root, values, operation.output_shape)
        return self._xml(root, 200)

    def fail(self, error: AwsError) -> Response:
        root = ElementTree.Element("ErrorResponse")
        inner = ElementTree.SubElement(root, "Error")
        for name, text in (("Type", "Sender"), ("Code", error.code), ("Message", error.message)):
            ElementTree.SubElement(inner, name).text = text
        return self._xml(root, error.status)

    def _xml(self, root: ElementTree.Element, status: int) -> Response:
        metadata = ElementTree.SubElement(root, "ResponseMetadata")
        ElementTree.SubElement(metadata, "RequestId").text = str(uuid.uuid4())
        return _response(ElementTree.tostring(root, encoding="utf-8"), "text/xml", status)


class Rest:
    """REST-JSON as far as the SageMaker runtime needs it: path, headers and a raw body each way."""

    def parse(self, request: Request, service: ServiceModel) -> tuple[OperationModel, Values]:
        for name in service.operation_names:
            operation = service.operation_model(name)
            found = _match_path(operation.http["requestUri"], request.path)
            if found is not None and operation.http["method"] == request.method:
                return operation, {**found, **_from_headers(request, operation.input_shape)}
        raise not_implemented(f"{request.method} {request.path}", service.service_name)

    def reply(self, operation: OperationModel, result: Values) -> Response:
        shape = operation.output_shape
        headers = {
            shape.members[name].serialization["name"]: value
            for name, value in result.items()
            if value is not None and shape.members[name].serialization.get("location") == "header"
        }
        content_type = headers.pop("Content-Type", "application/octet-stream")
        return _response(result[shape.serialization["payload"]], content_type, headers=headers)

    def fail(self, error: AwsError) -> Response:
        headers = {"x-amzn-ErrorType": error.code} if error.code else {}
        body = _json({"Message": error.message, "message": error.message, **error.fields})
        return _response(body, "application/json", error.status, headers)


# Requests


def _operation(service: ServiceModel, name: str) -> OperationModel:
    if name not in service.operation_names:
        raise not_implemented(name or "(no name)", service.service_name)
    return service.operation_model(name)


def _json_object(body: bytes) -> Values:
    try:
        value = orjson.loads(body or b"{}")
    except ValueError as error:
        raise AwsError("SerializationException", f"The request body is no valid JSON: {error}.") from None
    if not isinstance(value, dict):
        raise AwsError(
            "SerializationException", f"The request body is a JSON {type(value).__name__}, expected an object."
        )
    return value


def without_nulls(value: Any) -> Any:
    """Null means absent, at every depth."""
    if isinstance(value, dict):
        return {name: without_nulls(member) for name, member in value.items() if member is not None}
    return [without_nulls(member) for member in value] if isinstance(value, list) else value


def _from_form(form: Mapping[str, str], shape: Shape | None, prefix: str) -> Any:
    """Value at a dotted prefix, None if the form has nothing there. Action and Version are nobody's members."""
    if shape is None:
        return {}
    if shape.type_name == "structure":
        members = {
            name: _from_form(form, member, _dotted(prefix, member.serialization.get("name", name)))
            for name, member in shape.members.items()
        }
        return {name: value for name, value in members.items() if value is not None} or None
    if shape.type_name == "list":
        found: list[Any] = []
        step = prefix if shape.serialization.get("flattened") else f"{prefix}.member"
        while (value := _from_form(form, shape.member, f"{step}.{len(found) + 1}")) is not None:
            found.append(value)
        return found or None
    return _scalar(form[prefix], shape.type_name) if prefix in form else None


def _dotted(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name


def _scalar(text: str, type_name: str) -> Any:
    try:
        if type_name in ("integer", "long"):
            return int(text)
        if type_name in ("float", "double"):
            return float(text)
        if type_name == "timestamp":
            return datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise AwsError("MalformedInput", f"{text!r} is no {type_name}.") from None
    return text == "true" if type_name == "boolean" else text


def _match_path(template: str, path: str) -> dict[str, str] | None:
    pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(template.split("?")[0]))
    match = re.fullmatch(pattern, path)
    return {name: unquote(value) for name, value in match.groupdict().items()} if match else None


def _from_headers(request: Request, shape: Shape) -> Values:
    values: Values = {}
    for name, member in shape.members.items():
        if member.serialization.get("location") == "header":
            values[name] = request.headers.get(member.serialization["name"])
    values = {name: value for name, value in values.items() if value is not None}
    if payload := shape.serialization.get("payload"):
        values[payload] = request.get_data()
    return values


# Responses


def plain(value: Any, shape: Shape, time: Any = None) -> Any:
    """A result cut to its shape: unknown and absent members gone, times written by `time` (default: epoch seconds)."""
    if shape.type_name == "structure":
        return {
            member.serialization.get("name", name): plain(value[name], member, time)
            for name, member in shape.members.items()
            if value.get(name) is not None
        }
    if shape.type_name == "list":
        return [plain(member, shape.member, time) for member in value]
    if shape.type_name == "map":
        return {name: plain(member, shape.value, time) for name, member in value.items()}
    if shape.type_name == "timestamp":
        return (time or _epoch_seconds)(value)
    if shape.type_name == "blob" and time is not as_is:
        return b64encode(value).decode()
    return float(value) if shape.type_name in ("float", "double") else value


def _epoch_seconds(seconds: float) -> float:
    return round(seconds, 3)


def as_is(seconds: float) -> datetime:
    """A time for CBOR, which has a type for it."""
    return datetime.fromtimestamp(seconds, UTC)


def _iso8601(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _add_members(element: ElementTree.Element, values: Values, shape: Shape) -> None:
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


def _json(value: Any) -> bytes:
    return orjson.dumps(value)


def _response(body: bytes, content_type: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    response = Response(body, status, {**(headers or {}), "x-amzn-RequestId": str(uuid.uuid4())})
    response.headers["Content-Type"] = content_type
    return response
