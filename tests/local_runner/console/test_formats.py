"""Times, durations, sizes and numbers at the edges where their units change."""

from __future__ import annotations

import pytest

from wildsage.local_runner.console import formats


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (0, "0.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 0 s"),
        (3599.6, "1 h 0 min"),
        (60, "1 min 0 s"),
        (61.6, "1 min 2 s"),
        (3599, "59 min 59 s"),
        (3600, "1 h 0 min"),
        (7500, "2 h 5 min"),
        (90_061, "25 h 1 min"),
    ],
)
def test_durations(seconds, text):
    assert formats.duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (0, "0.0 ms"),
        (0.0034, "3.4 ms"),
        (0.0999, "99.9 ms"),
        (0.09996, "100 ms"),
        (0.1, "100 ms"),
        (1.25, "1,250 ms"),
    ],
)
def test_short_times(seconds, text):
    assert formats.milliseconds(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 KB"),
        (999_940, "999.9 KB"),
        (999_960, "1.0 MB"),
        (1_500_000, "1.5 MB"),
        (2e9, "2.0 GB"),
        (3e12, "3.0 TB"),
        (4e15, "4000.0 TB"),
    ],
)
def test_sizes(count, text):
    assert formats.size(count) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("0.123456789", "0.12346"),
        ("12345678", "12345678"),
        ("123456789", "1.2346e+08"),
        ("kmeans++ init", "kmeans++ init"),
    ],
)
def test_texts_of_many_digits_are_short(text, shown):
    assert formats.short(text) == shown
    assert formats.number(1 / 3) == "0.33333"


@pytest.mark.parametrize(("count", "text"), [(0, "0 jobs"), (1, "1 job"), (2, "2 jobs"), (2000, "2,000 jobs")])
def test_plurals(count, text):
    assert formats.plural(count, "job") == text


def test_a_moment_is_a_time_of_utc_that_a_script_can_read():
    assert formats.moment(None) == "–"
    wanted = '<time datetime="1970-01-01T00:00:01.500+00:00">1970-01-01 00:00:01 UTC</time>'
    assert formats.moment(1.5) == wanted


def test_each_status_has_a_tone():
    tones = {status: formats.tone(status) for status in ("Completed", "Failed", "Stopping", "Stopped", "InProgress")}
    assert list(tones.values()) == ["good", "bad", "warn", "still", "busy"]
    assert set(formats.FILTERS) == {"moment", "duration", "size", "number", "plural", "tone", "short", "milliseconds"}
