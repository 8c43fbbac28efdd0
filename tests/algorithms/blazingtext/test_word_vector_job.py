"""Which blocks belong to which host, when hosts meet, what a meeting gives, and what a job reads, learns, saves and says.

Whole jobs are in test_word_vector_whole_jobs.py.
"""

import itertools
import json
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("numba")
from wildsage.algorithms.base.errors import AlgorithmError, UserError
from wildsage.algorithms.base.program import JobChannel
from wildsage.algorithms.blazingtext import hyperparameters, word_vector_job
from wildsage.algorithms.blazingtext.corpus import blocks
from wildsage.algorithms.blazingtext.corpus.channel import TextChannel
from wildsage.algorithms.blazingtext.fasttext import files
from wildsage.algorithms.blazingtext.log import BlazingTextLog
from wildsage.algorithms.blazingtext.word_vector_job import BLOCKS_BETWEEN_MEETINGS, Share, WordVectorJob
from wildsage.algorithms.blazingtext.word_vectors import Settings, Vectors
from wildsage.containers.programs import RecordCodec


class Others:
    """A collective with other hosts, each of which gives the same numbers."""

    def __init__(self, *given: float) -> None:
        self._given = given

    def sum(self, array: np.ndarray) -> np.ndarray:
        return array + np.float32(sum(self._given))


@pytest.mark.parametrize("hosts", [1, 2, 3])
def test_every_block_belongs_to_one_host(hosts):
    shares = [Share(rank, hosts, None) for rank in range(hosts)]
    owners = [[share.rank for share in shares if share.owns(block)] for block in range(10)]
    assert owners == [[block % hosts] for block in range(10)]


@pytest.mark.parametrize("hosts", [1, 2, 3])
def test_hosts_meet_after_eight_blocks_of_each(hosts):
    assert BLOCKS_BETWEEN_MEETINGS == 8
    share = Share(0, hosts, None)
    meetings = [block for block in range(50) if share.meets_after(block)]
    assert meetings == list(range(8 * hosts - 1, 50, 8 * hosts))


def test_a_meeting_gives_the_mean_of_all_hosts():
    vectors = Vectors(np.ones((2, 3), np.float32), np.full((1, 3), 4, np.float32))
    Share(0, 3, Others(2.0, 6.0)).average(vectors)
    np.testing.assert_array_equal(vectors.source_rd, np.full((2, 3), 3))
    np.testing.assert_array_equal(vectors.target_vd, np.full((1, 3), 4))
    alone = Vectors(np.ones((2, 3), np.float32), np.ones((1, 3), np.float32))
    Share(0, 1, None).average(alone)
    assert (alone.source_rd == 1).all() and (alone.target_vd == 1).all()


@pytest.mark.parametrize("here", [True, False])
def test_all_go_on_as_long_as_no_host_is_to_stop(here):
    assert Share(0, 1, None).all_continue(here) is (not here)
    assert bool(Share(0, 2, Others(0.0)).all_continue(here)) is (not here)
    assert not Share(0, 2, Others(1.0)).all_continue(here)


def job_of(**given: str) -> WordVectorJob:
    values = hyperparameters.parse({"mode": "cbow", **given}).values
    return WordVectorJob(values, 0, None, {}, Share(0, 1, None), lambda: False, None)


@pytest.mark.parametrize(
    ("done", "total", "step"), [(0, 100, 0.5), (50, 100, 0.25), (100, 100, 0), (150, 100, 0), (0, 0, 0.5)]
)
def test_the_step_falls_to_0_with_the_tokens(done, total, step):
    assert job_of(learning_rate="0.5")._step(done, total) == pytest.approx(step)


def test_ngrams_of_characters_have_rows_where_they_are_learned():
    found = job_of(subwords="true", buckets="77", min_char="2", max_char="4")._subwords
    assert (found.buckets, found.shortest, found.longest, found.word_ngrams) == (77, 2, 4, 1)
    assert job_of(buckets="77")._subwords.buckets == 0


SMALL = {
    "mode": "cbow", "epochs": "2", "learning_rate": "0.5", "vector_dim": "3", "min_count": "1", "sampling_threshold": "1",
    "evaluation": "false",
}  # fmt: skip
TEXT = b"cow hay barn\nship sail wave\ncow barn hay\n"
ALONE = Share(0, 1, None)


@pytest.fixture
def learn(tmp_path):
    """`learn(TEXT, mode="cbow")` runs a job. Returns the lines of its log and its folder."""
    count = itertools.count()

    def run(text=TEXT, share=ALONE, stopping=lambda: False, seed=0, pairs=None, leads=True, **given: str):
        said: list[str] = []
        (tmp_path / "train").mkdir(exist_ok=True)
        (tmp_path / "train" / "text").write_bytes(text)
        job_channel = JobChannel("text/plain", "File", "", {}, tmp_path / "train", lambda: iter(()))
        channel = TextChannel("train", job_channel, False, RecordCodec())
        values = hyperparameters.parse(SMALL | given).values
        folder = tmp_path / f"job-{next(count)}" / "model"
        WordVectorJob(values, seed, channel, pairs or {}, share, stopping, BlazingTextLog(said.append)).run(
            folder, leads
        )
        return said, folder

    return run


@pytest.fixture
def passes(monkeypatch):
    """Every block that a job learns from in mode cbow: its words, the steps, the settings and the state of chance."""
    seen: list[SimpleNamespace] = []

    def one_pass(sentences, source_rd, target_vd, rows, samples, settings, steps, random):
        words = sentences.words.tolist()
        seen.append(SimpleNamespace(words=words, steps=steps, settings=settings, random=random.tolist()))

    monkeypatch.setitem(word_vector_job.PASSES, "cbow", one_pass)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 20)
    return seen


class Counting:
    """Hosts that give nothing but count how often they are asked."""

    def __init__(self) -> None:
        self.sums = 0

    def sum(self, array: np.ndarray) -> np.ndarray:
        self.sums += 1
        return array


def test_the_files_have_the_words_and_the_settings(learn):
    said, folder = learn(window_size="2", negative_samples="4", min_count="1")
    header = np.frombuffer((folder / "vectors.bin").read_bytes(), "<i4", 14).tolist()
    assert header[2:14] == [3, 2, 2, 1, 4, 1, 2, 1, 0, 3, 0, 100]
    model = files.read(folder / "vectors.bin")
    assert model.dictionary.words[0] == b"</s>" and len(model.dictionary.words) == 7
    head, *lines = (folder / "vectors.txt").read_text().splitlines()
    assert head == "7 3" and [line.split(" ")[0].encode() for line in lines] == list(model.dictionary.words)
    np.testing.assert_allclose([float(one) for one in lines[1].split()[1:]], model.source.values_rd[1], atol=1e-4)
    assert said[:2] == ["Read 0M words", "Number of words:  7"]
    assert any(line.startswith("##### Alpha: 0.0000  Progress: 100.00%") for line in said)
    assert sorted(path.name for path in folder.iterdir()) == ["vectors.bin", "vectors.txt"]


def test_ngrams_of_characters_are_in_the_file(learn):
    _, folder = learn(subwords="true", buckets="9", min_char="2", max_char="4")
    header = np.frombuffer((folder / "vectors.bin").read_bytes(), "<i4", 13).tolist()
    assert header[10:13] == [9, 2, 4] and files.read(folder / "vectors.bin").source.shape == (7 + 9, 3)


@pytest.mark.parametrize(
    ("mode", "kind", "mark"), [("cbow", 1, "##### "), ("skipgram", 2, "##### "), ("batch_skipgram", 4, "")]
)
def test_each_mode_learns_and_is_in_the_file(learn, mode, kind, mark):
    said, folder = learn(mode=mode)
    assert np.frombuffer((folder / "vectors.bin").read_bytes(), "<i4", 10)[9] == kind
    assert files.read(folder / "vectors.bin").target.values_rd.any()
    assert any(line.startswith(f"{mark}Alpha: 0.0000  Progress: 100.00%") for line in said)


def test_only_the_host_that_leads_saves(learn):
    assert not learn(leads=False)[1].exists()


def test_a_seed_and_the_number_of_a_host_decide(learn):
    def content(**given) -> bytes:
        return (learn(**given)[1] / "vectors.bin").read_bytes()

    assert content(seed=1) == content(seed=1) != content(seed=2)


def test_the_step_falls_over_all_words_of_all_epochs(learn, passes):
    learn(window_size="2", negative_samples="4", batch_size="6")
    assert [len(one.words) for one in passes] == [4, 4, 4] * 2
    ends = np.linspace(0.5, 0, 7).tolist()
    assert [one.steps for one in passes] == [pytest.approx(pair) for pair in itertools.pairwise(ends)]
    assert all(one.settings == Settings(window=2, negatives=4, batch=6) for one in passes)


@pytest.mark.parametrize(("rank", "own"), [(0, [[1, 2, 3, 0], [1, 3, 2, 0]]), (1, [[4, 5, 6, 0]])])
def test_a_host_learns_from_its_blocks_and_counts_those_of_all(learn, passes, rank, own):
    """The third block is the second of host 0, which counts it as if the other host had one too."""
    learn(share=Share(rank, 2, Counting()), epochs="1", seed=7)
    assert [one.words for one in passes] == own
    steps = [(0.5, 0.5 * (1 - 8 / 12)), (0.5 * (1 - 8 / 12), 0)][: len(own)]
    assert [one.steps for one in passes] == [pytest.approx(pair) for pair in steps]
    assert passes[0].random == np.random.SeedSequence([7, rank]).generate_state(1, np.uint64).tolist()


def test_hosts_meet_after_eight_blocks_and_after_an_epoch(learn, passes):
    """Two matrices each time, and at the end of each epoch whether to go on."""
    collective = Counting()
    learn(b"cow hay barn moon\n" * 17, share=Share(0, 1, collective))
    assert len(passes) == 2 * 17 and collective.sums == 2 * (3 * 2 + 1)


def test_a_job_alone_stops_after_a_block_and_hosts_together_after_an_epoch(learn, passes):
    said, _ = learn(stopping=lambda: True)
    assert len(passes) == 1 and any("Alpha: 0.4167  Progress: 16.67%" in line for line in said)
    passes.clear()
    said, _ = learn(stopping=lambda: True, share=Share(0, 1, Counting()))
    assert len(passes) == 3 and any("Alpha: 0.2500  Progress: 50.00%" in line for line in said)


def test_words_are_thinned_anew_in_each_epoch_and_block(learn, passes):
    learn(b"cow hay barn sail\n" * 6, sampling_threshold="0.02", epochs="3")
    assert len({tuple(one.words) for one in passes}) > 6
    again = [one.words for one in passes]
    passes.clear()
    learn(b"cow hay barn sail\n" * 6, sampling_threshold="0.02", epochs="3")
    assert [one.words for one in passes] == again


def test_labels_are_left_out_with_a_warning(learn):
    said, folder = learn(b"__label__a cow hay\n")
    assert files.read(folder / "vectors.bin").dictionary.labels == [b"__label__a"]
    (warning,) = [line for line in said if "WARNING" in line]
    assert "Channel train has labels, such as __label__a: mode cbow leaves them out." in warning
    assert not any("WARNING" in line for line in learn()[0])


def test_a_text_without_words_is_rejected(learn):
    with pytest.raises(UserError, match="Empty vocabulary"):
        learn(b"\n")


def test_a_step_that_is_too_large_is_said(learn):
    with pytest.raises(AlgorithmError, match="Encountered NaN: the steps grew without bound"):
        learn(learning_rate="1e39")


PAIRS = {"list": [("cow", "hay", 9.0), ("ship", "sail", 8.0), ("cow", "ship", 1.0)]}


def test_vectors_are_judged_by_lists_of_pairs(learn):
    said, folder = learn(pairs=PAIRS, evaluation="true")
    found = json.loads((folder / "eval.json").read_text())
    assert found["list"]["total_pairs"] == 3 and found["list"]["not_found"] == 0
    begin = said.index("Evaluating word embeddings....")
    assert said[begin + 1 : begin + 3] == [
        f"Vectors read from: {folder}/vectors.txt ",
        (folder / "eval.json").read_text(),
    ]
    assert said[-1].endswith(f"#mean_rho: {found['mean_rho']}") and "INFO" in said[-1]


def test_vectors_are_not_judged_where_nobody_asks_or_there_is_no_list(learn):
    said, folder = learn(pairs=PAIRS)
    assert not (folder / "eval.json").exists() and not any("valuat" in line for line in said)
    said, folder = learn(evaluation="true")
    assert not (folder / "eval.json").exists() and "Evaluating word embeddings...." not in said
    assert "The word vectors are not evaluated. Give lists of word pairs" in said[-1] and "WARNING" in said[-1]
