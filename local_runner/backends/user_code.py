"""How a process runs code of the user's in place of a container: it sees a job's tree at /opt/ml, the hosts of the job under
their names, the Python that runs here, and the local AWS as its account.

It serves everything that is "bash, Python and my files": scripts of framework images, entrypoints that a request gives, and
commands that stand in for an image. The code runs as the user who started the server, and can do what that user can.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wildsage.containers.contract import image_tag, layered_environment, spark
from wildsage.containers.contract.paths import DEFAULT_ROOT, ROOT_VARIABLE
from wildsage.local_runner.backends import CannotRun, Launch
from wildsage.local_runner.images import uris
from wildsage.local_runner.processes import mounts, python

HOSTS_FILE = "/etc/hosts"
LOOPBACK = "127.0.0.1"
SPARK_MODULE = "wildsage.containers.frameworks.spark"


def inherited_environment() -> dict[str, str]:
    """The variables of this process."""
    return dict(os.environ)


@dataclass(frozen=True)
class UserCode:
    """`base` gives the variables that code of the user's starts with: those of a client of this AWS."""

    base: Callable[[], Mapping[str, str]] = field(default=inherited_environment)

    def check_entrypoint(self) -> None:
        """Raises CannotRun where a job cannot have its own /opt/ml, which the SDK's entrypoints are full of."""
        if problem := mounts.problem(DEFAULT_ROOT):
            raise CannotRun(
                f"ContainerEntrypoint and ContainerArguments need a folder of the job at {DEFAULT_ROOT}, which this machine does "
                f"not allow: {problem}. Use Linux with user namespaces, or `wildsage up --backend docker`."
            )

    def check_spark(self) -> None:
        """Raises CannotRun where Spark or Java is not installed."""
        if spark.submit_program(_with_programs(self.base())) is None:
            raise CannotRun(f"For an image of Spark, {spark.MISSING}.")

    def command(self, command: Sequence[str], launch: Launch, hosts: Sequence[str]) -> list[str]:
        """The command line that runs `command` where it sees the job; where it cannot, the job's log says so."""
        if problem := mounts.problem(DEFAULT_ROOT):
            launch.log(
                f"Wildsage: {DEFAULT_ROOT} is not the folder of this job, because {problem}. Read the folders from the SM_ "
                "variables; a script that spells out /opt/ml needs Linux with user namespaces, or the Docker backend.\n"
            )
            return list(command)
        return mounts.with_mounts(self._mounts(launch, hosts), command)

    def environment_with_python(
        self, launch: Launch, variables: Mapping[str, str], interpreter: Path | None = None
    ) -> dict[str, str]:
        """As `environment`, for a command that may call pip: `python` and `pip` are those of an environment of the job's own.

        It lies on top of `interpreter`, or of the Python that runs here. Raises PlatformError.
        """
        place = launch.root.with_name(f"python-{launch.root.name}")
        if interpreter:
            layered_environment.create_with(python.command_of(interpreter, layered_environment.__name__), place)
        else:
            layered_environment.create(place)
        layered_environment.add_program(place, spark.COMMAND, SPARK_MODULE, "main")
        found = self.environment(launch, variables)
        return {**found, "PATH": os.pathsep.join((str(place / "bin"), found["PATH"]))}

    def environment(self, launch: Launch, variables: Mapping[str, str]) -> dict[str, str]:
        """The variables of the user, the caller and the contract, of which later ones override earlier ones."""
        region = launch.contract.get("AWS_REGION")
        found = {
            **self.base(),
            **({"AWS_DEFAULT_REGION": region} if region else {}),  # boto3 reads no other
            **launch.environment,
            **launch.contract,
            ROOT_VARIABLE: str(launch.root) if mounts.problem(DEFAULT_ROOT) else DEFAULT_ROOT,
            image_tag.VARIABLE: uris.tag_of(launch.image),
            "PYTHONUNBUFFERED": "1",
            **variables,
        }
        return _with_programs(found)

    def _mounts(self, launch: Launch, hosts: Sequence[str]) -> Iterator[tuple[Path, str]]:
        yield launch.root, DEFAULT_ROOT
        if os.path.exists(HOSTS_FILE):
            yield _hosts_file(launch.root, hosts), HOSTS_FILE


def _with_programs(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables, with the programs of this Python first."""
    path = os.pathsep.join((str(Path(sys.executable).parent), environment.get("PATH", os.defpath)))
    return {**environment, "PATH": path}


def _hosts_file(root: Path, hosts: Sequence[str]) -> Path:
    """A file beside the tree that adds the hosts of the job to this machine's, all at its loopback address."""
    file = root.with_name(f"hosts-{root.name}")
    file.write_text(f"{Path(HOSTS_FILE).read_text().rstrip()}\n{LOOPBACK} {' '.join(hosts)}\n")
    return file
