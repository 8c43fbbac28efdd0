"""SDK v2's processors, then training and batch transform on what they wrote: one program, real packages, no Docker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from wildsage.local_runner.processes import mounts

pytest.importorskip("sklearn")

PREPROCESS = """
import argparse, os
import pandas as pd
from sklearn.model_selection import train_test_split

parser = argparse.ArgumentParser()
parser.add_argument("--train-test-split-ratio", type=float, default=0.3)
args = parser.parse_args()
table = pd.read_csv("/opt/ml/processing/input/iris.csv", header=None)
train, test = train_test_split(table, test_size=args.train_test_split_ratio, random_state=0)
train.to_csv("/opt/ml/processing/train/train.csv", header=False, index=False)
test.iloc[:, 1:].to_csv("/opt/ml/processing/test/test.csv", header=False, index=False)
print("split", len(train), len(test))
"""

TRAIN = """
import os
import joblib, pandas as pd
from sklearn.linear_model import LogisticRegression

def model_fn(model_dir):
    return joblib.load(os.path.join(model_dir, "model.joblib"))

if __name__ == "__main__":
    table = pd.read_csv(os.path.join(os.environ["SM_CHANNEL_TRAIN"], "train.csv"), header=None)
    joblib.dump(LogisticRegression(max_iter=500).fit(table.iloc[:, 1:].to_numpy(), table.iloc[:, 0]), os.path.join(os.environ["SM_MODEL_DIR"], "model.joblib"))
"""

PROGRAM = """
import os
import numpy as np, sagemaker
from sagemaker.processing import FrameworkProcessor, ProcessingInput, ProcessingOutput, ScriptProcessor
from sagemaker.sklearn.estimator import SKLearn
from sagemaker.sklearn.processing import SKLearnProcessor
from sklearn.datasets import load_iris

iris = load_iris()
np.savetxt("iris.csv", np.column_stack([iris.target, iris.data]), delimiter=",", fmt="%.1f")
session, role = sagemaker.Session(), sagemaker.get_execution_role()
data = session.upload_data("iris.csv", key_prefix="processing-iris")
outputs = [ProcessingOutput(output_name=name, source=f"/opt/ml/processing/{name}") for name in ("train", "test")]

processor = SKLearnProcessor(framework_version="1.2-1", role=role, instance_type="ml.m5.xlarge", instance_count=1, sagemaker_session=session)
processor.run(
    code="preprocess.py", inputs=[ProcessingInput(source=data, destination="/opt/ml/processing/input")], outputs=outputs,
    arguments=["--train-test-split-ratio", "0.2"],
)
described = processor.jobs[-1].describe()
where = {one["OutputName"]: one["S3Output"]["S3Uri"] for one in described["ProcessingOutputConfig"]["Outputs"]}

estimator = SKLearn(entry_point="train.py", framework_version="1.2-1", instance_type="ml.c4.xlarge", role=role, sagemaker_session=session)
estimator.fit({"train": where["train"]}, logs=False)
transformer = estimator.transformer(1, "ml.m5.xlarge", assemble_with="Line", accept="text/csv", strategy="MultiRecord")
transformer.transform(where["test"], content_type="text/csv", split_type="Line")
transformer.wait(logs=False)
answer = sagemaker.s3.S3Downloader.read_file(f"{transformer.output_path}/test.csv.out", session).split()
assert len(answer) == 30 and set(answer) <= {"0.0", "1.0", "2.0"}, answer

script = ScriptProcessor(
    image_uri=processor.image_uri, command=["python3"], role=role, instance_type="ml.m5.xlarge", instance_count=1, sagemaker_session=session
)
try:
    script.run(code="fail.py", logs=False)
    raise SystemExit("a script that fails completed")
except sagemaker.exceptions.UnexpectedStatusException as error:
    assert "exit code: 1" in str(error), error

os.makedirs("source", exist_ok=True)
open("source/main.py", "w").write("import helper, sys; open('/opt/ml/processing/out/said', 'w').write(helper.NAME + sys.argv[1])")
open("source/helper.py", "w").write("NAME = 'helped '")
framework = FrameworkProcessor(SKLearn, "1.2-1", role=role, instance_type="ml.m5.xlarge", instance_count=1, sagemaker_session=session)
framework.run(
    code="main.py", source_dir="source", arguments=["twice"], logs=False,
    outputs=[ProcessingOutput(output_name="out", source="/opt/ml/processing/out", destination=f"s3://{session.default_bucket()}/said")],
)
assert sagemaker.s3.S3Downloader.read_file(f"s3://{session.default_bucket()}/said/said", session) == "helped twice"
print()
print("done")
"""


@pytest.mark.slow
@pytest.mark.skipif(mounts.problem("/opt/ml") is not None, reason="this machine forbids mounts")
def test_processing_training_and_batch_transform_in_one_program(local: Any, tmp_path: Path) -> None:
    (tmp_path / "preprocess.py").write_text(PREPROCESS)
    (tmp_path / "train.py").write_text(TRAIN)
    (tmp_path / "fail.py").write_text("raise ValueError('no')")
    done = local.run_sdk2(PROGRAM, tmp_path)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-3000:]
    assert done.stdout.splitlines()[-1] == "done"
    assert "split 120 30" in done.stdout
