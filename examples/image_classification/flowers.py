"""Image classification with boto3 alone, from folders of images to a contact sheet of predictions.

    wildsage run examples/image_classification/flowers.py FOLDER

FOLDER holds `train` and `validation`, and each of these a folder of JPEGs for every class. The default is
`../shared/data/images/flowers`. The images are packed into .rec files, a ResNet of 18 layers is trained on them, and a batch
transform classifies those of `validation`.
"""

from __future__ import annotations

import argparse
import json
import random
import struct
import time
from pathlib import Path
from typing import Any

import boto3
from PIL import Image, ImageDraw

IMAGE = "811284229777.dkr.ecr.us-east-1.amazonaws.com/image-classification:1"
FLOWERS = Path(__file__).resolve().parents[3] / "shared" / "data" / "images" / "flowers"
CELL, CAPTION, COLUMNS = 128, 28, 8
RIGHT, WRONG = "#1b7837", "#b2182b"

Labelled = tuple[Path, int]


def read_folder(folder: Path, classes: list[str]) -> list[Labelled]:
    """Return the images of all classes in random order, each with the number of its class."""
    found = [(path, number) for number, name in enumerate(classes) for path in sorted((folder / name).glob("*.jpg"))]
    random.Random(0).shuffle(found)
    return found


def record_file(pictures: list[Labelled]) -> bytes:
    """Write a .rec as MXNet's im2rec does: magic number, length, flag, label, id, image, zeros up to a multiple of four."""
    records = []
    for number, (path, label) in enumerate(pictures):
        payload = struct.pack("<IfQQ", 0, label, number, 0) + path.read_bytes()
        records.append(struct.pack("<II", 0xCED7230A, len(payload)) + payload + bytes(-len(payload) % 4))
    return b"".join(records)


def channel(name: str, uri: str) -> dict[str, Any]:
    """A channel of image RecordIO below an S3 URI."""
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "ContentType": "application/x-recordio", "DataSource": {"S3DataSource": source}}


def train(sagemaker: Any, name: str, role: str, where: str, settings: dict[str, str]) -> str:
    """Run a training job, and return the S3 URI of its artifact."""
    sagemaker.create_training_job(
        TrainingJobName=name,
        RoleArn=role,
        AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        HyperParameters=settings,
        InputDataConfig=[channel(each, f"{where}/{each}/") for each in ("train", "validation")],
        OutputDataConfig={"S3OutputPath": f"{where}/models"},
        ResourceConfig={"InstanceType": "ml.p2.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 50},
        StoppingCondition={"MaxRuntimeInSeconds": 36_000},
    )
    print("Training job", name, sagemaker.describe_training_job(TrainingJobName=name)["TrainingJobStatus"])
    sagemaker.get_waiter("training_job_completed_or_stopped").wait(TrainingJobName=name)
    found = sagemaker.describe_training_job(TrainingJobName=name)
    for metric in found["FinalMetricDataList"]:
        print(f"{metric['MetricName']}: {metric['Value']:.4f}")
    return found["ModelArtifacts"]["S3ModelArtifacts"]


def transform(sagemaker: Any, name: str, role: str, artifact: str, pictures: str, answers: str) -> None:
    """Create a model from the artifact, and store its answer for every object below `pictures` below `answers`."""
    container = {"Image": IMAGE, "ModelDataUrl": artifact}
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=role, PrimaryContainer=container)
    sagemaker.create_transform_job(
        TransformJobName=name,
        ModelName=name,
        MaxConcurrentTransforms=2,
        MaxPayloadInMB=6,
        BatchStrategy="SingleRecord",
        TransformInput={
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": pictures}},
            "ContentType": "application/x-image",
            "SplitType": "None",
            "CompressionType": "None",
        },
        TransformOutput={"S3OutputPath": answers},
        TransformResources={"InstanceType": "ml.p2.xlarge", "InstanceCount": 1},
    )
    sagemaker.get_waiter("transform_job_completed_or_stopped").wait(TransformJobName=name)
    status = sagemaker.describe_transform_job(TransformJobName=name)
    print("Transform job", name, status["TransformJobStatus"])
    if status["TransformJobStatus"] != "Completed":
        raise SystemExit(status.get("FailureReason"))


def contact_sheet(pictures: list[Labelled], answers: list[list[float]], classes: list[str]) -> Image.Image:
    """Draw every image with its true class and its predicted class and probability, in green if that is right."""
    rows = -(-len(pictures) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * CELL, rows * (CELL + CAPTION)), "white")
    draw = ImageDraw.Draw(sheet)
    for number, ((path, label), probabilities) in enumerate(zip(pictures, answers, strict=True)):
        x, y = number % COLUMNS * CELL, number // COLUMNS * (CELL + CAPTION)
        sheet.paste(Image.open(path).convert("RGB").resize((CELL - 4, CELL - 4)), (x + 2, y + 2))
        best = max(range(len(classes)), key=probabilities.__getitem__)
        draw.text((x + 4, y + CELL), classes[label], fill="black")
        answer = f"{classes[best]} {probabilities[best]:.2f}"
        draw.text((x + 4, y + CELL + 12), answer, fill=RIGHT if best == label else WRONG)
    return sheet


def main() -> None:
    """Pack the images, train, classify those of `validation`, and save a sheet of the answers."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument(
        "folder",
        type=Path,
        nargs="?",
        default=FLOWERS,
        help="folder that holds train and validation, with a folder for each class",
    )
    options.add_argument("--side", type=int, default=64, help="pixels of the network's input")
    options.add_argument("--epochs", type=int, default=30)
    options.add_argument("--sheet", type=Path, default=Path("contact_sheet.png"), help="where the contact sheet goes")
    given = options.parse_args()
    if not (given.folder / "train").is_dir():
        raise SystemExit(f"{given.folder} holds no folder train. Give a folder with train and validation.")

    classes = sorted(path.name for path in (given.folder / "train").iterdir() if path.is_dir())
    pictures = {part: read_folder(given.folder / part, classes) for part in ("train", "validation")}
    s3, sagemaker = boto3.client("s3"), boto3.client("sagemaker")
    account = boto3.client("sts").get_caller_identity()["Account"]
    role, bucket = f"arn:aws:iam::{account}:role/SageMakerRole", f"sagemaker-us-east-1-{account}"
    name = f"flowers-{time.time_ns()}"
    where = f"s3://{bucket}/{name}"
    s3.create_bucket(Bucket=bucket)
    for part, labelled in pictures.items():
        s3.put_object(Bucket=bucket, Key=f"{name}/{part}/{part}.rec", Body=record_file(labelled))
    shown = pictures["validation"][: 8 * COLUMNS]
    for number, (path, _) in enumerate(shown):
        s3.put_object(Bucket=bucket, Key=f"{name}/pictures/{number:04d}.jpg", Body=path.read_bytes())

    settings = {
        "num_layers": "18",
        "image_shape": f"3,{given.side},{given.side}",
        "resize": str(given.side * 9 // 8),
        "augmentation_type": "crop",
        "num_classes": str(len(classes)),
        "num_training_samples": str(len(pictures["train"])),
        "mini_batch_size": "32",
        "epochs": str(given.epochs),
        "learning_rate": "0.02",
        "lr_scheduler_step": f"{max(1, given.epochs * 2 // 3)}",
        "optimizer": "nag",
    }
    artifact = train(sagemaker, name, role, where, settings)
    transform(sagemaker, name, role, artifact, f"{where}/pictures/", f"{where}/answers")
    keys = [f"{name}/answers/{number:04d}.jpg.out" for number in range(len(shown))]
    answers = [json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())["prediction"] for key in keys]
    right = sum(
        max(range(len(classes)), key=p.__getitem__) == label for (_, label), p in zip(shown, answers, strict=True)
    )
    contact_sheet(shown, answers, classes).save(given.sheet)
    print(f"{right} of {len(shown)} right; {given.sheet}")
    sagemaker.delete_model(ModelName=name)


if __name__ == "__main__":
    main()
