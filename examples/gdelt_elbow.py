"""Choose the number of clusters of news events: eleven k-means jobs at once, for k from 2 to 12, and an elbow plot.

This is the workflow of the published post on k-means and the GDELT event database, with boto3 for the jobs and SDK v2 for the
records. `wildsage run examples/gdelt_elbow.py --events FILE` runs it on this machine. FILE is any export of GDELT 2.0 (61
columns, tab-separated, no header). Without one, events are generated.

Axes: n events · d columns · k clusters
"""

from __future__ import annotations

import argparse
import io
import tarfile
import time
from pathlib import Path

import boto3
import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from census_segmentation import read_arrays
from matplotlib.figure import Figure
from rich.console import Console
from sagemaker.amazon.common import write_numpy_to_dense_tensor

IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"
CLUSTERS = range(2, 13)
COLUMNS = {
    28: "EventRootCode",
    33: "NumArticles",
    34: "AvgTone",
    40: "Actor1Geo_Lat",
    41: "Actor1Geo_Long",
    48: "Actor2Geo_Lat",
    49: "Actor2Geo_Long",
}
INK, FAINT, LINE = "#26323a", "#c9d1d6", "#2f6f8f"

console = Console(highlight=False)


def read_events(path: Path | None) -> pd.DataFrame:
    """Read the columns of interest, and keep complete rows."""
    if path is None:
        return made_up_events(2_000, np.random.default_rng(0))
    table = pd.read_csv(path, sep="\t", header=None, usecols=list(COLUMNS), dtype={28: str}, quoting=3)
    return table.rename(columns=COLUMNS).dropna()


def made_up_events(count: int, rng: np.random.Generator) -> pd.DataFrame:
    """Generate events around five places, in the form of GDELT's."""
    latitude, longitude = np.array([[40, -95], [50, 10], [35, 40], [30, 110], [-25, 25]]).T
    place_n = rng.integers(len(latitude), size=count)
    table = pd.DataFrame({"EventRootCode": rng.choice(["01", "04", "05", "11", "19"], count)})
    table["NumArticles"] = rng.poisson(6, count)
    table["AvgTone"] = rng.normal(-2, 3, count)
    for actor in ("Actor1Geo", "Actor2Geo"):
        table[f"{actor}_Lat"] = latitude[place_n] + rng.normal(0, 4, count)
        table[f"{actor}_Long"] = longitude[place_n] + rng.normal(0, 6, count)
    return table


def features(events: pd.DataFrame) -> np.ndarray:
    """Return (n, d) float32: one-hot codes of events, and numbers with mean 0 and standard deviation 1."""
    numbers = events.drop(columns="EventRootCode").astype(float)
    scaled = (numbers - numbers.mean()) / numbers.std()
    codes = pd.get_dummies(events["EventRootCode"])
    return pd.concat([scaled, codes], axis=1).to_numpy(np.float32)


class Workshop:
    """The jobs of one run: their names, and where their data lies."""

    def __init__(self) -> None:
        self.s3, self.sagemaker = boto3.client("s3"), boto3.client("sagemaker")
        account = boto3.client("sts").get_caller_identity()["Account"]
        self.bucket = f"sagemaker-us-east-1-{account}"
        self.role = f"arn:aws:iam::{account}:role/SageMakerRole"
        self.prefix = f"gdelt-{time.time_ns()}"

    def upload(self, x_nd: np.ndarray) -> None:
        """Upload events (n, d) as RecordIO-protobuf."""
        records = io.BytesIO()
        write_numpy_to_dense_tensor(records, x_nd)
        records.seek(0)
        self.s3.create_bucket(Bucket=self.bucket)
        self.s3.upload_fileobj(records, self.bucket, f"{self.prefix}/train/events.pbr")

    def start(self, k: int, columns: int) -> None:
        """Start one job and return at once."""
        data = f"s3://{self.bucket}/{self.prefix}"
        source = {"S3DataType": "S3Prefix", "S3Uri": f"{data}/train", "S3DataDistributionType": "FullyReplicated"}
        self.sagemaker.create_training_job(
            TrainingJobName=f"{self.prefix}-{k}",
            RoleArn=self.role,
            AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            HyperParameters={"k": str(k), "feature_dim": str(columns), "mini_batch_size": "500", "force_dense": "True"},
            InputDataConfig=[{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
            OutputDataConfig={"S3OutputPath": f"{data}/models"},
            ResourceConfig={"InstanceType": "ml.c4.8xlarge", "InstanceCount": 1, "VolumeSizeInGB": 50},
            StoppingCondition={"MaxRuntimeInSeconds": 3600},
        )

    def centers(self, k: int) -> np.ndarray:
        """Wait for the job of k and return its centers (k, d)."""
        job = {"TrainingJobName": f"{self.prefix}-{k}"}
        self.sagemaker.get_waiter("training_job_completed_or_stopped").wait(**job)
        key = f"{self.prefix}/models/{job['TrainingJobName']}/output/model.tar.gz"
        archive = io.BytesIO(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read())
        with tarfile.open(fileobj=archive) as tar:
            return next(iter(read_arrays(tar.extractfile("model_algo-1").read()).values()))


def mean_distance(x_nd: np.ndarray, centers_kd: np.ndarray) -> float:
    """Mean distance from an event to its nearest center."""
    d2_nk = (x_nd**2).sum(1)[:, None] - 2 * x_nd @ centers_kd.T + (centers_kd**2).sum(1)
    return float(np.sqrt(np.maximum(d2_nk.min(axis=1), 0)).mean())


def elbow(distance_k: dict[int, float], title: str) -> Figure:
    """Plot the mean distance to the nearest center against the number of clusters."""
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained", dpi=130)
    axes.plot(list(distance_k), list(distance_k.values()), color=LINE, marker="o", markersize=5)
    axes.set_xticks(list(distance_k))
    axes.set_xlabel("clusters k", color=INK)
    axes.set_ylabel("mean distance to the nearest center", color=INK)
    axes.set_title(title, loc="left", color=INK, fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(colors=INK)
    return figure


def main() -> None:
    """Train a model for every k, and save the plot."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--events", type=Path, help="an export of GDELT 2.0; without it, events are generated")
    parser.add_argument("--output", type=Path, default=Path("elbow.png"), help="where the plot goes")
    given = parser.parse_args()

    x_nd = features(read_events(given.events))
    workshop = Workshop()
    workshop.upload(x_nd)
    start = time.perf_counter()
    for k in CLUSTERS:
        workshop.start(k, x_nd.shape[1])
    distance_k = {k: mean_distance(x_nd, workshop.centers(k)) for k in CLUSTERS}
    for k, distance in distance_k.items():
        console.print(f"k = {k:2d}   mean distance {distance:.4f}")
    console.print(f"{len(CLUSTERS)} jobs on {len(x_nd)} events in {time.perf_counter() - start:.1f} s")
    title = f"{len(x_nd):,} events of {given.events.name}" if given.events else f"{len(x_nd):,} made-up events"
    elbow(distance_k, title).savefig(given.output)
    console.print(f"Plot: {given.output}")


if __name__ == "__main__":
    main()
