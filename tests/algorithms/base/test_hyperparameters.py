"""Declared hyperparameters: their parsing, defaults, problems and the table for readers."""

from dataclasses import dataclass

import pytest

from wildsage.algorithms.base import hyperparameters
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.hyperparameters import choice, choices, flag, integer, real

INTERNAL = {"_log_level": "info"}


@dataclass(frozen=True, kw_only=True)
class Toy:
    size: int = integer(low=1, high=9, doc="Size.")
    factor: int | str = integer("auto", low=1, also=("auto",), tunable=(4, 10), doc="Factor.")
    rate: float = real(0.1, low=0, high=1, doc="Rate.")
    mode: str = choice("a", "b", default="a", doc="Mode.")
    dense: bool = flag(True, doc="Dense.")
    figures: tuple[str, ...] = choices("msd", "ssd", default=("msd",), doc="Figures.")


def parse(**given: str) -> Toy:
    return hyperparameters.parse(Toy, given, INTERNAL)[0]


def test_strings_become_values():
    toy = parse(size="3", factor="7", rate="0.5", mode="b", dense="True", figures='["ssd", "msd"]')
    assert toy == Toy(size=3, factor=7, rate=0.5, mode="b", dense=True, figures=("ssd", "msd"))


def test_what_is_not_given_has_its_default():
    assert parse(size="3") == Toy(size=3, factor="auto", rate=0.1, mode="a", dense=True, figures=("msd",))


def test_defaults_are_the_strings_sagemaker_would_send():
    expected = {"factor": "auto", "rate": "0.1", "mode": "a", "dense": "true", "figures": '["msd"]'}
    assert hyperparameters.defaults(Toy) == expected


def test_internal_settings_are_returned_beside_the_algorithm():
    _, settings = hyperparameters.parse(Toy, {"size": "1", "_log_level": "debug"}, INTERNAL)
    assert settings == {"_log_level": "debug"}


def test_what_the_sdk_tuner_adds_is_tolerated():
    parse(size="1", sagemaker_estimator_module="sagemaker.amazon.kmeans", sagemaker_estimator_class_name="KMeans")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("size", "ten", "Hyperparameter size: got 'ten', expected an integer from 1 to 9."),
        ("size", "10", "Hyperparameter size: got '10', expected an integer from 1 to 9."),
        ("size", "3.0", "Hyperparameter size: got '3.0', expected an integer from 1 to 9."),
        ("factor", "0", "Hyperparameter factor: got '0', expected an integer ≥ 1 or auto."),
        ("rate", "nan", "Hyperparameter rate: got 'nan', expected a number from 0 to 1."),
        ("mode", "c", "Hyperparameter mode: got 'c', expected one of a, b."),
        ("dense", "maybe", "Hyperparameter dense: got 'maybe', expected true or false."),
        ("figures", "msd", 'Hyperparameter figures: got \'msd\', expected a JSON list out of ["msd", "ssd"].'),
        ("figures", "[]", 'Hyperparameter figures: got \'[]\', expected a JSON list out of ["msd", "ssd"].'),
    ],
)
def test_a_bad_value_says_what_was_got_and_expected(name, value, expected):
    with pytest.raises(UserError) as caught:
        parse(**{"size": "1", name: value})
    assert str(caught.value) == expected


def test_all_problems_are_reported_at_once():
    with pytest.raises(UserError) as caught:
        parse(factr="7", rate="2")
    assert str(caught.value).splitlines() == [
        "Additional properties are not allowed ('factr' was unexpected). Did you mean factor?",
        "Hyperparameter rate: got '2', expected a number from 0 to 1.",
        "Hyperparameter size: missing, expected an integer from 1 to 9.",
    ]


def test_the_table_shows_every_hyperparameter():
    assert hyperparameters.table(Toy).splitlines()[2:4] == [
        "| `size` | an integer from 1 to 9 | required |  | Size. |",
        "| `factor` | an integer ≥ 1 or auto | `auto` | 4, 10 | Factor. |",
    ]


def test_a_list_that_is_nested_too_deep_is_rejected():
    with pytest.raises(UserError, match=r"Hyperparameter figures: got .* expected a JSON list"):
        hyperparameters.check(Toy, [("figures", "[" * 2500)], {})
