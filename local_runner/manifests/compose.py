"""A file for `docker compose`: a service for each host, on a network of their own.

Source: https://docs.docker.com/reference/compose-file/services/.
"""

from __future__ import annotations

import math
from typing import Any

import yaml

from wildsage.local_runner.manifests.description import Workload

UNITS = {"Ki": "k", "Mi": "m", "Gi": "g", "Ti": "t"}


def job(workload: Workload) -> str:
    """Services `host-0` … A claim is a folder of this machine. Start it so that one that ends with an error ends the others."""
    services = {f"host-{rank}": _service(workload, rank) for rank in range(workload.count)}
    start = "# docker compose --file THIS_FILE up. A host that is gone ends the others within 30 s, and they name it.\n"
    return start + yaml.safe_dump({"services": services}, sort_keys=False, width=math.inf)


def _service(workload: Workload, rank: int) -> dict[str, Any]:
    place = {"RANK": str(rank), "WORLD_SIZE": str(workload.count), "MASTER_ADDR": "host-0"}
    found: dict[str, Any] = {
        "image": workload.image,
        "command": [_literal(argument) for argument in workload.arguments],
        "environment": {**place, **{name: _literal(value) for name, value in workload.environment.items()}},
        "cpus": float(workload.cpus),
        "mem_limit": _memory(workload.memory),
        "restart": "no",
    }
    if workload.claim:
        found["volumes"] = [f"{workload.claim.name}:{workload.claim.path}"]
    if workload.secret:
        found["env_file"] = [workload.secret]
    return found


def _literal(value: str) -> str:
    """As compose reads it: a dollar sign would begin a variable."""
    return value.replace("$", "$$")


def _memory(wanted: str) -> str:
    return next((wanted.removesuffix(unit) + short for unit, short in UNITS.items() if wanted.endswith(unit)), wanted)
