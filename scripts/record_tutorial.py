"""Records the tutorial in a terminal: `python scripts/record_tutorial.py`.

The blocks of docs/tutorial/first_model.md are typed into a shell and run. What the terminal shows becomes an asciicast (version
2, which `asciinema play` plays) and a GIF of it; the pictures that the programs draw are kept beside them, in docs/images.
Needs `wildsage[docs,demo]`.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import matplotlib
import pexpect
import pyte
from PIL import Image, ImageDraw, ImageFont
from pyte.screens import Char

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from scripts.snippets import Snippet, snippets  # noqa: E402

PAGE = ROOT / "docs" / "tutorial" / "first_model.md"
IMAGES = ROOT / "docs" / "images"
NAME = "first_model"
COLUMNS, LINES = 100, 28
PROMPT, PYTHON_PROMPT = "$ ", ">>> "
LIMIT_S = 300.0
PAUSE_S = 1.2  # the longest that nothing happens in the recording
FRAME_S = 0.4
TEXT_PX = 14
DARK, LIGHT = "#16161d", "#dcd7ba"
COLORS = {
    "green": "#8fcf6e",
    "red": "#e46876",
    "cyan": "#7fb4ca",
    "yellow": "#e6c384",
    "brown": "#e6c384",
    "blue": "#7e9cd8",
}


class Event(NamedTuple):
    """What a terminal was sent, and how many seconds after the beginning."""

    time_s: float
    text: str


class Recorder:
    """Takes what a terminal is sent. Pauses are shortened."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._last_s = time.monotonic()

    def write(self, text: str) -> None:
        """Add a piece of output."""
        now_s = time.monotonic()
        begun_s = self.events[-1].time_s if self.events else 0.0
        self.events.append(Event(begun_s + min(now_s - self._last_s, PAUSE_S), text))
        self._last_s = now_s

    def flush(self) -> None:
        """Nothing is buffered; pexpect asks for it."""


def record(folder: Path) -> list[Event]:
    """Run the tutorial in a folder. Raises pexpect.TIMEOUT if a block does not end."""
    recorder = Recorder()
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    variables = {
        **os.environ,
        "PATH": path,
        "PS1": PROMPT,
        "WILDSAGE_DATA": str(folder / "aws"),
        "PYTHONPATH": str(ROOT),
    }
    variables |= {
        "SAGEMAKER_SUPPRESS_V2_WARNING": "1",
        "TERM": "xterm-256color",
        "BASH_SILENCE_DEPRECATION_WARNING": "1",
    }
    arguments = ["--norc", "--noediting"]
    size = (LINES, COLUMNS)
    shell = pexpect.spawn("bash", arguments, LIMIT_S, cwd=folder, env=variables, dimensions=size, encoding="utf-8")
    shell.logfile_read = recorder
    shell.expect_exact(PROMPT)
    for snippet in snippets(PAGE.read_text()):
        run(shell, snippet, folder)
    shell.close(force=True)
    return [event._replace(text=event.text.replace(str(folder), "~")) for event in recorder.events]


def run(shell: pexpect.spawn, snippet: Snippet, folder: Path) -> None:
    """Type a block into the shell, and wait until it has run."""
    lines = snippet.code.strip().splitlines()
    if snippet.action == "file":
        (folder / snippet.file).write_text(snippet.code)
    elif snippet.action == "sh":
        for line in lines:
            enter(shell, line, PROMPT)
    elif snippet.action == "background":
        enter(shell, f"{lines[0]} &", "Ctrl-C stops it.")
        enter(shell, "", PROMPT)
    elif snippet.action == "python":
        enter(shell, "python -q", PYTHON_PROMPT)
        for line in filter(None, lines):
            enter(shell, line, PYTHON_PROMPT)
        enter(shell, "exit()", PROMPT)


def enter(shell: pexpect.spawn, line: str, until: str) -> None:
    """Type a line, and wait for a text at the end of what it prints."""
    time.sleep(PAUSE_S / 2)
    shell.sendline(line)
    shell.expect_exact(until)


def write_cast(events: list[Event], path: Path) -> None:
    """Write an asciicast of version 2: a line of JSON for the head, and one for each event."""
    head = {"version": 2, "width": COLUMNS, "height": LINES, "title": "Wildsage: your first model"}
    rows = [json.dumps(head), *(json.dumps([round(event.time_s, 3), "o", event.text]) for event in events)]
    path.write_text("\n".join(rows) + "\n")


def write_gif(events: list[Event], path: Path) -> None:
    """Draw the terminal with a picture for each FRAME_S."""
    shown = list(frames(events))
    images = [image for image, _ in shown]
    durations_ms = [int(seconds * 1000) for _, seconds in shown]
    images[0].save(path, save_all=True, append_images=images[1:], duration=durations_ms, loop=0, optimize=True)


def frames(events: list[Event]) -> Iterator[tuple[Image.Image, float]]:
    """Pictures of the terminal, each with the seconds that it is shown."""
    screen = pyte.Screen(COLUMNS, LINES)
    stream = pyte.Stream(screen)
    drawn_s = 0.0
    for event, following in zip(events, [*events[1:], Event(events[-1].time_s + 3, "")], strict=True):
        stream.feed(event.text)
        if following.time_s - drawn_s >= FRAME_S:
            yield draw(screen), following.time_s - drawn_s
            drawn_s = following.time_s


def draw(screen: pyte.Screen) -> Image.Image:
    """A picture of a terminal, in 32 colors."""
    font = ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts/ttf/DejaVuSansMono.ttf"), TEXT_PX)
    width, height = int(font.getlength("m")), int(TEXT_PX * 1.3)
    image = Image.new("RGB", (COLUMNS * width + 20, LINES * height + 20), DARK)
    pen = ImageDraw.Draw(image)
    for row, cells in screen.buffer.items():
        for column, cell in cells.items():
            pen.text((10 + column * width, 10 + row * height), cell.data, fill=color(cell), font=font)
    return image.quantize(32)


def color(cell: Char) -> str:
    """The color of a character: one of ours for the eight that have names, else its own."""
    return (
        f"#{cell.fg}"
        if len(cell.fg) == 6 and cell.fg not in COLORS and cell.fg != "default"
        else COLORS.get(cell.fg, LIGHT)
    )


def main() -> None:
    """Record, and keep what came of it in docs/images."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        events = record(folder)
        for picture in ("customers", "segments"):
            shutil.copy(folder / f"{picture}.png", IMAGES / f"{NAME}_{picture}.png")
    write_cast(events, IMAGES / f"{NAME}.cast")
    write_gif(events, IMAGES / f"{NAME}.gif")


if __name__ == "__main__":
    main()
