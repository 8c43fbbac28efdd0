"""Everything a build needs is in pyproject.toml. This file rejects a source folder in which it would leave code out."""

from pathlib import Path

from setuptools import setup

for name in ("algorithms", "containers", "local_runner"):
    if not Path("wildsage", name).is_dir():
        raise SystemExit(
            f"wildsage/{name}: got a file, expected a link to {name}/. Unpacking a zip in Python, and git on Windows, turn links "
            "into files. Install a release with `pip install wildsage`, or clone the repository on Linux."
        )

setup()
