"""Holds the first description of a running job that SDK v2 asks for: its next request would come only after 30 s."""

from __future__ import annotations

import re

from wildsage.local_runner.jobs.runner import Jobs
from wildsage.local_runner.jobs.store import Document
from wildsage.local_runner.operations.context import RequestContext

SDK_V2 = re.compile(r"AWS-SageMaker-Python-SDK[/#]2\.")


def hold_first_description(context: RequestContext, jobs: Jobs, job: Document) -> bool:
    """Wait for the end of the job if this request is the first of SDK v2 to describe it, as long as the settings say.

    `Described` marks a job that was described so. Returns whether the request was held; the job may have changed then.
    """
    kind, limit_s = jobs.kind, context.services.settings.hold_first_describe_s
    if kind.has_ended(job) or "Described" in job or limit_s <= 0 or not SDK_V2.search(context.user_agent):
        return False
    name = job[kind.name_field]
    context.services.store.update(kind.name, name, Described=True)
    with context.services.slots.acquire() as acquired:
        if acquired:
            jobs.wait(name, limit_s)
    return True
