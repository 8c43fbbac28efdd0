"""The weighted sample of a stream is fair, bounded, and merges in any order."""

import numpy as np
import pytest
import torch

from wildsage.algorithms.kmeans.sample import Sample


def sampled(
    values: torch.Tensor, capacity: int, batch: int = 100, seed: int = 0, importance=None, weight=None
) -> Sample:
    """A sample of one-column rows; `importance` and `weight` are functions of the values, 1 by default."""
    sample, generator = Sample.empty(capacity, torch.empty(0, 1)), torch.Generator().manual_seed(seed)
    for rows in values.double().split(batch):
        log_importance = torch.zeros_like(rows) if importance is None else importance(rows).log()
        log_weight = torch.zeros_like(rows) if weight is None else weight(rows).log()
        sample.absorb(rows[:, None].float(), log_importance + log_weight, log_weight, generator)
    return sample


def rows_of(sample: Sample) -> list[float]:
    return sorted(sample.rows_by_key()[:, 0].tolist())


def rows_and_weights(sample: Sample) -> tuple[torch.Tensor, torch.Tensor]:
    weights = sample.weights_by_key()
    return sample.rows_by_key()[: len(weights)], weights


def test_a_short_stream_is_kept_whole_with_weight_one():
    rows, weights = rows_and_weights(sampled(torch.arange(50.0), 80, batch=7))
    assert sorted(rows[:, 0].tolist()) == list(range(50)) and weights.tolist() == [1] * 50


@pytest.mark.parametrize("batch", [1, 10, 1000])
def test_a_long_stream_is_sampled_evenly(batch):
    """Mean of 199 of 1000 positions: deviation 289 / sqrt(199) = 20; five of them are allowed."""
    rows, weights = rows_and_weights(sampled(torch.arange(1000.0), 200, batch))
    assert len(rows.unique()) == 199 and float(rows.mean()) == pytest.approx(499.5, abs=100)
    assert float(weights.sum()) == pytest.approx(1000, rel=0.15) and len(weights.unique()) == 1


def test_weights_correct_for_importance():
    """Rows up to 20 times as important are drawn more often; weighted sums stay those of the stream, over 200 draws within 2 %."""
    values = torch.arange(1000.0)
    estimates, preferred = [], []
    for seed in range(200):
        rows, weights = rows_and_weights(sampled(values, 100, 1000, seed, importance=lambda v: 1 + v / 50))
        estimates.append(float((rows[:, 0] * weights).sum()))
        preferred.append(float(rows.mean()))
    assert np.mean(estimates) == pytest.approx(float(values.sum()), rel=0.02)
    assert np.mean(preferred) > 600


def test_rows_that_count_less_weigh_less():
    """A weight that halves every 100 earlier rows: the sample's weights sum to the stream's, relative to the newest row."""
    halving = lambda v: 2 ** ((v - 999) / 100)  # noqa: E731
    values = torch.arange(1000.0)
    sums = [float(sampled(values, 100, 250, seed, weight=halving).weights_by_key().sum()) for seed in range(100)]
    assert np.mean(sums) == pytest.approx(float(halving(values).sum()), rel=0.05)


def by_hand(
    capacity: int, importance: torch.Tensor, weight: torch.Tensor, keys: torch.Tensor
) -> tuple[list, np.ndarray]:
    """Places of the rows with the smallest keys, and what they stand for [Cohen & Kaplan 2007], the last left out."""
    taken = keys.argsort()[:capacity]
    inside, threshold = taken[:-1], float(keys[taken[-1]])
    probability = 1 - np.exp(-(importance * weight)[inside].numpy() * np.exp(threshold))
    return taken.tolist(), (weight[inside] / weight[taken].max()).numpy() / probability


@pytest.mark.parametrize("batch", [1, 30, 1000])
@pytest.mark.parametrize("capacity", [1, 2, 50, 399])
def test_a_sample_are_the_rows_with_the_smallest_keys_and_their_chances(batch, capacity):
    """A key is the logarithm of Exp(1) over importance and weight, both of which differ from row to row."""
    values = torch.arange(400.0, dtype=torch.float64)
    importance, weight = 1 + values % 7, 2 ** (values / 100)
    sample = sampled(values, capacity, batch, 3, lambda v: 1 + v % 7, lambda v: 2 ** (v / 100))
    generator = torch.Generator().manual_seed(3)
    clocks = torch.cat(
        [torch.empty(len(rows), dtype=torch.float64).exponential_(generator=generator) for rows in values.split(batch)]
    )
    taken, weights = by_hand(capacity, importance, weight, clocks.log() - (importance * weight).log())
    assert sample.rows_by_key()[:, 0].tolist() == taken
    assert np.allclose(sample.weights_by_key(), weights, rtol=1e-9)


def test_the_smallest_keys_alone_are_a_sample_with_weights_of_its_own():
    values = torch.arange(400.0, dtype=torch.float64)
    generator, ones = torch.Generator().manual_seed(0), torch.ones(400, dtype=torch.float64)
    clocks = torch.empty(400, dtype=torch.float64).exponential_(generator=generator)
    full, short = sampled(values, 100, 400), sampled(values, 500, 400)
    for sample in (full, short):
        assert np.allclose(sample.weights_by_key(20), by_hand(20, ones, ones, clocks.log())[1], rtol=1e-9)
    assert len(full.weights_by_key(100)) == 99 == len(full.weights_by_key(500)) == len(full.weights_by_key())
    assert short.weights_by_key(400).tolist() == short.weights_by_key(401).tolist() == [1] * 400
    assert len(short.weights_by_key(399)) == 398


def test_a_stream_that_just_fills_the_sample_may_have_been_longer():
    assert len(sampled(torch.arange(60.0), 60).weights_by_key()) == 59
    assert len(sampled(torch.arange(60.0), 61).weights_by_key()) == 60


def test_a_row_of_little_weight_stays_where_its_importance_makes_up_for_it():
    """Rows beyond a place's capacity are overwritten with all that belongs to them."""
    sample = sampled(torch.arange(1000.0), 30, 100, 5, importance=lambda v: 1 + v, weight=lambda v: 1 / (1 + v))
    values = sample.rows_rd[:, 0].double()
    assert torch.allclose(sample.log_weight_r, -(1 + values).log()) and torch.allclose(
        sample.log_importance_r, values * 0
    )


def test_samples_merge_in_any_order_to_the_same():
    parts = [sampled(torch.arange(300.0 * i, 300 * (i + 1)), 50, 30, seed=i) for i in range(3)]
    orders = [(0, 1, 2), (2, 0, 1), (1, 2, 0)]
    merged = []
    for order in orders:
        whole = Sample.empty(50, torch.empty(0, 1))
        for i in order:
            whole.merge(parts[i])
        merged.append(rows_of(whole))
    assert merged[0] == merged[1] == merged[2] and len(merged[0]) == 50
    keys, rows = (
        torch.cat([values(part) for part in parts]) for values in (lambda p: p.keys_r, lambda p: p.rows_rd[:, 0])
    )
    assert merged[0] == sorted(rows[keys.argsort()[:50]].tolist())


def test_a_sample_takes_in_what_a_sample_with_free_places_holds():
    whole = sampled(torch.arange(5.0), 20)
    whole.merge(sampled(torch.arange(10.0, 13), 30))
    assert rows_of(whole) == [0, 1, 2, 3, 4, 10, 11, 12] and whole.weights_by_key().tolist() == [1] * 8
    assert whole.capacity == 20 and whole.keys_r.isinf().sum() == 12


def test_a_sample_survives_as_arrays():
    """The names are those in state files of earlier jobs."""
    sample = sampled(torch.arange(40.0), 60)
    assert list(sample.arrays()) == ["rows", "keys", "log_worth", "log_mass"]
    for original in (sample, sampled(torch.arange(90.0), 60, importance=lambda v: 1 + v)):
        again = Sample.from_arrays(original.arrays(), 60)
        assert again.rows_by_key().equal(original.rows_by_key())
        assert again.weights_by_key().equal(original.weights_by_key())


def test_arrays_of_a_full_sample_are_not_copies():
    full, short = sampled(torch.arange(100.0), 60), sampled(torch.arange(40.0), 60)
    assert full.arrays()["rows"].data_ptr() == full.rows_rd.data_ptr()
    assert sorted(short.arrays()["rows"][:, 0].tolist()) == list(range(40))


def test_rows_by_key_follow_later_rows():
    sample = sampled(torch.arange(40.0), 60)
    assert rows_of(sample) == list(range(40))
    sample.merge(sampled(torch.arange(40.0, 50), 10))
    assert rows_of(sample) == list(range(50))
