"""Hostile requests for every operation: whatever a client sends, the answer is the operation's or a client's error, never a 500."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.model
import pytest
from botocore import xform_name
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import Client

from wildsage.local_runner.operations import operations
from wildsage.local_runner.server.app import App, service_model
from wildsage.local_runner.server.services import Regions
from wildsage.local_runner.settings import ServerSettings

EXAMPLES = 40
MOST_DEPTH = 5
TARGETS = {"sagemaker": "SageMaker", "logs": "Logs_20140328", "ecr": "AmazonEC2ContainerRegistry_V20150921"}
ARN = "arn:aws:sagemaker:us-east-1:000000000000:training-job/a"
ODD = ["", "0", "-1", "\u0665", "9" * 5000, "x" * 300, "..", "a/b", "\x00", "\ud7ff", "s3://", "arn:"]
TEXTS = st.sampled_from([*ODD, "a", "Name", "Completed", "ml.m5.large", "s3://bucket/key", ARN, "kmeans:1"])
NUMBERS = st.sampled_from([0, 1, -1, 2, 100, 2**31, 2**63, -(2**63), 10**30, 0.5, -0.0, 1e18, 1e300])
WRONG = st.sampled_from([None, True, [], {}, "text", 7, [[]], {"a": {}}])


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder: Path = tmp_path_factory.mktemp("data")
    app = App(Regions(ServerSettings(folder, command=("false",), hold_first_describe_s=0)))
    yield Client(app)
    app.close()


def values(shape: botocore.model.Shape, depth: int = 0) -> st.SearchStrategy[Any]:
    """Values that mostly have the type of the shape, with contents at the edges of what clients can write."""
    kind = shape.type_name
    if kind == "structure":
        if depth > MOST_DEPTH:
            return st.just({})
        members = {name: values(member, depth + 1) for name, member in shape.members.items()}
        required = {name: members.pop(name) for name in shape.required_members}
        objects = st.fixed_dictionaries(required, optional=members)
        return objects | WRONG if depth else objects
    if kind == "list":
        return st.lists(values(shape.member, depth + 1), max_size=2) | WRONG
    if kind == "map":
        return st.dictionaries(TEXTS, values(shape.value, depth + 1), max_size=2) | WRONG
    if kind in ("integer", "long", "float", "double", "timestamp"):
        return NUMBERS | WRONG
    if kind == "boolean":
        return st.booleans() | WRONG
    texts = st.sampled_from(shape.enum) | TEXTS if getattr(shape, "enum", None) else TEXTS
    return texts | WRONG


JSON_OPERATIONS = sorted((service, name) for service, name in operations() if service in TARGETS)


@pytest.mark.parametrize(("service", "name"), JSON_OPERATIONS, ids=str)
def test_no_value_is_an_internal_error(client, service, name):
    model = service_model(service)
    operation = next(found for found in model.operation_names if xform_name(found) == name)
    shape = model.operation_model(operation).input_shape

    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(values(shape) if shape else st.just({}))
    def check(request):
        answer = client.post(
            "/",
            data=json.dumps(request),
            headers={"X-Amz-Target": f"{TARGETS[service]}.{operation}", "Content-Type": "application/x-amz-json-1.1"},
        )
        assert answer.status_code < 500 or answer.status_code == 501, answer.get_data(as_text=True)

    check()
