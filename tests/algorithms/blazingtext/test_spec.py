"""What BlazingText says of itself, as the contract of the real service has it."""

import re

import pytest

from wildsage.algorithms.blazingtext.spec import SPEC


def test_a_job_needs_channel_train_alone():
    assert {channel.name: channel.required for channel in SPEC.channels} == {
        "train": True, "validation": False, "evaluation": False,
    }  # fmt: skip


def test_it_brings_its_own_program():
    assert SPEC.program and SPEC.image == "blazingtext"


@pytest.mark.parametrize(
    ("metric", "line", "value"),
    [
        ("train:mean_rho", "[INFO 1] #mean_rho: 0.5251", "0.5251"),
        ("train:accuracy", "#train_accuracy: 0.9877", "0.9877"),
        ("validation:accuracy", "#validation_accuracy: 0.9", "0.9"),
    ],
)
def test_a_metric_is_found_in_its_line_of_the_log_alone(metric, line, value):
    found = {name: re.findall(pattern, line) for name, pattern in SPEC.metric_definitions.items()}
    assert found == {name: [value] if name == metric else [] for name in SPEC.metric_definitions}
