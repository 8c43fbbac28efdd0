"""Jobs in mode supervised: against fastText's own library, early stopping, input modes, and what fails them."""

import json
import re

import numpy as np
import pytest

pytest.importorskip("numba")
from wildsage.algorithms.blazingtext import output_layer
from wildsage.algorithms.blazingtext.corpus import vocabulary
from wildsage.algorithms.blazingtext.fasttext import files, losses
from wildsage.containers.codecs.records import recordio
from wildsage.containers.training.stopping import StopSignal

SETTINGS = {
    "mode": "supervised", "epochs": "10", "learning_rate": "0.5", "vector_dim": "10", "min_count": "1", "buckets": "1000",
}  # fmt: skip


@pytest.fixture(params=["softmax", "hierarchical softmax"])
def each_loss(request, monkeypatch):
    """The tests' three labels are few, or already many."""
    if request.param != "softmax":
        monkeypatch.setattr(output_layer, "MANY_LABELS", 3)
    return request.param


def accuracy(log: str, channel: str) -> float:
    return float(re.search(rf"^#{channel}_accuracy: (\S+)$", log, re.MULTILINE)[1])


def test_a_job_learns_the_labels_and_says_so(each_loss, run, texts, more_texts):
    done = run(SETTINGS, {"train": texts, "validation": more_texts})
    assert done.status == 0, done.failure
    assert accuracy(done.log, "train") > 0.98 and accuracy(done.log, "validation") > 0.95
    assert "\nNumber of train examples: 600\n" in done.log and "\nNumber of validation examples: 100\n" in done.log
    for line in (
        r"^Arguments: train$",
        r"^\[\d\d/\d\d/\d{4} \d\d:\d\d:\d\d INFO \d+\] Running single machine CPU BlazingText training using supervised mode\.$",
        r"INFO \d+\] Processing /\S+/input/data/train/text \. File size: 0 MB$",
        r"^Number of words:  28$",
        r"^##### Alpha: 0\.0000  Progress: 100\.00%  Million Words/sec: \d+\.\d\d #####$",
        r"^Training finished\.$",
    ):
        assert re.search(line, done.log, re.MULTILINE), line
    (answer,) = json.loads(done.ask(b'{"instances": ["cow and hay"], "configuration": {"k": 3}}').body)
    assert answer["label"][0] == "__label__farm" and len(answer["prob"]) == 3


@pytest.mark.parametrize("ngrams", ["1", "2", "3", "255"])
def test_the_model_loads_in_the_library_and_predicts_the_same(each_loss, run, texts, more_texts, ngrams):
    fasttext = pytest.importorskip("fasttext", reason="pip install 'wildsage[test]'")
    done = run(SETTINGS | {"word_ngrams": ngrams}, {"train": texts})
    path = done.opt_ml.model / "model.bin"
    done.file()
    ours, library = files.read(path), fasttext.load_model(str(path))
    for line in more_texts.decode().splitlines():
        text = line.partition(" ")[2]
        expected = library.f.predict(text + "\n", 3, 0.0, "strict")
        found = ours.predict(text.encode(), 3)
        assert [label.decode() for label, _ in found] == [label for _, label in expected]
        # float32 sums in another order
        np.testing.assert_allclose(
            [chance for _, chance in found], [chance for chance, _ in expected], rtol=1e-5, atol=1e-7
        )


def many_labels(labels: int) -> bytes:
    """One line for each label, in order, whose words are of that label alone; three for each of the first fifty."""
    return b"".join(b"__label__%d a word%d of number%d\n" % (n, n, n) * (3 if n < 50 else 1) for n in range(labels))


def test_from_a_thousand_labels_on_hierarchical_softmax_is_learned(run):
    """Most labels are equally frequent, and follow each other in the text: they must not be neighbours in the tree."""
    settings = SETTINGS | {"epochs": "60", "learning_rate": "1", "word_ngrams": "1"}
    few = run(settings | {"epochs": "1"}, {"train": many_labels(999)})
    many = run(settings, {"train": many_labels(1000)})
    few.file(), many.file()
    assert files.read(few.opt_ml.model / "model.bin").loss == losses.FastTextLoss.SOFTMAX
    ours = files.read(many.opt_ml.model / "model.bin")
    assert ours.loss == losses.FastTextLoss.HIERARCHICAL_SOFTMAX
    assert "labels: hierarchical softmax" not in few.log and "1000 labels: hierarchical softmax is learned" in many.log
    assert accuracy(many.log, "train") > 0.4
    (answer,) = json.loads(many.ask(b'{"instances": ["word7 number7"], "configuration": {"k": 1000}}').body)
    assert answer["label"][0] == "__label__7" and sum(answer["prob"]) == pytest.approx(1, abs=0.02)


def test_many_labels_are_answered_as_the_library_answers_them(run):
    fasttext = pytest.importorskip("fasttext", reason="pip install 'wildsage[test]'")
    done = run(SETTINGS | {"epochs": "3"}, {"train": many_labels(1100)})
    done.file()
    path = done.opt_ml.model / "model.bin"
    ours, library = files.read(path), fasttext.load_model(str(path))
    for text in ("word7 of number7", "word3 word1099", "a", "unheard"):
        expected = [chance for chance, _ in library.f.predict(text + "\n", 20, 0.0, "strict")]
        # float32 sums in another order
        np.testing.assert_allclose([chance for _, chance in ours.predict(text.encode(), 20)], expected, rtol=1e-4)


def test_the_accuracy_is_the_librarys(run, data):
    """AG news with equal settings. Each differs between seeds by about 0.002."""
    fasttext = pytest.importorskip("fasttext", reason="pip install 'wildsage[test]'")
    folder = data / "text" / "ag_news"
    train, validation = folder / "ag_news.ft.train.txt", folder / "ag_news.ft.validation.txt"
    given = {
        "mode": "supervised",
        "epochs": "10",
        "learning_rate": "0.25",
        "vector_dim": "20",
        "min_count": "2",
        "buckets": "50000",
    }
    done = run(given, {"train": train.read_bytes(), "validation": validation.read_bytes()})
    library = fasttext.train_supervised(
        str(train), epoch=10, lr=0.25, dim=20, minCount=2, bucket=50000, wordNgrams=2, thread=1, verbose=0
    )
    assert accuracy(done.log, "validation") == pytest.approx(library.test(str(validation))[1], abs=0.006)


def test_the_dictionary_is_the_librarys(run, texts, tmp_path):
    fasttext = pytest.importorskip("fasttext", reason="pip install 'wildsage[test]'")
    rare = texts + b"once upon __label__rare once\0more\r\n"
    (tmp_path / "text").write_bytes(rare)
    done = run(SETTINGS | {"min_count": "2"}, {"train": rare})
    done.file()
    ours = files.read(done.opt_ml.model / "model.bin").dictionary
    library = fasttext.train_supervised(
        str(tmp_path / "text"), minCount=2, dim=10, epoch=1, bucket=10, thread=1, verbose=0
    )
    words, counts = library.get_words(include_freq=True)
    assert {word.decode(): count for word, count in zip(ours.words, ours.counts, strict=False)} == dict(
        zip(words, counts, strict=True)
    )
    assert sorted(label.decode() for label in ours.labels) == sorted(library.get_labels())
    assert list(ours.counts[: len(ours.words)]) == sorted(counts, reverse=True)


def as_json_lines(texts: bytes, several: bool = False) -> bytes:
    lines = [line.split(" ", 1) for line in texts.decode().splitlines()]
    labels = ([label[9:]] if several else label[9:] for label, _ in lines)
    return "".join(
        json.dumps({"source": text, "label": label}) + "\n" for label, (_, text) in zip(labels, lines, strict=True)
    ).encode()


def as_records(texts: bytes) -> bytes:
    pairs = (line.split(b" ", 1) for line in texts.splitlines())
    return b"".join(recordio.frame(text) + recordio.frame(label[9:]) for label, text in pairs)


def test_every_format_and_input_mode_gives_the_same_model(each_loss, run, texts):
    settings = SETTINGS | {"epochs": "3"}
    expected = run(settings, {"train": texts}).file()
    json_lines = "application/jsonlines"
    for content, content_type, mode in [
        (texts, None, "FastFile"),
        (texts, "text/plain", "Pipe"),
        (b"\xef\xbb\xbf" + texts.removesuffix(b"\n"), "text/plain; charset=utf-8", "File"),
        (as_json_lines(texts), json_lines, "File"),
        (as_json_lines(texts, several=True), json_lines, "Pipe"),
        (as_records(texts), json_lines, "Pipe"),
    ]:
        assert run(settings, {"train": content}, content_type, mode).file() == expected, (content_type, mode)


def test_where_blocks_end_does_not_matter(run, texts, monkeypatch):
    settings = SETTINGS | {"epochs": "2"}
    expected = run(settings, {"train": texts}).file()
    monkeypatch.setattr("wildsage.algorithms.blazingtext.corpus.blocks.BLOCK_BYTES", 300)
    monkeypatch.setattr("wildsage.algorithms.blazingtext.corpus.channel.CHUNK_BYTES", 77)
    assert run(settings, {"train": texts}).file() == expected


def test_a_seed_decides(run, texts):
    settings = SETTINGS | {"epochs": "1"}
    first = run(settings | {"_seed": "3"}, {"train": texts}).file()
    assert run(settings | {"_seed": "3"}, {"train": texts}).file() == first
    assert run(settings | {"_seed": "4"}, {"train": texts}).file() != first


def test_integers_and_several_labels_are_labels(each_loss, run):
    lines = b'{"source": "cow hay", "label": [1, 2]}\n{"source": "ship sail", "label": 3}\n' * 50
    done = run(SETTINGS, {"train": lines}, "application/jsonlines")
    (answer,) = json.loads(done.ask(b'{"instances": ["cow hay"], "configuration": {"k": 3}}').body)
    assert set(answer["label"][:2]) == {"__label__1", "__label__2"}
    assert answer["prob"][:2] == pytest.approx([0.5, 0.5], abs=0.15)
    assert accuracy(done.log, "train") == 1


def test_training_stops_early_and_the_best_weights_are_kept(each_loss, run, texts, more_texts):
    settings = SETTINGS | {"early_stopping": "True", "epochs": "40", "min_epochs": "2", "patience": "3"}
    done = run(settings, {"train": texts, "validation": more_texts})
    epochs = [int(each) for each in re.findall(r"^-+ End of epoch: (\d+)$", done.log, re.MULTILINE)]
    found = [float(each) for each in re.findall(r"^Validation accuracy: (\d\.\d{6})$", done.log, re.MULTILINE)]
    assert epochs == list(range(2, 2 + len(found))) and epochs[-1] < 40
    assert accuracy(done.log, "validation") == pytest.approx(max(found), abs=5e-5)
    assert "Validation accuracy improved! Storing best weights..." in done.log
    assert done.log.count("Validation accuracy has not improved for last 3 epochs.") == 1
    rate, share = map(float, re.findall(r"Alpha: (\S+)  Progress: (\S+)%", done.log)[-1])
    assert rate == pytest.approx(0.5 * (1 - share / 100), abs=1e-4) and share == pytest.approx(
        100 * epochs[-1] / 40, abs=0.01
    )


def test_the_weights_of_the_best_epoch_are_saved(each_loss, run, texts):
    """Validation texts with the wrong label: the accuracy is best after the first epoch, however long a job waits for better."""
    channels = {"train": texts, "validation": b"__label__sea cow hay barn\n" * 20}
    settings = SETTINGS | {"early_stopping": "true", "min_epochs": "1", "epochs": "6"}
    impatient, patient = (run(settings | {"patience": patience}, channels) for patience in ("1", "3"))
    assert "End of epoch: 2" in impatient.log and "End of epoch: 3" not in impatient.log
    assert "End of epoch: 4" in patient.log and "End of epoch: 5" not in patient.log
    assert impatient.file() == patient.file()


def test_a_job_that_is_stopped_leaves_its_model(each_loss, run, texts):
    stop = StopSignal()
    stop.raised = True
    done = run(SETTINGS | {"epochs": "1000000"}, {"train": texts}, stop=stop)
    assert done.file()


def test_warnings_name_what_is_not_learned(run, texts, more_texts):
    done = run(
        SETTINGS | {"window_size": "3", "epochs": "2"},
        {"train": b"no label here\n\n" + texts, "validation": more_texts + b"__label__moon cow\n"},
    )
    assert "1 lines of channel train have no label; nothing was learned from them." in done.log
    assert "Channel validation has 1 labels that channel train lacks: __label__moon." in done.log
    assert "These hyperparameters have no effect in mode supervised: window_size." in done.log


def test_a_single_label_is_learned_with_a_warning(run):
    done = run(SETTINGS, {"train": b"__label__one a few words\n" * 3})
    assert done.status == 0 and "has one label, __label__one, for all texts." in done.log


@pytest.mark.parametrize(
    ("given", "content", "problem"),
    [
        ({}, b"cow hay\nship sail\n", "Channel train holds no labels: mode supervised expects lines such as"),
        (
            {"min_count": "9"},
            b"__label__a cow hay\n",
            "of 2 different words the most frequent occurs 1 times, and min_count is 9.",
        ),
        ({}, b"\n\n", "Empty vocabulary: the training channel holds no words"),
        ({}, b"", "Empty vocabulary: the training channel holds no words"),
        ({}, b"__label__a\n", "Empty vocabulary: the training channel holds no words"),
        ({}, "__label__a cow\n".encode("utf-16"), "Channel train, text, line 1: the text is UTF-16, expected UTF-8."),
        ({}, b"__label__a cow\n__label__b caf\xe9\n", "line 2 of all its files: byte 0xe9 is not UTF-8"),
        ({}, b"\x1f\x8b\x08\0", "Channel train, text, line 1: the data is gzip"),
        (
            {"mode": "supervized"},
            b"",
            "Hyperparameter mode: got 'supervized', expected one of batch_skipgram, skipgram, cbow, supervised.",
        ),
        (
            {},
            b'{"source": "cow", "label": 1}\n',
            "line 1: JSON in a channel of content type text/plain, expected content type application/jsonlines",
        ),
        # more than a process can address, so that it fails on every machine
        (
            {"vector_dim": "100000", "buckets": "2147483647"},
            b"__label__a cow\n",
            "The model does not fit into memory: 2147483649 rows of 100000 numbers are 800000.0 GiB. Set a smaller vector_dim",
        ),
        (
            {"vector_dim": "2147483647", "buckets": "2147483647"},
            b"__label__a cow\n",
            "The model does not fit into memory",
        ),
        ({"early_stopping": "true"}, b"__label__a cow\n", "got true without a channel validation"),
        ({"epochs": "0", "vector_dim": "x"}, b"", "Hyperparameter vector_dim: got 'x'"),
        ({"word_ngram": "2"}, b"", "Did you mean word_ngrams?"),
    ],
)
def test_what_cannot_be_learned_fails_the_job(run, given, content, problem):
    done = run(SETTINGS | given, {"train": content})
    assert done.status == 1 and done.failure.startswith("ClientError: ")
    assert problem in done.failure


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b'{"source": "a", "label": 1}\nno json\n', "line 2: not valid JSON, expected"),
        (
            b'{"text": "a", "label": 1}\n',
            'line 1: got {"text": "a", "label": 1}, expected {"source": "a text", "label": 1}.',
        ),
        (b'{"source": "a", "label": 1.5}\n', "line 1: label 1.5, expected an integer, a text, or a list of them."),
        (b'{"source": "a", "label": [true]}\n', "line 1: label [true], expected an integer"),
        (recordio.frame(b"a"), 'line 1: a source without a label, expected AttributeNames ["source", "label"].'),
    ],
)
def test_a_wrong_line_of_json_is_named(run, content, problem):
    done = run(SETTINGS, {"train": content}, "application/jsonlines")
    assert "Channel train, text, " in done.failure and problem in done.failure


def test_a_line_that_is_too_long_is_rejected(run, monkeypatch):
    monkeypatch.setattr("wildsage.algorithms.blazingtext.corpus.blocks.BLOCK_BYTES", 100)
    monkeypatch.setattr("wildsage.algorithms.blazingtext.corpus.blocks.LONGEST_LINE_BYTES", 1 << 20)
    monkeypatch.setattr("wildsage.algorithms.blazingtext.corpus.channel.CHUNK_BYTES", 1 << 16)
    done = run(SETTINGS, {"train": b"__label__a cow\n__label__b " + b"cow " * 300_000})
    assert "Channel train, text, line 2: longer than 1 MiB, expected one labelled text in each line." in done.failure


def test_a_channel_of_another_content_type_or_without_files_is_rejected(run, texts):
    assert (
        "content type text/csv is not supported, expected text/plain or application/jsonlines"
        in run(SETTINGS, {"train": texts}, "text/csv").failure
    )
    assert (
        "Channel test is not known in mode supervised, expected train and validation."
        in run(SETTINGS, {"train": texts, "test": texts}).failure
    )
    assert "Channel train is missing, got validation." in run(SETTINGS, {"validation": texts}).failure


def test_a_step_that_is_too_large_is_said(each_loss, run, texts):
    done = run(SETTINGS | {"learning_rate": "1e30"}, {"train": texts})
    assert done.failure.startswith("AlgorithmError: Encountered NaN: the steps grew without bound.")


def test_rare_words_are_dropped_where_there_are_too_many(monkeypatch):
    monkeypatch.setattr(vocabulary, "MOST_WORDS", 3)
    counts = vocabulary.WordCounts(lambda tokens: None)
    counts.add(b"a a a b b c d e f\n")
    counts.add(b"a g\n")
    found = counts.dictionary(1, vocabulary.Subwords())
    assert found.words[0] == b"a" and found.counts[0] == 4 and len(found.words) <= 3
