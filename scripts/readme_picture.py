#!/usr/bin/env python3
"""Redraws the picture of README.md: `scripts/readme_picture.py [--csv TABLE]` runs the census example and keeps one plot.

Needs `wildsage[demo]`. `--csv` names a census table for a machine that cannot reach the public one.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "images" / "census_components.png"
WIDTH_PX = 780
COLORS = 32


def run_example(output: Path, csv: Path | None) -> None:
    """Run the example on a local AWS of its own; its plots go to `output`."""
    wildsage = [sys.executable, "-m", "wildsage.local_runner", "run", "--public-s3", "--data", str(output / "aws")]
    example = [str(ROOT / "examples" / "census_segmentation.py"), "--output", str(output)]
    table = ["--csv", str(csv.resolve())] if csv else []
    subprocess.run([*wildsage, *example, *table], check=True)


def shrink(plot: Path, picture: Path) -> None:
    """The plot, narrower and in few colors: a tenth of the bytes."""
    with Image.open(plot) as image:
        small = image.convert("RGB").resize(
            (WIDTH_PX, WIDTH_PX * image.height // image.width), Image.Resampling.LANCZOS
        )
    picture.parent.mkdir(parents=True, exist_ok=True)
    small.quantize(COLORS).save(picture, optimize=True)


def main() -> None:
    """Draw the picture of the README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--csv", type=Path, help="census table to use instead of the public one")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run_example(Path(folder), arguments.csv)
        shrink(Path(folder) / "scree.png", PICTURE)
    print(PICTURE)


if __name__ == "__main__":
    main()
