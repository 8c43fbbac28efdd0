"""Hyperparameters of a script: decoded, told apart from the toolkit's, and as the words of a command line."""

from __future__ import annotations

import pytest

from wildsage.containers.frameworks.hyperparameters import decode


def test_values_are_json_once_more(capfd):
    given = {"epochs": "5", "name": '"a"', "flag": "true", "none": "null", "layers": "[1, 2]", "sizes": '{"a": 1}'}
    assert decode(given).script == {
        "epochs": 5,
        "name": "a",
        "flag": True,
        "none": None,
        "layers": [1, 2],
        "sizes": {"a": 1},
    }
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("value", ["reg:squarederror", "", "[" * 100_000], ids=["text", "nothing", "deep"])
def test_what_is_not_json_stays_as_it_is_and_the_log_says_so(value, capfd):
    assert decode({"name": value}).script == {"name": value}
    said = f"Failed to parse hyperparameter name value {value} to Json.\nReturning the value itself\n"
    assert capfd.readouterr().out == said


def test_those_of_the_toolkit_are_kept_from_the_script_and_those_of_a_framework_are_known():
    found = decode(
        {
            "epochs": "5",
            "sagemaker_program": '"train.py"',
            "sagemaker_mpi_enabled": "true",
            "_tuning_objective_metric": '"loss"',
            "default_user_module_name": '"a"',
            "my_sagemaker_setting": "1",
        }
    )
    assert found.script == {"epochs": 5, "my_sagemaker_setting": 1}
    assert found.toolkit.keys() == {
        *("sagemaker_program", "sagemaker_mpi_enabled", "_tuning_objective_metric", "default_user_module_name"),
    }
    assert found.of_framework == {"sagemaker_mpi_enabled": True}


def test_arguments_are_sorted_by_name_and_a_lone_letter_has_one_hyphen():
    values = {"b": "1", "ab": "2.5", "none": "null", "flag": "true", "options": '{"b": 2, "a": "x"}', "l": "[1, 2]"}
    assert decode(values).arguments == [
        *("--ab", "2.5", "-b", "1", "--flag", "True", "-l", "[1, 2]"),
        *("--none", "", "--options", "a=x,b=2"),
    ]
    assert decode({}).arguments == []
