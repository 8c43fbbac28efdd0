"""Where hosts meet, and what is left of the launcher's variables."""

import os

from wildsage.containers.launchers import meeting
from wildsage.containers.launchers.place import HostPlace

TORCHRUN = {"RANK": "1", "GROUP_RANK": "1", "ROLE_NAME": "default", "TORCHELASTIC_RUN_ID": "7", "PET_NNODES": "2"}
OF_THE_USER = {"GROUP_OF_USERS": "a", "ROLE_ARN": "arn", "PET_SHOP": "b"}


def test_a_users_variables_stay_when_those_of_the_launcher_go(monkeypatch):
    for name, value in {**TORCHRUN, **OF_THE_USER, "MASTER_ADDR": "agent", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    meeting.leave_launcher(HostPlace("torch", 1, 2, "first", 9000))
    assert not set(TORCHRUN) & set(os.environ)
    assert {name: os.environ.get(name) for name in OF_THE_USER} == OF_THE_USER
    assert (os.environ["MASTER_ADDR"], os.environ["MASTER_PORT"]) == ("first", "9000")
