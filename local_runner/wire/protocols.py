"""AWS's request and response formats. The request decides which one applies, because clients of many versions are supported.

Each protocol parses a request into its operation and plain values, and writes a result or an error. Absent members are
left out and never sent as null or `{}`.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote

import orjson
from botocore.model import OperationModel, ServiceModel, Shape
from werkzeug import Request, Response

from wildsage.local_runner.wire import cbor, event_stream, query
from wildsage.local_runner.wire.errors import AwsError, NotImplementedHere
from wildsage.local_runner.wire.values import CBOR, JSON, serialize, without_nulls

Values = dict[str, Any]
JSON_TYPE = "application/x-amz-json-1.1"
FORM = "application/x-www-form-urlencoded"
OCTETS = "application/octet-stream"


class WireProtocol(Protocol):
    """One request and response format."""

    def operation_name(self, request: Request) -> str:
        """The operation as the request names it; where it names none, its method and path."""

    def parse(self, request: Request, service: ServiceModel) -> tuple[OperationModel, Values]:
        """Operation and values of a request. Raises AwsError for an unknown operation or a malformed body."""

    def reply(self, operation: OperationModel, result: Values) -> Response:
        """Response with the result of an operation."""

    def fail(self, error: AwsError) -> Response:
        """Response with an error, in the form in which clients of this protocol expect it."""


def protocol_of(request: Request, service: ServiceModel | None) -> WireProtocol:
    """The format of a request; without a model of the service, as the request itself tells."""
    if request.headers.get("Smithy-Protocol") == "rpc-v2-cbor":
        return Cbor()
    if "X-Amz-Target" in request.headers:
        return Json()
    if request.mimetype == FORM:
        return Ec2() if service and service.metadata["protocol"] == "ec2" else Query()
    return OF_SERVICE.get(service.metadata["protocol"] if service else "rest-json", Query)()


class Json:
    """AWS JSON 1.0 and 1.1: the operation in X-Amz-Target, one JSON object each way."""

    def operation_name(self, request: Request) -> str:
        return request.headers.get("X-Amz-Target", "").rpartition(".")[2] or _method_and_path(request)

    def parse(self, request: Request, service: ServiceModel) -> tuple[OperationModel, Values]:
        operation = _operation(service, self.operation_name(request))
        return operation, without_nulls(_json_object(request.get_data()))

    def reply(self, operation: OperationModel, result: Values) -> Response:
        shape = operation.output_shape
        return _response(b"" if shape is None else orjson.dumps(serialize(result, shape, JSON)), JSON_TYPE)

    def fail(self, error: AwsError) -> Response:
        body = {"__type": error.code, "message": error.message, **error.fields}
        return _response(orjson.dumps(body), JSON_TYPE, error.status)


class Cbor:
    """Smithy RPC v2 CBOR: the operation in the path, one CBOR map each way."""

    headers: Mapping[str, str] = {"Smithy-Protocol": "rpc-v2-cbor"}

    def operation_name(self, request: Request) -> str:
        return request.path.rpartition("/")[2]

    def parse(self, request: Request, service: ServiceModel) -> tuple[OperationModel, Values]:
        operation = _operation(service, self.operation_name(request))
        try:
            values = cbor.decode(request.get_data() or cbor.encode({}))
        except ValueError as error:
            raise AwsError("SerializationException", str(error)) from None
        return operation, without_nulls(values)

    def reply(self, operation: OperationModel, result: Values) -> Response:
        body = {} if operation.output_shape is None else serialize(result, operation.output_shape, CBOR)
        return _response(cbor.encode(body), "application/cbor", headers=self.headers)

    def fail(self, error: AwsError) -> Response:
        body = {"__type": error.code, "message": error.message}
        return _response(cbor.encode(body), "application/cbor", error.status, self.headers)


class Query:
    """AWS query: a form in, XML out."""

    def operation_name(self, request: Request) -> str:
        return _form(request).get("Action") or _method_and_path(request)

    def parse(self, request: Request, service: ServiceModel) -> tuple[OperationModel, Values]:
        operation = _operation(service, self.operation_name(request))
        return operation, query.read_form(_form(request), operation.input_shape)

    def reply(self, operation: OperationModel, result: Values) -> Response:
        return _response(query.result_document(operation, result), "text/xml")

    def fail(self, error: AwsError) -> Response:
        return _response(query.error_document(error), "text/xml", error.status)


class Ec2(Query):
    """The query format of EC2, whose errors are wrapped otherwise."""

    def fail(self, error: AwsError) -> Response:
        return _response(query.ec2_error_document(error), "text/xml", error.status)


class Rest:
    """REST-JSON as the SageMaker runtime needs it: path and headers, a raw body, an event stream or a JSON object."""

    def operation_name(self, request: Request) -> str:
        return _method_and_path(request)

    def parse(self, request: Request, service: ServiceModel) -> tuple[OperationModel, Values]:
        if matched := rest_operation(request, service):
            operation, found = matched
            return operation, {**found, **_headers_and_body(request, operation.input_shape)}
        raise NotImplementedHere(self.operation_name(request), service.service_name)

    def reply(self, operation: OperationModel, result: Values) -> Response:
        shape = operation.output_shape
        headers = {
            shape.members[name].serialization["name"]: str(value)
            for name, value in result.items()
            if value is not None and shape.members[name].serialization.get("location") == "header"
        }
        status = operation.http.get("responseCode", 200)
        if operation.has_event_stream_output:
            events = result[shape.serialization["payload"]]
            body = event_stream.messages(events, operation.get_event_stream_output())
            return _response(body, event_stream.MEDIA_TYPE, status, headers)
        if payload := shape.serialization.get("payload"):
            return _response(result[payload], headers.pop("Content-Type", OCTETS), status, headers)
        located = {name for name, member in shape.members.items() if "location" in member.serialization}
        values = {name: value for name, value in result.items() if name not in located}
        return _response(orjson.dumps(serialize(values, shape, JSON)), "application/json", status, headers)

    def fail(self, error: AwsError) -> Response:
        headers = {"x-amzn-ErrorType": error.code} if error.code else {}
        body = {"Message": error.message, "message": error.message, **error.fields}
        return _response(orjson.dumps(body), "application/json", error.status, headers)


class RestXml(Rest):
    """REST-XML, of which only errors are written here: S3, which has it too, is a server of its own."""

    def parse(self, request: Request, service: ServiceModel) -> tuple[OperationModel, Values]:
        matched = rest_operation(request, service)
        raise NotImplementedHere(matched[0].name if matched else self.operation_name(request), service.service_name)

    def fail(self, error: AwsError) -> Response:
        return _response(query.error_document(error), "text/xml", error.status)


OF_SERVICE: Mapping[str, type[Query | Rest]] = {"rest-json": Rest, "rest-xml": RestXml, "ec2": Ec2}
"""By the protocol in the model of a service, for requests that do not tell by themselves."""


def rest_operation(request: Request, service: ServiceModel) -> tuple[OperationModel, Values] | None:
    """The operation of a REST service with the method and path of a request, and the values in the path; None without one."""
    for name in service.operation_names:
        operation = service.operation_model(name)
        found = _match_path(operation.http["requestUri"], request.path)
        if found is not None and operation.http["method"] == request.method:
            return operation, found
    return None


def _method_and_path(request: Request) -> str:
    return f"{request.method} {request.path}"


def _form(request: Request) -> Values:
    return dict(parse_qsl(request.get_data(as_text=True), keep_blank_values=True)) or request.args.to_dict()


def _operation(service: ServiceModel, name: str) -> OperationModel:
    if name not in service.operation_names:
        raise NotImplementedHere(name, service.service_name)
    return service.operation_model(name)


def _json_object(body: bytes) -> Values:
    try:
        value = orjson.loads(body or b"{}")
    except ValueError as error:
        raise AwsError("SerializationException", f"The request body is not valid JSON: {error}.") from None
    if not isinstance(value, dict):
        raise AwsError(
            "SerializationException", f"The request body is a JSON {type(value).__name__}, expected an object."
        )
    return value


def _match_path(template: str, path: str) -> dict[str, str] | None:
    pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(template.split("?")[0]))
    match = re.fullmatch(pattern, path)
    return {name: unquote(value) for name, value in match.groupdict().items()} if match else None


def _headers_and_body(request: Request, shape: Shape | None) -> Values:
    if shape is None:
        return {}
    placed = ((name, member.serialization) for name, member in shape.members.items())
    named = {name: place["name"] for name, place in placed if place.get("location") == "header"}
    values: Values = {
        name: _number(request.headers[header], shape.members[name])
        for name, header in named.items()
        if header in request.headers
    }
    if payload := shape.serialization.get("payload"):
        values[payload] = request.get_data()
    elif any("location" not in member.serialization for member in shape.members.values()):
        values.update(without_nulls(_json_object(request.get_data())))
    return values


def _number(text: str, shape: Shape) -> str | int:
    """Value of a header as its type. Text that is not a number stays text; the check of types rejects it."""
    return int(text) if shape.type_name in ("integer", "long") and re.fullmatch(r"-?[0-9]{1,18}", text) else text


def _response(
    body: bytes | Iterable[bytes], content_type: str, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    response = Response(body, status, {**(headers or {}), "x-amzn-RequestId": str(uuid.uuid4())})
    response.headers["Content-Type"] = content_type
    return response
