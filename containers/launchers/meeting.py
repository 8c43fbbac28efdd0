"""Where hosts meet when the agent of torchrun holds the address that it names."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from wildsage.algorithms.base.errors import PlatformError
from wildsage.algorithms.base.ports import free_port
from wildsage.containers.launchers.place import HostPlace

AGENT_HOLDS_ADDRESS = "TORCHELASTIC_USE_AGENT_STORE"
OF_TORCHRUN = (
    *("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"),
    *("GROUP_RANK", "GROUP_WORLD_SIZE", "ROLE_RANK", "ROLE_WORLD_SIZE", "ROLE_NAME"),
    *("TORCHELASTIC_RESTART_COUNT", "TORCHELASTIC_MAX_RESTARTS", "TORCHELASTIC_RUN_ID", AGENT_HOLDS_ADDRESS),
    *("TORCHELASTIC_ERROR_FILE", "TORCHELASTIC_SIGNALS_TO_HANDLE"),
    *("PET_NNODES", "PET_NPROC_PER_NODE", "PET_NODE_RANK", "PET_MASTER_ADDR", "PET_MASTER_PORT"),
)
"""What torchrun tells a process of its place, and what Kubeflow tells torchrun: a user's variables may begin alike.

Sources: https://docs.pytorch.org/docs/stable/elastic/run.html, https://www.kubeflow.org/docs/components/trainer/.
"""

WITHIN = timedelta(seconds=300)  # mutants: equivalent: any time that is long for an agent to answer


def free(place: HostPlace, environment: Mapping[str, str]) -> HostPlace:
    """The place with an address at which nothing listens yet, so that the first host can.

    torchrun's agent listens at MASTER_PORT. Through it, the first host tells the others an address of its own.
    Raises PlatformError where the agent does not answer.
    """
    if environment.get(AGENT_HOLDS_ADDRESS) != str(True):
        return place
    import torch.distributed as dist

    attempt = environment.get("TORCHELASTIC_RESTART_COUNT", "0")
    key = f"wildsage/meeting/{attempt}"
    try:
        agent = dist.TCPStore(place.address, place.port, place.size, is_master=False, timeout=WITHIN)
        if place.rank == 0:
            agent.set(key, f"{_own_address(place)} {free_port()}")
        address, port = agent.get(key).decode().split()
    except RuntimeError as error:
        raise PlatformError(f"The agent of torchrun does not answer at {place.address}:{place.port}: {error}") from None
    return replace(place, address=address, port=int(port))


def _own_address(place: HostPlace) -> str:
    """The address of this machine, as hosts reach it that reach the agent."""
    with socket.create_connection((place.address, place.port)) as connection:
        return connection.getsockname()[0]


def leave_launcher(place: HostPlace) -> None:
    """Let libraries in this process meet at the place, instead of joining by the launcher's variables themselves."""
    for name in OF_TORCHRUN:
        os.environ.pop(name, None)
    os.environ.update(MASTER_ADDR=place.address, MASTER_PORT=str(place.port))
