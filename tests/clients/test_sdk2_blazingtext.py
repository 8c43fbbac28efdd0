"""SDK v2 with BlazingText as books and AWS's notebooks use it: classes of texts, a model of fastText, word vectors, a tuner."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("numba")

PREPARED = """
import io, json, random, tarfile
import boto3
import numpy as np
import sagemaker
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput

rng = random.Random(0)
words = {"happy": ["great", "love", "nice", "thanks", "super", "good"], "angry": ["bad", "slow", "broken", "refund", "awful", "wait"]}

def tweet():
    label = rng.choice(sorted(words))
    return f"__label__{label} " + " ".join(rng.choices([*words[label], "the", "my", "phone", "order"], k=8))

session = sagemaker.Session()
role = sagemaker.get_execution_role()
bucket = session.default_bucket()
texts = {"train": [tweet() for _ in range(800)], "validation": [tweet() for _ in range(200)]}
data = {}
for name, lines in texts.items():
    open(f"tweets.{name}", "w").write("\\n".join(lines) + "\\n")
    data[name] = session.upload_data(f"tweets.{name}", bucket, f"tweets/{name}")
container = sagemaker.image_uris.retrieve("blazingtext", session.boto_region_name)

def estimator(count=1, **hyperparameters):
    made = Estimator(container, role, instance_count=count, instance_type="ml.c4.xlarge", volume_size=30, max_run=360000, input_mode="File",
                     output_path=f"s3://{bucket}/out", sagemaker_session=session)
    made.set_hyperparameters(**hyperparameters)
    return made

def channel(name, **more):
    return TrainingInput(data[name], distribution="FullyReplicated", content_type="text/plain", s3_data_type="S3Prefix", **more)

def member(made, name):
    content = boto3.client("s3").get_object(Bucket=bucket, Key=made.model_data.split("/", 3)[3])["Body"].read()
    return tarfile.open(fileobj=io.BytesIO(content)).extractfile(name).read()
"""

TWEETS = """
model = estimator(mode="supervised", epochs=10, min_count=2, learning_rate=0.2, vector_dim=10, early_stopping=True, patience=4,
                  min_epochs=5, word_ngrams=2, buckets=20000)
model.fit({"train": channel("train"), "validation": channel("validation")}, logs=True)
metrics = model.training_job_analytics.dataframe().set_index("metric_name").value
assert metrics["validation:accuracy"] > 0.95 and metrics["train:accuracy"] > 0.95, metrics

endpoint = model.deploy(1, "ml.m4.xlarge", serializer=sagemaker.serializers.JSONSerializer())
sentences = [line.split(" ", 1)[1] for line in texts["validation"]]
predictions = json.loads(endpoint.predict({"instances": sentences}))
found = [each["label"][0] for each in predictions]
assert np.mean([label == line.split()[0] for label, line in zip(found, texts["validation"])]) > 0.95
(both,) = json.loads(boto3.client("sagemaker-runtime").invoke_endpoint(EndpointName=endpoint.endpoint_name, ContentType="application/json",
    Body=json.dumps({"instances": [sentences[0]], "configuration": {"k": 2}}))["Body"].read())
assert len(both["label"]) == len(both["prob"]) == 2
endpoint.delete_endpoint()

lines = "".join(json.dumps({"source": sentence, "k": 1}) + "\\n" for sentence in sentences)
boto3.client("s3").put_object(Bucket=bucket, Key="batch/tweets.jsonl", Body=lines)
transformer = model.transformer(1, "ml.m4.xlarge", output_path=f"s3://{bucket}/scored", assemble_with="Line", accept="application/jsonlines")
transformer.transform(f"s3://{bucket}/batch/tweets.jsonl", content_type="application/jsonlines", split_type="Line")
transformer.wait()
scored = boto3.client("s3").get_object(Bucket=bucket, Key="scored/tweets.jsonl.out")["Body"].read().decode().splitlines()
assert [json.loads(line)["label"][0] for line in scored] == found
print("done", container)
"""

PRETRAINED = """
import fasttext
library = fasttext.train_supervised("tweets.train", epoch=10, lr=0.2, dim=10, wordNgrams=2, bucket=5000, thread=1, verbose=0)
library.save_model("model.bin")
with tarfile.open("langid.tar.gz", "w:gz") as archive:
    archive.add("model.bin")
location = session.upload_data("langid.tar.gz", bucket, "pretrained")
model = sagemaker.Model(model_data=location, image_uri=container, role=role, sagemaker_session=session)
model.deploy(1, "ml.m4.xlarge", endpoint_name="langid")
sentences = [line.split(" ", 1)[1] for line in texts["validation"][:20]]
answer = boto3.client("sagemaker-runtime").invoke_endpoint(EndpointName="langid", ContentType="application/json",
                                                         Body=json.dumps({"instances": sentences}))["Body"].read()
for sentence, found in zip(sentences, json.loads(answer)):
    ((chance, label),) = library.f.predict(sentence + "\\n", 1, 0.0, "strict")
    assert found["label"] == [label] and abs(found["prob"][0] - chance) < 1e-6, (found, chance)
session.delete_endpoint("langid")
print("\\ndone", len(sentences))
"""

VECTORS = """
import matplotlib
matplotlib.use("Agg")
from matplotlib import pyplot

boto3.client("s3").put_object(Bucket=bucket, Key="pairs/EN-WS-353-ALL.txt", Body="great\\tlove\\t9\\nbad\\tslow\\t8\\ngreat\\tbad\\t1\\nlove\\tawful\\t0.5\\n")
data["evaluation"] = f"s3://{bucket}/pairs"
found = {}
for count, mode in ((1, "skipgram"), (2, "batch_skipgram")):
    model = estimator(count, mode=mode, epochs=15, min_count=5, sampling_threshold=1, learning_rate=0.1, window_size=5, vector_dim=20,
                      negative_samples=5, batch_size=11, evaluation=True, subwords=False)
    model.fit({"train": channel("train"), "evaluation": channel("evaluation")}, logs=False)
    open("vectors.txt", "wb").write(member(model, "vectors.txt"))
    names = np.loadtxt("vectors.txt", dtype=str, skiprows=1, usecols=0, comments=None)
    vectors = np.loadtxt("vectors.txt", skiprows=1, usecols=range(1, 21), comments=None)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    place = {name: number for number, name in enumerate(names)}
    listed = [place[word] for topic in words.values() for word in topic]
    cosine = vectors[listed] @ vectors[listed].T - 2 * np.eye(12)
    assert ((cosine.argmax(1) < 6) == (np.arange(12) < 6)).mean() > 0.9, (mode, cosine.round(2))
    rho = json.loads(member(model, "eval.json"))["mean_rho"]
    assert abs(model.training_job_analytics.dataframe().set_index("metric_name").value["train:mean_rho"] - rho) < 1e-9
_, _, axes = np.linalg.svd(vectors[listed] - vectors[listed].mean(0))
flat = vectors[listed] @ axes[:2].T
pyplot.scatter(*flat.T)
for name, point in zip(names[listed], flat):
    pyplot.annotate(name, point)
pyplot.savefig("neighbours.png")
print("done", rho)
"""

TUNER = """
from sagemaker.tuner import ContinuousParameter, HyperparameterTuner, IntegerParameter

model = estimator(mode="supervised", min_count=2, buckets=5000, vector_dim=10)
ranges = {"epochs": IntegerParameter(1, 8), "learning_rate": ContinuousParameter(0.005, 0.3), "word_ngrams": IntegerParameter(1, 3)}
tuner = HyperparameterTuner(model, "validation:accuracy", ranges, objective_type="Maximize", max_jobs=3, max_parallel_jobs=1)
tuner.fit({"train": channel("train"), "validation": channel("validation")}, include_cls_metadata=False)
tuner.wait()
table = tuner.analytics().dataframe().set_index("TrainingJobName")
assert len(table) == 3 and table.FinalObjectiveValue[tuner.best_training_job()] == table.FinalObjectiveValue.max()
print("done", tuner.best_training_job())
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "script", [TWEETS, PRETRAINED, VECTORS, TUNER], ids=["tweets", "pretrained", "vectors", "tuner"]
)
def test_a_notebook_of_aws_runs_as_it_is(local: Any, tmp_path: Path, script: str) -> None:
    if script == PRETRAINED:
        pytest.importorskip("fasttext", reason="pip install 'wildsage[test]'")
    done = local.run_sdk2(PREPARED + script, tmp_path)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-3000:]
    assert done.stdout.splitlines()[-1].startswith("done ")
