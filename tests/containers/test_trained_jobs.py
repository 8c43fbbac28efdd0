"""Whole jobs in a process, as SageMaker would run them."""

import fcntl
import hashlib
import io
import os
import re
import signal
import struct
import termios
import threading
import time

import numpy as np
import pytest
import torch

from wildsage.algorithms.base.ports import free_port
from wildsage.algorithms.kmeans import steps
from wildsage.containers.codecs.mxnet import ndarray
from wildsage.containers.contract import archive, metrics
from wildsage.containers.contract.job import ChannelConfig
from wildsage.containers.model_files import artifact

RNG = np.random.default_rng(0)
X = (RNG.normal(size=(3000, 4)) + RNG.choice([0, 8, 16], size=(3000, 1))).astype(np.float32)
KMEANS = {"k": "3", "feature_dim": "4", "mini_batch_size": "500"}
PCA = {"num_components": "2", "feature_dim": "4", "mini_batch_size": "500"}
SETTINGS = {"kmeans": KMEANS, "pca": PCA}


def recordio(x: np.ndarray) -> bytes:
    common = pytest.importorskip("sagemaker.amazon.common")
    body = io.BytesIO()
    common.write_numpy_to_dense_tensor(body, x)
    return body.getvalue()


def csv(x: np.ndarray) -> bytes:
    return "".join(",".join(map(repr, row.tolist())) + "\n" for row in x).encode()


def digest(job) -> str:
    archive.pack(job.opt_ml.model, job.opt_ml.root / "model.tar.gz")
    return hashlib.sha256((job.opt_ml.root / "model.tar.gz").read_bytes()).hexdigest()


@pytest.fixture(params=["kmeans", "pca"])
def name(request):
    return request.param


def train_on(job, name, parts, content_type=None, **settings):
    run = job(name)
    run.describe({**SETTINGS[name], **settings}, {"train": ChannelConfig(content_type)})
    for number, part in enumerate(parts):
        run.put("train", f"part-{number}", part)
    return run, *run.train()


def test_the_same_job_twice_however_the_rows_arrive_gives_the_same_bytes(job, name):
    whole = [recordio(X)]
    cut = [recordio(X[:700]), b"", recordio(X[700:])]
    digests = set()
    for parts in (whole, whole, cut, [csv(X)]):
        content_type = "text/csv;label_size=0" if parts[0][:1] != b"\n" else None
        run, status, log = train_on(job, name, parts, content_type)
        assert status == 0, log
        digests.add(digest(run))
    piped = job(name)
    piped.describe(SETTINGS[name], {"train": ChannelConfig(input_mode="Pipe")})
    os.mkfifo(piped.opt_ml.pipe("train", 0))
    threading.Thread(target=piped.opt_ml.pipe("train", 0).write_bytes, args=(whole[0],), daemon=True).start()
    status, log = piped.train()
    assert status == 0, log
    assert digests == {digest(piped)}


def test_a_model_holds_what_the_contract_says(job):
    run, status, log = train_on(job, "kmeans", [recordio(X)])
    assert status == 0, log
    content = ndarray.read((run.opt_ml.model / "model_algo-1").read_bytes())
    assert isinstance(content, list) and [array.shape for array in content] == [(3, 4)]
    run, status, log = train_on(job, "pca", [recordio(X)])
    assert status == 0, log
    content = ndarray.read((run.opt_ml.model / "model_algo-1").read_bytes())
    assert {name: array.shape for name, array in content.items()} == {"s": (2,), "v": (4, 2), "mean": (1, 4)}
    assert content["s"][0] < content["s"][1]


def test_the_log_has_the_originals_frame_and_figures(job):
    run = job("kmeans")
    run.describe({**KMEANS, "eval_metrics": '["msd", "ssd"]'}, {"train": ChannelConfig(), "test": ChannelConfig()})
    run.put("train", "x", recordio(X))
    run.put("test", "x", recordio(X[:1000]))
    status, log = run.train()
    assert status == 0, log
    assert re.search(r"^\[\d\d/\d\d/\d{4} \d\d:\d\d:\d\d INFO \d+\] Final configuration: \{", log, re.M)
    assert re.search(metrics.PROGRESS_REGEX, log)[1] == "100.0"
    assert float(re.search(metrics.THROUGHPUT_REGEX, log)[1]) > 0
    found = {name: float(re.search(metrics.quality_regex("test", name, "loss"), log)[1]) for name in ("msd", "ssd")}
    assert found["ssd"] == pytest.approx(1000 * found["msd"])
    assert found["msd"] == pytest.approx(4, rel=0.2)  # three unit clouds in four dimensions
    assert f"#test_score (algo-1) : ('msd', {found['msd']})" in log
    assert re.search(r'"num_examples": 6, "num_bytes": 120000\}', log)  # 3000 records of 40 bytes in batches of 500


@pytest.mark.parametrize(
    ("settings", "failure"),
    [
        ({"mini_batch_siz": "5"}, "Additional properties are not allowed ('mini_batch_siz' was unexpected). Did you mean mini_batch_size?"),
        ({"k": "5000"}, "Hyperparameter k: got 5000, but channel train holds only 3000 rows."),
        ({"k": "many"}, "Hyperparameter k: got 'many', expected an integer ≥ 1."),
        ({"feature_dim": "5"}, "Channel train, part-0, row 1: 4 columns, expected 5 (feature_dim)."),
        ({"_seed": "x"}, "Hyperparameter _seed: got 'x', expected an integer from 0 to "),
        ({"_num_gpus": "99"}, "Hyperparameter _num_gpus: got 99, but this host has "),
    ],
)  # fmt: skip
def test_a_users_mistake_is_a_client_error(job, settings, failure):
    run, status, log = train_on(job, "kmeans", [recordio(X)], **settings)
    assert status == 1 and run.failure.startswith(f"ClientError: {failure}")
    assert "Traceback" not in log and not list(run.opt_ml.model.iterdir())


@pytest.mark.parametrize("parts", [[], [b""]], ids=["no files", "empty file"])
def test_an_empty_channel_is_a_client_error(job, name, parts):
    run, status, _ = train_on(job, name, parts)
    assert status == 1 and run.failure.startswith("ClientError: No training data processed.")


def test_a_batch_larger_than_the_data(job):
    """K-means continues with the rows there are and says so; PCA fails, as the original's documentation says."""
    _, status, log = train_on(job, "kmeans", [recordio(X)], mini_batch_size="5000")
    assert status == 0 and "Effective batch size used to initialize is 3000" in log
    run, status, _ = train_on(job, "pca", [recordio(X)], mini_batch_size="5000")
    assert status == 1 and "Got 3000 rows, expected at least mini_batch_size = 5000" in run.failure


@pytest.mark.parametrize(
    ("channels", "failure"),
    [
        ({"train": ChannelConfig("application/json")}, "Channel train: got content type 'application/json', expected "),
        ({"test": ChannelConfig()}, "Channels: got test; kmeans expects model, test, train, of which train is required."),
        ({"train": ChannelConfig(), "validation": ChannelConfig()}, "Channels: got train, validation; kmeans expects model, test, train"),
    ],
)  # fmt: skip
def test_wrong_channels_are_a_client_error(job, channels, failure):
    run = job("kmeans")
    run.describe(KMEANS, channels)
    assert run.train()[0] == 1 and run.failure.startswith(f"ClientError: {failure}")


def test_sigterm_leaves_a_model_of_what_was_learned(job, name):
    """A FIFO that is fed in two halves: the signal comes between them."""
    run = job(name)
    run.describe(SETTINGS[name], {"train": ChannelConfig(input_mode="Pipe")})
    os.mkfifo(run.opt_ml.pipe("train", 0))
    process = run.start()
    with run.opt_ml.pipe("train", 0).open("wb", buffering=0) as pipe:
        pipe.write(recordio(X))
        wait_until(lambda: unread_bytes(pipe) == 0)
        process.send_signal(signal.SIGTERM)
        rows = recordio(X)
        with pytest.raises(BrokenPipeError):
            for _ in range(100_000):  # it would read these for many minutes
                pipe.write(rows)
    log, _ = process.communicate(timeout=240)
    assert process.returncode == 0 and "SIGTERM received" in log
    assert (run.opt_ml.model / "model_algo-1").exists() and not run.opt_ml.failure.exists()


def test_killed_and_started_again_it_gives_the_same_bytes(job, name):
    """The FIFO stops before the last rows, the kill comes, and the second run reads them all."""
    settings = {**SETTINGS[name], "_checkpoint_seconds": "0"}
    content = recordio(X) * 20
    whole, status, log = train_on(job, name, [content], **settings)
    assert status == 0 and "Checkpoint loading and saving are disabled." in log, log
    run = job(name)
    run.describe(settings, {"train": ChannelConfig(input_mode="Pipe")})
    run.opt_ml.checkpoint_config.write_text('{"S3Uri": "s3://bucket/checkpoints"}')
    os.mkfifo(run.opt_ml.pipe("train", 0))
    checkpoint = run.opt_ml.checkpoints / "checkpoint_algo-1"
    process = run.start()
    with run.opt_ml.pipe("train", 0).open("wb", buffering=0) as pipe:
        pipe.write(content[: len(content) * 2 // 3])
        wait_until(checkpoint.exists)
        process.kill()
        process.communicate(timeout=240)  # until nobody can write there any more, nor read from the FIFO
    run.opt_ml.pipe("train", 0).unlink()
    run.describe(settings, {"train": ChannelConfig()})
    run.put("train", "x", content)
    status, log = run.train()
    assert status == 0 and re.search(r"Resuming from .*checkpoint_algo-1: 0 passes and \d+ batches are done", log), log
    assert digest(run) == digest(whole)


def test_a_checkpoint_of_another_job_is_rejected(job):
    run = job("kmeans")
    for settings, status in ((KMEANS, 0), ({**KMEANS, "k": "4"}, 1)):
        run.describe({**settings, "_checkpoint_seconds": "0"}, {"train": ChannelConfig()})
        run.opt_ml.checkpoint_config.write_text("{}")
        run.put("train", "x", recordio(X))
        assert run.train()[0] == status
    assert "checkpoint_algo-1: made with other values of k." in run.failure


def unread_bytes(pipe) -> int:
    return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0]


def wait_until(happened) -> None:
    deadline = time.monotonic() + 240
    while not happened():
        assert time.monotonic() < deadline, "did not happen within four minutes"
        time.sleep(0.05)


def test_two_hosts_with_a_share_each_make_one_model(job, name):
    port = str(free_port())
    hosts = ("algo-1", "algo-2")
    runs = []
    for number, host in enumerate(hosts):
        run = job(name)
        run.describe(
            SETTINGS[name], {"train": ChannelConfig(distribution="ShardedByS3Key")}, current_host=host, hosts=hosts
        )
        run.put("train", "x", recordio(X[number::2]))
        runs.append((run, run.start(MASTER_ADDR="127.0.0.1", MASTER_PORT=port)))
    for _, process in runs:
        log, _ = process.communicate(timeout=240)
        assert process.returncode == 0, log
    (first, _), (second, _) = runs
    assert [path.name.split("_")[0] for path in sorted(first.opt_ml.model.iterdir())] == ["model", "state"]
    assert not list(second.opt_ml.model.iterdir())
    alone, status, log = train_on(job, name, [recordio(X)])
    assert status == 0, log
    if name == "pca":
        together, single = (ndarray.read((r.opt_ml.model / "model_algo-1").read_bytes()) for r in (first, alone))
        assert np.allclose(together["s"], single["s"], rtol=1e-6)


def test_day_by_day_is_as_good_as_all_at_once(job, name):
    """Ten slices, each resuming from the model of the day before. PCA adds up the same sums; k-means may lose 1 %."""
    whole, status, log = train_on(job, name, [recordio(X)])
    assert status == 0, log
    before = None
    for rows in np.array_split(X, 5):
        day = job(name)
        channels = {"train": ChannelConfig()} | (
            {"model": ChannelConfig("application/x-sagemaker-model")} if before else {}
        )
        day.describe({**SETTINGS[name], "mini_batch_size": "300"}, channels)
        day.put("train", "x", recordio(rows))
        if before:
            day.put("model", "model.tar.gz", before)
        status, log = day.train()
        assert status == 0 and ("Resuming from the state in channel model." in log) == (before is not None), log
        archive.pack(day.opt_ml.model, day.opt_ml.root / "model.tar.gz")
        before = (day.opt_ml.root / "model.tar.gz").read_bytes()
    models = [artifact.load(run.opt_ml.model)[1] for run in (whole, day)]
    if name == "pca":
        assert np.allclose(models[0].s_c, models[1].s_c, rtol=1e-6)
    else:
        losses = [steps.mean_cost(torch.from_numpy(X), model.centers_kd) for model in models]
        assert losses[1] <= 1.01 * losses[0]


def test_a_model_without_a_state_cannot_be_gone_on_from(job):
    first, status, log = train_on(job, "kmeans", [recordio(X)], _keep_state="false")
    assert status == 0 and [path.name for path in first.opt_ml.model.iterdir()] == ["model_algo-1"], log
    archive.pack(first.opt_ml.model, first.opt_ml.root / "model.tar.gz")
    second = job("kmeans")
    second.describe(KMEANS, {"train": ChannelConfig(), "model": ChannelConfig()})
    second.put("train", "x", recordio(X))
    second.put("model", "model.tar.gz", (first.opt_ml.root / "model.tar.gz").read_bytes())
    assert second.train()[0] == 1 and "holds no state_… member to resume from" in second.failure


def test_a_real_state_can_be_gone_on_from(job, golden):
    """The archive of a real job of 2019 with its state of 80 weighted centers in 7 columns."""
    run = job("kmeans")
    run.describe({"k": "8", "feature_dim": "7"}, {"train": ChannelConfig(), "model": ChannelConfig()})
    run.put("train", "x", recordio(np.zeros((1, 7), np.float32)))
    run.put("model", "model.tar.gz", (golden / "kmeans-census-k8" / "model.tar.gz").read_bytes())
    status, log = run.train()
    assert status == 0, log
    archive.unpack(golden / "kmeans-census-k8" / "model.tar.gz", run.opt_ml.root / "real")
    ours, real = (artifact.load(folder)[1] for folder in (run.opt_ml.model, run.opt_ml.root / "real"))
    centers, weights = (torch.from_numpy(np.array(a)).reshape(80, -1) for a in _real_state(run.opt_ml.root / "real"))
    losses = [float((steps.nearest(centers, model.centers_kd)[1] * weights[:, 0]).sum()) for model in (ours, real)]
    assert losses[0] <= losses[1]


def _real_state(folder):
    state = ndarray.read(next(folder.glob("state_*")).read_bytes())
    return state["0"], state["1"]


def test_an_unknown_algorithm_names_the_nearest(job):
    run = job("kmeens")
    run.describe({}, {"train": ChannelConfig()})
    assert run.train()[0] == 1 and "Algorithm 'kmeens' is not known here. Did you mean kmeans?" in run.failure


@pytest.mark.parametrize("delay_s", [0.3, 1.0, 2.0])
def test_sigterm_at_any_moment_leaves_a_model_or_ends_the_process_at_once(job, delay_s):
    """Before Python has come to our first line the signal ends it; from then on there is a model."""
    run = job("kmeans")
    endless = {**KMEANS, "k": "200", "epochs": "1000000"}
    run.describe(endless, {"train": ChannelConfig(), "test": ChannelConfig()})
    for channel in ("train", "test"):
        run.put(channel, "x", recordio(X) * 40)
    process = run.start_alone()
    time.sleep(delay_s)
    process.send_signal(signal.SIGTERM)
    log, _ = process.communicate(timeout=600)  # without the signal it ends after days
    if process.returncode != -signal.SIGTERM:
        assert process.returncode == 0, log
        assert (run.opt_ml.model / "model_algo-1").exists() and not run.opt_ml.failure.exists()


def test_numbers_too_large_for_the_arithmetic_fail_the_job(job):
    run, status, _ = train_on(job, "kmeans", [recordio(X * np.float32(1e37))])
    assert status == 1 and "Squared distances between rows are beyond float32: a row holds 1.88e+38." in run.failure
    assert not list(run.opt_ml.model.iterdir())


def test_when_one_host_fails_the_others_say_that_it_was_another(job):
    port = str(free_port())
    hosts = ("algo-1", "algo-2")
    runs = []
    for host, rows in zip(hosts, (X, X[:, :3]), strict=True):
        run = job("kmeans")
        run.describe(KMEANS, {"train": ChannelConfig()}, current_host=host, hosts=hosts)
        run.put("train", "x", recordio(rows))
        runs.append((run, run.start(MASTER_ADDR="127.0.0.1", MASTER_PORT=port)))
    assert [process.wait(timeout=240) for _, process in runs] == [3, 1]
    assert runs[0][0].failure.startswith("InternalServerError: Host algo-2 failed: ClientError: ")
    assert "3 columns, expected 4" in runs[1][0].failure
