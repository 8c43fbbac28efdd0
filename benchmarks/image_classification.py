"""Compare image classification with Hugging Face's ResNet in a plain torch loop: `python -m benchmarks.image_classification`.

Training: images a second from one stream of decoded JPEGs, with 18 layers at 64 pixels in float32 on a CPU, or with 50 layers
at 224 pixels in half precision on a GPU, where the peer is compiled. Inference: one image of 224 × 224, 18 layers. `--learn`
trains on MNIST, a subset of CIFAR-10 and flowers instead, and reports accuracies; this takes minutes on two cores. All
contenders read the same input in the same run. The peer needs the package transformers and is left out where that is missing.
"""

from __future__ import annotations

import gzip
import io
import json
import random
import statistics
import tarfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

import numpy as np
import torch
import torch.nn.functional as F
import typer
from PIL import Image
from sklearn.linear_model import LogisticRegression
from torch import nn

from benchmarks.datasets import SHARED
from benchmarks.report import Report, medians
from wildsage.algorithms.base import hyperparameters
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.image_classification import weights
from wildsage.algorithms.image_classification.algorithm import ImageClassification
from wildsage.algorithms.image_classification.model import ImageClassificationModel
from wildsage.algorithms.image_classification.network import SOFTMAX, residual_network
from wildsage.algorithms.image_classification.preparation import TrainingPreparation
from wildsage.containers.codecs.images import encoded
from wildsage.containers.codecs.images.image_recordio import ImageRecord
from wildsage.containers.input.image_stream import ImageStream
from wildsage.containers.serving.handler import Handler, HttpRequest

try:
    from transformers import ResNetConfig, ResNetForImageClassification
except ImportError:
    ResNetConfig = ResNetForImageClassification = None

COMMAND = "python -m benchmarks.image_classification"
PACKAGES = ("torch", "pillow", "numpy") + (("transformers",) if ResNetConfig else ())
CLASSES = 5
BASIC, BOTTLENECK = "basic", "bottleneck"
DEPTHS = {18: (BASIC, (64, 128, 256, 512), (2, 2, 2, 2)), 50: (BOTTLENECK, (256, 512, 1024, 2048), (3, 4, 6, 3))}

Records = Sequence[ImageRecord]


def jpegs(count: int, side: int) -> Records:
    """Generate JPEGs of noise over gradients, which take as much work to decode as photographs."""
    rng = np.random.default_rng(0)
    records = []
    for number in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (8, 8, 3)).astype(np.uint8)).resize((side, side))
        noisy = np.clip(np.asarray(coarse) + rng.normal(0, 12, (side, side, 3)), 0, 255).astype(np.uint8)
        content = io.BytesIO()
        Image.fromarray(noisy).save(content, "JPEG", quality=90)
        records.append(ImageRecord(content.getvalue(), (float(number % CLASSES),)))
    return records


def build(**settings: Any) -> ImageClassification:
    """The algorithm with these hyperparameters, checked as a job checks them."""
    given = {name: str(value) for name, value in settings.items()}
    return hyperparameters.parse(ImageClassification, given, ImageClassification.internal_settings())[0]


def stream(name: str, records: Records, algorithm: ImageClassification) -> ImageStream:
    """The channel of that name over records in memory, shuffled if it is `train`."""
    return ImageStream(name, lambda: iter(records), algorithm.preparation(name, {}), 0 if name == "train" else None)


def peer(num_layers: int, device: torch.device) -> nn.Module:
    """Hugging Face's ResNet of that depth; on a GPU compiled, and with channels last in memory."""
    kind, widths, depths = DEPTHS[num_layers]
    config = ResNetConfig(num_labels=CLASSES, layer_type=kind, hidden_sizes=list(widths), depths=list(depths))
    network = ResNetForImageClassification(config).to(device)
    return torch.compile(network.to(memory_format=torch.channels_last)) if device.type == "cuda" else network


def plain_loop(network: nn.Module, batches: Iterator[Any], device: torch.device) -> None:
    """The training loop of a tutorial: forward, loss, backward, step."""
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
    network.train()
    for batch in batches:
        x = batch.features.to(device).float() / 255
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            scores = network(x).logits
        loss = F.cross_entropy(scores.float(), batch.labels_nl[:, 0].long().to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def training(rounds: int) -> Iterator[list[str]]:
    """Images a second of each contender."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    num_layers, side, batch, count = (50, 224, 128, 4096) if device.type == "cuda" else (18, 64, 32, 1536)
    records = jpegs(count, side + side // 8)
    precision = "float16" if device.type == "cuda" else "float32"
    algorithm = build(
        num_classes=CLASSES, num_training_samples=count, num_layers=num_layers, image_shape=f"3,{side},{side}",
        mini_batch_size=batch, epochs=1, learning_rate=0.01, augmentation_type="crop", precision_dtype=precision,
    )  # fmt: skip
    waits: list[str] = []
    ours = stream("train", records, algorithm)
    ours._log = waits.append
    contenders: dict[str, Callable[[], Any]] = {"ours": lambda: algorithm.fit({"train": ours}, RunContext(0, device))}
    if ResNetConfig:
        network = peer(num_layers, device)
        theirs = stream("train", records, algorithm)
        contenders["transformers' ResNet, plain torch loop"] = lambda: plain_loop(
            network, theirs.batches(batch), device
        )
    seconds = medians(contenders, rounds)
    for name, taken in seconds.items():
        what = f"training, {num_layers} layers, {side} px, batch {batch}, {device.type}"
        yield [what, name, f"{count / taken:.0f} images/s", f"{seconds['ours'] / taken:.2f}"]
    shares = [float(line.split("waited ")[1].split(" %")[0]) for line in waits]
    yield ["time the network waits for images", "ours", f"{statistics.median(shares):.1f} %", ""]


def inference(requests: int) -> Iterator[list[str]]:
    """Median milliseconds for one image: for the whole request, and for the networks alone."""
    shape = (3, 224, 224)
    graph = residual_network(18, shape, CLASSES, SOFTMAX)
    model = ImageClassificationModel(graph, {1: weights.random(graph, 3, torch.Generator().manual_seed(0))}, shape)
    handler = Handler(model, ImageClassification.spec)
    (record,) = jpegs(1, 224)
    picture = torch.tensor(model.pixels(encoded.decode(record.content, "RGB"))).permute(2, 0, 1)[None]
    contenders: dict[str, Callable[[], Any]] = {
        "ours, JPEG to JSON": lambda: handler.invocations(HttpRequest(record.content)),
        "ours, network alone": lambda: model._network(picture.float()),
    }
    if ResNetConfig:
        network = peer(18, torch.device("cpu")).train(False)
        contenders["transformers' ResNet, network alone"] = lambda: network(picture.float())
    with torch.inference_mode():
        for work in contenders.values():
            work()
        seconds = medians(contenders, requests)
    alone = seconds["ours, network alone"]
    for name, taken in seconds.items():
        yield [
            "inference, 18 layers, 224 px, one picture",
            name,
            f"{1000 * taken:.1f} ms at p50",
            f"{alone / taken:.2f}",
        ]


@dataclass(frozen=True)
class Lesson:
    """A data set: `load()` returns training and validation records."""

    name: str
    load: Callable[[], tuple[Records, Records]]
    settings: dict[str, Any]


def mnist() -> tuple[Records, Records]:
    """Training and test images of MNIST as PNG records."""

    def part(name: str) -> Records:
        pixels, labels = (
            gzip.decompress((SHARED / "mnist" / f"{name}-{kind}-ubyte.gz").read_bytes())
            for kind in ("images-idx3", "labels-idx1")
        )
        pictures = np.frombuffer(pixels, np.uint8, offset=16).reshape(-1, 28, 28)
        return [ImageRecord(_png(x), (float(y),)) for x, y in zip(pictures, labels[8:], strict=True)]

    return part("train"), part("t10k")


def _png(pixels: Any) -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    return content.getvalue()


def cifar10() -> tuple[Records, Records]:
    """The first 500 training images and the first 100 test images of each class of CIFAR-10."""
    with tarfile.open(SHARED / "images" / "cifar10_subset.tar.gz") as archive:
        named = _members(archive)
    return _labelled([f for f in named if f[0].startswith("train")]), _labelled(
        [f for f in named if f[0].startswith("test")]
    )


def flowers() -> tuple[Records, Records]:
    """4,317 photographs of five flowers, a fifth of them for validation."""
    with tarfile.open(SHARED / "images" / "flowers128_full.tar.gz") as archive:
        records = _labelled(_members(archive))
    return records[len(records) // 5 :], records[: len(records) // 5]


def _members(archive: tarfile.TarFile) -> list[tuple[str, bytes]]:
    files = [member for member in archive.getmembers() if member.name.endswith(".jpg")]
    return [(member.name, content.read()) for member in files if (content := archive.extractfile(member))]


def _labelled(files: list[tuple[str, bytes]]) -> Records:
    """Images in random order, each with its class, which is its folder."""
    classes = sorted({name.split("/")[-2] for name, _ in files})
    records = [ImageRecord(content, (float(classes.index(name.split("/")[-2])),)) for name, content in files]
    random.Random(0).shuffle(records)
    return records


LESSONS = (
    Lesson("MNIST", mnist, {
        "num_classes": 10, "image_shape": "1,28,28", "num_layers": 20, "mini_batch_size": 64, "epochs": 3,
        "learning_rate": 0.05, "lr_scheduler_step": "1,2", "lr_scheduler_factor": 0.2,
    }),
    Lesson("CIFAR-10, 5,000 pictures", cifar10, {
        "num_classes": 10, "image_shape": "3,28,28", "num_layers": 20, "mini_batch_size": 64, "epochs": 20,
        "learning_rate": 0.05, "lr_scheduler_step": "14,18", "weight_decay": 0.0005, "augmentation_type": "crop",
    }),
    Lesson("flowers, 64 px", flowers, {
        "num_classes": 5, "image_shape": "3,64,64", "resize": 72, "num_layers": 18, "mini_batch_size": 32, "epochs": 20,
        "learning_rate": 0.02, "lr_scheduler_step": "14,18", "weight_decay": 0.005, "augmentation_type": "crop",
    }),
)  # fmt: skip


def learn(lesson: Lesson) -> list[str]:
    """Accuracy on the validation records, the time of training, and the accuracy of a linear model on the same pixels."""
    train, validation = lesson.load()
    algorithm = build(num_training_samples=len(train), optimizer="nag", **lesson.settings)
    began = time.perf_counter()
    model = algorithm.fit({"train": stream("train", train, algorithm)}, RunContext())
    taken = time.perf_counter() - began
    hits = [
        float((model.predict(batch)["prediction"].argmax(1) == batch.labels_nl[:, 0]).float().sum())
        for batch in stream("validation", validation, algorithm).batches(100)
        if batch.labels_nl is not None
    ]
    linear = linear_accuracy(train, validation, algorithm)
    return [
        lesson.name,
        f"{sum(hits) / len(validation):.4f}",
        f"{linear:.4f}",
        f"{taken:.0f} s",
        json.dumps(lesson.settings),
    ]


def linear_accuracy(train: Records, validation: Records, algorithm: ImageClassification) -> float:
    """Accuracy of logistic regression on the pixels of at most 10,000 training images."""
    preparation = TrainingPreparation(algorithm.shape, algorithm.resize, None, algorithm.num_classes)

    def pixels(records: Records) -> np.ndarray:
        decoded = (encoded.decode(record.content, preparation.mode) for record in records)
        return np.stack([preparation.pixels(each, np.random.default_rng()).reshape(-1) for each in decoded]) / 255

    part = train[:10_000]
    fitted = LogisticRegression(C=0.01, max_iter=200).fit(pixels(part), [r.labels[0] for r in part])
    return float(fitted.score(pixels(validation), [r.labels[0] for r in validation]))


def main(
    rounds: Annotated[int, typer.Option(help="Rounds of training; every contender takes its turn.")] = 3,
    requests: Annotated[int, typer.Option(help="Requests of inference.")] = 50,
    lessons: Annotated[bool, typer.Option("--learn", help="Train on real data instead.")] = False,
) -> None:
    """Measure, and print and write the report."""
    torch.manual_seed(0)
    if lessons:
        report = Report(
            "image_classification_learning", "Accuracy of image classification", f"{COMMAND} --learn",
            ("data", "accuracy", "linear model on pixels", "training", "settings"),
            [learn(lesson) for lesson in LESSONS],
            "Optimizer nag, float32. Accuracy of the last epoch.", PACKAGES,
        )  # fmt: skip
    else:
        report = Report(
            "image_classification", "Speed of image classification", COMMAND, ("what", "who", "measured", "ours is faster by"),
            [*training(rounds), *inference(requests)],
            "Medians of interleaved rounds; all contenders decode and augment by the same worker processes.", PACKAGES,
        )  # fmt: skip
    report.show()
    print(report.write(date.today()))


if __name__ == "__main__":
    typer.run(main)
