"""SDK v2's framework estimators with a script of the user's, as AWS's notebooks use them; real packages, no Docker."""

from __future__ import annotations

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

predictor = estimator.deploy(1, "ml.c4.xlarge")
answer = predictor.predict(iris.data[[0, 70, 140]])
assert answer.tolist() == [0, 1, 2], answer
runtime = boto3.client("sagemaker-runtime")
def ask(body, content_type, accept="application/json"):
    return runtime.invoke_endpoint(EndpointName=predictor.endpoint_name, Body=body, ContentType=content_type, Accept=accept)["Body"].read()
assert ask("5.1,3.5,1.4,0.2", "text/csv") == b"[0.0]"
assert ask("[[5.1,3.5,1.4,0.2]]", "application/json", "text/csv") == b"0.0\\n"
try:
    ask("1,2", "text/csv")
    raise SystemExit("two columns were accepted")
except runtime.exceptions.ModelError as error:
    assert "2 features" in str(error) and "Traceback" not in str(error), error
predictor.delete_endpoint()

estimator.set_hyperparameters(max_leaf_nodes="many")
try:
    estimator.fit({"train": train}, logs=False)
    raise SystemExit("a script that fails completed")
except sagemaker.exceptions.UnexpectedStatusException as error:
    assert "AlgorithmError: ExecuteUserScriptError:" in str(error) and "ExitCode 2" in str(error), error
    assert "argument --max_leaf_nodes: invalid int value" in str(error), error
"""


@pytest.mark.slow
def test_iris_with_scikit_learn(local: Any, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SKLEARN_SCRIPT)
    done = local.run_sdk2(SKLEARN + "print(); print('done')", tmp_path)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-3000:]
    assert done.stdout.splitlines()[-1] == "done"


XGBOOST_SCRIPT = """
import argparse, os
import xgboost as xgb

def model_fn(model_dir):
    booster = xgb.Booster()
    booster.load_model(os.path.join(model_dir, "own.json"))
    return booster

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--num_round", type=int)
    parser.add_argument("--objective", type=str)
    args = parser.parse_args()
    rows = xgb.DMatrix(os.path.join("/opt/ml/input/data/train", "rows.libsvm") + "?format=libsvm")
    booster = xgb.train({"objective": args.objective}, rows, args.num_round, evals=[(rows, "train")])
    booster.save_model(os.path.join(os.environ["SM_MODEL_DIR"], "own.json"))
"""

XGBOOST = """
import numpy as np, sagemaker
from sagemaker.serializers import LibSVMSerializer
from sagemaker.xgboost.estimator import XGBoost
from sklearn.datasets import dump_svmlight_file, load_diabetes

found = load_diabetes()
dump_svmlight_file(found.data, found.target, "rows.libsvm")
session = sagemaker.Session()
train = session.upload_data("rows.libsvm", key_prefix="diabetes")
estimator = XGBoost(
    entry_point="script.py", framework_version="1.7-1", hyperparameters={"num_round": 20, "objective": "reg:squarederror"},
    role=sagemaker.get_execution_role(), instance_count=1, instance_type="ml.m5.2xlarge", sagemaker_session=session,
)
estimator.fit({"train": train})
predictor = estimator.deploy(1, "ml.m5.xlarge", serializer=LibSVMSerializer())
answer = np.array(predictor.predict(open("rows.libsvm").read()), float).ravel()
assert np.corrcoef(answer, found.target)[0, 1] > 0.9, answer
predictor.delete_endpoint()
print()
"""


@pytest.mark.slow
def test_xgboost_as_a_framework_trains_and_deploys(local: Any, tmp_path: Path) -> None:
    pytest.importorskip("xgboost")
    (tmp_path / "script.py").write_text(XGBOOST_SCRIPT)
    done = local.run_sdk2(XGBOOST + "print('done')", tmp_path)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-3000:]
    assert done.stdout.splitlines()[-1] == "done"


@pytest.mark.slow
def test_our_image_of_xgboost_runs_a_script_in_docker(started: Any, our_image: Any, tmp_path: Path) -> None:
    our_image("xgboost")
    folder = tmp_path / "notebook"
    folder.mkdir()
    (folder / "script.py").write_text(XGBOOST_SCRIPT)
    done = started("--backend", "docker").run_sdk2(XGBOOST + "print('done')", folder)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-3000:]
    assert done.stdout.splitlines()[-1] == "done"


SCALER_SCRIPT = """
import os
import joblib, numpy as np
from sklearn.preprocessing import StandardScaler

def model_fn(model_dir):
    return joblib.load(os.path.join(model_dir, "model.joblib"))

def predict_fn(data, model):
    return model.transform(data)

if __name__ == "__main__":
    rows = np.loadtxt(os.path.join(os.environ["SM_CHANNEL_TRAIN"], "raw.csv"), delimiter=",")
    joblib.dump(StandardScaler().fit(rows), os.path.join(os.environ["SM_MODEL_DIR"], "model.joblib"))
"""


THREE_STEPS = """
import json
import boto3, numpy as np, sagemaker
from sagemaker import image_uris
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.multidatamodel import MultiDataModel
from sagemaker.pipeline import PipelineModel
from sagemaker.sklearn import SKLearnModel
from sagemaker.sklearn.estimator import SKLearn

rng = np.random.default_rng(0)
x = rng.normal(size=(300, 3)) * [1, 100, 10000]
y = (x[:, 0] > 0).astype(int)
np.savetxt("raw.csv", x, delimiter=",")
session, role = sagemaker.Session(), sagemaker.get_execution_role()
scaler = SKLearn(entry_point="script.py", framework_version="1.2-1", instance_type="ml.m5.large", role=role, sagemaker_session=session)
scaler.fit({"train": session.upload_data("raw.csv", key_prefix="steps/raw")}, logs=False)
np.savetxt("scaled.csv", np.column_stack([y, (x - x.mean(0)) / x.std(0)]), delimiter=",")
booster = Estimator(
    image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1"), role, instance_count=1, instance_type="ml.m5.large",
    sagemaker_session=session, hyperparameters={"objective": "binary:logistic", "num_round": 10},
)
booster.fit({"train": TrainingInput(session.upload_data("scaled.csv", key_prefix="steps/scaled"), content_type="text/csv")}, logs=False)
one = {"SAGEMAKER_MODEL_SERVER_WORKERS": "1"}
labels = SKLearnModel(
    scaler.model_data, role, entry_point="post.py", source_dir="post", dependencies=["shared"], framework_version="1.2-1",
    env=one, sagemaker_session=session,
)
first = scaler.create_model(env={**one, "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "text/csv"})
pipeline = PipelineModel([first, booster.create_model(), labels], role, sagemaker_session=session)
pipeline.deploy(1, "ml.m5.large", endpoint_name="steps")
runtime = boto3.client("sagemaker-runtime")
def ask(body):
    return runtime.invoke_endpoint(EndpointName="steps", Body=body, ContentType="text/csv", Accept="application/json")["Body"].read()
body = "\\n".join(",".join(map(str, row)) for row in x[:50])
answer = json.loads(ask(body))
assert [one == "high" for one in answer["labels"]] == [bool(one) for one in y[:50]], answer
large = "\\n".join(",".join(map(str, row)) for row in np.tile(x, (180, 1)))
assert 3_000_000 < len(large) < 6_000_000, len(large)
assert len(json.loads(ask(large))["labels"]) == 54000
try:
    ask("1,2")
    raise SystemExit("two columns were accepted")
except runtime.exceptions.ModelError as error:
    assert "2 features" in error.response["OriginalMessage"], error.response

several = MultiDataModel("several", f"s3://{session.default_bucket()}/several/", model=scaler.create_model(name="one"), sagemaker_session=session)
several.deploy(1, "ml.m5.large", endpoint_name="several")
repacked = boto3.client("sagemaker").describe_model(ModelName=pipeline.name)["Containers"][0]["ModelDataUrl"]
for name in ("first.tar.gz", "second.tar.gz"):
    several.add_model(repacked, name)
    answer = runtime.invoke_endpoint(EndpointName="several", TargetModel=name, Body=body, ContentType="text/csv", Accept="application/json")
    assert np.allclose(json.loads(answer["Body"].read()), ((x - x.mean(0)) / x.std(0))[:50], atol=1e-3)
print()
print("done")
"""

POST_SCRIPT = """
import json
from shared.words import NAMES

def model_fn(model_dir):
    return NAMES

def input_fn(body, content_type):
    assert content_type.startswith("text/csv"), content_type
    return [float(one) for one in body.replace(",", " ").split()]

def predict_fn(data, model):
    return [model[one > 0.5] for one in data]

def output_fn(prediction, accept):
    return json.dumps({"labels": prediction}), "application/json"
"""


@pytest.mark.slow
def test_scripts_stand_before_and_behind_a_built_in_algorithm_and_serve_several_models(
    local: Any, tmp_path: Path
) -> None:
    pytest.importorskip("xgboost")
    (tmp_path / "script.py").write_text(SCALER_SCRIPT)
    for name in ("post", "shared"):
        (tmp_path / name).mkdir()
    (tmp_path / "post" / "post.py").write_text(POST_SCRIPT)
    (tmp_path / "shared" / "words.py").write_text("NAMES = ['low', 'high']")
    done = local.run_sdk2(THREE_STEPS, tmp_path)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-3000:]
    assert done.stdout.splitlines()[-1] == "done"
