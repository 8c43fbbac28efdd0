"""SDK v2's framework estimators with a script of the user's, as AWS's notebooks use them; real packages, no Docker."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("sklearn")

SKLEARN_SCRIPT = """
import argparse, json, os, socket
import joblib
import pandas as pd
from sklearn import tree

def model_fn(model_dir):
    return joblib.load(os.path.join(model_dir, "model.joblib"))

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--max_leaf_nodes", type=int, default=-1)
    parser.add_argument("--output-data-dir", type=str, default=os.environ["SM_OUTPUT_DATA_DIR"])
    parser.add_argument("--model-dir", type=str, default=os.environ["SM_MODEL_DIR"])
    parser.add_argument("--train", type=str, default=os.environ["SM_CHANNEL_TRAIN"])
    args = parser.parse_args()
    files = [os.path.join(args.train, file) for file in os.listdir(args.train)]
    table = pd.concat([pd.read_csv(file, header=None) for file in files])
    x, y = table.iloc[:, 1:].to_numpy(), table.iloc[:, 0]
    found = tree.DecisionTreeClassifier(max_leaf_nodes=args.max_leaf_nodes, random_state=0).fit(x, y)
    print(f"accuracy={found.score(x, y):.4f};")
    joblib.dump(found, os.path.join(args.model_dir, "model.joblib"))
    with open(os.path.join(args.output_data_dir, "seen.json"), "w") as file:
        json.dump({"folder": os.getcwd(), "model": args.model_dir, "leaves": os.environ["SM_HP_MAX_LEAF_NODES"]}, file)
"""

SKLEARN = """
import io, json, tarfile
import boto3, numpy as np, sagemaker
from sagemaker.sklearn.estimator import SKLearn
from sklearn.datasets import load_iris

iris = load_iris()
np.savetxt("iris.csv", np.column_stack([iris.target, iris.data]), delimiter=",", fmt="%.1f")
session = sagemaker.Session()
role = sagemaker.get_execution_role()
train = session.upload_data("iris.csv", key_prefix="iris")
estimator = SKLearn(
    entry_point="script.py", framework_version="1.2-1", instance_type="ml.c4.xlarge", role=role,
    sagemaker_session=session, hyperparameters={"max_leaf_nodes": 30},
    metric_definitions=[{"Name": "train:accuracy", "Regex": "accuracy=([0-9.]+);"}],
)
estimator.fit({"train": train})
metrics = estimator.training_job_analytics.dataframe()
assert metrics.value[metrics.metric_name == "train:accuracy"].item() > 0.95
bucket, key = estimator.model_data.split("/", 3)[2:]
output = boto3.client("s3").get_object(Bucket=bucket, Key=key.replace("model.tar.gz", "output.tar.gz"))["Body"].read()
seen = json.load(tarfile.open(fileobj=io.BytesIO(output)).extractfile("seen.json"))
assert seen["leaves"] == "30", seen
"""


@pytest.mark.slow
def test_iris_with_scikit_learn(local: Any, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SKLEARN_SCRIPT)
    done = local.run([sys.executable, "-c", SKLEARN + "print('done')"], tmp_path)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-3000:]
    assert done.stdout.splitlines()[-1] == "done"
