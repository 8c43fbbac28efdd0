"""Draws the pictures of the console in docs/images: `python scripts/console_pictures.py` needs Chromium (`make browser`).

It starts a local AWS on an empty folder, trains two models of house prices, searches for a better one, and takes the pictures.
"""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from PIL import Image
from selenium import webdriver

from wildsage.local_runner.console import PATH
from wildsage.local_runner.server import forked
from wildsage.local_runner.settings import ServerSettings

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "docs" / "images"
REGION = "us-east-1"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
ROLE = "arn:aws:iam::000000000000:role/WildsageRole"
SIZE = (1180, 780)
COLOURS = 128
ENDED = ("Completed", "Failed", "Stopped")


def main() -> None:
    """Write both pictures."""
    with tempfile.TemporaryDirectory() as folder, running_server(Path(folder)) as endpoint:
        client = {
            "endpoint_url": endpoint,
            "region_name": REGION,
            "aws_access_key_id": "a",
            "aws_secret_access_key": "b",
        }
        upload(boto3.client("s3", **client))
        sagemaker = boto3.client("sagemaker", **client)
        for name, eta in (("houses-quick", "0.3"), ("houses-careful", "0.05")):
            train(sagemaker, name, eta)
        search(sagemaker)
        with running_browser() as browser:
            take(browser, f"{endpoint}{PATH}/jobs/{REGION}/training/houses-careful", "console_job")
            take(browser, f"{endpoint}{PATH}/jobs/{REGION}/tuning/houses-search", "console_tuning")


@contextmanager
def running_server(folder: Path) -> Iterator[str]:
    """The address of a local AWS that lives as long as the block."""
    server = forked.start(ServerSettings(folder))
    try:
        yield server.endpoint
    finally:
        server.stop(30)


@contextmanager
def running_browser() -> Iterator[webdriver.Chrome]:
    """Chromium without a window."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    width, height = SIZE
    for argument in ("--headless=new", "--no-sandbox", "--hide-scrollbars", f"--window-size={width},{height}"):
        options.add_argument(argument)
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        yield browser
    finally:
        browser.quit()


def upload(s3: Any) -> None:
    """Prices of houses, made from eight numbers each."""
    dice = random.Random(1)
    rows = [[dice.gauss(0, 1) for _ in range(8)] for _ in range(3000)]
    lines = [f"{sum(row) + dice.gauss(0, 0.3):.4f},{','.join(f'{value:.4f}' for value in row)}\n" for row in rows]
    s3.create_bucket(Bucket="houses")
    s3.put_object(Bucket="houses", Key="train/part-0.csv", Body="".join(lines[:2400]))
    s3.put_object(Bucket="houses", Key="validation/part-0.csv", Body="".join(lines[2400:]))


def definition() -> dict[str, Any]:
    """What all training jobs share."""
    channels = [
        {
            "ChannelName": name,
            "ContentType": "text/csv",
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://houses/{name}/"}},
        }
        for name in ("train", "validation")
    ]
    return {
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "InputDataConfig": channels,
        "OutputDataConfig": {"S3OutputPath": "s3://houses/models"},
        "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 10},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
    }


def train(sagemaker: Any, name: str, eta: str) -> None:
    """Train a model to its end."""
    settings = {"num_round": "80", "max_depth": "4", "objective": "reg:squarederror", "eta": eta}
    sagemaker.create_training_job(TrainingJobName=name, HyperParameters=settings, **definition())
    wait(lambda: sagemaker.describe_training_job(TrainingJobName=name)["TrainingJobStatus"])


def search(sagemaker: Any) -> None:
    """Search for the settings of a better model."""
    sagemaker.create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName="houses-search",
        HyperParameterTuningJobConfig={
            "Strategy": "Bayesian",
            "RandomSeed": 1,
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "validation:rmse"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 12, "MaxParallelTrainingJobs": 2},
            "ParameterRanges": {
                "ContinuousParameterRanges": [{"Name": "eta", "MinValue": "0.02", "MaxValue": "0.5"}],
                "IntegerParameterRanges": [{"Name": "max_depth", "MinValue": "2", "MaxValue": "8"}],
            },
        },
        TrainingJobDefinition={
            "StaticHyperParameters": {"num_round": "40", "objective": "reg:squarederror"},
            **definition(),
        },
    )
    name = {"HyperParameterTuningJobName": "houses-search"}
    wait(lambda: sagemaker.describe_hyper_parameter_tuning_job(**name)["HyperParameterTuningJobStatus"])


def wait(status: Any) -> None:
    """Return when a job has ended."""
    while status() not in ENDED:
        time.sleep(1)


def take(browser: webdriver.Chrome, address: str, name: str) -> None:
    """Write the upper part of a page as a small PNG, once its charts are drawn."""
    width, height = SIZE
    screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    browser.get(address)
    browser.implicitly_wait(30)
    browser.find_element("css selector", ".charts svg")
    time.sleep(3)  # the parts that are renewed
    picture = PICTURES / f"{name}.png"
    browser.save_screenshot(str(picture))
    with Image.open(picture) as image:
        image.convert("RGB").quantize(COLOURS).save(picture, optimize=True)
    print(f"{picture.relative_to(ROOT)}: {picture.stat().st_size} bytes")


if __name__ == "__main__":
    main()
