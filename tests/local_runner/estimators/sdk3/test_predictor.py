"""Invocations: what is sent, what comes back, and what is deleted."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
from botocore.exceptions import ClientError
from sagemaker.core.deserializers import JSONDeserializer
from sagemaker.core.resources import EndpointConfig, Model
from sagemaker.core.serializers import CSVSerializer

from wildsage import Predictor, RecordDeserializer, RecordSerializer, read_records
from wildsage.algorithms.base.errors import BadRecord
from wildsage.local_runner.estimators import estimator as base

ECHO = {"ANSWER": "echo"}


@pytest.fixture
def endpoint(session, stand_in, rows_n2, monkeypatch):
    """An endpoint whose containers answer with what they are sent."""
    estimator = stand_in()
    estimator.fit(estimator.record_set(rows_n2), logs=False)
    described = base.ContainerDefinition
    monkeypatch.setattr(base, "ContainerDefinition", lambda **fields: described(environment=ECHO, **fields))
    predictor = estimator.deploy(1, "ml.m5.large")
    yield predictor.endpoint_name
    with contextlib.suppress(ClientError):  # a test may have deleted it
        predictor.delete_endpoint()


def values(records):
    return [record.features["values"].float32_tensor.values for record in records]


def test_rows_go_and_come_as_records(endpoint, session):
    predictor = Predictor(endpoint, session)
    assert values(predictor.predict(np.array([[1, 2], [3, 4]], np.float32))) == [[1, 2], [3, 4]]
    assert values(predictor.predict(np.array([1, 2], np.float32))) == [[1, 2]]
    assert values(Predictor(endpoint).predict(np.array([5], np.float32))) == [[5]]


def test_formats_and_fields_are_the_caller_s(endpoint, session):
    predictor = Predictor(endpoint, session, CSVSerializer(), JSONDeserializer())
    asked = []
    events = session.sagemaker_runtime_client.meta.events
    events.register("provide-client-params.sagemaker-runtime.InvokeEndpoint", lambda params, **_: asked.append(params))
    assert predictor.predict([7], target_variant="AllTraffic", initial_args={"InferenceId": "x"}) == 7
    assert predictor.predict([8], {"Accept": "application/json;a=b"}) == 8
    first, second = asked
    assert (first["ContentType"], first["Accept"], first["TargetVariant"], first["InferenceId"]) == (
        "text/csv", "application/json", "AllTraffic", "x",
    )  # fmt: skip
    assert (second["Accept"], "TargetVariant" in second) == ("application/json;a=b", False)


def test_a_stream_is_closed_also_if_it_is_damaged():
    good, bad = io.BytesIO(RecordSerializer().serialize(np.ones((2, 3), np.float32))), io.BytesIO(b"no record")
    assert len(RecordDeserializer().deserialize(good, "application/x-recordio-protobuf")) == 2
    with pytest.raises(BadRecord):
        RecordDeserializer().deserialize(bad, "application/x-recordio-protobuf")
    assert good.closed and bad.closed


def test_records_are_what_sdk_v2_writes():
    assert RecordSerializer().CONTENT_TYPE == "application/x-recordio-protobuf"
    assert RecordDeserializer().ACCEPT == ("application/x-recordio-protobuf",)
    assert values(read_records(io.BytesIO(RecordSerializer().serialize(np.float32([1.5, 2]))))) == [[1.5, 2]]


def test_the_endpoint_is_deleted_with_its_model_and_configuration(endpoint, session):
    predictor = Predictor(endpoint, session)
    model = EndpointConfig.get(endpoint).production_variants[0].model_name
    predictor.delete_model()
    with pytest.raises(ClientError, match="Could not find model"):
        Model.get(model)
    predictor.delete_endpoint()
    with pytest.raises(ClientError, match="Could not find"):
        EndpointConfig.get(endpoint)
    with pytest.raises(ClientError, match=r"not found|Deleting"):
        predictor.predict(np.ones(2, np.float32))


def test_the_configuration_stays_if_it_shall(endpoint, session):
    Predictor(endpoint, session).delete_endpoint(delete_endpoint_config=False)
    assert EndpointConfig.get(endpoint).endpoint_config_name == endpoint
