"""How a container tells SageMaker that it failed: a text of at most 1024 characters and an exit status."""

from __future__ import annotations

import contextlib

from wildsage.algorithms.base.errors import AlgorithmError, PlatformError, UserError, WildsageError
from wildsage.containers.contract.paths import OptML

MAX_CHARACTERS = 1024
EXIT_STATUS = {UserError: 1, AlgorithmError: 2, PlatformError: 3}
UNEXPECTED = 2


def exit_status(error: BaseException) -> int:
    """Return 1 for the user's data or settings, 2 for the algorithm or a bug, 3 for the platform."""
    return next((status for kind, status in EXIT_STATUS.items() if isinstance(error, kind)), UNEXPECTED)


def reason(error: BaseException) -> str:
    """Return `ClientError: …` for what the user can fix. The text for a bug names its class; the trace is in the log."""
    if isinstance(error, WildsageError):
        text = f"{error.category}: {error}"
    else:
        text = f"AlgorithmError: {type(error).__name__}: {error} (the job's log has the trace)"
    return text[:MAX_CHARACTERS]


def write(folder: OptML, error: BaseException) -> None:
    """Write the reason to the file where SageMaker looks for it, if that can be written. The log has it in any case."""
    write_text(folder, reason(error))


def write_text(folder: OptML, text: str) -> None:
    """Write the reason as it is, if the file can be written."""
    with contextlib.suppress(OSError):  # without a mount, a container may be read-only
        folder.failure.parent.mkdir(parents=True, exist_ok=True)
        folder.failure.write_text(text)
