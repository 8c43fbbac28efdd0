"""`--pretrained-weights`: a program that sets use_pretrained_model=1 runs unchanged, and so does training without AWS."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from wildsage.containers.codecs.images import image_recordio
from wildsage.containers.codecs.mxnet import ndarray
from wildsage.local_runner.processes import python

Image = pytest.importorskip("PIL.Image")
SETTINGS = {
    "num_classes": "2",
    "num_training_samples": "16",
    "image_shape": "1,8,8",
    "num_layers": "20",
    "mini_batch_size": "16",
    "epochs": "1",
    "learning_rate": "0.000001",
}
SCRIPT = """
import sys, time, boto3
rows, settings = sys.argv[1], dict(pair.split("=") for pair in sys.argv[2:])
s3, sagemaker = boto3.client("s3"), boto3.client("sagemaker")
s3.create_bucket(Bucket="bucket")
s3.upload_file(rows, "bucket", "train/train.rec")
source = {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/train/"}
sagemaker.create_training_job(
    TrainingJobName="transfer", RoleArn="arn:aws:iam::000000000000:role/r", HyperParameters=settings,
    AlgorithmSpecification={"TrainingInputMode": "File",
        "TrainingImage": "811284229777.dkr.ecr.us-east-1.amazonaws.com/image-classification:1"},
    InputDataConfig=[{"ChannelName": "train", "ContentType": "application/x-recordio", "DataSource": {"S3DataSource": source}}],
    OutputDataConfig={"S3OutputPath": "s3://bucket/out"}, StoppingCondition={"MaxRuntimeInSeconds": 600},
    ResourceConfig={"InstanceType": "ml.p3.2xlarge", "InstanceCount": 1, "VolumeSizeInGB": 5})
while (job := sagemaker.describe_training_job(TrainingJobName="transfer"))["TrainingJobStatus"] == "InProgress":
    time.sleep(0.1)
print(job["TrainingJobStatus"], job.get("FailureReason"))
s3.download_file("bucket", "out/transfer/output/model.tar.gz", "model.tar.gz")
"""


def wildsage(*arguments: object, folder: Path) -> str:
    command = [sys.executable, "-m", "wildsage.local_runner", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=folder, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def arrays(archive: Path) -> dict[str, np.ndarray]:
    with tarfile.open(archive) as tar:
        (member,) = (name for name in tar.getnames() if name.endswith(".params"))
        return ndarray.read(tar.extractfile(member).read())


@pytest.fixture(scope="module")
def rows(tmp_path_factory) -> Path:
    """Sixteen images of noise, of two classes."""
    chance, content = np.random.default_rng(0), b""
    for number in range(16):
        file = io.BytesIO()
        Image.fromarray(chance.integers(0, 256, (8, 8), np.uint8)).save(file, "PNG")
        content += image_recordio.encode(file.getvalue(), [number % 2], number)
    path = tmp_path_factory.mktemp("rows") / "train.rec"
    path.write_bytes(content)
    return path


@pytest.fixture
def train(cli, rows, containers_python, monkeypatch) -> Callable[..., None]:
    """`wildsage train` in this process, whose container is a fork of an interpreter that has imported torch."""

    def run(*options: object) -> None:
        hp = [part for name, value in SETTINGS.items() for part in ("--hp", f"{name}={value}")]
        data = ("--channel", f"train={rows}", "--content-type", "application/x-recordio")
        with monkeypatch.context() as patch:
            patch.setattr(python, "command", containers_python.module)
            said = cli("train", "image-classification", *data, *hp, *options)
        assert said.status == 0, said.out + said.err

    return run


def test_weights_are_where_training_starts(rows, train, tmp_path):
    train("--output", tmp_path / "first")
    before = {name: 2 * array for name, array in arrays(tmp_path / "first" / "model.tar.gz").items()}
    weights = tmp_path / "resnet.params"
    weights.write_bytes(ndarray.write(before))

    train("--hp", "use_pretrained_model=1", "--pretrained-weights", weights, "--output", tmp_path / "again")
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    settings = [f"{name}={value}" for name, value in SETTINGS.items()]
    options = ("--data", tmp_path / "aws", "--pretrained-weights", "resnet.params")
    said = wildsage("run", *options, script, rows, *settings, "use_pretrained_model=1", folder=tmp_path)
    assert "Completed None" in said
    for archive in (tmp_path / "again" / "model.tar.gz", tmp_path / "model.tar.gz"):
        after = arrays(archive)
        for name in ("arg:conv0_weight", "arg:stage1_unit1_conv1_weight"):
            assert torch.allclose(torch.from_numpy(before[name]), torch.from_numpy(after[name]), atol=1e-3), name
        assert not np.allclose(before["arg:fc_weight"], after["arg:fc_weight"], atol=1e-3), "the last layer starts anew"


def test_a_file_that_cannot_hold_weights_is_rejected_before_anything_starts(tmp_path):
    (tmp_path / "rows.csv").write_text("1,2")
    command = [sys.executable, "-m", "wildsage.local_runner", "up", "--data", "aws", "--pretrained-weights", "rows.csv"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=tmp_path, check=False)
    assert done.returncode == 2 and "rows.csv is not a file of weights" in " ".join(done.stderr.split())
    assert not (tmp_path / "aws").exists()
