"""What a program is given of its job."""

import subprocess
import sys
from pathlib import Path

from wildsage.algorithms.base.program import Job


def job(host: str, hosts: tuple[str, ...]) -> Job:
    def nothing(*_: object) -> None:
        return None

    return Job("", {}, {}, host, hosts, nothing, Path(), Path(), None, nothing, nothing, None, nothing)


def test_the_first_host_leads_and_no_other_does():
    hosts = ("algo-1", "algo-2", "algo-3")
    assert [job(host, hosts).leads for host in hosts] == [True, False, False]
    assert job("algo-7", ("algo-7",)).leads


def test_the_local_runner_imports_it_without_numpy():
    code = "import sys, wildsage.algorithms.base.program; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
