"""The last step of building an image, `python -m wildsage.containers.prepare`: what each of its containers would otherwise do.

Machine code is made for the processor on which the image is built. On another one a container compiles again.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from wildsage import algorithms


def prepare(environment: Mapping[str, str]) -> None:
    """Prepare the algorithm of an image; all that are installed in the image of the local AWS."""
    wanted = environment.get("WILDSAGE_ALGORITHM", "").replace("-", "_")
    for name in algorithms.names():
        if wanted in (name, "runner") and algorithms.spec(name).program:
            algorithms.program(name).prepare()


if __name__ == "__main__":
    prepare(os.environ)
