"""Whole image-classification jobs in a process, as SageMaker would run them, on 64 striped images."""

import hashlib
import io
import json
import os
import re
import threading
import time

import numpy as np
import psutil
import pytest
import torch
from PIL import Image

from wildsage.algorithms.base.ports import free_port
from wildsage.algorithms.image_classification import loss
from wildsage.algorithms.image_classification.conformance import accuracy, stripes
from wildsage.algorithms.image_classification.executor import Network
from wildsage.containers.codecs.images import image_recordio
from wildsage.containers.codecs.mxnet import ndarray
from wildsage.containers.codecs.records import recordio
from wildsage.containers.contract import archive
from wildsage.containers.contract.job import ChannelConfig
from wildsage.containers.model_files import artifact
from wildsage.containers.serving.handler import Handler, HttpRequest
from wildsage.containers.train import train
from wildsage.containers.training.stopping import StopSignal

ROWS = stripes()
RECORDIO = "application/x-recordio"
SETTINGS = {
    "num_classes": "2", "num_training_samples": "64", "image_shape": "1,8,8", "num_layers": "20",
    "mini_batch_size": "16", "epochs": "3", "learning_rate": "0.01", "lr_scheduler_step": "2",
}  # fmt: skip
ONE_THREAD = {"OMP_NUM_THREADS": "1"}


def png(pixels_hw) -> bytes:
    content = io.BytesIO()
    Image.fromarray(np.asarray(pixels_hw)).save(content, "PNG")
    return content.getvalue()


IMAGES = [png(image_hw) for image_hw in ROWS.features[:, 0]]
LABELS = [int(label) for label in ROWS.labels_nl[:, 0]]
REC = b"".join(
    image_recordio.encode(image, [label], i) for i, (image, label) in enumerate(zip(IMAGES, LABELS, strict=True))
)


def digest(job) -> str:
    archive.pack(job.opt_ml.model, job.opt_ml.root / "model.tar.gz")
    return hashlib.sha256((job.opt_ml.root / "model.tar.gz").read_bytes()).hexdigest()


def described(job, channels=("train", "validation"), config=None, hosts=None, **settings):
    run = job("image_classification")
    run.describe({**SETTINGS, **settings}, dict.fromkeys(channels, config or ChannelConfig(RECORDIO)), **(hosts or {}))
    return run


def with_rec(job, content=REC, **changes):
    run = described(job, **changes)
    for channel in ("train", "validation"):
        run.put(channel, f"{channel}.rec", content)
    return run


def train_here(run, stop: StopSignal | None = None) -> int:
    """The job in this process, on one thread: its exit status."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return train(
            {"SAGEMAKER_DATA_PATH": str(run.opt_ml.root), "WILDSAGE_ALGORITHM": run.algorithm}, stop or StopSignal()
        )
    finally:
        torch.set_num_threads(threads)


def feed(run, channel: str, content: bytes, passes: int) -> None:
    """FIFOs for so many passes, each fed by a thread."""
    for number in range(passes):
        path = run.opt_ml.pipe(channel, number)
        os.mkfifo(path)
        threading.Thread(target=path.write_bytes, args=(content,), daemon=True).start()


def model_of(run):
    return artifact.load(run.opt_ml.model)[1]


def test_a_job_learns_logs_in_the_originals_words_and_leaves_its_files(job):
    run = with_rec(job, top_k="2")
    status, log = run.train(**ONE_THREAD)
    assert status == 0, log
    assert sorted(path.name for path in run.opt_ml.model.iterdir()) == [
        re.search(r"image-classification-000\d.params", str(list(run.opt_ml.model.iterdir())))[0],
        "image-classification-symbol.json",
        "model-shapes.json",
    ]
    assert json.loads((run.opt_ml.model / "model-shapes.json").read_bytes()) == [
        {"shape": [16, 1, 8, 8], "name": "data"}
    ]
    frame = r"^\[\d\d/\d\d/\d{4} \d\d:\d\d:\d\d INFO \d+\] "
    for line in (
        rf"Searching for .rec files in {run.opt_ml.channel('train')}\.",
        "Performing random weight initialization",
        "data type: <class 'numpy.float32'>",
        "image_shape: 1,8,8",
        "checkpoint_frequency not set, will store the best model",
        r"Epoch\[0\] Train-accuracy=[01]\.\d{6}",
        r"Epoch\[0\] Train-top_k_accuracy_2=1\.000000",
        r"Epoch\[2\] Time cost=\d+\.\d{3}",
        r"Epoch\[2\] Validation-accuracy=[01]\.\d{6}",
        r"Storing the best model with validation accuracy: [01]\.\d{6}",
        r'Saved checkpoint to ".*/image-classification-000\d\.params"',
        r"Channel train: waited \d+\.\d % of \d+\.\d s for images\.",
    ):
        assert re.search(frame + line + "$", log, re.M), line
    assert accuracy(model_of(run), ROWS) >= 0.95


def test_the_same_job_gives_the_same_bytes_however_the_images_arrive(job):
    """Twice from one file, from two, and from pipes."""
    digests = set()
    middle = REC.index(recordio.MAGIC_BYTES, len(REC) // 2)
    for parts in ([REC], [REC], [REC[:middle], REC[middle:]]):
        run = described(job, channels=("train",), augmentation_type="crop_color_transform", epochs="2")
        for number, part in enumerate(parts):
            run.put("train", f"part-{number}.rec", part)
        run.put("train", "part-0.idx", b"0\t0\n")
        assert train_here(run) == 0
        digests.add(digest(run))
    piped = described(
        job, ("train",), ChannelConfig(RECORDIO, "Pipe"), augmentation_type="crop_color_transform", epochs="2"
    )
    feed(piped, "train", REC, passes=2)
    assert train_here(piped) == 0
    assert digests == {digest(piped)}


def test_an_augmented_manifest_gives_what_the_rec_file_gives(job):
    plain = described(job, channels=("train",), epochs="1")
    plain.put("train", "train.rec", REC)
    pairs = zip(IMAGES, LABELS, strict=True)
    stream = b"".join(recordio.frame_split(image) + recordio.frame(b"%d" % label) for image, label in pairs)
    config = ChannelConfig(RECORDIO, "Pipe", record_wrapper="RecordIO")
    manifest = described(job, ("train",), config, epochs="1")
    feed(manifest, "train", stream, passes=1)
    assert train_here(plain) == train_here(manifest) == 0
    assert digest(plain) == digest(manifest)


@pytest.mark.parametrize("content_type", ["application/x-image", "application/jpeg"])
def test_images_as_files_with_a_list_give_what_the_rec_file_gives(job, content_type):
    plain = described(job, channels=("train",), epochs="1")
    plain.put("train", "train.rec", REC)
    listed = described(job, ("train", "train_lst"), ChannelConfig(content_type), epochs="1")
    for number, (image, label) in enumerate(zip(IMAGES, LABELS, strict=True)):
        listed.put("train", f"{label}/{number}.png", image)
    lines = [f"{number}\t{label}.000000\t{label}/{number}.png\n" for number, label in enumerate(LABELS)]
    listed.put("train_lst", "train.lst", "".join(lines).encode())
    assert train_here(plain) == train_here(listed) == 0
    assert digest(plain) == digest(listed)


def test_killed_and_started_again_it_gives_the_same_bytes(job):
    """The second pass comes by a pipe that is never fed: the kill comes while the job waits for it."""
    settings = {"_checkpoint_seconds": "0", "optimizer": "adam", "learning_rate": "0.001"}
    whole = described(job, channels=("train",), **settings)
    whole.put("train", "train.rec", REC)
    status, log = whole.train(**ONE_THREAD)
    assert status == 0, log
    run = described(job, ("train",), ChannelConfig(RECORDIO, "Pipe"), **settings)
    run.opt_ml.checkpoint_config.write_text("{}")
    feed(run, "train", REC, passes=2)
    process = run.start_alone(**ONE_THREAD)
    wait_until(lambda: psutil.Process(process.pid).children())
    workers = psutil.Process(process.pid).children()
    wait_until(lambda: _epochs_done(run) >= 2)
    process.kill()
    process.wait()
    assert workers and psutil.wait_procs(workers, timeout=240)[1] == [], "its workers end with it"
    again = described(job, ("train",), ChannelConfig(RECORDIO), **settings)
    again.opt_ml.checkpoint_config.write_text("{}")
    again.put("train", "train.rec", REC)
    again.opt_ml.checkpoints.mkdir()
    (run.opt_ml.checkpoints / "checkpoint_algo-1").rename(again.opt_ml.checkpoints / "checkpoint_algo-1")
    status, log = again.train(**ONE_THREAD)
    assert status == 0 and "Epochs done before: 2." in log and "Epoch[1]" not in log, log
    assert digest(again) == digest(whole)


def _epochs_done(run) -> int:
    path = run.opt_ml.checkpoints / "checkpoint_algo-1"
    return int(ndarray.read(path.read_bytes())["state/progress"][0]) if path.exists() else 0


def wait_until(happened) -> None:
    deadline = time.monotonic() + 240
    while not happened():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.05)


def test_two_hosts_are_one_host_with_twice_the_batch(job):
    """Weights and loss after a pass, without augmentation. Float32 sums in another order, over 20 layers: 1e-4.

    The seed is one by which no activation lies so near zero that rounding decides which way it goes.
    """
    settings = {"epochs": "1", "_seed": "3"}
    alone = described(job, channels=("train",), mini_batch_size="32", **settings)
    alone.put("train", "train.rec", REC)
    assert alone.train(**ONE_THREAD)[0] == 0
    port = str(free_port())
    names = ("algo-1", "algo-2")
    runs = []
    for host in names:
        hosts = {"current_host": host, "hosts": names}
        run = described(job, ("train",), hosts=hosts, mini_batch_size="16", kv_store="dist_sync", **settings)
        run.put("train", "train.rec", REC)
        runs.append((run, run.start(MASTER_ADDR="127.0.0.1", MASTER_PORT=port, **ONE_THREAD)))
    for _, process in runs:
        log, _ = process.communicate(timeout=240)
        assert process.returncode == 0, log
    assert not list(runs[1][0].opt_ml.model.iterdir())
    one, two = (model_of(run) for run in (alone, runs[0][0]))
    with torch.inference_mode():
        answers = [Network(model.graph(), model.arrays())(ROWS.dense()) for model in (one, two)]
        losses = [float(loss.cross_entropy(answer, ROWS.labels_nl, multi_label=False)) for answer in answers]
    assert losses[0] == pytest.approx(losses[1], abs=1e-4)
    for name, array in one.arrays().items():
        assert torch.allclose(array, two.arrays()[name], rtol=1e-3, atol=1e-4), name


def test_training_goes_on_from_an_earlier_model_or_takes_its_weights_for_other_classes(job):
    first = described(job, channels=("train",), epochs="2")
    first.put("train", "train.rec", REC)
    assert train_here(first) == 0
    archive.pack(first.opt_ml.model, first.opt_ml.root / "model.tar.gz")
    earlier = (first.opt_ml.root / "model.tar.gz").read_bytes()
    cases = [
        ({}, None),
        ({"num_classes": "3"}, "fc_weight is (2, 64), expected (3, 64)"),
        ({"num_classes": "3", "use_pretrained_model": "1"}, None),
        ({"num_layers": "32", "use_pretrained_model": "1"}, "stage1_unit4_bn1_gamma is missing"),
    ]
    for settings, failure in cases:
        run = described(job, ("train", "model"), epochs="1", learning_rate="0", **settings)
        run.put("train", "train.rec", REC)
        run.put("model", "model.tar.gz", earlier)
        if failure:
            assert train_here(run) == 1 and failure in run.failure
        else:
            assert train_here(run) == 0
            before, after = model_of(first).arrays(), model_of(run).arrays()
            assert torch.equal(before["conv0_weight"], after["conv0_weight"])
            assert torch.equal(before["fc_weight"], after["fc_weight"]) == (settings.get("num_classes") is None)


def test_several_labels_an_image_with_a_weighted_loss(job):
    """Every fourth epoch is kept."""
    labels = [[1 - label, label] for label in LABELS]
    content = b"".join(
        image_recordio.encode(image, row, i) for i, (image, row) in enumerate(zip(IMAGES, labels, strict=True))
    )
    run = with_rec(
        job, content, multi_label="1", use_weighted_loss="1", epochs="8", checkpoint_frequency="4",
        lr_scheduler_step="6",
    )  # fmt: skip
    assert train_here(run) == 0
    assert [path.name for path in sorted(run.opt_ml.model.glob("*.params"))] == [
        "image-classification-0004.params",
        "image-classification-0008.params",
    ]
    probabilities = model_of(run).predict(ROWS)["prediction"]
    assert float(((probabilities > 0.5) == torch.tensor(labels, dtype=torch.bool)).float().mean()) > 0.95


def test_asked_to_stop_it_leaves_what_it_has_learned(job):
    run = described(job, channels=("train",))
    run.put("train", "train.rec", REC)
    stop = StopSignal()
    stop.raised = True
    assert train_here(run, stop) == 0
    assert model_of(run).predict(ROWS)["prediction"].shape == (64, 2)


def test_what_was_trained_answers_over_the_contract(job):
    run = described(job, channels=("train",))
    run.put("train", "train.rec", REC)
    assert train_here(run) == 0
    kind, model = artifact.load(run.opt_ml.model, "image-classification")
    answer = Handler(model, kind.spec).invocations(HttpRequest(IMAGES[0], "image/png"))
    assert answer.status == 200 and np.argmax(json.loads(answer.body)) == LABELS[0]


@pytest.mark.parametrize(
    ("content", "settings", "failure"),
    [
        (REC, {"num_layers": "21"}, "Hyperparameter num_layers: got '21', expected one of 18, 20, 32,"),
        (REC, {"image_shape": "1,28"}, "Hyperparameter image_shape: got '1,28', expected 3 integers ≥ 1 with commas"),
        (REC, {"image_shape": "2,8,8"}, "Hyperparameter image_shape: got 2 channels, expected 1 (grey) or 3 (colour)."),
        (REC, {"resize": "4"}, "Hyperparameter resize: got 4, expected 8 (image_shape) or more."),
        (REC, {"image_shape": "1,12,12"}, "Channel train, train.rec, row "),
        (REC, {"num_classes": "1"}, "label 1, expected a class from 0 to 0 (num_classes)."),
        (REC, {"mini_batch_size": "65"}, "Hyperparameter num_training_samples: got 64, expected 65 (mini_batch_size) or more"),
        (REC, {"mini_batch_size": "65", "num_training_samples": "65"}, "No training data processed."),
        (REC, {"use_pretrained_model": "1"}, "Hyperparameter use_pretrained_model: there are no weights to begin from."),
        (REC[:-40], {}, "Channel train, train.rec, row 64: the stream ends inside the record"),
        (image_recordio.encode(b"GIF89a", [0], 0) * 64, {}, "the image is not a JPEG or PNG: it is GIF (it begins with 47 49 46 38)."),
        (image_recordio.encode(IMAGES[0], [0, 1], 0) * 64, {}, "2 labels, expected one (multi_label is 0)."),
        (b"", {}, "No training data processed."),
    ],
)  # fmt: skip
def test_a_users_mistake_is_a_client_error(job, content, settings, failure):
    run = described(job, channels=("train",), epochs="1", **settings)
    run.put("train", "train.rec", content)
    assert train_here(run) == 1 and not list(run.opt_ml.model.iterdir())
    assert run.failure.startswith("ClientError: ") and failure in run.failure


@pytest.mark.parametrize(
    ("files", "failure"),
    [
        ([], "No training data processed."),
        (["train.idx"], "Channel train: found no .rec file, expected at least one for content type "),
    ],
)
def test_a_channel_without_images_says_what_it_lacks(job, files, failure):
    run = described(job, channels=("train",), epochs="1")
    run.opt_ml.channel("train").mkdir()
    for name in files:
        run.put("train", name, b"0\t0\n")
    assert train_here(run) == 1 and run.failure.startswith(f"ClientError: {failure}")
