"""Requests with images, from bytes to bytes."""

import io
import json

import numpy as np
import pytest
import torch
from PIL import Image

from wildsage.algorithms.image_classification import weights
from wildsage.algorithms.image_classification.algorithm import ImageClassification
from wildsage.algorithms.image_classification.model import ImageClassificationModel
from wildsage.algorithms.image_classification.network import SIGMOID, SOFTMAX, residual_network
from wildsage.containers.codecs.images import image_recordio
from wildsage.containers.codecs.records import recordio
from wildsage.containers.serving.handler import Handler, HttpRequest

SHAPE = (3, 16, 16)


def handler(batch=False, output=SOFTMAX) -> Handler:
    graph = residual_network(20, SHAPE, 4, output)
    arrays = weights.random(graph, 3, torch.Generator().manual_seed(0))
    arrays["bn_data_moving_var"][:] = 5000.0
    return Handler(ImageClassificationModel(graph, {1: arrays}, SHAPE), ImageClassification.spec, batch)


def picture(kind="JPEG", size=(40, 20), seed=0) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3)).astype(np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, kind)
    return content.getvalue()


HANDLER = handler()


@pytest.mark.parametrize(
    ("kind", "content_type"),
    [
        ("JPEG", "image/jpeg"),
        ("JPEG", "application/jpeg"),
        ("PNG", "image/png"),
        ("PNG", "application/x-image"),
        ("JPEG", None),
        ("PNG", "image/jpeg"),
    ],
)
def test_one_picture_is_answered_with_a_bare_array(kind, content_type):
    response = HANDLER.invocations(HttpRequest(picture(kind), content_type))
    assert (response.status, response.content_type) == (200, "application/json")
    probabilities = json.loads(response.body)
    assert len(probabilities) == 4 and sum(probabilities) == pytest.approx(1)


def test_the_answer_is_that_of_the_stretched_picture():
    content = picture("PNG")
    stretched = np.asarray(Image.open(io.BytesIO(content)).resize((16, 16)))
    network = HANDLER.model._network
    with torch.inference_mode():
        expected = network(torch.from_numpy(stretched.copy()).permute(2, 0, 1)[None].float())[0]
    assert json.loads(HANDLER.invocations(HttpRequest(content)).body) == pytest.approx(expected.tolist(), abs=1e-6)


def test_several_pictures_come_in_recordio_framed_with_or_without_a_header():
    pictures = [picture(seed=seed) for seed in range(3)]
    alone = [json.loads(HANDLER.invocations(HttpRequest(content)).body) for content in pictures]
    for frame in (recordio.frame, lambda content: image_recordio.encode(content, [0], 0)):
        body = b"".join(map(frame, pictures))
        answers = json.loads(HANDLER.invocations(HttpRequest(body, "application/x-recordio")).body)
        assert np.allclose(answers, alone, atol=1e-6)


def test_json_lines_have_an_object_for_each():
    body = recordio.frame(picture()) * 2
    response = HANDLER.invocations(HttpRequest(body, "application/x-recordio", "application/jsonlines"))
    lines = response.body.decode().splitlines()
    assert response.content_type == "application/jsonlines" and len(lines) == 2
    assert list(json.loads(lines[0])) == ["prediction"] and len(json.loads(lines[0])["prediction"]) == 4


def test_batch_transform_answers_with_an_object_and_takes_lone_records():
    content = picture()
    transform = handler(batch=True)
    response = transform.invocations(HttpRequest(content, "application/x-image"))
    assert len(json.loads(response.body)["prediction"]) == 4
    payload = image_recordio.encode(content, [0], 0)[8:]
    assert transform.invocations(HttpRequest(payload, "application/x-recordio")).body == response.body
    assert transform.invocations(HttpRequest(recordio.frame(content), "application/x-recordio")).body == response.body


def test_several_labels_do_not_add_up_to_one():
    probabilities = json.loads(handler(output=SIGMOID).invocations(HttpRequest(picture())).body)
    assert all(0 <= p <= 1 for p in probabilities) and sum(probabilities) != pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    ("body", "content_type", "accept", "status", "text"),
    [
        (b"", "image/png", None, 400, "unable to evaluate payload provided: the body is empty"),
        (
            b"hello",
            "image/png",
            None,
            400,
            "row 1: the image is not a JPEG or PNG: it is text (it begins with 'hello').",
        ),
        (picture()[:200], "image/jpeg", None, 400, "row 1: the image cannot be decoded"),
        (recordio.frame(picture()) + recordio.frame(b"x" * 30), "application/x-recordio", None, 400, "row 2: "),
        (b"hello world!", "application/x-recordio", None, 400, "no RecordIO header at byte 0"),
        (
            picture(),
            "text/csv",
            None,
            415,
            "expected application/x-image, image/jpeg, image/png, application/jpeg, application/x-recordio.",
        ),
        (picture(), "image/jpeg", "text/csv", 406, "expected application/json, application/jsonlines."),
    ],
)
def test_what_cannot_be_answered_says_why(body, content_type, accept, status, text):
    response = HANDLER.invocations(HttpRequest(body, content_type, accept))
    assert response.status == status and text in response.body.decode()
