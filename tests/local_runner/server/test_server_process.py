"""The server as a process: its lock, its end, what comes back, who is let in."""

import fcntl
import http.client
import json
import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
import urllib3

from tests.local_runner.living import lives
from wildsage.local_runner.server import lock, private_files
from wildsage.local_runner.server.gunicorn_server import CannotServe, ServerSettings, serve

SIGNED = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sts/aws4_request, SignedHeaders=host, Signature=0"


def ask(endpoint: str, **headers: str) -> tuple[int, bytes]:
    """GetCallerIdentity with chosen headers."""
    connection = http.client.HTTPConnection(urlsplit(endpoint).netloc, timeout=240)
    body = "Action=GetCallerIdentity&Version=2011-06-15"
    connection.request(
        "POST", "/", body, {"Authorization": SIGNED, **{k.replace("_", "-"): v for k, v in headers.items()}}
    )
    response = connection.getresponse()
    return response.status, response.read()


def test_a_header_cannot_say_which_path_was_meant(aws):
    """By gunicorn's default callers on loopback may, with headers named like the variables of WSGI."""
    headers = {"PATH_INFO": "/other-bucket", "SCRIPT_NAME": "/no-such-bucket"}
    answer = urllib3.request("GET", f"{aws.endpoint}/no-such-bucket/key", headers=headers, timeout=240)
    assert answer.status == 404 and b"<BucketName>no-such-bucket<" in answer.data


@pytest.mark.parametrize(
    "host", ["127.0.0.1:1", "localhost:8000", "[::1]:80", "sts.us-east-1.amazonaws.com", "a.localhost"]
)
def test_our_own_names_are_served(aws, host):
    assert ask(aws.endpoint, Host=host)[0] == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "amazonaws.com.evil.example", "10.0.0.1", "[", ""]
)
def test_other_names_are_rejected(aws, host):
    status, body = ask(aws.endpoint, Host=host)
    assert status in (400, 403)
    assert b"assumed-role" not in body


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://["}, 403),
        ({"Origin": "http://localhost.evil.example"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Origin": "http://localhost:8888"}, 200),
    ],
)
def test_requests_of_other_web_sites_are_rejected(aws, headers, status):
    assert ask(aws.endpoint, **headers)[0] == status


def test_one_server_per_data_folder(aws):
    written = json.loads((aws.data / "server.json").read_text())
    assert written["endpoint"] == aws.endpoint
    command = [sys.executable, str(Path(__file__).parents[1] / "run_server.py"), str(aws.data)]
    second = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": os.getcwd()}, timeout=240
    )
    assert second.returncode == 1
    assert f"in use by the server with process id {written['pid']} at {aws.endpoint}" in second.stderr


@pytest.mark.parametrize("lives", [False, True])
def test_what_is_left_of_a_killed_server_is_waited_for_and_not_called_a_server(tmp_path, monkeypatch, lives):
    """The lock stays with the worker until it has ended, while server.json names its parent, which may live on as long:
    then it takes no connections any more."""
    monkeypatch.setattr(lock, "LEFTOVERS_GONE_WITHIN_S", 0.1)
    with subprocess.Popen(["true"]) as ended:
        pass
    about = {"endpoint": "http://127.0.0.1:9", "pid": os.getpid() if lives else ended.pid}
    (tmp_path / "server.json").write_text(json.dumps(about))
    with (tmp_path / "lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(CannotServe, match="is in use by what is left of a killed server, which is still stopping"):
            serve(ServerSettings(tmp_path), print)


def test_after_a_restart_the_running_job_has_failed_and_the_endpoint_is_back(start_aws):
    first = start_aws()
    done = first.finished(first.train())["TrainingJobName"]
    endpoint = first.deploy(first.config(first.model(name="survivor")))
    job = first.train(sleep_s="60")
    first.until(
        lambda: first.sagemaker.describe_training_job(TrainingJobName=job)["SecondaryStatus"], lambda s: s == "Training"
    )
    first.stop()
    assert first.process.returncode == 0
    assert not (first.data / "server.json").exists()

    second = start_aws()
    found = second.sagemaker.describe_training_job(TrainingJobName=job)
    assert found["TrainingJobStatus"] == "Failed"
    assert found["FailureReason"].startswith(
        "InternalServerError: the local SageMaker stopped while this job was running."
    )
    assert second.sagemaker.describe_training_job(TrainingJobName=done)["TrainingJobStatus"] == "Completed"
    assert second.settled(endpoint)["EndpointStatus"] == "InService"
    assert second.invoke(endpoint)["name"] == "survivor"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_a_server_that_was_used_leaves_nothing_open(start_aws, channel, lax_umask):
    aws = start_aws()
    uri = aws.upload("rows", one=b"1,2\n")
    aws.finished(aws.train(channel(uri)))
    endpoint = aws.deploy(aws.config(aws.model()))
    aws.invoke(endpoint)
    assert mode(aws.data) == mode(aws.data / "s3") == mode(aws.data / "regions") == 0o700
    assert set(os.listdir(aws.data)) <= set(private_files.OURS)
    # below `endpoints`, archives of models say the modes; links have no rights of their own
    found = [path for path in aws.data.rglob("*") if not path.is_relative_to(aws.region.endpoints)]
    assert [path for path in found if not path.is_symlink() and mode(path) & 0o077] == []


@pytest.mark.parametrize("whom", ["all of it", "the worker's parent"])
def test_nothing_outlives_a_killed_server(start_aws, whom):
    server = start_aws()
    endpoint = server.deploy(server.config(server.model()))
    serving = server.invoke(endpoint)["pid"]
    job = server.train(grandchild="yes", sleep_s="1000")
    (line,) = (
        server.until(lambda: [m for m in server.messages(job) if m.startswith("processes")], bool)
        if server.until(lambda: server.logs.describe_log_groups()["logGroups"], bool)
        else []
    )
    family = [serving, *map(int, line.split()[1:])]
    assert len(family) == 3
    assert all(map(psutil.pid_exists, family))

    parent = psutil.Process(server.process.pid)
    workers = [child.pid for child in parent.children() if "forks.py" in " ".join(child.cmdline())]
    for pid in [server.process.pid, *(workers if whom == "all of it" else [])]:
        os.kill(pid, signal.SIGKILL)
    server.process.wait()
    server.until(lambda: [pid for pid in family if lives(pid)], lambda alive: not alive)


def test_a_request_cannot_forge_a_line_of_the_access_log(aws):
    urllib3.request("GET", f"{aws.endpoint}/a%0aFORGED%1b[2J%c2%9b", timeout=240)
    text = aws.until(lambda: (aws.data / "access.log").read_text(), lambda text: "FORGED" in text)
    assert "\\x0aFORGED\\x1b[2J" in text
    assert all(character.isprintable() or character == "\n" for character in text)


def test_requests_stand_in_the_access_log(aws):
    aws.s3.list_buckets()
    aws.until(lambda: (aws.data / "access.log").read_text(), lambda text: " GET / " in text)
    assert "access.log" not in (aws.data / "server.log").read_text()


def test_a_worker_that_ends_takes_no_server_json_along(start_aws):
    """Its place is taken by another; who looks for the server still finds it."""
    server = start_aws()
    server.s3.list_buckets()
    (worker,) = [child for child in psutil.Process(server.process.pid).children() if "forks.py" in str(child.cmdline())]
    worker.terminate()
    worker.wait(240)
    assert lock.running(server.data) == lock.RunningServer(server.endpoint, server.process.pid)
    assert server.client("s3").list_buckets()["Buckets"] == []


def test_the_server_and_its_jobs_hold_no_account(start_aws, monkeypatch):
    """A profile that is not there is no matter either: the user's files are not read."""
    with monkeypatch.context() as patch:
        patch.setenv("AWS_PROFILE", "production")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        server = start_aws()
    seen = server.seen(server.train())["environment"]
    assert "AWS_PROFILE" not in seen
    assert "AWS_SECRET_ACCESS_KEY" not in seen
    assert seen["AWS_SHARED_CREDENTIALS_FILE"].endswith("no_account.ini")


def test_a_server_starts_without_what_few_of_its_jobs_need():
    """Each of them is slow to import."""
    check = "import sys, wildsage.local_runner.server.gunicorn_server; print(sorted({slow} & sys.modules.keys()))"
    command = [sys.executable, "-c", check.format(slow={"numpy", "jsonpath", "boto3"})]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"


STALLED = 100
"""More than the server had threads when a stalled client could hold one for ever."""


@pytest.mark.parametrize(
    "sent",
    [b"GET / HTTP/1.1\r\nHost: localh", b"PUT /stalled/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhel"],
)
def test_stalled_clients_do_not_hold_up_others(aws, sent):
    address = urlsplit(aws.endpoint)
    stalled = [socket.create_connection((address.hostname, address.port)) for _ in range(STALLED)]
    try:
        for client in stalled:
            client.sendall(sent)
        status, _ = ask(aws.endpoint)
        assert status == 200
    finally:
        for client in stalled:
            client.close()


@pytest.mark.parametrize(
    ("request_line", "headers", "expected"),
    [
        ("PUT /bucket/k", {}, b"<Code>RequestTimeout</Code>"),
        ("POST /", {"X-Amz-Target": "SageMaker.ListModels"}, b'"__type":"RequestTimeoutException"'),
    ],
)
def test_a_body_that_stops_is_an_error_in_the_callers_protocol(start_aws, tmp_path, request_line, headers, expected):
    aws = start_aws(tmp_path / "data", "0", "process", "1", "impatient")
    aws.s3.create_bucket(Bucket="bucket")
    address = urlsplit(aws.endpoint)
    with socket.create_connection((address.hostname, address.port), timeout=240) as client:
        lines = [f"{request_line} HTTP/1.1", "Host: localhost", "Content-Length: 9"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        client.sendall("\r\n".join([*lines, "", "hel"]).encode())
        answer = client.makefile("rb").read()
    assert expected in answer
    assert "Contents" not in aws.s3.list_objects_v2(Bucket="bucket")
