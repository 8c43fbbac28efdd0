"""Linear learner on two hosts that share the files of GDELT's news events: the tone of the news, from place and kind of an event.

This is the workflow of the published notebook on data distribution types, with boto3 alone: the events are several CSV objects with
the label first. One job runs on one host, which reads all objects. The other runs on two hosts, each of which reads half of them
(ShardedByS3Key). Both are judged by the same test channel, and the model of the two hosts by an endpoint too.
`wildsage run examples/linear_learner/gdelt_sharded.py --events FILE …` runs it on this machine. FILE is any export of GDELT 2.0
(61 columns, tab-separated, no header). Without one, events are generated.

Axes: n events · d columns
"""

from __future__ import annotations

import argparse
import io
import json
import time
from pathlib import Path

import boto3
import numpy as np
import pandas as pd

IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/linear-learner:1"
TONE = "AvgTone"
COLUMNS = {
    28: "EventRootCode",
    31: "NumMentions",
    34: TONE,
    56: "ActionGeo_Lat",
    57: "ActionGeo_Long",
}
OBJECTS = 8
SETTINGS = {"predictor_type": "regressor", "loss": "absolute_loss", "mini_batch_size": "50", "epochs": "15"}


def read_events(paths: list[Path]) -> pd.DataFrame:
    """Read the columns of interest, and keep complete rows."""
    if not paths:
        return made_up_events(3_000, np.random.default_rng(0))
    tables = [
        pd.read_csv(path, sep="\t", header=None, usecols=list(COLUMNS), dtype={28: str}, quoting=3) for path in paths
    ]
    return pd.concat(tables).rename(columns=COLUMNS).dropna()


def made_up_events(count: int, rng: np.random.Generator) -> pd.DataFrame:
    """Generate events whose tone depends on their kind and on their place."""
    codes = np.array(["01", "04", "05", "11", "19"])
    kind_n = rng.integers(len(codes), size=count)
    table = pd.DataFrame({"EventRootCode": codes[kind_n], "NumMentions": rng.poisson(6, count) + 1})
    table["ActionGeo_Lat"], table["ActionGeo_Long"] = rng.uniform(-60, 70, count), rng.uniform(-180, 180, count)
    table[TONE] = np.array([1, 0.5, 2, -3, -6])[kind_n] + table["ActionGeo_Lat"] / 40 + rng.normal(0, 2, count)
    return table


def labelled_rows(events: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """Return (n, 1 + d) in random order: the tone, numbers, and one-hot kinds of events."""
    codes = pd.get_dummies(events["EventRootCode"])
    numbers = events.drop(columns=["EventRootCode", TONE])
    rows = pd.concat([events[TONE], numbers, codes], axis=1).to_numpy(np.float64)
    return rows[rng.permutation(len(rows))]


def csv(rows: np.ndarray) -> bytes:
    """Rows as text, without a header."""
    text = io.StringIO()
    np.savetxt(text, rows, delimiter=",", fmt="%.6g")
    return text.getvalue().encode()


class Workshop:
    """The jobs of one run: their names, and where their data lies."""

    def __init__(self) -> None:
        self.s3, self.sagemaker = boto3.client("s3"), boto3.client("sagemaker")
        account = boto3.client("sts").get_caller_identity()["Account"]
        self.bucket = f"sagemaker-us-east-1-{account}"
        self.role = f"arn:aws:iam::{account}:role/SageMakerRole"
        self.prefix = f"gdelt-tone-{time.time_ns()}"
        self.s3.create_bucket(Bucket=self.bucket)

    def upload(self, channel: str, rows: np.ndarray, objects: int) -> None:
        """Store the rows as so many objects."""
        for number, part in enumerate(np.array_split(rows, objects)):
            self.s3.put_object(Bucket=self.bucket, Key=f"{self.prefix}/{channel}/part-{number}.csv", Body=csv(part))

    def start(self, hosts: int, distribution: str) -> str:
        """Start a job and return its name at once."""
        name = f"{self.prefix}-{hosts}"
        self.sagemaker.create_training_job(
            TrainingJobName=name,
            RoleArn=self.role,
            AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            HyperParameters=SETTINGS,
            InputDataConfig=[self._channel("train", distribution), self._channel("test", "FullyReplicated")],
            OutputDataConfig={"S3OutputPath": f"s3://{self.bucket}/{self.prefix}/models"},
            ResourceConfig={"InstanceType": "ml.c4.2xlarge", "InstanceCount": hosts, "VolumeSizeInGB": 10},
            StoppingCondition={"MaxRuntimeInSeconds": 3600},
        )
        return name

    def _channel(self, name: str, distribution: str) -> dict:
        data = f"s3://{self.bucket}/{self.prefix}/{name}"
        source = {"S3DataType": "S3Prefix", "S3Uri": data, "S3DataDistributionType": distribution}
        return {"ChannelName": name, "ContentType": "text/csv", "DataSource": {"S3DataSource": source}}

    def finished(self, job: str) -> dict:
        """Wait for a job, and return its description with its metrics by name."""
        self.sagemaker.get_waiter("training_job_completed_or_stopped").wait(TrainingJobName=job)
        found = self.sagemaker.describe_training_job(TrainingJobName=job)
        assert found["TrainingJobStatus"] == "Completed", found.get("FailureReason")
        return found | {"Metrics": {one["MetricName"]: one["Value"] for one in found["FinalMetricDataList"]}}

    def tones(self, job: dict, x_nd: np.ndarray) -> np.ndarray:
        """Deploy the job's model, ask it about all rows (n,), and delete the endpoint."""
        name = job["TrainingJobName"]
        container = {"Image": IMAGE, "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"]}
        variant = {"VariantName": "all", "ModelName": name, "InitialInstanceCount": 1, "InstanceType": "ml.m4.xlarge"}
        self.sagemaker.create_model(ModelName=name, ExecutionRoleArn=self.role, PrimaryContainer=container)
        self.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        try:
            self.sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=name)
            runtime = boto3.client("sagemaker-runtime")
            answer = runtime.invoke_endpoint(EndpointName=name, ContentType="text/csv", Body=csv(x_nd))["Body"].read()
        finally:
            self.sagemaker.delete_endpoint(EndpointName=name)
            self.sagemaker.delete_endpoint_config(EndpointConfigName=name)
            self.sagemaker.delete_model(ModelName=name)
        return np.array([one["score"] for one in json.loads(answer)["predictions"]])


def main() -> None:
    """Run both jobs and print how far they miss the tone."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--events", type=Path, nargs="*", default=[], help="exports of GDELT 2.0; without any, events are generated"
    )
    given = parser.parse_args()

    rows = labelled_rows(read_events(given.events), np.random.default_rng(1))
    train, test = rows[len(rows) // 5 :], rows[: len(rows) // 5]
    workshop = Workshop()
    workshop.upload("train", train, OBJECTS)
    workshop.upload("test", test, 1)
    names = {1: workshop.start(1, "FullyReplicated"), 2: workshop.start(2, "ShardedByS3Key")}
    jobs = {hosts: workshop.finished(name) for hosts, name in names.items()}
    for hosts, job in jobs.items():
        print(
            f"{hosts} host(s): the tone of {len(test)} events is missed by {job['Metrics']['test:absolute_loss']:.4f} on average"
        )
    missed = np.abs(workshop.tones(jobs[2], test[:, 1:]) - test[:, 0]).mean()
    guess = np.abs(np.median(train[:, 0]) - test[:, 0]).mean()
    print(f"The endpoint of two hosts' model: {missed:.4f}. The median tone as the answer to everything: {guess:.4f}")


if __name__ == "__main__":
    main()
