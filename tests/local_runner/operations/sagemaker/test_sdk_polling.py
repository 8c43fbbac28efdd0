"""The first description of a running job that SDK v2 asks for is held; no other is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from wildsage.local_runner.jobs.transform.job import KIND
from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.operations.request_slots import RequestSlots
from wildsage.local_runner.operations.sagemaker.sdk_polling import hold_first_description

SDK_V2 = "AWS-SageMaker-Python-SDK/2.245.0 Python/3.11"


class Runner:
    """Notes what is waited for."""

    kind = KIND

    def __init__(self) -> None:
        self.waited: list[tuple[str, float]] = []

    def wait(self, name: str, timeout_s: float) -> None:
        self.waited.append((name, timeout_s))


def asked(context: RequestContext, user_agent: str = SDK_V2, hold_s: float = 20.0, slots: int = 1) -> RequestContext:
    """The context with this client, setting, and number of slots."""
    settings = replace(context.services.settings, hold_first_describe_s=hold_s)
    return RequestContext(
        replace(context.services, settings=settings, slots=RequestSlots(slots)), user_agent=user_agent
    )


def stored(context: RequestContext, status: str = "InProgress") -> dict:
    job = {"TransformJobName": "j", "TransformJobStatus": status, "CreationTime": 1.0}
    context.services.store.insert(KIND.name, "j", job)
    return job


@pytest.mark.parametrize("user_agent", [SDK_V2, "md/AWS-SageMaker-Python-SDK#2.1"])
def test_the_first_description_is_held_and_the_second_is_not(context, user_agent):
    runner, job = Runner(), stored(context)
    assert hold_first_description(asked(context, user_agent), runner, job)
    assert runner.waited == [("j", 20.0)]
    again = context.services.store.get(KIND.name, "j")
    assert not hold_first_description(asked(context, user_agent), runner, again)
    assert len(runner.waited) == 1


@pytest.mark.parametrize(
    ("status", "client"),
    [
        ("Completed", {}),
        ("InProgress", {"user_agent": "Boto3/1.40 AWS-SageMaker-Python-SDK/3.0"}),
        ("InProgress", {"user_agent": ""}),
        ("InProgress", {"hold_s": 0.0}),
    ],
)
def test_other_descriptions_are_not_held(context, status, client):
    runner, job = Runner(), stored(context, status)
    assert not hold_first_description(asked(context, **client), runner, job)
    assert runner.waited == []
    assert "Described" not in context.services.store.get(KIND.name, "j")


def test_a_short_time_to_hold_is_kept(context):
    runner = Runner()
    assert hold_first_description(asked(context, hold_s=0.5), runner, stored(context))
    assert runner.waited == [("j", 0.5)]


def test_without_a_free_slot_a_description_does_not_wait(context):
    runner = Runner()
    assert hold_first_description(asked(context, slots=0), runner, stored(context))
    assert runner.waited == []


def test_its_slot_is_free_again(context):
    runner, client = Runner(), asked(context)
    hold_first_description(client, runner, stored(context))
    with client.services.slots.acquire() as acquired:
        assert acquired
