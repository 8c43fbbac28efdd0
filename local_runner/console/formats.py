"""How values are written on the pages: times, durations, sizes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from markupsafe import Markup

UNITS = ("B", "KB", "MB", "GB", "TB")
TONES = {
    "Completed": "good",
    "InService": "good",
    "Failed": "bad",
    "OutOfService": "bad",
    "Pending": "warn",
    "Stopping": "warn",
    "Deleting": "warn",
    "Stopped": "still",
}


def moment(seconds: float | None) -> Markup:
    """A time, from seconds since 1970, as an element that the script of the page turns into the user's local time."""
    if seconds is None:
        return Markup("–")
    when = datetime.fromtimestamp(seconds, UTC)
    text = when.strftime("%Y-%m-%d %H:%M:%S")
    return Markup('<time datetime="{}">{} UTC</time>').format(when.isoformat(timespec="milliseconds"), text)


def duration(seconds: float | None) -> str:
    """A duration such as `4.2 s`, `3 min 20 s` or `2 h 5 min`; a dash for None."""
    if seconds is None:
        return "–"
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, rest_s = divmod(round(seconds), 60)
    hours, minutes_left = divmod(minutes, 60)
    return f"{hours} h {minutes_left} min" if hours else f"{minutes} min {rest_s} s"


def milliseconds(seconds: float | None) -> str:
    """A short time such as `3.4 ms` or `1,250 ms`; a dash for None."""
    if seconds is None:
        return "–"
    return f"{1000 * seconds:.1f} ms" if round(1000 * seconds, 1) < 100 else f"{1000 * seconds:,.0f} ms"


def size(count: float) -> str:
    """A number of bytes with a decimal unit, such as `1.5 MB`."""
    for unit in UNITS:
        if round(count, 1) < 1000 or unit == UNITS[-1]:
            break
        count /= 1000
    return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"


def number(value: float) -> str:
    """A number with five significant digits, as metrics are shown."""
    return f"{value:.5g}"


def short(text: str) -> str:
    """A number of many digits with five, any other text as it is."""
    try:
        return number(float(text)) if len(text) > 8 else text
    except ValueError:
        return text


def plural(count: int, noun: str) -> str:
    """`1 job`, `2 jobs`, `2,000 jobs`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def tone(status: str) -> str:
    """The class of a status: what has come to its end, what is under way, what waits and what needs somebody."""
    return TONES.get(status, "busy")


FILTERS: Mapping[str, Callable[..., str]] = {
    "moment": moment, "duration": duration, "size": size, "number": number, "plural": plural, "tone": tone, "short": short,
    "milliseconds": milliseconds,
}  # fmt: skip
