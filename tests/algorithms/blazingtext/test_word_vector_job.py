"""Which blocks belong to which host, when hosts meet, and what a meeting gives; whole jobs are in test_word_vector_whole_jobs.py."""

import numpy as np
import pytest

pytest.importorskip("numba")
from wildsage.algorithms.blazingtext import hyperparameters
from wildsage.algorithms.blazingtext.word_vector_job import BLOCKS_BETWEEN_MEETINGS, Share, WordVectorJob
from wildsage.algorithms.blazingtext.word_vectors import Vectors


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
