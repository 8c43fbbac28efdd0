"""Strategies on functions whose best point is known."""

import statistics
import warnings

import optuna
import pytest

from wildsage.local_runner.jobs.tuning.ranges import Choice, Number, Resources
from wildsage.local_runner.jobs.tuning.search import search

RANGES = (
    Number("k", 2, 40, "Linear", True),
    Number("rate", 1e-4, 1.0, "Logarithmic", False),
    Number("momentum", 0.5, 0.999, "ReverseLogarithmic", False),
    Choice("kind", ("good", "bad")),
)


def loss(values: dict[str, str]) -> float:
    return abs(int(values["k"]) - 12) / 10 + abs(float(values["momentum"]) - 0.9) + (values["kind"] == "bad")


def run(strategy: str, seed: int, jobs: int = 30) -> list[dict[str, str]]:
    found = search(strategy, RANGES, False, seed)
    tried = []
    for _ in range(jobs):
        number, values = found.ask()
        tried.append(values)
        found.tell(number, loss(values))
    return tried


@pytest.mark.parametrize("strategy", ["Bayesian", "Random"])
def test_values_are_within_their_ranges_and_a_seed_repeats_them(strategy):
    tried = run(strategy, seed=5)
    assert all(one.value(values[one.name]) is not None for values in tried for one in RANGES)
    assert tried == run(strategy, seed=5)
    assert tried != run(strategy, seed=6)


def test_bayesian_search_finds_more_than_luck():
    """Mean of the best of 30 over ten seeds; luck alone leaves it about twice as far from the best point."""
    best = {s: statistics.fmean(min(map(loss, run(s, seed))) for seed in range(10)) for s in ("Bayesian", "Random")}
    assert best["Bayesian"] < best["Random"]


def test_logarithmic_scaling_tries_each_decade_alike():
    rates = [float(values["rate"]) for values in run("Random", seed=0, jobs=400)]
    below = [sum(rate < edge for rate in rates) / 400 for edge in (1e-3, 1e-2, 1e-1)]
    assert below == pytest.approx([0.25, 0.5, 0.75], abs=0.1)  # four standard deviations


def test_reverse_logarithmic_scaling_looks_closely_near_one():
    momenta = [float(values["momentum"]) for values in run("Random", seed=0, jobs=400)]
    assert 0.98 < statistics.median(momenta) < 0.99  # 1 - sqrt(0.5 · 0.001) = 0.978 in the middle of the scale


SMALL = (Number("k", 2, 5, "Linear", True), Choice("kind", ("good", "bad")))


@pytest.mark.parametrize("strategy", ["Bayesian", "Random", "Hyperband"])
@pytest.mark.parametrize("seed", range(5))
def test_a_small_space_is_used_up_without_trying_anything_twice(strategy, seed):
    def tried() -> list[tuple[str, ...]]:
        found = search(strategy, SMALL, False, seed, Resources(1, 3) if strategy == "Hyperband" else None)
        values = []
        while asked := found.ask():
            number, one = asked
            values.append(tuple(one.values()))
            if len(values) % 3:  # the others are still running
                found.tell(number, int(one["k"]) + (one["kind"] == "bad"))
        return values

    assert sorted(tried()) == [(k, kind) for k in "2345" for kind in ("bad", "good")]
    assert tried() == tried()


def test_what_was_learned_is_not_tried_again():
    found = search("Bayesian", SMALL, False, 1)
    for k in "2345":
        found.learn({"k": k, "kind": "good", "static": "1"}, float(k))
    found.learn({"k": "2", "kind": "bad"}, None)
    found.learn({"k": "9", "kind": "bad"}, 1.0)  # outside
    asked = [found.ask()[1] for _ in range(3)]
    assert sorted(values["k"] for values in asked) == ["3", "4", "5"]
    assert found.ask() is None


def test_what_is_suggested_twice_is_tried_once():
    found = search("Random", SMALL, False, 1)
    for _ in range(2):
        found.suggest({"k": "3", "kind": "bad"})
    assert found.ask()[1] == {"k": "3", "kind": "bad"}
    assert found.ask()[1] != {"k": "3", "kind": "bad"}


@pytest.mark.parametrize("strategy", ["Bayesian", "Random"])
def test_a_second_suggestion_of_the_same_values_changes_nothing(strategy):
    tried = []
    for times in (1, 2):
        found = search(strategy, RANGES, False, 1)
        for _ in range(times):
            found.suggest({"k": "7", "rate": "0.5", "momentum": "0.75", "kind": "good"})
        tried.append([found.ask()[1] for _ in range(4)])
    assert tried[0] == tried[1]


def test_a_search_begins_without_a_word(capsys):
    optuna.logging.set_verbosity(optuna.logging.INFO)
    filters = list(warnings.filters)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for strategy in ("Bayesian", "Random"):
            found = search(strategy, RANGES, False, 1)
            found.tell(found.ask()[0], 1.0)
    assert capsys.readouterr() == ("", "") and optuna.logging.get_verbosity() == optuna.logging.WARNING
    search("Bayesian", RANGES, False, 1)
    assert warnings.filters == filters, "what others are warned of stays as it was"


def test_a_grid_stops_no_job_and_takes_no_advice():
    grid = search("Grid", (Choice("a", ("1", "2", "3")),), False, None)
    grid.suggest({"a": "3"})
    number, values = grid.ask()
    assert (number, values) == (0, {"a": "1"}) and not grid.falls_behind(number, [9.0] * 100)
    grid.tell(number, None)
    assert grid.ask() == (1, {"a": "2"})


def test_a_grid_is_gone_through_once():
    grid = search("Grid", (Choice("a", ("1", "2")), Choice("b", ("x", "y"))), False, None)
    grid.learn({"a": "1", "b": "y"}, None)
    tried = []
    while found := grid.ask():
        grid.tell(found[0], 1.0)
        tried.append(found[1])
    assert tried == [{"a": "1", "b": "x"}, {"a": "2", "b": "x"}, {"a": "2", "b": "y"}]


def test_what_is_suggested_comes_first_as_far_as_it_fits():
    found = search("Bayesian", RANGES, False, 1)
    found.suggest({"k": "7", "rate": "0.5", "momentum": "0.75", "kind": "ugly"})
    _, values = found.ask()
    assert (values["k"], values["rate"], values["momentum"]) == ("7", "0.5", "0.75")
    assert values["kind"] in ("good", "bad")


def test_what_is_learned_guides_a_bayesian_search():
    """Twenty jobs of before show where the valley is: new ones go there at once."""
    ranges = (Number("x", 0, 100, "Linear", False),)

    def misses(learned: bool) -> float:
        found = search("Bayesian", ranges, False, 3)
        for x in range(0, 100, 5):
            if learned:
                found.learn({"x": str(x)}, abs(x - 70))
        found.learn({"x": "101"}, -1.0)  # outside: nothing to learn
        asked = [found.ask() for _ in range(5)]
        return statistics.fmean(abs(float(values["x"]) - 70) for _, values in asked)

    assert misses(learned=True) < 10 < misses(learned=False)


def test_a_job_that_failed_teaches_nothing_and_harms_nothing():
    found = search("Bayesian", RANGES, True, 1)
    for objective in (None, 1.0, None):
        found.tell(found.ask()[0], objective)
    assert found.ask()


def test_jobs_that_failed_draw_no_others_to_them():
    """Others have found the valley; those that failed far from it have no objective, and not the least one."""
    found = search("Bayesian", (Number("x", 0, 100, "Linear", False),), False, 3)
    for x in range(0, 100, 5):
        found.learn({"x": str(x)}, 1.0 + abs(x - 70))
    for x in (8, 9, 11, 12):
        found.suggest({"x": str(x)})
        number, values = found.ask()
        assert float(values["x"]) == x
        found.tell(number, None)
    assert statistics.fmean(abs(float(found.ask()[1]["x"]) - 70) for _ in range(5)) < 10


def test_an_end_of_a_range_is_tried_as_it_is():
    """1 - (1 - 0.1) is less than 0.1."""
    found = search("Random", (Number("momentum", 0.1, 0.9, "ReverseLogarithmic", False),), False, 0)
    for end in (0.1, 0.9):
        found.suggest({"momentum": str(end)})
        assert float(found.ask()[1]["momentum"]) == end


def test_hyperband_stops_what_lags_and_what_has_had_its_share():
    found = search("Hyperband", (Number("x", 0, 1, "Linear", False),), True, 0, Resources(1, 9))
    ages = {}
    for job in range(30):
        number, _ = found.ask()
        quality = (job * 7 % 30) / 30
        ages[quality] = next(age for age in range(1, 100) if found.falls_behind(number, [quality] * age))
        found.tell(number, quality)
    assert max(ages.values()) == 9 and set(ages.values()) <= {1, 3, 9}, "each rung is three times the one before"
    assert min(ages.values()) < 9
    good, bad = (statistics.fmean(ages[q] for q in sorted(ages)[half]) for half in (slice(15, 30), slice(15)))
    assert good > bad


def test_hyperband_decides_alike_whether_readings_of_other_jobs_came_one_by_one_or_together():
    def ages(others_together: bool) -> list[int]:
        found, stopped = search("Hyperband", (Number("x", 0, 1, "Linear", False),), True, 0, Resources(1, 9)), []
        for job in range(30):
            number, _ = found.ask()
            curve = [(job * 7 % 30) / 30 + age / 100 for age in range(9)]
            first = 9 if others_together and job % 2 else 1
            stopped.append(next(age for age in range(first, 10) if found.falls_behind(number, curve[:age])))
            found.tell(number, curve[-1])
        return stopped[::2]

    assert ages(others_together=True) == ages(others_together=False)
    assert set(ages(others_together=False)) == {1, 3, 9}


def test_hyperband_looks_at_the_reading_of_each_age():
    """Two curves that end alike: the one that was better at the first rung goes on."""
    found = search("Hyperband", (Number("x", 0, 1, "Linear", False),), True, 0, Resources(1, 9))
    for _ in range(12):
        good, bad = found.ask()[0], found.ask()[0]
        stopped = [found.falls_behind(number, curve) for number, curve in ((good, [1.0, 0.0]), (bad, [0.0, 1.0]))]
        assert stopped in ([False, False], [False, True])
        for number in (good, bad):
            found.tell(number, 0.0)
    assert not search("Bayesian", SMALL, False, 0).falls_behind(0, [1.0])


def test_a_bayesian_search_keeps_away_from_jobs_that_still_run():
    found = search("Bayesian", (Number("x", 0, 1, "Linear", False),), False, 0)
    for twentieth in range(20):
        found.learn({"x": str(twentieth / 20)}, abs(twentieth / 20 - 0.7))
    assert statistics.stdev(float(found.ask()[1]["x"]) for _ in range(20)) > 0.1


def test_a_bayesian_search_learns_how_hyperparameters_depend_on_each_other():
    """The best points lie on a diagonal, which no hyperparameter shows by itself: luck would be 0.33 away from it."""
    found = search("Bayesian", tuple(Number(name, 0, 1, "Linear", False) for name in "xy"), False, 0)
    for x in range(100):
        y = x * 37 % 100
        found.learn({"x": str(x / 100), "y": str(y / 100)}, abs(x - y))
    distances = []
    for _ in range(10):
        number, values = found.ask()
        distances.append(abs(float(values["x"]) - float(values["y"])))
        found.tell(number, distances[-1])
    assert statistics.fmean(distances) < 0.1
