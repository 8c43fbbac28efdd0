"""Requests and responses as values, for every algorithm and format."""

import io
import json

import numpy as np
import pytest
import torch

from wildsage.algorithms.kmeans.algorithm import KMeans
from wildsage.algorithms.kmeans.model import KMeansModel
from wildsage.algorithms.pca.algorithm import PCA
from wildsage.algorithms.pca.model import PCAModel
from wildsage.containers.codecs.records import recordio as recordio_framing
from wildsage.containers.serving.handler import Handler, HttpRequest

KMEANS = Handler(KMeansModel(torch.tensor([[0.0, 0.0], [3.0, 4.0]])), KMeans.spec)
PROJECTION = Handler(PCAModel(torch.ones(1), torch.tensor([[0.6], [0.8]]), torch.tensor([[1.0, 0.0]])), PCA.spec)
ROWS = [[3.0, 0.0], [3.0, 4.5]]


def sdk():
    return pytest.importorskip("sagemaker.amazon.common")


def recordio(rows) -> bytes:
    body = io.BytesIO()
    sdk().write_numpy_to_dense_tensor(body, np.array(rows, np.float32))
    return body.getvalue()


def body_of(content_type: str) -> bytes:
    match content_type.split(";")[0]:
        case "text/csv":
            return "\n".join(",".join(map(str, row)) for row in ROWS).encode()
        case "application/json":
            return json.dumps({"instances": [{"features": row} for row in ROWS]}).encode()
        case "application/jsonlines":
            return "\n".join(json.dumps({"data": {"features": {"values": row}}}) for row in ROWS).encode()
        case _:
            return recordio(ROWS)


CONTENT_TYPES = [
    "text/csv",
    "text/csv; label_size=0",
    "application/json",
    "application/jsonlines",
    "application/x-recordio-protobuf",
]


@pytest.mark.parametrize("content_type", CONTENT_TYPES)
def test_every_content_type_gets_the_same_answer(content_type):
    response = KMEANS.invocations(HttpRequest(body_of(content_type), content_type))
    assert response.status == 200 and response.content_type == "application/json"
    assert response.body == (
        b'{"predictions": [{"closest_cluster": 0.0, "distance_to_cluster": 3.0}, '
        b'{"closest_cluster": 1.0, "distance_to_cluster": 0.5}]}'
    )


@pytest.mark.parametrize(
    ("accept", "body"),
    [
        ("text/csv", b"0.0,3.0\n1.0,0.5\n"),
        (
            "application/jsonlines",
            b'{"closest_cluster": 0.0, "distance_to_cluster": 3.0}\n{"closest_cluster": 1.0, "distance_to_cluster": 0.5}\n',
        ),
    ],
)
def test_accept_chooses_the_format(accept, body):
    response = KMEANS.invocations(HttpRequest(body_of("text/csv"), "text/csv", accept))
    assert (response.status, response.content_type, response.body) == (200, accept, body)


def test_recordio_answers_are_read_by_the_sdk():
    accept = "application/x-recordio-protobuf"
    response = KMEANS.invocations(HttpRequest(body_of("text/csv"), "text/csv", accept))
    records = sdk().read_records(io.BytesIO(response.body))
    assert [r.label["closest_cluster"].float32_tensor.values[:] for r in records] == [[0.0], [1.0]]
    assert [r.label["distance_to_cluster"].float32_tensor.values[:] for r in records] == [[3.0], [0.5]]


def test_pca_answers_under_projections():
    answer = json.loads(PROJECTION.invocations(HttpRequest(b"1,1\n2,0\n", "text/csv")).body)
    assert answer == {"projections": [{"projection": [pytest.approx(0.8)]}, {"projection": [pytest.approx(0.6)]}]}


def test_in_a_batch_transform_the_default_is_json_lines():
    batch = Handler(KMEANS.model, KMEANS.spec, batch=True)
    assert batch.invocations(HttpRequest(b"3,0", "text/csv")).content_type == "application/jsonlines"
    assert batch.invocations(HttpRequest(b"3,0", "text/csv", "application/json")).content_type == "application/json"


def test_a_container_may_have_a_default_of_its_own():
    handler = Handler(KMEANS.model, KMEANS.spec, accept="text/csv")
    assert handler.invocations(HttpRequest(b"3,0", "text/csv")).body == b"0.0,3.0\n"
    assert handler.invocations(HttpRequest(b"3,0", "text/csv", "application/json")).content_type == "application/json"


def test_in_a_batch_transform_a_lone_record_may_come_without_its_frame():
    batch = Handler(KMEANS.model, KMEANS.spec, batch=True)
    record = next(recordio_framing.payloads([recordio(ROWS[:1])]))
    for body in (record, recordio(ROWS[:1])):
        response = batch.invocations(HttpRequest(body, "application/x-recordio-protobuf"))
        assert (response.status, json.loads(response.body)["distance_to_cluster"]) == (200, 3.0)
    assert KMEANS.invocations(HttpRequest(record, "application/x-recordio-protobuf")).status == 400


@pytest.mark.parametrize(
    ("body", "content_type", "accept", "status", "message"),
    [
        (b"1,2,3", "text/csv", None, 400, "unable to evaluate payload provided: row 1: 3 columns, expected 2"),
        (
            b"1,2\nx,2",
            "text/csv",
            None,
            400,
            "unable to evaluate payload provided: row 2: column 1: got 'x', expected a number",
        ),
        (b"", "text/csv", None, 400, "the body is empty"),
        (b"\n\n", "text/csv", None, 400, "the body holds no rows"),
        (b"1,nan", "text/csv", None, 400, "row 1: column 2: got nan, expected a finite number"),
        (b"{", "application/json", None, 400, "unable to evaluate payload provided: "),
        (b'{"instances": []}', "application/json", None, 400, "unable to evaluate payload provided: "),
        (b'{"instances": [{"feature": [1, 2]}]}', "application/json", None, 400, "row 1"),
        (b'{"features": [1, 2]}\n{"features": [1]}', "application/jsonlines", None, 400, "row 2"),
        (b"no recordio", "application/x-recordio-protobuf", None, 400, "row 1"),
        (b"1,2\n1e30,0", "text/csv", None, 400, "row 2: its answer is beyond float32"),
        (b"1,2", "image/png", None, 415, "Content type 'image/png'"),
        (b"1,2", "text", None, 415, "Content type 'text'"),
        (b"1,2", "text/csv", "image/png", 406, "Accept 'image/png'"),
        (b"1,2", "text/csv; label_size=x", None, 400, "label_size: got 'x'"),
    ],
)
def test_a_bad_request_gets_a_short_text(body, content_type, accept, status, message):
    response = KMEANS.invocations(HttpRequest(body, content_type, accept))
    assert response.status == status and message in response.body.decode()
    assert len(response.body) < 400 and b"Traceback" not in response.body


def test_a_bug_gives_a_reference_and_keeps_its_trace_to_the_log(caplog):
    class Broken(KMeansModel):
        def predict(self, batch):
            raise ZeroDivisionError("secret")

    response = Handler(Broken(torch.ones(1, 2)), KMeans.spec).invocations(HttpRequest(b"1,2", "text/csv"))
    reference = response.body.decode().split()[-1].rstrip(".")
    assert response.status == 500 and "secret" not in response.body.decode()
    assert len(reference) == 8
    assert reference in caplog.text and "ZeroDivisionError: secret" in caplog.text


def test_execution_parameters():
    assert json.loads(Handler(KMEANS.model, KMEANS.spec, workers=2).execution_parameters().body) == {
        "MaxConcurrentTransforms": 2,
        "BatchStrategy": "MULTI_RECORD",
        "MaxPayloadInMB": 6,
    }


@pytest.mark.parametrize(("body", "row"), [(b"1e30,0\n1,2", 1), (b"1,2\n1,2\n0,1e30", 3)])
def test_the_row_whose_answer_is_not_finite_is_named(body, row):
    answer = KMEANS.invocations(HttpRequest(body, "text/csv")).body.decode()
    assert f"row {row}: its answer is beyond float32" in answer


def test_an_answer_of_several_columns_is_checked_in_all_of_them():
    class Wide(PCAModel):
        def predict(self, batch):
            return {"projection": torch.tensor([[1.0, 2.0], [3.0, torch.inf], [torch.nan, 1.0]])}

    model = Wide(torch.ones(1), torch.tensor([[0.6], [0.8]]), torch.tensor([[1.0, 0.0]]))
    answer = Handler(model, PCA.spec).invocations(HttpRequest(b"1,1\n1,1\n1,1", "text/csv"))
    assert (answer.status, b"row 2: its answer is beyond" in answer.body) == (400, True)


def test_models_predict_without_gradients():
    class Model(KMeansModel):
        def predict(self, batch):
            assert torch.is_inference_mode_enabled()
            return super().predict(batch)

    assert Handler(Model(torch.ones(1, 2)), KMeans.spec).invocations(HttpRequest(b"1,2", "text/csv")).status == 200


def test_a_server_answers_one_request_at_a_time_unless_it_says_more():
    assert json.loads(KMEANS.execution_parameters().body)["MaxConcurrentTransforms"] == 1


def test_a_body_without_a_type_is_csv():
    assert KMEANS.invocations(HttpRequest(b"3,0")).status == 200
