"""The reservoir: every row with the same chance, whatever the batches, and hosts joined without favour."""

import torch

from wildsage.algorithms.knn.reservoir import CHUNK_ROWS, Reservoir, smallest


def filled(capacity: int, rows: torch.Tensor, batch: int, seed: int) -> Reservoir:
    """A reservoir that read `rows` (n,), each its own label, in batches."""
    rng = torch.Generator().manual_seed(seed)
    reservoir = Reservoir(capacity, 1)
    for part in rows.split(batch):
        entering, keys = reservoir.draw(len(part), rng)
        reservoir.add(part[entering, None], part[entering], keys)
    reservoir.cut(smallest(reservoir.keys_r, capacity))
    return reservoir


def test_all_rows_stay_in_order_while_there_is_room():
    rows = torch.arange(1000.0)
    sample = filled(1000, rows, 64, 0)
    assert torch.equal(sample.rows_rd[:, 0], rows)
    assert torch.equal(sample.labels_r, rows)


def test_a_longer_stream_leaves_as_many_rows_as_there_is_room_for_in_their_order():
    sample = filled(100, torch.arange(50_000.0), 64, 0)
    assert sample.rows_rd.shape == (100, 1)
    assert torch.equal(sample.rows_rd[:, 0], sample.labels_r)
    assert bool((sample.labels_r.diff() > 0).all())


def test_every_row_has_the_same_chance():
    """Counts over 2,000 runs are binomial with p = 1/10: four deviations of 13.4 about 200, for all of 40 rows."""
    counts = torch.zeros(40)
    for seed in range(2000):
        counts[filled(4, torch.arange(40.0), 7, seed).labels_r.long()] += 1
    assert int(counts.sum()) == 8000
    assert bool(((counts - 200).abs() < 4 * 13.4).all())


def test_it_never_holds_much_more_than_its_capacity():
    rng, reservoir = torch.Generator().manual_seed(0), Reservoir(1000, 1)
    for part in torch.arange(100_000.0).split(100):
        entering, keys = reservoir.draw(len(part), rng)
        reservoir.add(part[entering, None], part[entering], keys)
        assert len(reservoir) <= 1000 + 1000 // 16 + CHUNK_ROWS


def test_hosts_of_unequal_shares_are_sampled_alike():
    """90 and 900 rows, 99 places: the small host fills 9 of them on average, with a deviation of 2.7 a run."""
    taken = []
    for seed in range(200):
        small = filled(99, torch.zeros(90), 50, seed)
        large = filled(99, torch.ones(900), 50, 1000 + seed)
        limit = smallest(torch.cat([small.keys_r, large.keys_r]), 99)
        small.cut(limit)
        large.cut(limit)
        assert len(small) + len(large) == 99
        taken.append(len(small))
    assert abs(sum(taken) / 200 - 9) < 4 * 2.7 / 200**0.5


def test_a_large_capacity_costs_nothing_before_rows_come():
    """20 million rows of 1,000 columns: 80 GB, which no small machine has."""
    sample = Reservoir(20_000_000, 1000)
    sample.add(torch.ones(5, 1000), torch.ones(5), torch.zeros(5, dtype=torch.float64))
    assert sample.rows_rd.shape == (5, 1000)
