"""SDK v3 with scripts of the user's: ModelTrainer with SourceCode, what ModelBuilder deploys of it, and the processors."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from sagemaker.core import image_uris
from sagemaker.core.processing import FrameworkProcessor, ScriptProcessor
from sagemaker.core.resources import TrainingJob
from sagemaker.core.shapes import ProcessingInput, ProcessingOutput, ProcessingS3Input, ProcessingS3Output
from sagemaker.core.training.configs import Compute, InputData, SourceCode
from sagemaker.serve import ModelBuilder
from sagemaker.train import ModelTrainer
from sagemaker.train.distributed import Torchrun

SKLEARN = image_uris.retrieve("sklearn", "us-east-1", version="1.2-1")
PYTORCH = image_uris.retrieve(
    "pytorch", "us-east-1", version="2.5", py_version="py311", instance_type="ml.m5.large", image_scope="training"
)
ROLE = "arn:aws:iam::000000000000:role/WildsageRole"
COMPUTE = Compute(instance_type="ml.m5.large", instance_count=1, volume_size_in_gb=1)

TRAIN = """
import argparse, json, os
import joblib, numpy as np
from helper import kind

parser = argparse.ArgumentParser()
parser.add_argument("--max_iter", type=int)
parser.add_argument("--name", type=str)
parser.add_argument("--layers", type=json.loads)
args = parser.parse_args()
rows = np.loadtxt("/opt/ml/input/data/train/rows.csv", delimiter=",")
found = kind(max_iter=args.max_iter).fit(rows[:, 1:], rows[:, 0])
print(f"accuracy={found.score(rows[:, 1:], rows[:, 0]):.4f};")
joblib.dump(found, os.path.join(os.environ["SM_MODEL_DIR"], "model.joblib"))
seen = {"name": args.name, "layers": args.layers, "folder": os.getcwd(), "hosts": json.loads(os.environ["SM_HOSTS"]),
        "hps": json.loads(os.environ["SM_HPS"]), "channel": os.environ["SM_CHANNEL_TRAIN"]}
json.dump(seen, open("/opt/ml/output/data/seen.json", "w"))
"""

SERVE = """
import os
import joblib

def model_fn(model_dir):
    return joblib.load(os.path.join(model_dir, "model.joblib"))
"""


def write(folder: Path, **files: str) -> str:
    """Write `name.py` for every name, and return the folder."""
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return str(folder)


def output(session: Any, job: TrainingJob) -> dict[str, Any]:
    """What a script left in seen.json in the folder of the output."""
    bucket, _, key = job.model_artifacts.s3_model_artifacts.removeprefix("s3://").partition("/")
    found = session.boto_session.client("s3").get_object(Bucket=bucket, Key=key.replace("model.tar", "output.tar"))
    with tarfile.open(fileobj=io.BytesIO(found["Body"].read())) as archive:
        return json.load(archive.extractfile("seen.json"))


@pytest.fixture(scope="module")
def labelled(session, blobs_n3) -> str:
    """Address of the rows with their cluster in front."""
    text = "\n".join(f"{number // 100}," + ",".join(map(str, row)) for number, row in enumerate(blobs_n3))
    key = "sdk3-scripts/train/rows.csv"
    session.boto_session.client("s3").put_object(Bucket=session.default_bucket(), Key=key, Body=text.encode())
    return f"s3://{session.default_bucket()}/sdk3-scripts/train"


@pytest.fixture(scope="module")
def trained(labelled, tmp_path_factory) -> TrainingJob:
    helper = "from sklearn.linear_model import LogisticRegression as kind"
    source = write(tmp_path_factory.mktemp("source") / "code", train=TRAIN, helper=helper)
    trainer = ModelTrainer(
        training_image=SKLEARN,
        source_code=SourceCode(source_dir=source, entry_script="train.py"),
        compute=COMPUTE,
        hyperparameters={"max_iter": 300, "name": "two words", "layers": [1, 2]},
        base_job_name="sdk3-script",
    )
    trainer.train(input_data_config=[InputData(channel_name="train", data_source=labelled)], wait=True, logs=True)
    return trainer._latest_training_job


def test_a_script_of_a_framework_image_trains(session, trained):
    assert trained.training_job_status == "Completed"
    assert trained.algorithm_specification.container_entrypoint == ["/bin/bash"]
    assert output(session, trained) == {
        "name": "two words",
        "layers": [1, 2],
        "folder": "/opt/ml/input/data/code",
        "hosts": ["algo-1"],
        "hps": {"layers": [1, 2], "max_iter": 300, "name": "two words"},
        "channel": "/opt/ml/input/data/train",
    }


def test_what_it_trained_is_deployed_and_asked(trained, tmp_path, blobs_n3):
    builder = ModelBuilder(
        image_uri=SKLEARN,
        s3_model_data_url=trained.model_artifacts.s3_model_artifacts,
        source_code=SourceCode(source_dir=write(tmp_path, inference=SERVE), entry_script="inference.py"),
        role_arn=ROLE,
        instance_type="ml.m5.large",
    )
    builder.build(model_name="sdk3-script")
    endpoint = builder.deploy(endpoint_name="sdk3-script", initial_instance_count=1, instance_type="ml.m5.large")
    body = "\n".join(",".join(map(str, row)) for row in blobs_n3[[0, 150, 250]])
    answer = endpoint.invoke(body=body, content_type="text/csv", accept="application/json")
    endpoint.delete()
    assert json.loads(answer.body.read()) == [0.0, 1.0, 2.0]


def test_a_command_runs_in_any_image(session, tmp_path):
    source = write(
        tmp_path / "code", task="import json, sys; json.dump(sys.argv[1:], open('/opt/ml/output/data/seen.json', 'w'))"
    )
    trainer = ModelTrainer(
        training_image="my-company/trainer:1.0",
        source_code=SourceCode(source_dir=source, command="python task.py", args=["--rate", 0.1, "two words"]),
        compute=COMPUTE,
        role=ROLE,
        environment={"TEAM": "a"},
    )
    trainer.train(wait=True, logs=False)
    assert output(session, trainer._latest_training_job) == ["--rate", "0.1", "two words"]


def test_torchrun_joins_two_hosts(session, tmp_path):
    script = """
import json, os
import torch.distributed as dist, torch

dist.init_process_group("gloo")
total = torch.tensor([dist.get_rank() + 1.0])
dist.all_reduce(total)
if dist.get_rank() == 0:
    json.dump({"total": total.item(), "size": dist.get_world_size()}, open("/opt/ml/output/data/seen.json", "w"))
dist.destroy_process_group()
"""
    trainer = ModelTrainer(
        training_image=PYTORCH,
        source_code=SourceCode(source_dir=write(tmp_path / "code", train=script), entry_script="train.py"),
        compute=Compute(instance_type="ml.m5.large", instance_count=2, volume_size_in_gb=1),
        distributed=Torchrun(process_count_per_node=1),
    )
    trainer.train(wait=True, logs=True)
    assert output(session, trainer._latest_training_job) == {"total": 3.0, "size": 2}


def test_a_script_that_fails_fails_the_job(session, tmp_path):
    source = write(tmp_path / "code", train="raise ValueError('no rows here')")
    trainer = ModelTrainer(
        training_image=SKLEARN,
        source_code=SourceCode(source_dir=source, entry_script="train.py"),
        compute=COMPUTE,
    )
    with pytest.raises(
        Exception, match=r"(?s)AlgorithmError: Traceback .*returned non-zero exit status 1"
    ):  # the driver's text
        trainer.train(wait=True, logs=False)
    logs = session.boto_session.client("logs")
    found = logs.filter_log_events(
        logGroupName="/aws/sagemaker/TrainingJobs", filterPattern='"ValueError: no rows here"'
    )
    assert found["events"]


def test_processors_run_scripts(session, labelled, tmp_path):
    write(tmp_path, split=SPLIT)
    processor = ScriptProcessor(image_uri=SKLEARN, role=ROLE, instance_type="ml.m5.large", instance_count=1)
    told = f"s3://{session.default_bucket()}/sdk3-processed"
    rows = ProcessingInput(
        input_name="rows",
        s3_input=ProcessingS3Input(
            s3_uri=labelled, local_path="/opt/ml/processing/input", s3_data_type="S3Prefix", s3_input_mode="File"
        ),
    )
    half = ProcessingOutput(
        output_name="half",
        s3_output=ProcessingS3Output(s3_uri=told, local_path="/opt/ml/processing/half", s3_upload_mode="EndOfJob"),
    )
    processor.run(code=str(tmp_path / "split.py"), inputs=[rows], outputs=[half], arguments=["--part", "0.5"])
    assert len(read(session, "sdk3-processed/half.csv").splitlines()) == 150

    source = write(tmp_path / "source", main="import helper; helper.tell()", helper=HELPER)
    framework = FrameworkProcessor(image_uri=SKLEARN, role=ROLE, instance_type="ml.m5.large", instance_count=1)
    framework.run(code="main.py", source_dir=source, outputs=[half], arguments=["twice"])
    assert read(session, "sdk3-processed/told") == b"twice"


SPLIT = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--part", type=float)
part = parser.parse_args().part
lines = open("/opt/ml/processing/input/rows.csv").read().splitlines()
open("/opt/ml/processing/half/half.csv", "w").write("\\n".join(lines[: int(part * len(lines))]))
"""
HELPER = """
import sys
def tell():
    open("/opt/ml/processing/half/told", "w").write(sys.argv[1])
"""


def read(session: Any, key: str) -> bytes:
    return session.boto_session.client("s3").get_object(Bucket=session.default_bucket(), Key=key)["Body"].read()
