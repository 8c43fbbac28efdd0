"""The context of a run on one host without containers."""

import torch

from wildsage.algorithms.base.batch import Batch, MemoryStream
from wildsage.algorithms.base.run import RunContext

STREAM = MemoryStream(Batch(torch.arange(5.0)[:, None]))


class Stopped(RunContext):
    stopping = True


def test_passes_are_numbered_and_hold_the_batches():
    found = [(epoch, [len(batch) for batch in batches]) for epoch, batches in RunContext().passes(STREAM, 2, 3)]
    assert found == [(epoch, [2, 2, 1]) for epoch in range(3)]
    assert [len(batch) for batch in RunContext().batches(STREAM, 2, 2)] == [2, 2, 1, 2, 2, 1]
    assert [len(batch) for batch in RunContext().batches(STREAM, 2)] == [2, 2, 1]


def test_a_seed_gives_the_same_numbers_and_is_zero_unless_said():
    drawn, shared, same, other = (
        torch.randint(1 << 40, (3,), generator=rng).tolist()
        for rng in (RunContext().rng, RunContext().shared_rng, RunContext(seed=0).rng, RunContext(seed=1).rng)
    )
    assert drawn == shared == same != other


def test_a_run_that_is_to_stop_gives_one_batch():
    assert [(epoch, len(list(batches))) for epoch, batches in Stopped().passes(STREAM, 2, 3)] == [(0, 1)]
    assert len(list(Stopped().batches(STREAM, 2, 3))) == 1


def test_alone_a_sum_is_the_tensor():
    assert RunContext().sum(torch.tensor([1.0, 2.0])).tolist() == [1.0, 2.0]
