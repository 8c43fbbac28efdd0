"""What is to run, whoever starts it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

CONTAINER = "python -P -m wildsage.containers"
"""What an image runs, for launchers without images."""

PORT = 9000


@dataclass(frozen=True)
class VolumeClaim:
    """A volume that exists already, by the name of its claim, and where the containers see it."""

    name: str
    path: str


@dataclass(frozen=True)
class Workload:
    """Containers of an image. `arguments` are those of `python -m wildsage.containers`.

    `cpus` and `memory` are what each container asks for, in Kubernetes' words; `secret` names what holds its variables, such as
    AWS's keys.
    """

    name: str
    image: str
    algorithm: str
    count: int
    arguments: tuple[str, ...]
    cpus: str = "2"
    memory: str = "4Gi"
    secret: str | None = None
    claim: VolumeClaim | None = None
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def whole_cpus(self) -> int:
        """`cpus` for launchers without fractions, rounded up."""
        return math.ceil(float(self.cpus))
