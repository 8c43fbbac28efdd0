"""Answers of an endpoint, and what it says of requests and models that cannot be used."""

import json

import numpy as np
import pytest

pytest.importorskip("numba")
from wildsage.algorithms.base.endpoint import HttpRequest
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.blazingtext.fasttext import files, losses
from wildsage.algorithms.blazingtext.fasttext.dictionary import Dictionary, Subwords
from wildsage.containers import programs

WORDS = [b"</s>", b"cow", b"ship"]
LABELS = [b"__label__farm", b"__label__sea"]


def classifier(folder, name="model.bin"):
    """`cow` means farm, `ship` means sea."""
    dictionary = Dictionary(WORDS, LABELS, [5, 4, 3, 2, 1], 15, Subwords())
    header = files.Header(2, kind=files.ModelKind.SUPERVISED, loss=losses.FastTextLoss.SOFTMAX)
    source = np.array([[0, 0], [6, 0], [0, 6]], np.float32)
    files.write(folder / name, header, dictionary, source, np.eye(2, dtype=np.float32))
    return programs.load("blazingtext", folder, {})


def word_vectors(folder, subwords=False):
    """Three vectors; with `subwords` ten buckets whose vectors are ones."""
    shape = Subwords(10, 3, 3) if subwords else Subwords()
    dictionary = Dictionary(WORDS, [], [5, 4, 3], 12, shape)
    header = files.Header(2, buckets=shape.buckets, shortest=shape.shortest, longest=shape.longest)
    source = np.concatenate([np.array([[0, 0], [1, 2], [3, 4]]), np.ones((shape.buckets, 2))]).astype(np.float32)
    files.write(folder / "vectors.bin", header, dictionary, source, np.zeros((3, 2), np.float32))
    return programs.load("blazingtext", folder, {})


def ask(endpoint, body, content_type="application/json"):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return endpoint.invocations(HttpRequest(content, content_type))


def test_texts_are_answered_with_labels_and_probabilities(tmp_path):
    answer = ask(classifier(tmp_path), {"instances": ["cow cow", "a ship"], "configuration": {"k": 2}})
    assert (answer.status, answer.content_type) == (200, "application/json")
    first, second = json.loads(answer.body)
    # (6 + 6 + 0) / 3 = 4 for `cow cow` and the end of the line
    assert first["prob"] == pytest.approx([1 / (1 + np.exp(-4)), 1 / (1 + np.exp(4))], abs=2e-5)
    assert first["label"] == ["__label__farm", "__label__sea"]
    assert second["label"] == ["__label__sea", "__label__farm"]
    assert list(first) == ["prob", "label"]


def test_k_is_one_unless_said_and_at_most_the_number_of_labels(tmp_path):
    endpoint = classifier(tmp_path)
    assert [len(each["label"]) for each in json.loads(ask(endpoint, {"instances": ["cow"]}).body)] == [1]
    (answer,) = json.loads(ask(endpoint, {"instances": ["cow"], "configuration": {"k": 9}}).body)
    assert len(answer["label"]) == len(answer["prob"]) == 2


def test_lines_of_a_batch_are_answered_line_by_line(tmp_path):
    body = b'{"source": "cow"}\n{"source": "ship", "k": 2}\n\n'
    answer = ask(classifier(tmp_path), body, "application/jsonlines")
    lines = [json.loads(line) for line in answer.body.decode().splitlines()]
    assert [line["label"] for line in lines] == [["__label__farm"], ["__label__sea", "__label__farm"]]
    assert (answer.status, answer.content_type) == (200, "application/jsonlines") and answer.body.endswith(b"}\n")


def test_words_are_answered_with_vectors_and_unknown_words_with_zeros(tmp_path):
    answer = ask(word_vectors(tmp_path), {"instances": ["ship", "plane"]})
    assert json.loads(answer.body) == [{"vector": [3.0, 4.0], "word": "ship"}, {"vector": [0.0, 0.0], "word": "plane"}]


def test_unknown_words_are_answered_by_their_subwords(tmp_path):
    answer = ask(word_vectors(tmp_path, subwords=True), {"instances": ["cow", "plane"]})
    # the row of `cow` and the n-grams <co, cow, ow>
    assert json.loads(answer.body) == [{"vector": [1.0, 1.25], "word": "cow"}, {"vector": [1.0, 1.0], "word": "plane"}]


@pytest.mark.parametrize(
    ("body", "content_type", "problem"),
    [
        (b"{", "application/json", "the body is not valid JSON"),
        (b"[1]", "application/json", "the body is [1]"),
        (b"{}", "application/json", '"instances" is missing'),
        (b'{"instances": "cow"}', "application/json", '"instances" is "cow"'),
        (b'{"instances": ["cow", 3]}', "application/json", "instance 2 is 3"),
        (b'{"instances": ["cow"], "configuration": 3}', "application/json", '"configuration" is 3'),
        (b'{"instances": ["cow"], "configuration": {"k": 0}}', "application/json", '"k" is 0, expected an integer'),
        (b'{"instances": ["cow"], "configuration": {"k": true}}', "application/json", '"k" is true'),
        (b"[" * 100_000, "application/json", "the body is not valid JSON"),
        (b"cow\n", "application/jsonlines", "line 1 is not valid JSON"),
        (b'{"source": "cow"}\n{"text": "x"}', "application/jsonlines", '"source" of line 2 is missing'),
    ],
)
def test_a_wrong_body_is_rejected_with_what_was_expected(tmp_path, body, content_type, problem):
    answer = ask(classifier(tmp_path), body, content_type)
    text = answer.body.decode()
    assert answer.status == 400
    assert text.startswith("Customer Error: Unable to decode payload: Incorrect data format. (caused by ValueError): ")
    assert problem in text and "expected" in text


def test_other_content_types_are_rejected(tmp_path):
    answer = ask(classifier(tmp_path), b"cow", "text/csv; charset=utf-8")
    assert answer.status == 415
    assert answer.body == b"Content type text/csv is not supported, expected application/json or application/jsonlines."


def test_a_model_of_fasttext_is_served_under_any_name(tmp_path):
    assert ask(classifier(tmp_path, "lid.176.bin"), {"instances": ["cow"]}).status == 200


def test_two_models_of_other_names_are_rejected(tmp_path):
    classifier(tmp_path, "a.bin")
    (tmp_path / "b.ftz").write_bytes(b"")
    with pytest.raises(UserError, match=r"The model holds a\.bin, b\.ftz, expected model\.bin or vectors\.bin, or one"):
        programs.load("blazingtext", tmp_path, {})


def test_a_surrogate_in_a_text_is_answered(tmp_path):
    assert ask(classifier(tmp_path), b'{"instances": ["cow \\ud800"]}').status == 200
