"""`--proxy` of the commands, and the environment it gives to programs."""

from __future__ import annotations

import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from wildsage.local_runner.client import environment
from wildsage.local_runner.server import background, lock

ROOT = Path(__file__).parents[3]
PROGRAM = """
import os, urllib.request
import boto3
assert "AWS_ENDPOINT_URL" not in os.environ
sts = boto3.client("sts", region_name="eu-west-1")
print(sts.meta.endpoint_url, sts.get_caller_identity()["Account"])
try:
    urllib.request.urlopen("https://example.org", timeout=240)
except OSError as error:
    print(error)
"""


def test_a_program_is_run_behind_a_proxy_of_its_own(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    command = [
        sys.executable,
        "-m",
        "wildsage.local_runner",
        "run",
        "--proxy",
        "--data",
        str(tmp_path / "aws"),
        str(program),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    answered, rejected = done.stdout.splitlines()
    assert answered == "https://sts.eu-west-1.amazonaws.com 000000000000"
    assert "403" in rejected
    assert "HTTPS proxy on http://127.0.0.1:" in done.stderr


def test_export_of_a_proxy_that_does_not_run(tmp_path: Path) -> None:
    with background.server(tmp_path):
        command = [sys.executable, "-m", "wildsage.local_runner", "up", "--export", "--proxy", "--proxy-port", "1"]
        command += ["--data", str(tmp_path)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 1
    assert "No proxy runs on port 1" in done.stderr


def test_up_says_why_a_proxy_cannot_start_and_leaves_nothing_running(tmp_path: Path) -> None:
    (tmp_path / "authority").mkdir()
    (tmp_path / "authority" / "key.pem").write_text("no key")
    command = [sys.executable, "-m", "wildsage.local_runner", "up", "--port", "0", "--proxy", "--data", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 3
    assert "is damaged" in done.stderr
    assert "Remove the folder" in done.stderr
    assert lock.running(tmp_path) is None


@pytest.mark.parametrize("option", ["--proxy-port", "--port"])
def test_a_taken_port_is_named_with_the_option_that_chooses_another(tmp_path: Path, option: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports = {"--port": "0", "--proxy-port": "1", option: str(taken.getsockname()[1])}
        command = [sys.executable, "-m", "wildsage.local_runner", "up", "--proxy", "--data", str(tmp_path)]
        command += [word for pair in ports.items() for word in pair]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode != 0
    assert f"Choose another with {option}" in done.stderr


def test_every_library_gets_the_variable_that_it_reads() -> None:
    data = Path("/home/me/my data")
    given = {"AWS_ENDPOINT_URL": "http://elsewhere", "JAVA_TOOL_OPTIONS": "-Xmx1g"}
    found = environment.client_environment("http://127.0.0.1:1", data, False, given, "http://127.0.0.1:2")
    assert "AWS_ENDPOINT_URL" not in found
    assert found["HTTPS_PROXY"] == found["https_proxy"] == "http://127.0.0.1:2"
    assert "HTTP_PROXY" not in found
    assert {found[name] for name in environment.BUNDLE_VARIABLES} == {"/home/me/my data/authority/bundle.pem"}
    options = shlex.split(found["JAVA_TOOL_OPTIONS"])
    assert options[0] == "-Xmx1g"
    assert "-Dhttps.proxyPort=2" in options
    assert "-Djavax.net.ssl.trustStore=/home/me/my data/authority/truststore.p12" in options
    assert "127.0.0.1" in found["no_proxy"].split(",")
    again = environment.client_environment("http://127.0.0.1:1", data, False, found, "http://127.0.0.1:2")
    assert again == found
