"""SDK v2's first look at a running job is held: its next comes only after 30 s. Everybody else is answered at once."""

from __future__ import annotations

import re

from wildsage.local_runner.jobs.store import Document
from wildsage.local_runner.operations.context import RequestContext

SDK_V2 = re.compile(r"AWS-SageMaker-Python-SDK[/#]2\.")


def is_held(context: RequestContext, job: Document) -> bool:
    """Whether this request asks for such a look at a job that runs; `Described` marks one that had it."""
    return (
        context.services.settings.hold_first_describe_s > 0
        and SDK_V2.search(context.user_agent) is not None
        and "Described" not in job
    )
