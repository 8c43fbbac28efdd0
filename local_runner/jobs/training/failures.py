"""Why a training job failed, from what its hosts left behind."""

from __future__ import annotations

import signal
from collections.abc import Iterable

from wildsage.containers.contract.paths import DEFAULT_ROOT as OPT_ML
from wildsage.local_runner.inputs.workspace import Host
from wildsage.local_runner.jobs.logs import TRAINING_JOBS
from wildsage.local_runner.jobs.states import MAX_REASON_CHARACTERS

CATEGORIES = ("ClientError:", "AlgorithmError:", "InternalServerError:", "PlatformError:")
"""First words of a reason, by rank: the first category of all hosts is that of the job."""
STOPPED_STATUS = 128 + signal.SIGTERM
"""Exit status of a container that was stopped because another one had failed, unless it chose a status of its own."""


def failure_reason(ended: Iterable[tuple[Host, int]]) -> str | None:
    """Why a job failed, given hosts and exit statuses in the order in which they ended; None if all succeeded.

    The failure of one host makes the others fail too, so the order alone does not show the cause. An error of the user
    ranks before a failure of the algorithm, and that before a failure of the platform; a written reason ranks before a
    bare exit status.
    """
    failed = [(host, status) for host, status in ended if status]
    if not failed:
        return None
    reasons = [text for host, _ in failed if (text := _written_reason(host))]
    silent = [(host, status) for host, status in failed if not _written_reason(host)]
    died = [(host, status) for host, status in silent if status != STOPPED_STATUS]
    reasons += [_bare_status(host, status) for host, status in died or (silent if not reasons else [])]
    return min(reasons, key=lambda text: CATEGORIES.index(text.partition(":")[0] + ":"))


def _bare_status(host: Host, status: int) -> str:
    return (
        f"AlgorithmError: {host.name} ended with exit code {status} and left no reason in {OPT_ML}/output/failure. "
        f"The job's log may say more: group {TRAINING_JOBS}."
    )


def _written_reason(host: Host) -> str | None:
    """The text of a host's failure file after its category, with paths as they are inside a container."""
    failure = host.folder.failure
    text = failure.read_text(errors="replace").strip() if failure.is_file() else ""
    text = text.replace(str(host.folder.root), OPT_ML)[:MAX_REASON_CHARACTERS]
    return f"AlgorithmError: {text}" if text and not text.startswith(CATEGORIES) else text or None
