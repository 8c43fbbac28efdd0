"""Why a training job failed, from what its hosts left behind."""

from __future__ import annotations

import signal
from collections.abc import Iterable
from typing import NamedTuple

from wildsage.containers.contract.paths import DEFAULT_ROOT as OPT_ML
from wildsage.local_runner.inputs.workspace import Host
from wildsage.local_runner.jobs.logs import TRAINING_JOBS
from wildsage.local_runner.jobs.states import MAX_REASON_CHARACTERS

CATEGORIES = ("ClientError:", "AlgorithmError:", "InternalServerError:", "PlatformError:")
"""First words of a reason, by rank: the first category of all hosts is that of the job."""
STOPPED_STATUS = 128 + signal.SIGTERM
"""Exit status of a container that was stopped because another one had failed, unless it chose a status of its own."""


class EndedHost(NamedTuple):
    """A host, its exit status, and sentences on its lack of memory and on the full disk that it met, if it did."""

    host: Host
    status: int
    out_of_memory: str | None = None
    full_disk: str = ""


def failure_reason(ended: Iterable[EndedHost]) -> str | None:
    """Why a job failed, given hosts and exit statuses in the order in which they ended; None if all succeeded.

    The failure of one host makes the others fail too, so the order alone does not show the cause. An error of the user
    ranks before a failure of the algorithm, and that before a failure of the platform; a lack of memory, which the user can
    fix, ranks before a written reason, and that before a bare exit status.
    """
    failed = [one for one in ended if one.status]
    if not failed:
        return None
    reasons = [_lack_of_memory(one) for one in failed if one.out_of_memory]
    reasons += [text for one in failed if (text := _written_reason(one.host))]
    silent = [one for one in failed if not one.out_of_memory and not _written_reason(one.host)]
    died = [one for one in silent if one.status != STOPPED_STATUS]
    reasons += [_bare_status(one) for one in died or (silent if not reasons else [])]
    return min(reasons, key=lambda text: CATEGORIES.index(text.partition(":")[0] + ":"))


def _lack_of_memory(ended: EndedHost) -> str:
    """SageMaker's sentence, and what happened here."""
    return (
        "ClientError: Please use an instance type with more memory, or reduce the size of training data processed on an "
        f"instance. {ended.host.name} ended with exit code {ended.status}. {ended.out_of_memory}"
    )


def _bare_status(ended: EndedHost) -> str:
    if ended.full_disk:
        return f"InternalServerError: {ended.host.name} ended with exit code {ended.status}. {ended.full_disk}"
    return (
        f"AlgorithmError: {ended.host.name} ended with exit code {ended.status} and left no reason in {OPT_ML}/output/failure. "
        f"The job's log may say more: group {TRAINING_JOBS}."
    )


def _written_reason(host: Host) -> str | None:
    """The text of a host's failure file after its category, with paths as they are inside a container."""
    failure = host.folder.failure
    text = failure.read_text(errors="replace").strip() if failure.is_file() else ""
    text = text.replace(str(host.folder.root), OPT_ML)[:MAX_REASON_CHARACTERS]
    return f"AlgorithmError: {text}" if text and not text.startswith(CATEGORIES) else text or None
