"""Where hosts meet, and what is left of the launcher's variables."""

import os
import socket
from dataclasses import replace
from datetime import timedelta

import pytest
import torch.distributed as dist

from wildsage.algorithms.base.errors import PlatformError
from wildsage.containers.launchers import meeting
from wildsage.containers.launchers.place import HostPlace

TORCHRUN = {"RANK": "1", "GROUP_RANK": "1", "ROLE_NAME": "default", "TORCHELASTIC_RUN_ID": "7", "PET_NNODES": "2"}
OF_THE_USER = {"GROUP_OF_USERS": "a", "ROLE_ARN": "arn", "PET_SHOP": "b"}
BY_AGENT = {"TORCHELASTIC_USE_AGENT_STORE": "True"}


def test_a_users_variables_stay_when_those_of_the_launcher_go(monkeypatch):
    for name, value in {**TORCHRUN, **OF_THE_USER, "MASTER_ADDR": "agent", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    meeting.leave_launcher(HostPlace("torch", 1, 2, "first", 9000))
    assert not set(TORCHRUN) & set(os.environ)
    assert {name: os.environ.get(name) for name in OF_THE_USER} == OF_THE_USER
    assert (os.environ["MASTER_ADDR"], os.environ["MASTER_PORT"]) == ("first", "9000")


@pytest.fixture
def agent() -> dist.TCPStore:
    """What torchrun's agent listens with."""
    return dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)


def test_hosts_of_torchrun_meet_where_the_first_says(agent):
    """The agent is reached at another address of this machine than the one from which the first host reaches it."""
    first = HostPlace("torch", 0, 2, "127.0.0.5", agent.port)
    found = meeting.free(first, BY_AGENT)
    assert meeting.free(replace(first, rank=1), BY_AGENT) == replace(found, rank=1)
    assert found == replace(first, address="127.0.0.1", port=found.port)
    assert found.port != agent.port and found.port > 1023
    with socket.socket() as free:
        free.bind((found.address, found.port))


def test_hosts_that_were_started_again_meet_anew(agent, monkeypatch):
    monkeypatch.setattr(meeting, "free_port", iter((20_001, 20_002)).__next__)
    first = HostPlace("torch", 0, 2, "127.0.0.1", agent.port)
    attempts = [{**BY_AGENT, **more} for more in ({}, {"TORCHELASTIC_RESTART_COUNT": "1"})]
    ports = [meeting.free(first, one).port for one in attempts]
    assert ports == [20_001, 20_002]
    assert [meeting.free(replace(first, rank=1), one).port for one in attempts] == ports


@pytest.mark.parametrize("variables", [{}, {"TORCHELASTIC_USE_AGENT_STORE": "False"}])
def test_where_no_agent_holds_the_address_hosts_meet_there(variables):
    place = HostPlace("torch", 0, 2, "127.0.0.1", 1)
    assert meeting.free(place, variables) is place


def test_an_agent_that_does_not_answer_is_named(free_port, monkeypatch):
    monkeypatch.setattr(meeting, "WITHIN", timedelta(milliseconds=100))
    with pytest.raises(PlatformError, match=f"^The agent of torchrun does not answer at 127.0.0.1:{free_port}: "):
        meeting.free(HostPlace("torch", 1, 2, "127.0.0.1", free_port), BY_AGENT)


def test_a_first_host_that_says_nothing_is_not_waited_for_without_end(agent, monkeypatch):
    monkeypatch.setattr(meeting, "WITHIN", timedelta(milliseconds=100))
    with pytest.raises(PlatformError, match="does not answer"):
        meeting.free(HostPlace("torch", 1, 2, "127.0.0.1", agent.port), BY_AGENT)
