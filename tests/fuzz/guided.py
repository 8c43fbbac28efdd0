"""Fuzzing that follows coverage: `python tests/fuzz/guided.py BOUND… [FORMAT …]`, each format up to a bound of libFuzzer's, such as
`-max_total_time=60` or `-runs=1000`.

atheris, which is libFuzzer for Python, changes inputs of the corpus and keeps what reaches new branches of this project. Most of
what reads these formats is compiled and not seen by it; damage that is chosen at random is tried there (`test_formats.py`).
An input at which a reader fails, or takes longer than a second, is kept in the folder that is printed.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
from pathlib import Path

import atheris

HANGS_AFTER_S = 60
"""By the clock, which a busy machine stretches; `formats.read` judges slow inputs by their processor time."""
LONGEST_BYTES = 20_000
MOST_MEMORY_MB = 2_048


def load_formats():
    """`formats.py`, with all of this project instrumented that it imports, now or when a format is first read."""
    folder = Path(__file__).parent
    sys.path.insert(0, str(folder.parents[1]))
    with atheris.instrument_imports(include=["wildsage"]):
        spec = importlib.util.spec_from_file_location("formats", folder / "formats.py")
        module = sys.modules["formats"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        with tempfile.TemporaryDirectory() as place:
            for name in module.FORMATS:
                module.read(name, module.seed(name, Path(place)), Path(place))
    return module


def fuzz(formats, name: str, bounds: list[str], kept: Path) -> None:
    """Fuzz one format, and end this process."""
    with tempfile.TemporaryDirectory() as folder:
        place, seeds = Path(folder) / "work", Path(folder) / "seeds"
        place.mkdir()
        seeds.mkdir()
        (seeds / "good").write_bytes(formats.seed(name, place))
        options = [
            *bounds,
            f"-timeout={HANGS_AFTER_S}",
            f"-max_len={LONGEST_BYTES}",
            f"-rss_limit_mb={MOST_MEMORY_MB}",
            f"-artifact_prefix={kept / name.replace(' ', '-')}-",
            "-seed=1",
        ]
        folders = [str(seeds), *(str(one) for one in {file.parent for file in formats.corpus(name)})]
        atheris.Setup([sys.argv[0], *options, *folders], lambda content: formats.read(name, content, place))
        atheris.Fuzz()


def main() -> None:
    """Fuzz the formats one after the other, each in a process of its own: libFuzzer ends the one it runs in."""
    formats = load_formats()
    bounds = [word for word in sys.argv[1:] if word.startswith("-")]
    names = sys.argv[1 + len(bounds) :] or list(formats.FORMATS)
    kept = Path(tempfile.mkdtemp(prefix="wildsage-fuzz-"))
    failed = []
    for name in names:
        child = os.fork()
        if child == 0:
            fuzz(formats, name, bounds, kept)
        if os.waitpid(child, 0)[1]:
            failed.append(name)
    if failed:
        sys.exit(f"Failed: {', '.join(failed)}. The inputs are in {kept}: add them to tests/fuzz/corpus.")
    kept.rmdir()
    print(f"Fuzzed: {', '.join(names)}.")


if __name__ == "__main__":
    main()
