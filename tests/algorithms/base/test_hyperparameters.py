"""Declared hyperparameters: their parsing, defaults, problems and the table for readers."""

import re
from dataclasses import dataclass

import pytest

from wildsage.algorithms.base import hyperparameters
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.hyperparameters import choice, choices, flag, integer, integers, real, text

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


@dataclass(frozen=True, kw_only=True)
class Edges:
    share: float = real(0.5, low=0, high=1, doc="Both ends belong to it.")
    open: float = real(0.5, above=0, below=1, doc="Neither end belongs to it.")
    half: float = real(0.5, low=0, below=1, doc="The first does.")
    above: float = real(0.5, above=0, doc="More than zero.")
    any: float | None = real(None, doc="Any number.")
    shape: tuple[int, ...] = integers((3, 4), low=3, count=2, doc="Two numbers.")
    layers: tuple[int, ...] = integers((1,), low=1, doc="Some numbers.")
    note: str = text("", doc="Any text.")
    speed: bool | str = flag(False, also=("fast",), doc="A word too.")


@pytest.mark.parametrize(
    ("name", "valid", "wrong", "expected"),
    [
        ("share", ["0", "1", "0.5"], ["-1e-9", "1.0000001", "inf"], "a number from 0 to 1"),
        ("open", ["1e-300", "0.9999999"], ["0", "1", "-1"], "a number > 0 and < 1"),
        ("half", ["0", "0.9999999"], ["-1e-9", "1"], "a number ≥ 0 and < 1"),
        ("above", ["1e-300", "1e300"], ["0", "inf"], "a number > 0"),
        ("any", ["-1e300", "0"], ["inf", "-inf", "nan", "x"], "a number"),
        ("shape", ["3,3", "4, 5"], ["3", "3,3,3", "2,3", "3,2", "3,x", ""], "2 integers ≥ 3 with commas between them"),
        ("layers", ["1", "1,2,3"], ["0", "1,0", "1,"], "integers ≥ 1 with commas between them"),
        ("note", ["", "x"], [], "a text"),
        ("speed", ["fast", "FALSE", "1", "0"], ["FAST", "2"], "true or false or fast"),
    ],
)
def test_the_ends_of_a_range_belong_to_it_or_do_not(name, valid, wrong, expected):
    for value in valid:
        hyperparameters.check(Edges, [(name, value)], {})
    for value in wrong:
        with pytest.raises(UserError) as caught:
            hyperparameters.check(Edges, [(name, value)], {})
        assert str(caught.value) == f"Hyperparameter {name}: got {value!r}, expected {expected}."


def test_defaults_of_numbers_and_texts_are_written_as_sagemaker_writes_them():
    written = hyperparameters.defaults(Edges)
    assert written == {"share": "0.5", "open": "0.5", "half": "0.5", "above": "0.5"} | {
        "shape": "3,4", "layers": "1", "note": "", "speed": "false"
    }  # fmt: skip
    assert hyperparameters.parse(Edges, written, {})[0] == Edges()


@pytest.mark.parametrize("value", [1, 5, 9])
def test_a_setting_may_be_each_whole_number_of_its_range(value):
    assert hyperparameters.whole_number("_n", str(value), 1, 9) == value


@pytest.mark.parametrize("value", ["0", "10", "x", ""])
def test_a_setting_outside_of_its_range_is_rejected(value):
    with pytest.raises(UserError, match=f"_n: got '{value}', expected an integer from 1 to 9"):
        hyperparameters.whole_number("_n", value, 1, 9)


def test_a_setting_is_true_or_false():
    assert [hyperparameters.truth("_t", text) for text in ("True", "0")] == [True, False]
    with pytest.raises(UserError, match="_t: got 'yes', expected true or false"):
        hyperparameters.truth("_t", "yes")


def test_a_name_that_resembles_none_is_answered_with_those_that_there_are():
    with pytest.raises(UserError, match=r"Known: size, factor, rate, mode, dense, figures\.$"):
        parse(size="1", xyzzy="1")


def test_a_value_is_shown_whole_up_to_eighty_characters():
    for length, shown in ((78, repr("x" * 78)), (79, f"'{'x' * 79}… (81 characters)")):
        with pytest.raises(UserError, match=f"got {re.escape(shown)}, expected"):
            parse(size="x" * length)


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
