"""Faults at random moments while clients are at work, for as long as one asks: `make chaos MINUTES=10 REPORT=chaos.md`.

Each round starts clients that write objects, in one piece and in parts, train and read logs, lets a fault happen, and looks for
everything that the server had answered for. The report says how often each fault happened, what was answered for, and what was
lost. Faults that this machine does not allow are named with the reason.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from benchmarks.report import hardware
from tests.chaos import workload
from tests.chaos.garbage import Flood
from tests.chaos.workload import BUCKET, INTERRUPTED, Seen
from tests.local_runner.conftest import REPOSITORY, Aws

LONGEST_ROUND_S = 2.0
STALLED = 64
FEW_FILES = 96
TMPFS_MB = 160
SOME_GARBAGE_BYTES = 30_000_000
CLOCK_JUMPS_S = (-86_400.0, -60.0, 60.0, 86_400.0, 400 * 86_400.0)
ARGUMENTS = ("0", "process", "3", "clock")
KILLED = ("SIGKILL", "exit code: 137")
SHORT_OF_FILES = (
    "Too many open files",
    "Artifact upload failed",
    "Data download failed",
    "left no reason",
    *KILLED,
)
OUT_OF_SPACE = ("No space left on device",)
NEIGHBOUR_EVERY_S = 0.05
STALL = f"{STALLED} clients that stall"
FLOOD = f"garbage beside {STALLED} clients that stall"
FULL_DISK = "the disk is full"


class ForkedProcess(psutil.Process):
    """A server that the fork server has started, with what `Aws` needs of a process."""

    def poll(self) -> int | None:
        """None while it runs."""
        return None if self.is_running() and self.status() != psutil.STATUS_ZOMBIE else 0


class ForkServer:
    """Starts servers quickly; see `fork_server.py`. They outlive it."""

    def __init__(self) -> None:
        program = str(Path(__file__).with_name("fork_server.py"))
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
        pipe = subprocess.PIPE
        self._process = subprocess.Popen([sys.executable, program], stdin=pipe, stdout=pipe, text=True, env=environment)

    def start(self, data: Path, files: int | None) -> Aws:
        """A server of a data folder, with a limit of open files if one is given."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps({"arguments": [str(data), *ARGUMENTS], "files": files}) + "\n")
        self._process.stdin.flush()
        found = json.loads(self._process.stdout.readline())
        assert found["endpoint"].startswith("http://127.0.0.1:"), f"no server: {found}"
        return Aws(data, ForkedProcess(found["pid"]), found["endpoint"])  # type: ignore[arg-type]

    def stop(self) -> None:
        """End it."""
        self._process.communicate()


@dataclass
class Campaign:
    """A server on a data folder, what it has answered for, and how often each fault has happened."""

    data: Path
    die: random.Random
    servers: ForkServer
    longest_round_s: float = LONGEST_ROUND_S
    is_small_disk: bool = False
    seen: Seen = field(default_factory=Seen)
    faults: Counter[str] = field(default_factory=Counter)
    losses: list[str] = field(default_factory=list)
    slowest_s: dict[str, float] = field(default_factory=dict)
    garbage_bytes: int = SOME_GARBAGE_BYTES
    aws: Aws = field(init=False)

    def start(self, files: int | None = None) -> None:
        """Start a server, with a limit of open files if one is given."""
        names = self.aws.names if hasattr(self, "aws") else None
        self.aws = self.servers.start(self.data, files)
        self.aws = replace(workload.answering(self.aws), **({"names": names} if names else {}))
        self.aws.s3.create_bucket(Bucket=BUCKET)

    def round(self, name: str, fault: Callable[[Campaign], tuple[str, ...]]) -> None:
        """Let one fault happen while clients are at work, then look for everything that was answered for."""
        chance = random.Random(self.die.random())
        work = [
            workload.write_objects(self.aws, self.seen, chance),
            workload.write_in_parts(self.aws, self.seen, random.Random(self.die.random())),
            workload.train(self.aws, self.seen),
            workload.read_logs(self.aws, self.seen),
        ]
        with workload.busy(*work):
            threading.Event().wait(self.die.uniform(0, self.longest_round_s))
            reasons = fault(self)
        if self.aws.process.poll() is not None:
            self.start()
        self.aws = workload.answering(self.aws)
        self.faults[name] += 1
        try:
            workload.check_objects(self.aws, self.seen)
            workload.abort_uploads(self.aws)
            workload.check_jobs(self.aws, self.seen, (INTERRUPTED, *reasons))
            workload.check_logs(self.aws, self.seen)
        except AssertionError as error:
            self.losses.append(f"{name}: {error}")
        self.seen.jobs.clear()
        self.seen.lines.clear()

    def ask_as_a_neighbour(self, beside: str) -> None:
        """One small request, whose time counts."""
        s3 = self.aws.client("s3")
        began = time.monotonic()
        s3.list_buckets()
        self.slowest_s[beside] = max(self.slowest_s.get(beside, 0.0), time.monotonic() - began)
        self.seen.operations["requests of a neighbour"] += 1

    def stop(self) -> None:
        """End the server."""
        with contextlib.suppress(psutil.Error):
            self.aws.stop()
        with contextlib.suppress(psutil.NoSuchProcess):
            self.aws.process.kill()


# Faults: each returns what the reasons of failed jobs may say because of it


def kill_all(campaign: Campaign) -> tuple[str, ...]:
    workload.kill(campaign.aws, "all")
    return ()


def kill_first(campaign: Campaign) -> tuple[str, ...]:
    workload.kill(campaign.aws, "first process")
    return ()


def kill_worker(campaign: Campaign) -> tuple[str, ...]:
    workload.kill(campaign.aws, "worker")
    return ()


def kill_job(campaign: Campaign) -> tuple[str, ...]:
    """SIGKILL to the processes of jobs that run now."""
    for process in psutil.Process(campaign.aws.process.pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if "stand_in.py" in " ".join(process.cmdline()):
                os.kill(process.pid, signal.SIGKILL)
    return KILLED


def stall(campaign: Campaign) -> tuple[str, ...]:
    """Clients that stop in the middle of a head or of a body, while a neighbour asks."""
    with stalled_clients(campaign):
        for _ in range(5):
            campaign.ask_as_a_neighbour(STALL)
    return ()


def flood(campaign: Campaign) -> tuple[str, ...]:
    """Garbage from some clients while others stall and a neighbour asks."""
    with stalled_clients(campaign), Flood(campaign.aws.endpoint, campaign.garbage_bytes) as garbage:
        while not garbage.over.wait(NEIGHBOUR_EVERY_S):
            campaign.ask_as_a_neighbour(FLOOD)
    campaign.seen.operations["bytes of garbage"] += garbage.sent
    return ()


@contextlib.contextmanager
def stalled_clients(campaign: Campaign) -> Iterator[None]:
    """Half of them stop in the middle of a head, half in the middle of a body."""
    place = urlsplit(campaign.aws.endpoint)
    heads = (
        b"GET / HTTP/1.1\r\nHost: loc",
        b"PUT /bucket/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\nhalf",
    )
    with contextlib.ExitStack() as clients:
        for number in range(STALLED):
            client = clients.enter_context(socket.create_connection((place.hostname, place.port), 20))
            client.sendall(heads[number % 2])
        yield


def jump(campaign: Campaign) -> tuple[str, ...]:
    """Let the time of day jump, forwards or backwards, and go on from there."""
    (campaign.data / "clock").write_text(str(campaign.die.choice(CLOCK_JUMPS_S)))
    threading.Event().wait(0.5)
    return ()


def run_short_of_files(campaign: Campaign) -> tuple[str, ...]:
    """Go on with few open files and more clients than they are for; then as before."""
    workload.kill(campaign.aws, "all")
    campaign.start(FEW_FILES)
    with contextlib.suppress(OSError), stalled_clients(campaign):
        threading.Event().wait(1)
    workload.answering(campaign.aws)
    workload.kill(campaign.aws, "all")
    return SHORT_OF_FILES


def fill_disk(campaign: Campaign) -> tuple[str, ...]:
    """Leave no room on the disk of the data folder for a moment."""
    ballast = campaign.data.parent / "ballast"
    with ballast.open("wb") as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(1 << 20))
    threading.Event().wait(0.5)
    ballast.unlink()
    return OUT_OF_SPACE


FAULTS: dict[str, Callable[[Campaign], tuple[str, ...]]] = {
    "kill -9 of all processes of the server": kill_all,
    "kill -9 of its first process": kill_first,
    "kill -9 of its worker": kill_worker,
    "kill -9 of the processes of jobs": kill_job,
    STALL: stall,
    FLOOD: flood,
    "the time of day jumps": jump,
    f"{FEW_FILES} open files": run_short_of_files,
    FULL_DISK: fill_disk,
}


@contextlib.contextmanager
def small_disk() -> Iterator[tuple[Path, bool]]:
    """A folder on a disk of its own, and True; where a disk cannot be mounted, a folder, and False."""
    folder = Path(tempfile.mkdtemp(prefix="wildsage-chaos-"))
    command = ["mount", "-t", "tmpfs", "-o", f"size={TMPFS_MB}m", "tmpfs", str(folder)]
    mounted = shutil.which("mount") and subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield folder, bool(mounted)
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=False)
        shutil.rmtree(folder, ignore_errors=True)


def run(
    seconds: float,
    seed: int,
    longest_round_s: float = LONGEST_ROUND_S,
    chosen: Sequence[str] = (),
    garbage_bytes: int = SOME_GARBAGE_BYTES,
) -> Campaign:
    """A campaign of so many seconds, at the least one round of every fault, or chosen one, that this machine allows."""
    with small_disk() as (folder, is_small):
        servers = ForkServer()
        campaign = Campaign(folder / "data", random.Random(seed), servers, longest_round_s, is_small)
        campaign.garbage_bytes = garbage_bytes
        campaign.start()
        allowed = [name for name in chosen or FAULTS if is_small or name != FULL_DISK]
        until, turn = time.monotonic() + seconds, 0
        try:
            while turn < len(allowed) or time.monotonic() < until:
                name = allowed[turn % len(allowed)]
                campaign.round(name, FAULTS[name])
                turn += 1
        finally:
            campaign.stop()
            servers.stop()
        return campaign


def report(campaign: Campaign, seconds: float, seed: int) -> str:
    """The figures of a campaign as Markdown."""
    lines = [f"# Chaos, {date.today()}", "", f"{hardware()}; {seconds:.0f} s, seed {seed}.", ""]
    lines += ["| fault | times |", "|---|---|", *(f"| {name} | {count} |" for name, count in campaign.faults.items())]
    if not campaign.is_small_disk:
        lines += [f"| {FULL_DISK} | not tried: this machine allows no disk to be mounted |"]
    lines += ["", "| answered for | times |", "|---|---|"]
    lines += [f"| {name} | {count:,} |" for name, count in sorted(campaign.seen.operations.items())]
    slowest = campaign.slowest_s.items()
    lines += [
        "",
        *(f"Slowest request of a neighbour beside {beside}: {took_s:.2f} s." for beside, took_s in slowest),
        "",
    ]
    lines += [f"Lost: {len(campaign.losses)}.", *(f"- {loss}" for loss in campaign.losses)]
    return "\n".join(lines) + "\n"
