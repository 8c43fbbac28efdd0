"""The recording of the tutorial: what is drawn of a terminal, and that it shows the commands of the page."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from scripts.snippets import snippets

for package in ("matplotlib", "pexpect", "pyte"):
    pytest.importorskip(package, reason="needs wildsage[docs,demo]")

from scripts.record_tutorial import IMAGES, NAME, PAGE, PAUSE_S, Event, Recorder, color, frames, write_cast, write_gif  # noqa: E402


def recorded() -> str:
    """What the terminal of the recording was sent, without escape sequences."""
    _, *events = (IMAGES / f"{NAME}.cast").read_text().splitlines()
    text = "".join(json.loads(event)[2] for event in events)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]| \r|\r\n", "", text)


def test_the_recording_shows_the_commands_of_the_page_and_no_failure():
    shown = recorded()
    commands = [line for each in snippets(PAGE.read_text()) if each.action == "sh" for line in each.code.splitlines()]
    assert len(commands) >= 6
    assert [line for line in commands if line not in shown] == []
    assert "Traceback" not in shown and "Error" not in shown
    assert "Customers in each group: [200 200 200]" in shown


def test_pauses_are_shortened():
    recorder = Recorder()
    recorder.write("a")
    recorder._last_s -= 60
    recorder.write("b")
    first, second = recorder.events
    assert second.time_s - first.time_s == pytest.approx(PAUSE_S)


def test_a_recording_is_an_asciicast_and_a_moving_picture(tmp_path: Path):
    events = [Event(0.0, "$ "), Event(1.0, "\x1b[32mgreen\x1b[0m\r\n"), Event(2.0, "$ ")]
    write_cast(events, tmp_path / "a.cast")
    head, *rows = map(json.loads, (tmp_path / "a.cast").read_text().splitlines())
    assert head["version"] == 2
    assert rows == [[0.0, "o", "$ "], [1.0, "o", "\x1b[32mgreen\x1b[0m\r\n"], [2.0, "o", "$ "]]
    shown = list(frames(events))
    assert [seconds for _, seconds in shown] == pytest.approx([1.0, 1.0, 3.0])
    write_gif(events, tmp_path / "a.gif")
    assert (tmp_path / "a.gif").read_bytes().startswith(b"GIF89a")


def test_colors_are_ours_or_the_terminal_s_own():
    import pyte

    screen = pyte.Screen(3, 1)
    pyte.Stream(screen).feed("a\x1b[31mb\x1b[38;5;237mc")
    found = [color(screen.buffer[0][column]) for column in range(3)]
    assert found == ["#dcd7ba", "#e46876", "#3a3a3a"]
