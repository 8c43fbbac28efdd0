"""Epochs, early stopping, the best weights, what is saved and said; whole jobs are in test_supervised_whole_jobs.py."""

import itertools
import re

import numpy as np
import pytest

pytest.importorskip("numba")
from wildsage.algorithms.base.errors import AlgorithmError, UserError
from wildsage.algorithms.base.program import JobChannel
from wildsage.algorithms.blazingtext import hyperparameters, output_layer
from wildsage.algorithms.blazingtext.corpus import blocks
from wildsage.algorithms.blazingtext.corpus.channel import TextChannel
from wildsage.algorithms.blazingtext.fasttext import files
from wildsage.algorithms.blazingtext.fasttext.losses import FastTextLoss
from wildsage.algorithms.blazingtext.log import BlazingTextLog
from wildsage.algorithms.blazingtext.output_layer import tree_for
from wildsage.algorithms.blazingtext.supervised import Classifier
from wildsage.algorithms.blazingtext.supervised_job import BestWeights, SupervisedJob
from wildsage.containers.programs import RecordCodec

SMALL = {
    "mode": "supervised", "epochs": "3", "learning_rate": "0.5", "vector_dim": "4", "min_count": "1", "buckets": "20",
    "word_ngrams": "1",
}  # fmt: skip
TEXT = b"__label__a cow hay\n__label__b ship sail\n" * 4


@pytest.fixture
def learn(tmp_path):
    """`learn(train, validation, epochs="2")` runs a job. Returns the lines of its log and its model."""
    count = itertools.count()

    def run(train: bytes = TEXT, validation: bytes | None = None, stopping=lambda: False, seed: int = 0, **given: str):
        said: list[str] = []

        def channel(name: str, content: bytes) -> TextChannel:
            (tmp_path / name).mkdir(exist_ok=True)
            (tmp_path / name / "text").write_bytes(content)
            job_channel = JobChannel("text/plain", "File", "", {}, tmp_path / name, lambda: iter(()))
            return TextChannel(name, job_channel, True, RecordCodec())

        channels = channel("train", train), None if validation is None else channel("validation", validation)
        values = hyperparameters.parse(SMALL | given).values
        folder = tmp_path / f"job-{next(count)}" / "model"
        SupervisedJob(values, seed, channels, stopping, BlazingTextLog(said.append)).run(folder)
        return said, files.read(folder / "model.bin")

    return run


def ended_epochs(said: list[str]) -> list[int]:
    """The epochs after which early stopping judged."""
    return [int(line.rpartition(" ")[2]) for line in said if line.startswith("-------------- End of epoch: ")]


def filled(number: float) -> Classifier:
    return Classifier(np.full((2, 2), number, np.float32), np.full((1, 2), number, np.float32), tree_for([1]))


def test_the_best_weights_are_the_first_with_the_best_accuracy():
    said: list[str] = []
    best = BestWeights(BlazingTextLog(said.append))
    waited = []
    for number, accuracy in enumerate([0.0, 0.5, 0.25, 0.5, 0.75, 0.5]):
        best.judge(filled(number), accuracy)
        waited.append(best.waited)
    assert waited == [0, 0, 1, 2, 0, 1]
    found = filled(9)
    best.restore(found)
    assert (found.source_rd == 4).all() and (found.target_kd == 4).all()
    assert said[:2] == [
        "Validation accuracy: 0.000000", "Validation accuracy improved! Storing best weights...",
    ]  # fmt: skip
    assert said[4:6] == [
        "Validation accuracy: 0.250000", "Validation accuracy has not improved for last 1 epochs.",
    ]  # fmt: skip


def test_the_best_weights_are_a_copy():
    best, learning = BestWeights(BlazingTextLog(lambda line: None)), filled(1)
    best.judge(learning, 0.5)
    learning.source_rd[:] = 7
    best.restore(learning)
    assert (learning.source_rd == 1).all()


def test_without_a_judgement_the_weights_stay():
    found = filled(9)
    BestWeights(BlazingTextLog(lambda line: None)).restore(found)
    assert (found.source_rd == 9).all()


def test_a_job_learns_saves_and_says_what_it_did(learn):
    said, model = learn(epochs="20", learning_rate="1")
    assert [model.predict(text, 1)[0][0] for text in (b"cow", b"sail")] == [b"__label__a", b"__label__b"]
    assert model.supervised and model.loss == FastTextLoss.SOFTMAX
    assert said[0] == "Read 0M words" and said[1] == "Number of words:  5"
    assert said[2].startswith("##### Alpha: 0.0000  Progress: 100.00%")
    assert said[-2:] == ["#train_accuracy: 1.0000", "Number of train examples: 8"]
    assert not any("WARNING" in line or "INFO" in line for line in said)


def test_the_settings_are_in_the_model(learn, tmp_path):
    _, model = learn(epochs="2", vector_dim="3", min_count="4", word_ngrams="2", buckets="20")
    header = np.frombuffer((tmp_path / "job-0" / "model" / "model.bin").read_bytes(), "<i4", 12).tolist()
    assert header[2:] == [3, 5, 2, 4, 5, 2, 3, 3, 20, 0]
    assert model.source.shape == (5 + 20, 3) and model.target.shape == (2, 3)
    assert learn(word_ngrams="1")[1].source.shape == (5, 4)


def test_a_job_evaluates_both_channels(learn):
    said, _ = learn(epochs="20", learning_rate="1", validation=b"__label__a cow\n__label__b hay\n__label__b sail\n")
    assert said[-5:] == [
        "#train_accuracy: 1.0000", "Number of train examples: 8", "", "#validation_accuracy: 0.6667",
        "Number of validation examples: 3",
    ]  # fmt: skip
    place = said.index("Loaded validation data.")
    assert re.fullmatch(r"Loading validation data from /\S+/validation", said[place - 1])


def test_more_epochs_and_a_larger_step_move_further(learn):
    def size(**given: str) -> float:
        return float(np.abs(learn(**given)[1].target.values_rd).sum())

    assert size(epochs="1") < size(epochs="2") < size(epochs="2", learning_rate="0.8")


def test_the_step_falls_over_all_epochs_and_tokens(learn):
    """With as many tokens in all the model is that of one epoch over the text twice."""
    twice, once = learn(epochs="2")[1], learn(train=TEXT * 2, epochs="1")[1]
    np.testing.assert_array_equal(twice.target.values_rd, once.target.values_rd)
    np.testing.assert_array_equal(twice.source.values_rd, once.source.values_rd)


def test_a_seed_decides_where_weights_begin_and_which_of_several_labels_is_learned(learn):
    models = [learn(seed=seed)[1].source.values_rd.tobytes() for seed in (0, 0, 1)]
    assert models[0] == models[1] != models[2]
    several = [learn(train=b"__label__a __label__b cow\n", epochs="1", seed=seed)[1] for seed in (0, 5, 6)]
    assert {model.predict(b"cow", 1)[0][0] for model in several} == {b"__label__a", b"__label__b"}


@pytest.mark.parametrize(
    ("min_epochs", "patience", "ended"), [(1, 1, [1, 2]), (1, 3, [1, 2, 3, 4]), (3, 1, [3, 4]), (9, 1, [])]
)
def test_training_ends_after_so_many_epochs_without_a_better_accuracy(learn, min_epochs, patience, ended):
    """The label of the validation text is never the answer."""
    said, _ = learn(
        validation=b"__label__b cow\n", early_stopping="true", epochs="6", min_epochs=str(min_epochs), patience=str(patience)
    )  # fmt: skip
    assert ended_epochs(said) == ended
    stopped = f"Validation accuracy has not improved for {patience} epochs. Stopping early."
    assert said.count(stopped) == bool(ended)
    share = max([*ended, 0]) / 6 if ended else 1
    last = [line for line in said if "Alpha" in line][-1]
    assert f"Alpha: {0.5 * (1 - share):.4f}  Progress: {100 * share:.2f}%" in last


def test_the_last_epoch_may_be_the_last_that_is_judged(learn):
    said, _ = learn(validation=b"__label__b cow\n", early_stopping="true", epochs="2", min_epochs="2", patience="1")
    assert ended_epochs(said) == [2]


def test_without_early_stopping_nothing_is_judged(learn):
    said, _ = learn(validation=b"__label__b cow\n", epochs="6", min_epochs="1", patience="1")
    assert ended_epochs(said) == []


def test_the_weights_of_the_best_epoch_are_kept(learn):
    channels = {"validation": b"__label__b cow\n", "early_stopping": "true", "epochs": "6", "min_epochs": "1"}
    first, second = (learn(**channels, patience=patience)[1] for patience in ("1", "4"))
    np.testing.assert_array_equal(first.target.values_rd, second.target.values_rd)
    np.testing.assert_array_equal(first.source.values_rd, second.source.values_rd)


def test_a_job_that_is_stopped_ends_after_the_block_and_leaves_its_model(learn, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 50)
    asked = []

    def stopping() -> bool:
        asked.append(None)
        return len(asked) >= 2

    said, _ = learn(epochs="1000000", stopping=stopping)
    assert len(asked) == 3  # after both blocks, and after the epoch
    assert any(line.startswith("##### Alpha: 0.5000  Progress: 0.00%") for line in said)


def test_lines_without_a_label_are_counted_once_in_a_warning(learn):
    said, _ = learn(train=b"no label\n\nneither here\n" + TEXT)
    (warning,) = [line for line in said if "WARNING" in line]
    assert warning.endswith("2 lines of channel train have no label; nothing was learned from them.")


def test_a_single_label_is_learned_with_a_warning(learn):
    said, _ = learn(train=b"__label__one a few\n")
    (warning,) = [line for line in said if "WARNING" in line]
    assert warning.endswith("Channel train has one label, __label__one, for all texts.")


def test_a_text_without_labels_is_rejected(learn):
    with pytest.raises(
        UserError, match="Channel train holds no labels: mode supervised expects lines such as `__label__"
    ):
        learn(train=b"cow hay\n")


def test_labels_of_validation_alone_are_named_in_a_warning(learn):
    said, _ = learn(validation=b"__label__z __label__y cow\n__label__a hay\n__label__z ship\n")
    (warning,) = [line for line in said if "WARNING" in line]
    assert "Channel validation has 2 labels that channel train lacks: __label__y, __label__z. Texts without" in warning
    assert not any("WARNING" in line for line in learn(validation=b"__label__a cow\n")[0])


@pytest.mark.parametrize(
    ("validation", "got"),
    [
        (b"cow hay\n", "got none"),
        (b"__label__7 __label__6 __label__5 __label__4 __label__3 __label__2\n",
         "got __label__2, __label__3, __label__4, __label__5, __label__6"),
    ],
)  # fmt: skip
def test_validation_without_a_label_of_training_is_rejected_and_at_most_five_are_shown(learn, validation, got):
    train = b"".join(b"__label__%c cow\n" % letter for letter in b"ghijklm")
    with pytest.raises(UserError) as raised:
        learn(train=train, validation=validation)
    assert str(raised.value) == (
        f"Channel validation holds no label of channel train: {got}, expected some of __label__g, __label__h, __label__i, "
        "__label__j, __label__k."
    )


def test_many_labels_are_learned_by_a_tree_which_is_said(learn, monkeypatch):
    monkeypatch.setattr(output_layer, "MANY_LABELS", 2)
    said, model = learn()
    assert model.loss == FastTextLoss.HIERARCHICAL_SOFTMAX
    (line,) = [line for line in said if "INFO" in line]
    assert (
        "Channel train has 2 labels: hierarchical softmax is learned, which takes the place of softmax from 1000 labels on."
        in line
    )


def test_a_step_that_is_too_large_is_said(learn):
    with pytest.raises(AlgorithmError, match="Encountered NaN: the steps grew without bound"):
        learn(learning_rate="1e39")
