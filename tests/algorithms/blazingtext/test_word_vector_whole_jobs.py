"""Jobs that learn vectors of words: what they find, their files in fastText's library, evaluation, hosts, and what fails them."""

import json
import random
import re
import threading
import types

import numpy as np
import pytest

pytest.importorskip("numba")
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.blazingtext import evaluation
from wildsage.algorithms.blazingtext.corpus import windows
from wildsage.algorithms.blazingtext.fasttext import files
from wildsage.algorithms.blazingtext.word_vector_job import Share, WordVectorJob

TOPICS = {
    "farm": ["cow", "hay", "barn", "field", "plough", "seed", "corn", "milk"],
    "sea": ["ship", "sail", "wave", "harbour", "anchor", "tide", "fish", "rope"],
    "sky": ["cloud", "wind", "star", "moon", "bird", "wing", "storm", "sun"],
}
MODES = ["batch_skipgram", "skipgram", "cbow"]
SETTINGS = {
    "epochs": "8", "vector_dim": "10", "min_count": "1", "learning_rate": "0.1", "sampling_threshold": "1", "buckets": "500",
    "evaluation": "false",
}  # fmt: skip


@pytest.fixture(scope="module")
def sentences() -> bytes:
    """800 sentences, each with the words of one topic."""
    rng = random.Random(0)
    lines = [" ".join(rng.choices(TOPICS[rng.choice(sorted(TOPICS))], k=10)) for _ in range(800)]
    return ("\n".join(lines) + "\n").encode()


def vectors_of(done) -> dict[str, np.ndarray]:
    """The vectors of vectors.txt, each of length 1."""
    head, *lines = done.file("vectors.txt").decode().splitlines()
    found = {line.split(" ")[0]: np.array(line.split()[1:], float) for line in lines}
    assert head == f"{len(found)} {len(next(iter(found.values())))}"
    return {word: vector / np.linalg.norm(vector) for word, vector in found.items()}


def share_of_topic(vectors) -> float:
    """How often the nearest word belongs to the same topic."""
    words = [word for topic in TOPICS.values() for word in topic]
    topics = [name for name, topic in TOPICS.items() for _ in topic]
    cosine = np.array([[vectors[left] @ vectors[right] for right in words] for left in words])
    np.fill_diagonal(cosine, -1)
    return float(np.mean([topics[row] == topics[best] for row, best in enumerate(cosine.argmax(axis=1))]))


@pytest.mark.parametrize(
    ("mode", "subwords"), [*[(mode, "false") for mode in MODES], ("skipgram", "true"), ("cbow", "true")]
)
def test_words_of_one_topic_are_near_each_other(run, sentences, mode, subwords):
    done = run(SETTINGS | {"mode": mode, "subwords": subwords}, {"train": sentences})
    assert share_of_topic(vectors_of(done)) > 0.95
    mark = "" if mode == "batch_skipgram" else "##### "
    assert re.search(rf"^{mark}Alpha: 0\.0000  Progress: 100\.00%", done.log, re.MULTILINE)
    assert f"Running single machine CPU BlazingText training using {mode} mode." in done.log
    assert not (done.opt_ml.model / "eval.json").exists()


@pytest.mark.parametrize(("mode", "subwords"), [("batch_skipgram", "false"), ("skipgram", "true"), ("cbow", "true")])
def test_the_files_load_in_the_library_and_give_the_same_vectors(run, sentences, mode, subwords):
    fasttext = pytest.importorskip("fasttext", reason="pip install 'wildsage[test]'")
    done = run(SETTINGS | {"mode": mode, "subwords": subwords, "epochs": "1"}, {"train": sentences})
    listed = vectors_of(done)
    library = fasttext.load_model(str(done.opt_ml.model / "vectors.bin"))
    assert library.get_words() == list(listed)
    for word in ("cow", "</s>", "unheard", "zürich"):
        (answer,) = json.loads(done.ask(json.dumps({"instances": [word]}).encode()).body)
        np.testing.assert_allclose(answer["vector"], library.get_word_vector(word), rtol=1e-5, atol=1e-7)
    vector = library.get_word_vector("cow")
    np.testing.assert_allclose(listed["cow"], vector / np.linalg.norm(vector), atol=1e-4)  # five digits in the text


def test_the_longest_ngrams_that_a_job_learns_are_served(run, sentences):
    settings = {"mode": "cbow", "subwords": "true", "max_char": "255", "epochs": "1"}
    done = run(SETTINGS | settings, {"train": sentences})
    (answer,) = json.loads(done.ask(b'{"instances": ["unheard"]}').body)
    assert any(answer["vector"])


def test_the_settings_are_in_the_file(run, sentences):
    done = run(SETTINGS | {"mode": "batch_skipgram", "window_size": "4", "negative_samples": "3"}, {"train": sentences})
    numbers = np.frombuffer(done.file("vectors.bin"), "<i4", 14).tolist()
    assert numbers == [793712314, 12, 10, 4, 8, 1, 3, 1, 2, 4, 0, 3, 0, 100]


@pytest.mark.parametrize("mode", MODES)
def test_the_same_seed_gives_the_same_bytes_in_every_input_mode(run, sentences, mode, monkeypatch):
    monkeypatch.setattr("wildsage.algorithms.blazingtext.corpus.blocks.BLOCK_BYTES", 5000)
    settings = SETTINGS | {"mode": mode, "epochs": "2"}
    expected = run(settings, {"train": sentences}).file("vectors.bin")
    monkeypatch.setattr("wildsage.algorithms.blazingtext.corpus.channel.CHUNK_BYTES", 77)
    monkeypatch.setattr("wildsage.algorithms.base.blocks.os.sched_getaffinity", lambda pid: {0, 1, 2})
    assert run(settings, {"train": sentences}, mode="Pipe").file("vectors.bin") == expected
    assert run(settings | {"_seed": "1"}, {"train": sentences}).file("vectors.bin") != expected


def test_a_text_on_one_line_is_learned(run, sentences, monkeypatch):
    monkeypatch.setattr("wildsage.algorithms.blazingtext.corpus.blocks.BLOCK_BYTES", 5000)
    one_line = sentences.replace(b"\n", b" ")
    done = run(SETTINGS | {"mode": "batch_skipgram"}, {"train": one_line})
    assert share_of_topic(vectors_of(done)) > 0.9
    assert "</s>" in vectors_of(done)  # the line that the end of the file ends


def test_a_word_without_end_is_rejected(run, monkeypatch):
    monkeypatch.setattr("wildsage.algorithms.blazingtext.corpus.blocks.BLOCK_BYTES", 1000)
    done = run(SETTINGS | {"mode": "cbow"}, {"train": b"x" * 5000})
    assert "Channel train, text, line 1: a word of more than 1000 bytes" in done.failure


def test_vectors_are_judged_by_pairs_of_words(run, sentences):
    pairs = b"cow\thay\t9.5\nship\tsail\t9.0\nMoon\tstar\t9.2\ncow\tship\t1.0\nhay\tmoon\t0.5\nplane\tship\t5\n"
    done = run(SETTINGS | {"mode": "skipgram", "evaluation": "True"}, {"train": sentences, "evaluation": pairs})
    found = json.loads(done.file("eval.json"))
    assert found["text"]["not_found"] == 1 and found["text"]["total_pairs"] == 6
    assert found["text"]["spearmans_rho"] == found["mean_rho"] > 0.6
    assert re.search(rf"INFO \d+\] #mean_rho: {re.escape(repr(found['mean_rho']))}$", done.log, re.MULTILINE)
    assert done.file("eval.json").decode() in done.log


def test_the_pairs_may_come_through_a_pipe(run, sentences):
    channels = {"train": sentences, "evaluation": b"cow\thay\t9\ncow\tship\t1\n"}
    done = run(SETTINGS | {"mode": "cbow", "evaluation": "true"}, channels, mode="Pipe")
    assert json.loads(done.file("eval.json"))["evaluation"]["total_pairs"] == 2


def test_labels_in_a_text_for_word_vectors_are_left_out_with_a_warning(run):
    done = run(SETTINGS | {"mode": "cbow"}, {"train": b"__label__a cow hay\n" * 5})
    assert set(vectors_of(done)) == {"cow", "hay", "</s>"}
    assert "Channel train has labels, such as __label__a: mode cbow leaves them out." in done.log


def test_evaluation_without_lists_is_left_out_with_what_to_do(run, sentences):
    done = run(SETTINGS | {"mode": "cbow", "epochs": "1", "evaluation": "true"}, {"train": sentences})
    assert "The word vectors are not evaluated. Give lists of word pairs" in done.log


def test_spearman_is_that_of_scipy():
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(0)
    left, right = rng.integers(0, 9, 50), rng.normal(size=50)
    assert evaluation.spearman(left, right) == pytest.approx(stats.spearmanr(left, right).statistic)
    assert evaluation.spearman(np.ones(3), right[:3]) == 0


def test_no_known_pair_gives_zero_as_in_the_original():
    pairs = evaluation.read_pairs("list", b"# comment\na b 3\nc d 4\n")
    found = evaluation.agreement(pairs, {}, np.zeros((0, 2)))
    assert (found.rho, found.not_found, found.total) == (0.0, 2, 2)
    with pytest.raises(UserError, match=r"Channel evaluation, list, line 1: got 'a b', expected `word word rating`"):
        evaluation.read_pairs("list", b"a b\n")


def test_negative_samples_follow_the_counts():
    samples = windows.sampling(np.array([1000, 100, 10]), 1110, 1e-4)
    state = np.array([7], np.uint64)
    drawn = [windows.draw_negative(state, samples, -1) for _ in range(20_000)]
    weights = np.array([1000, 100, 10]) ** 0.75
    # five standard deviations of a share of 20,000 draws are at most 0.018
    np.testing.assert_allclose(np.bincount(drawn) / len(drawn), weights / weights.sum(), atol=0.018)
    assert samples.keep_v[0] == pytest.approx((1e-4 * 1.11) ** 0.5 + 1e-4 * 1.11)
    assert 1 not in {windows.draw_negative(state, samples, 1) for _ in range(1000)}


class Meeting:
    """Hosts that are threads of this process, for `Share`."""

    def __init__(self, hosts: int) -> None:
        self._barrier = threading.Barrier(hosts)
        self._given: dict[int, np.ndarray] = {}

    def of(self, rank: int):
        def total(array):
            self._given[rank] = array.copy()
            self._barrier.wait(240)
            found = sum(self._given[each] for each in sorted(self._given))
            self._barrier.wait(240)
            return found

        return types.SimpleNamespace(sum=total, leave=lambda: None)


def test_hosts_share_the_text_and_end_with_one_model(run, sentences, monkeypatch):
    monkeypatch.setattr("wildsage.algorithms.blazingtext.corpus.blocks.BLOCK_BYTES", 2000)
    meeting, models = Meeting(2), {}
    original = WordVectorJob.run

    def on_two_hosts(job, folder, leads):
        def host(rank):
            job_of = WordVectorJob(
                job._values, job._seed, job._channel, {}, Share(rank, 2, meeting.of(rank)), job._stopping, job._log
            )
            original(job_of, folder / str(rank), True)

        threads = [threading.Thread(target=host, args=(rank,)) for rank in range(2)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        models.update({rank: (folder / str(rank) / "vectors.bin").read_bytes() for rank in range(2)})
        original(job, folder, True)

    monkeypatch.setattr(WordVectorJob, "run", on_two_hosts)
    done = run(SETTINGS | {"mode": "batch_skipgram", "epochs": "12"}, {"train": sentences})
    assert models[0] == models[1] != done.file("vectors.bin")
    found = files.read(done.opt_ml.model / "0" / "vectors.bin")
    vectors = {word.decode(): found.vector(word) for word in found.dictionary.words}
    assert share_of_topic({word: vector / np.linalg.norm(vector) for word, vector in vectors.items()}) > 0.95


@pytest.mark.parametrize(
    ("given", "content", "problem"),
    [
        (
            {"mode": "batch_skipgram", "subwords": "true"},
            b"a b\n",
            "got true with mode batch_skipgram, which learns whole words",
        ),
        ({"mode": "cbow", "min_char": "7"}, b"a b\n", "Hyperparameter min_char: got 7, expected at most max_char, 6."),
        ({"mode": "cbow", "min_count": "5"}, b"a b\n", "Empty vocabulary. Try a smaller min_count value"),
        ({"mode": "cbow"}, b"", "Empty vocabulary: the training channel holds no words"),
        (
            {"mode": "skipgram", "sampling_threshold": "0"},
            b"a b\n",
            "Hyperparameter sampling_threshold: got '0', expected a number > 0.",
        ),
    ],
)
def test_what_cannot_be_learned_fails_the_job(run, given, content, problem):
    done = run(SETTINGS | given, {"train": content})
    assert done.status == 1 and problem in done.failure


def test_a_validation_channel_is_rejected(run, sentences):
    done = run(SETTINGS | {"mode": "cbow"}, {"train": sentences, "validation": sentences})
    assert "Channel validation is not known in mode cbow, expected train and evaluation." in done.failure


def test_a_step_that_is_too_large_is_said(run, sentences):
    done = run(SETTINGS | {"mode": "cbow", "learning_rate": "1e38"}, {"train": sentences})
    assert done.failure.startswith("AlgorithmError: Encountered NaN: the steps grew without bound.")
