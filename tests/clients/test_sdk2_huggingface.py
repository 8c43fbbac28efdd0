"""SDK v2's Hugging Face estimator and model, with transformers in an environment of its own and a model made here."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

TRAIN = """
import os
from pathlib import Path
import torch
from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

if __name__ == "__main__":
    folder = Path(os.environ["SM_MODEL_DIR"])
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "i", "love", "hate", "this", "film"]
    tokenizer = BertTokenizerFast(vocab={word: number for number, word in enumerate(words)})
    torch.manual_seed(0)
    labels = {0: "NEGATIVE", 1: "POSITIVE"}
    model = BertForSequenceClassification(BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        max_position_embeddings=16, hidden_dropout_prob=0, attention_probs_dropout_prob=0, id2label=labels,
        label2id={name: number for number, name in labels.items()},
    ))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    rows = tokenizer(["i love this film", "i hate this film"], return_tensors="pt")
    for _ in range(int(os.environ["SM_HP_EPOCHS"])):
        optimizer.zero_grad()
        loss = model(**rows, labels=torch.tensor([1, 0])).loss
        loss.backward()
        optimizer.step()
    print("loss", loss.item())
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
"""

OWN = """
import json
from transformers import pipeline

def model_fn(model_dir):
    return pipeline("text-classification", model=model_dir)

def transform_fn(model, body, content_type, accept):
    return json.dumps({"label": model(json.loads(body)["text"])[0]["label"]}), accept
"""

PROGRAM = """
import boto3, sagemaker
from sagemaker.huggingface import HuggingFace, HuggingFaceModel

session, role = sagemaker.Session(), sagemaker.get_execution_role()
versions = {"transformers_version": "4.36.0", "pytorch_version": "2.1.0", "py_version": "py310"}
estimator = HuggingFace(
    entry_point="train.py", role=role, instance_count=1, instance_type="ml.p3.2xlarge", hyperparameters={"epochs": 30},
    sagemaker_session=session, **versions,
)
estimator.fit(logs=False)
model = HuggingFaceModel(
    model_data=estimator.model_data, role=role, env={"HF_TASK": "text-classification", "SAGEMAKER_MODEL_SERVER_WORKERS": "1"},
    sagemaker_session=session, transformers_version="4.37.0", pytorch_version="2.1.0", py_version="py310",
)
predictor = model.deploy(1, "ml.m5.xlarge")
answer = predictor.predict({"inputs": ["i love this film", "i hate this film"]})
assert [one["label"] for one in answer] == ["POSITIVE", "NEGATIVE"] and answer[0]["score"] > 0.8, answer
both = predictor.predict({"inputs": "i love this", "parameters": {"top_k": 2}})
assert {one["label"] for one in both} == {"POSITIVE", "NEGATIVE"}, both
runtime = boto3.client("sagemaker-runtime")
try:
    runtime.invoke_endpoint(EndpointName=predictor.endpoint_name, Body="x", ContentType="text/plain")
    raise SystemExit("text/plain was accepted")
except runtime.exceptions.ModelError as error:
    assert error.response["OriginalStatusCode"] == 400 and "InternalServerException" in str(error), error
predictor.delete_endpoint()

own = HuggingFaceModel(
    model_data=estimator.model_data, role=role, entry_point="own.py", env={"SAGEMAKER_MODEL_SERVER_WORKERS": "1"},
    sagemaker_session=session, transformers_version="4.37.0", pytorch_version="2.1.0", py_version="py310",
)
predictor = own.deploy(1, "ml.m5.xlarge")
assert predictor.predict({"text": "i hate this film"}) == {"label": "NEGATIVE"}
predictor.delete_endpoint()
print()
print("done")
"""


def test_a_model_is_trained_and_answers_by_its_task_or_by_hooks(
    local: Any, tool: Callable[..., str], tmp_path: Path
) -> None:
    tool("huggingface", "bin", "python")
    (tmp_path / "train.py").write_text(TRAIN)
    (tmp_path / "own.py").write_text(OWN)
    done = local.run_sdk2(PROGRAM, tmp_path)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-3000:]
    assert done.stdout.splitlines()[-1] == "done"


HOOKS = """
import json
from pathlib import Path
from wildsage.algorithms.base.errors import UserError
from wildsage.containers.frameworks.defaults.hugging_face import HuggingFaceHooks

Path("config.json").write_text(json.dumps({"architectures": ["UnheardOf"]}))
for environment, folder in (({}, "empty"), ({}, "."), ({"HF_MODEL_ID": "distilbert/distilbert-base-uncased"}, ".")):
    try:
        HuggingFaceHooks(environment).model_fn(Path(folder))
    except UserError as error:
        print(error)
"""


def test_a_model_without_task_or_from_the_hub_says_what_to_do(tool: Callable[..., str], tmp_path: Path) -> None:
    environment = {"HF_HOME": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [tool("huggingface", "bin", "python"), "-c", HOOKS]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    empty, unknown, hub = done.stdout.splitlines()
    assert empty.startswith("You need to define one of the following [") and empty.endswith("] as env 'HF_TASK'.")
    assert unknown.startswith("Task couldn't be inferenced from UnheardOf. ")
    assert hub.startswith(
        "HF_MODEL_ID names distilbert/distilbert-base-uncased of the Hugging Face Hub, and an endpoint fetches "
    )
