"""What a local AWS is started with, and where it keeps its things."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from local_runner import interpreter

ACCOUNT = "000000000000"


@dataclass(frozen=True)
class Settings:
    """Options of one server.

    `data`: folder that holds all state; one server at a time uses it. `port` 0 takes a free one.
    `public_s3`: read objects of buckets that do not exist here from Amazon's public S3.
    `backend`: what runs a container, `process`. `command`: what obeys the container contract when `train` or `serve`
    is appended to it. `role`: name of the IAM role that callers are told they have.
    `hold_first_describe_s`: SDK v2 sleeps 5 s after starting a job, describes it, and looks again only after 30 s; its
    first DescribeTrainingJob is answered when the job ends or this many seconds have passed. 0 switches it off.
    """

    data: Path
    host: str = "127.0.0.1"
    port: int = 0
    public_s3: bool = False
    backend: str = "process"
    command: tuple[str, ...] = interpreter.command("containers")
    role: str = "SagebrushRole"
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
    def endpoints(self) -> Path:
        """Folder in which endpoints have their unpacked models."""
        return self.data / "endpoints"
