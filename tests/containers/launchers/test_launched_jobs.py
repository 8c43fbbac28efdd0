"""Jobs whose hosts a launcher starts, as whole processes."""

import hashlib
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import boto3
import pytest

from wildsage.algorithms.base.errors import UserError
from wildsage.containers.contract.job import ChannelConfig
from wildsage.containers.launchers import s3

CSV = "text/csv;label_size=0"
KMEANS = {"k": "2", "feature_dim": "2"}
OPTIONS = ["--hp", "k=2", "--hp", "feature_dim=2"]
ROWS = [f"{row % 7},{(row * row) % 11}\n" for row in range(600)]


@pytest.fixture
def rows(tmp_path):
    """A folder of three files."""
    folder = tmp_path / "rows"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.csv").write_text("".join(ROWS[number::3]))
    return folder


@pytest.fixture
def start(containers_python):
    """`start("--channel", "train=rows", RANK="0")` is a host, which a program of `launcher` may start."""

    def start(*arguments, launcher=(), **environment):
        command = containers_python.module("wildsage.containers", "train", *arguments)
        if launcher:
            command = [sys.executable, *launcher, "-m", "wildsage.containers", "train", *arguments]
        ours = {"WILDSAGE_ALGORITHM": "kmeans", "SAGEMAKER_DATA_PATH": "/nowhere/ml"}
        return subprocess.Popen(
            command, env=os.environ | ours | environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    return start


def ended(process) -> str:
    log = process.communicate(timeout=240)[0]
    assert process.returncode == 0, log
    return log


def members(archive) -> dict[str, str]:
    with tarfile.open(archive) as tar:
        return {
            member.name: hashlib.sha256(tar.extractfile(member).read()).hexdigest() for member in tar if member.isfile()
        }


def test_torchrun_trains_the_model_that_sagemaker_trains_on_as_many_hosts(start, job, rows, tmp_path, free_port):
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "3")
    log = ended(start("--channel", f"train={rows}", *OPTIONS, "--model", str(tmp_path / "out"), launcher=torchrun))
    assert "algo-3 is number 2 of 3 hosts by torch" in log
    hosts, running = ("algo-1", "algo-2", "algo-3"), []
    for number, host in enumerate(hosts):
        run = job("kmeans")
        run.describe(KMEANS, {"train": ChannelConfig(CSV)}, current_host=host, hosts=hosts)
        run.put("train", "rows.csv", (rows / f"{number}.csv").read_bytes())
        running.append((run, run.start(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(free_port))))
    for _, process in running:
        ended(process)
    written = running[0][0].opt_ml.model
    expected = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in written.iterdir()}
    assert members(tmp_path / "out" / "model.tar.gz") == expected


def test_a_prepared_folder_needs_no_options(job, rows, free_port):
    """Files of the contract without resourceconfig.json: the launcher's variables say which host this is."""
    run = job("kmeans")
    run.describe(KMEANS, {"train": ChannelConfig(CSV, distribution="ShardedByS3Key")})
    run.opt_ml.resource_config.unlink()
    for file in rows.iterdir():
        run.put("train", file.name, file.read_bytes())
    place = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port)}
    processes = [run.start(RANK=str(rank), **place) for rank in range(2)]
    logs = [ended(process) for process in processes]
    assert [path.name for path in run.opt_ml.model.iterdir() if path.name.startswith("model")] == ["model_algo-1"]
    read = [line for log in logs for line in log.splitlines() if '"Total Records Seen"' in line]
    assert read, logs[0]


def test_resourceconfig_decides_where_it_exists(job, rows):
    run = job("kmeans")
    run.describe(KMEANS, {"train": ChannelConfig(CSV)})
    run.put("train", "rows.csv", "".join(ROWS).encode())
    status, log = run.train(RANK="1", WORLD_SIZE="4", MASTER_ADDR="127.0.0.1")
    assert status == 0 and "hosts by" not in log


@pytest.mark.parametrize("mode", ["File", "Pipe"])
def test_channels_and_models_may_be_in_s3(start, wildsage_module, rows, tmp_path, mode):
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="cluster")
    for file in rows.iterdir():
        s3.upload_file(str(file), "cluster", f"rows/{file.name}")
    arguments = ["--channel", "train=s3://cluster/rows/", "--input-mode", f"train={mode}", *OPTIONS]
    log = ended(start(*arguments, "--model", "s3://cluster/models/first"))
    assert "Stored s3://cluster/models/first/model.tar.gz" in log
    s3.download_file("cluster", "models/first/model.tar.gz", str(tmp_path / "stored.tar.gz"))
    ended(start("--channel", f"train={rows}", *OPTIONS, "--model", str(tmp_path)))
    assert members(tmp_path / "stored.tar.gz") == members(tmp_path / "model.tar.gz")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--channel", "train=s3://absent-bucket/rows"], "s3://absent-bucket/rows: An error occurred (NoSuchBucket)"),
        (["--channel", "train=s3://cluster/none"], "s3://cluster/none: no object's key begins so."),
        (["--channel", "train=/nowhere/rows"], "Channel train: /nowhere/rows does not exist."),
    ],
)
def test_data_that_is_not_there_is_named(start, wildsage_module, tmp_path, arguments, text):
    boto3.client("s3").create_bucket(Bucket="cluster")
    process = start(*arguments, "--model", str(tmp_path))
    log = process.communicate(timeout=240)[0]
    assert process.returncode == 1 and log.startswith("ClientError: ") and text in log


def test_nobody_trains_a_model_that_nobody_would_keep(start, rows):
    process = start("--channel", f"train={rows}", *OPTIONS)
    assert "Say where it goes: --model PLACE" in process.communicate(timeout=240)[0] and process.returncode == 1
    assert not Path("/nowhere").exists()


def test_an_object_that_is_replaced_while_it_is_read_is_named(wildsage_module, tmp_path):
    client = boto3.client("s3")
    client.create_bucket(Bucket="replaced")
    client.put_object(Bucket="replaced", Key="rows.csv", Body=b"1,2\n")
    [stored] = s3.objects(client, "s3://replaced/rows")
    client.put_object(Bucket="replaced", Key="rows.csv", Body=b"3,4\n")
    with pytest.raises(UserError, match=r"s3://replaced/rows\.csv: .*PreconditionFailed"):
        stored.open().read()
    client.delete_object(Bucket="replaced", Key="rows.csv")
    with pytest.raises(UserError, match=r"s3://replaced/rows\.csv: "):
        stored.download(tmp_path / "rows.csv")


def test_a_host_that_fails_before_it_trains_ends_the_others_with_its_reason(start, rows, tmp_path, free_port):
    """It does not find its data, and the first waits for it."""
    meeting = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port)}
    rest = [*OPTIONS, "--model", str(tmp_path / "out")]
    first = start("--channel", f"train={rows}", *rest, RANK="0", **meeting)
    second = start("--channel", "train=/nowhere/rows", *rest, RANK="1", **meeting)
    assert "ClientError: Channel train: /nowhere/rows does not exist." in second.communicate(timeout=240)[0]
    log = first.communicate(timeout=240)[0]
    assert "InternalServerError: Host algo-2 failed: ClientError: Channel train: /nowhere/rows does not exist." in log
    assert (first.returncode, second.returncode) == (3, 1)


def test_a_script_reads_files_of_any_kind(start, tmp_path):
    """Their extensions say nothing to us, and need not."""
    (tmp_path / "train.py").write_text("import os; print('read', os.listdir(os.environ['SM_CHANNEL_TRAINING']))\n")
    (tmp_path / "rows.npy").write_bytes(b"rows")
    script = ["--hp", "sagemaker_program=train.py", "--hp", f"sagemaker_submit_directory={tmp_path}"]
    options = [*script, "--channel", f"training={tmp_path / 'rows.npy'}", "--model", str(tmp_path / "out")]
    assert "read ['rows.npy']" in ended(start(*options, WILDSAGE_FRAMEWORK="pytorch"))
