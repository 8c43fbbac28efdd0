"""The last valid value of each hyperparameter, and what belongs together."""

from pathlib import Path

import pytest

from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.blazingtext import hyperparameters

MOST = 2**31 - 1
COUNTS = ("vector_dim", "epochs", "buckets")
EDGES = {
    **dict.fromkeys(COUNTS, ([1, MOST], [0, MOST + 1])),
    "min_count": ([0, MOST], [-1, MOST + 1]),
    **dict.fromkeys(("word_ngrams",), ([1, 255], [0, 256])),
    "max_char": ([3, 255], [0, 256]),
    "min_char": ([1, 6], [0, 256]),
    **dict.fromkeys(("min_epochs", "patience"), ([1, 10**9], [0])),
    "window_size": ([1, 1000], [0, 1001]),
    **dict.fromkeys(("negative_samples", "batch_size"), ([1, 10_000], [0, 10_001])),
    **dict.fromkeys(("learning_rate", "sampling_threshold"), ([1e-9, 9], [0, -1])),
    **dict.fromkeys(("early_stopping", "evaluation", "subwords"), (["true", "False"], ["maybe"])),
    "mode": (["batch_skipgram", "skipgram", "cbow", "supervised"], ["glove"]),
    "_seed": ([0, 2**63 - 1], [-1, 2**63]),
}  # fmt: skip


@pytest.mark.parametrize("name", EDGES)
def test_the_last_valid_value_is_taken_and_the_first_beyond_it_rejected(name):
    valid, invalid = EDGES[name]
    for value in valid:
        hyperparameters.parse({"mode": "cbow", name: str(value)})
    for value in invalid:
        with pytest.raises(UserError, match=f"{name}: got '?{value}'?, expected"):
            hyperparameters.parse({"mode": "cbow", name: str(value)})


def test_the_page_shows_the_table():
    page = Path(hyperparameters.__file__).with_name("README.md").read_text()
    assert hyperparameters.table() in page


def test_the_shortest_ngram_may_be_as_long_as_the_longest():
    values = hyperparameters.parse({"mode": "cbow", "min_char": "4", "max_char": "4"}).values
    assert (values.min_char, values.max_char, values.supervised) == (4, 4, False)
    with pytest.raises(UserError, match="Hyperparameter min_char: got 5, expected at most max_char, 4"):
        hyperparameters.parse({"mode": "cbow", "min_char": "5", "max_char": "4"})


@pytest.mark.parametrize("mode", ["skipgram", "cbow", "supervised"])
def test_subwords_go_with_all_modes_but_one(mode):
    assert hyperparameters.parse({"mode": mode, "subwords": "true"}).values.subwords
    assert not hyperparameters.parse({"mode": "batch_skipgram", "subwords": "false"}).values.subwords
    with pytest.raises(UserError, match="Hyperparameter subwords: got true with mode batch_skipgram"):
        hyperparameters.parse({"mode": "batch_skipgram", "subwords": "true"})


def test_what_has_no_effect_in_a_mode_is_named():
    of_vectors = {"batch_size": "3", "window_size": "4", "subwords": "false", "evaluation": "false"}
    of_classes = {"word_ngrams": "2", "patience": "4"}
    given = {**of_vectors, **of_classes, "epochs": "3"}
    assert set(hyperparameters.parse({"mode": "supervised", **given}).unused) == set(of_vectors)
    assert set(hyperparameters.parse({"mode": "cbow", **given}).unused) == set(of_classes)
    assert hyperparameters.parse({"mode": "supervised"}).unused == ()


def test_defaults_are_those_of_the_original():
    settings = hyperparameters.parse({"mode": "supervised", "_seed": "7"})
    values = settings.values
    assert settings.seed == 7 and values.supervised and hyperparameters.parse({"mode": "cbow"}).seed == 0
    assert (values.vector_dim, values.epochs, values.learning_rate, values.min_count, values.buckets) == (
        100,
        5,
        0.05,
        5,
        2_000_000,
    )
    assert (values.word_ngrams, values.early_stopping, values.min_epochs, values.patience) == (2, False, 5, 4)
    assert (values.window_size, values.negative_samples, values.sampling_threshold, values.batch_size) == (
        5,
        5,
        0.0001,
        11,
    )
    assert (values.subwords, values.min_char, values.max_char, values.evaluation) == (False, 3, 6, True)


def test_every_wrong_value_is_named_at_once():
    with pytest.raises(UserError) as raised:
        hyperparameters.check([("mode", "glove"), ("epochs", "0"), ("epoch", "3")])
    assert len(str(raised.value).splitlines()) == 3
    hyperparameters.check([("mode", "cbow"), ("mode", "supervised"), ("_tuning_objective_metric", "train:mean_rho")])
