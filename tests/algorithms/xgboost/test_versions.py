"""A tag names a version, and what changed between versions changed where the contract says."""

import pytest

from wildsage.algorithms.xgboost.versions import NEWEST, OLDEST, Version


@pytest.mark.parametrize(
    ("tag", "version", "shown"),
    [
        ("1", OLDEST, "0.72"),
        ("latest", OLDEST, "0.72"),
        ("0.72", OLDEST, "0.72"),
        ("0.90-2-cpu-py3", Version(0, 90, 2), "0.90-2"),
        ("1.0-1-cpu-py3", Version(1, 0), "1.0-1"),
        ("1.7-1", Version(1, 7), "1.7-1"),
        ("1.5", Version(1, 5, 1), "1.5-1"),
        ("3.0-5", Version(3, 0, 5), "3.0-5"),
        ("", NEWEST, "3.2-0"),
        ("cpu", NEWEST, "3.2-0"),
        ("1.5-", NEWEST, "3.2-0"),
    ],
)
def test_a_tag_is_a_version(tag, version, shown):
    assert Version.from_tag(tag) == version and str(version) == shown


@pytest.mark.parametrize(
    ("name", "last", "first", "since"),
    [
        ("pickles", Version(1, 2, 2), Version(1, 3), False),
        ("stops_early_by_library", Version(1, 2, 2), Version(1, 3), False),
        ("estimates_base_score", Version(1, 7, 9), Version(2, 0), True),
        ("shifts_indices", Version(2, 9), Version(3, 0), True),
        ("reads_pipes", Version(2, 9), Version(3, 0), False),
        ("joins_answers", Version(1, 2, 1), Version(1, 2, 2), False),
        ("selects_content", Version(1, 1, 9), Version(1, 2), True),
        ("trims_digits", Version(0, 90, 2), Version(1, 0), False),
    ],
)
def test_what_changed_changed_between_these_versions(name, last, first, since):
    assert (getattr(last, name), getattr(first, name)) == (not since, since)
    assert (getattr(OLDEST, name), getattr(NEWEST, name)) == (not since, since)
