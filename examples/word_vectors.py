"""BlazingText learns word vectors with boto3; NumPy reads vectors.txt, and a picture shows which words are neighbours.

`--text FILE` takes a text of your own with one sentence in each line, or a corpus on one line such as text8. Without it the
sentences are made up.
"""

from __future__ import annotations

import argparse
import io
import random
import tarfile
import time
from pathlib import Path

import boto3
import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot

IMAGE = "811284229777.dkr.ecr.us-east-1.amazonaws.com/blazingtext:1"
NAME = f"word-vectors-{time.time_ns()}"
DIMENSION, SHOWN, NEIGHBOURS = 50, 24, 3
TOPICS = (
    "cow hay barn field plough seed corn milk",
    "ship sail wave harbour anchor tide fish rope",
    "cloud wind star moon bird wing storm sun",
)


def made_up_text(sentences: int = 4_000) -> str:
    """Sentences in which half of the words belong to one topic."""
    rng = random.Random(0)
    every = " ".join(TOPICS).split()
    lines = (" ".join(rng.choices(rng.choice(TOPICS).split(), k=5) + rng.sample(every, 5)) for _ in range(sentences))
    return "".join(f"{line}\n" for line in lines)


def train(text: str) -> bytes:
    """Upload the text and learn from it; returns the content of vectors.txt."""
    s3, sagemaker = boto3.client("s3"), boto3.client("sagemaker")
    account = boto3.client("sts").get_caller_identity()["Account"]
    bucket = f"sagemaker-us-east-1-{account}"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="word_vectors/train/text.txt", Body=text.encode())
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/word_vectors/train"}
    sagemaker.create_training_job(
        TrainingJobName=NAME,
        RoleArn=f"arn:aws:iam::{account}:role/SageMakerRole",
        AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        HyperParameters={
            "mode": "batch_skipgram",
            "vector_dim": str(DIMENSION),
            "sampling_threshold": "0.001",
            "epochs": "10",
            "evaluation": "false",
        },
        InputDataConfig=[{"ChannelName": "train", "ContentType": "text/plain", "DataSource": {"S3DataSource": source}}],
        OutputDataConfig={"S3OutputPath": f"s3://{bucket}/word_vectors/models"},
        ResourceConfig={"InstanceType": "ml.c5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 10},
        StoppingCondition={"MaxRuntimeInSeconds": 3600},
    )
    sagemaker.get_waiter("training_job_completed_or_stopped").wait(TrainingJobName=NAME)
    artifact = sagemaker.describe_training_job(TrainingJobName=NAME)["ModelArtifacts"]["S3ModelArtifacts"]
    print("Trained:", artifact)
    content = s3.get_object(Bucket=bucket, Key=artifact.split("/", 3)[3])["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        return archive.extractfile("vectors.txt").read()


def read(content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """The words (v,), most frequent first, and their vectors (v, d) of length 1, without the end of a line."""
    options = {"skiprows": 1, "comments": None, "encoding": "utf-8"}
    words = np.loadtxt(io.BytesIO(content), dtype=str, usecols=0, **options)
    vectors = np.loadtxt(io.BytesIO(content), usecols=range(1, DIMENSION + 1), **options)
    kept = words != "</s>"
    return words[kept], vectors[kept] / np.linalg.norm(vectors[kept], axis=1, keepdims=True)


def draw(words: np.ndarray, vectors: np.ndarray, path: Path) -> None:
    """The most frequent words on the two strongest principal components of their vectors."""
    centered = vectors[:SHOWN] - vectors[:SHOWN].mean(axis=0)
    points = centered @ np.linalg.svd(centered, full_matrices=False)[2][:2].T
    pyplot.figure(figsize=(8, 6))
    pyplot.scatter(*points.T, s=8)
    for word, point in zip(words, points, strict=False):
        pyplot.annotate(word, point)
    pyplot.savefig(path, dpi=100)


def main() -> None:
    """Train, list the neighbours of the most frequent words, and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, help="a text, UTF-8")
    parser.add_argument("--output", type=Path, default=Path("word_vectors.png"), help="where the picture goes")
    given = parser.parse_args()
    words, vectors = read(train(given.text.read_text("utf-8") if given.text else made_up_text()))
    for number, word in enumerate(words[:SHOWN]):
        nearest = np.argsort(-vectors @ vectors[number])[1 : NEIGHBOURS + 1]
        print(f"{word}: {', '.join(words[nearest])}")
    draw(words, vectors, given.output)


if __name__ == "__main__":
    main()
