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


def test_the_rows_with_the_smallest_keys_stay_in_the_order_in_which_they_came():
    """Uniform keys that differ give every row the same chance. 6,000 rows stay: chunks are cut in several steps."""
    rng, keys = (torch.Generator().manual_seed(3) for _ in range(2))
    reservoir, drawn = Reservoir(6000, 2), []
    for part in torch.arange(60_000.0).split(5000):
        entering, keys_b = reservoir.draw(len(part), rng)
        reservoir.add(torch.stack([part, -part], 1)[entering], 2 * part[entering], keys_b)
        drawn.append(torch.rand(len(part), dtype=torch.float64, generator=keys))
    keys_n = torch.cat(drawn)
    expected = keys_n.argsort()[:6000].sort().values
    limit = smallest(reservoir.keys_r, 6000)
    reservoir.cut(limit)
    assert limit == float(keys_n[expected].max())
    assert torch.equal(reservoir.rows_rd, torch.stack([expected, -expected], 1).float())
    assert torch.equal(reservoir.labels_r, 2 * expected.float()) and torch.equal(reservoir.keys_r, keys_n[expected])


def test_rows_that_cannot_stay_do_not_enter():
    reservoir, rng = Reservoir(10, 1), torch.Generator().manual_seed(0)
    assert len(reservoir) == 0 and reservoir.rows_rd.shape == (0, 1)
    reservoir.cut(0.25)
    reservoir.cut(0.5)  # a later limit never lets more in
    keys_n = torch.rand(1000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    entering, keys_b = reservoir.draw(1000, rng)
    assert torch.equal(entering, (keys_n < 0.25).nonzero()[:, 0]) and torch.equal(keys_b, keys_n[entering])


def test_a_cut_comes_when_a_sixteenth_and_a_chunk_are_more_than_the_sample_holds():
    """Keys that fall, so that every row enters: after 18 chunks there are 17/16 of 65,536 rows and 4,096 more, and room for none."""
    reservoir = Reservoir(65_536, 1)
    keys = torch.linspace(1, 0.5, 18 * 4096 + 1, dtype=torch.float64)
    reservoir.add(torch.zeros(len(keys) - 1, 1), torch.arange(len(keys) - 1.0), keys[:-1])
    assert len(reservoir) == 18 * 4096
    reservoir.add(torch.zeros(1, 1), torch.tensor([-1.0]), keys[-1:])
    assert len(reservoir) == 65_537
    assert torch.equal(reservoir.keys_r, keys[-65_537:])


def test_of_as_many_keys_as_there_are_places_none_is_beyond_the_limit():
    keys_r = torch.tensor([0.3, 0.1, 0.2], dtype=torch.float64)
    assert [smallest(keys_r, count) for count in (1, 2, 3, 4)] == [0.1, 0.2, float("inf"), float("inf")]


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
    """1,000 million rows of 1,000 columns: 4 TB, which hardly a machine has."""
    sample = Reservoir(1_000_000_000, 1000)
    sample.add(torch.ones(5, 1000), torch.ones(5), torch.zeros(5, dtype=torch.float64))
    assert sample.rows_rd.shape == (5, 1000)
