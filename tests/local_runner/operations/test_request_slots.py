"""Slots of waiting requests: as many as there are, and each is free again after its request, also after an error."""

from __future__ import annotations

import threading
from contextlib import ExitStack

import pytest

from wildsage.local_runner.operations.request_slots import RequestSlots


def test_a_request_that_finds_no_slot_does_not_wait_for_one():
    slots = RequestSlots(1)
    with ExitStack() as held:
        assert held.enter_context(slots.acquire())
        late = threading.Timer(240, held.close)
        late.start()
        with slots.acquire() as acquired:
            late.cancel()
            assert not acquired


def test_a_slot_is_free_until_all_are_held():
    slots = RequestSlots(2)
    with slots.acquire() as first, slots.acquire() as second, slots.acquire() as third:
        assert (first, second, third) == (True, True, False)


def test_slots_are_free_again_and_no_more_than_before():
    slots = RequestSlots(1)
    for _ in range(3):
        with pytest.raises(ValueError), slots.acquire() as acquired:
            assert acquired
            for _ in range(2):
                with slots.acquire() as one_more:
                    assert not one_more
            raise ValueError


def test_a_server_has_48():
    slots = RequestSlots()
    with ExitStack() as stack:
        assert [stack.enter_context(slots.acquire()) for _ in range(49)] == [True] * 48 + [False]
