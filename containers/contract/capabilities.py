"""What Linux lets a root do: `docker run --cap-drop` takes single capabilities away.

Source: capabilities(7), proc(5).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from wildsage.algorithms.base.errors import PlatformError

BITS = {"CHOWN": 0, "DAC_OVERRIDE": 1, "KILL": 5, "SETGID": 6, "SETUID": 7}
OWN_STATUS = Path("/proc/self/status")
EFFECTIVE = "CapEff:"


def missing(names: Iterable[str], status: Path = OWN_STATUS) -> list[str]:
    """Those of `names` that this process lacks. Where the kernel has no capabilities, root lacks none and others have none."""
    try:
        lines = status.read_text().splitlines()
    except OSError:
        return [] if os.geteuid() == 0 else sorted(names)
    effective = next((int(line.removeprefix(EFFECTIVE), 16) for line in lines if line.startswith(EFFECTIVE)), 0)
    return sorted(name for name in names if not effective >> BITS[name] & 1)


@contextmanager
def explain_permission_errors(status: Path = OWN_STATUS) -> Iterator[None]:
    """Raise PlatformError for a file that root may not open or write because it lacks a capability."""
    try:
        yield
    except PermissionError as error:
        if os.geteuid() != 0 or not missing(["DAC_OVERRIDE"], status):
            raise
        raise PlatformError(
            f"{error.filename}: {error.strerror}. This container's root lacks the capability DAC_OVERRIDE, which opens other "
            "users' files: add it (docker run --cap-add DAC_OVERRIDE), or let root own the mounted folder."
        ) from None
