"""What a local AWS is started with, and where it keeps its things."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from wildsage.local_runner.processes import python

ACCOUNT = "000000000000"
CONTAINERS = python.command("wildsage.containers")


@dataclass(frozen=True)
class ServerSettings:
    """Options of one server.

    `data`: folder that holds all state; one server at a time uses it. `port` 0 takes a free one.
    `open_to_network`: `host` may be an address that other machines reach. Nobody is asked who they are.
    `public_s3`: read objects of buckets that do not exist here from Amazon's public S3.
    `backend`: what runs a container, `process` or `docker`. `memory` and `shm_size` limit a container of Docker's, in its
    own words, such as 4g. `command`: what obeys the container contract when `train` or `serve` is appended to it; the
    process backend runs it. `role`: name of the IAM role that callers are told they have.
    `warm_up`: import at once what the first container needs, not when it comes.
    `max_jobs`: training and transform jobs that run at a time, the others wait; by default as many as cores and memory allow.
    `keep`: leave the /opt/ml trees of ended jobs in the folder `kept`.
    `hold_first_describe_s`: SDK v2 sleeps 5 s after starting a job, describes it, and looks again only after 30 s; its
    first DescribeTrainingJob is answered when the job ends or this many seconds have passed. 0 switches it off.
    """

    data: Path
    host: str = "127.0.0.1"
    port: int = 0
    open_to_network: bool = False
    public_s3: bool = False
    backend: str = "process"
    memory: str | None = None
    shm_size: str = "1g"
    command: tuple[str, ...] = CONTAINERS
    warm_up: bool = False
    role: str = "WildsageRole"
    keep: bool = False
    max_jobs: int | None = None
    hold_first_describe_s: float = 20.0

    @property
    def objects(self) -> Path:
        """Folder of the S3 objects."""
        return self.data / "s3"

    @property
    def state(self) -> Path:
        """SQLite file of jobs, models, endpoint configurations, endpoints and tags."""
        return self.data / "state.sqlite3"

    @property
    def logs(self) -> Path:
        """Folder of the log streams."""
        return self.data / "logs"

    @property
    def jobs(self) -> Path:
        """Folder in which running jobs have their /opt/ml trees. On the same disk as the objects: they are linked."""
        return self.data / "jobs"

    @property
    def kept(self) -> Path:
        """Folder of the /opt/ml trees of ended jobs, where they are kept."""
        return self.data / "kept"

    @property
    def transforms(self) -> Path:
        """Folder in which running batch transform jobs have their unpacked models."""
        return self.data / "transforms"

    @property
    def endpoints(self) -> Path:
        """Folder in which endpoints have their unpacked models."""
        return self.data / "endpoints"
