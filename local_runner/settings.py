"""Options of the local AWS, and the layout of its data folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wildsage.local_runner.processes import python
from wildsage.local_runner.signatures.keys import Keys

ACCOUNT = "000000000000"
"""The account of everybody."""
CONTAINERS = python.command("wildsage.containers")


@dataclass(frozen=True)
class ServerSettings:
    """Options of one server.

    `data`: folder of all state. One server at a time uses it. `port`: 0 takes any free port.
    `open_to_network`: `host` may be an address that other machines can reach.
    `keys`: requests have to be signed with them; None: nobody's signature is checked.
    `public_s3`: read buckets that do not exist here from the public S3.
    `backend`: `process` or `docker`, which runs containers. `memory`, `shm_size`: limits of a Docker container, as
    `docker run` takes them, such as 4g. `command`: followed by `train` or `serve` it runs a container; the process
    backend uses it. `role`: name of the IAM role that STS and IAM return to callers.
    `warm_up`: import what the first container needs at the start, instead of when it starts.
    `max_jobs`: number of training, transform and processing jobs that run at a time; others wait. Default: by cores and
    memory.
    `images`: commands that stand in for images, by an image's URI or name; the process backend runs them.
    `pythons`: the Python that runs the scripts of a framework, by its name; the process backend uses it.
    `keep`: move the /opt/ml folders of ended jobs to the folder `kept` of their region.
    `pretrained_weights`: a file or folder of weights from which training jobs may start.
    `strict`: also reject what AWS rejects but old notebooks rely on; docs/compatibility.md lists it.
    `hold_first_describe_s`: SDK v2 sleeps 5 s after it starts a job, describes it, and describes it again only after
    30 s. The server therefore delays its response to the first description of a training or transform job until the job
    ends or this many seconds have passed. 0 switches that off.
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
    images: Mapping[str, Sequence[str]] = field(default_factory=dict)
    pythons: Mapping[str, Path] = field(default_factory=dict)
    role: str = "WildsageRole"
    keep: bool = False
    strict: bool = False
    pretrained_weights: Path | None = None
    max_jobs: int | None = None
    hold_first_describe_s: float = 20.0
    keys: Keys | None = None

    @property
    def objects(self) -> Path:
        """Folder of the S3 objects: the names of buckets are shared by all regions."""
        return self.data / "s3"

    @property
    def log(self) -> Path:
        """Log of the server itself."""
        return self.data / "server.log"

    @property
    def terminal_log(self) -> Path:
        """What a server in the background would show on its terminal."""
        return self.data / "up.log"

    @property
    def places(self) -> list[Path]:
        """Everything that a server writes to its data folder, but for the lock. Other files there are the user's."""
        logs = [
            path for path in self.data.glob("*.log*") if path.name.startswith(("server.log", "access.log", "up.log"))
        ]
        notes = [self.missed_buckets, self.foreign_images, self.not_implemented]
        return [self.objects, self.regions, *notes, self.data / "authority", *logs]

    @property
    def missed_buckets(self) -> Path:
        """File of the buckets that callers tried to read although they do not exist."""
        return self.data / "missed-buckets.txt"

    @property
    def not_implemented(self) -> Path:
        """File of the operations that callers asked for although they are not implemented, each with its service."""
        return self.data / "not-implemented.txt"

    @property
    def foreign_images(self) -> Path:
        """File of the images of other regions that callers used, each with the caller's region."""
        return self.data / "foreign-images.txt"

    @property
    def regions(self) -> Path:
        """Folder of everything that is not S3, one folder for each region."""
        return self.data / "regions"

    def region(self, name: str) -> RegionFolder:
        """The folder of one region, whether it exists or not."""
        return RegionFolder(self.regions / name)

    def existing_regions(self) -> list[RegionFolder]:
        """The folders of the regions that have been used, sorted by name."""
        return [RegionFolder(path.parent) for path in sorted(self.regions.glob("*/state.sqlite3"))]


@dataclass(frozen=True)
class RegionFolder:
    """What belongs to one region. Two regions share nothing here, so that a name may exist in each of them."""

    path: Path

    @property
    def name(self) -> str:
        """Name of the region."""
        return self.path.name

    @property
    def state(self) -> Path:
        """SQLite file of jobs, models, endpoint configurations, endpoints and tags."""
        return self.path / "state.sqlite3"

    @property
    def logs(self) -> Path:
        """Folder of the log streams."""
        return self.path / "logs"

    @property
    def jobs(self) -> Path:
        """Folder in which running jobs have their /opt/ml trees. On the same disk as the objects: they are linked."""
        return self.path / "jobs"

    @property
    def kept(self) -> Path:
        """Folder of the /opt/ml trees of ended jobs, where they are kept."""
        return self.path / "kept"

    @property
    def processing(self) -> Path:
        """Folder in which running processing jobs have their /opt/ml trees."""
        return self.path / "processing"

    @property
    def transforms(self) -> Path:
        """Folder in which running batch transform jobs have their unpacked models."""
        return self.path / "transforms"

    @property
    def endpoints(self) -> Path:
        """Folder in which endpoints have their unpacked models."""
        return self.path / "endpoints"
