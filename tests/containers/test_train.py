"""A job in this process: what it logs, leaves and rejects. `test_trained_jobs.py` has whole processes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist

from wildsage import algorithms
from wildsage.algorithms.base.errors import BadChannelRow
from wildsage.algorithms.kmeans.algorithm import KMeans
from wildsage.containers import train as training
from wildsage.containers.contract import archive
from wildsage.containers.contract.job import ChannelConfig, TrainingJob
from wildsage.containers.contract.paths import OptML
from wildsage.containers.model_files import artifact
from wildsage.containers.training import watch
from wildsage.containers.training.cluster import Cluster
from wildsage.containers.training.stopping import StopSignal

CSV = ChannelConfig("text/csv;label_size=0")
SETTINGS = {"k": "2", "feature_dim": "2", "local_lloyd_num_trials": "1"}
ROWS = "".join(f"{row % 7},{row * row % 11}\n" for row in range(40))


@dataclass
class Ended:
    """A job that has ended."""

    opt_ml: OptML
    status: int
    log: str

    @property
    def reason(self) -> str:
        return self.opt_ml.failure.read_text()

    @property
    def model(self) -> set[str]:
        """The names of the model's files up to their number."""
        return {path.name.partition("_")[0] for path in self.opt_ml.model.iterdir()}

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """The lines of metrics."""
        return [json.loads(line.removeprefix("#metrics ")) for line in self.log.splitlines() if line[:9] == "#metrics "]

    def lines(self, text: str) -> list[str]:
        """What lines with this text say."""
        return [line.partition("] ")[2] for line in self.log.splitlines() if text in line]


@pytest.fixture
def train(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Trains k-means on channels of one file each: `train({"k": "3"}, test=ROWS)`."""

    def run(
        settings: dict[str, str] | None = None,
        configs: dict[str, ChannelConfig] | None = None,
        host: str = "algo-1",
        hosts: tuple[str, ...] = ("algo-1",),
        stop: bool = False,
        environment: dict[str, str] | None = None,
        **channels: str | bytes,
    ) -> Ended:
        opt_ml = OptML(tmp_path / "ml")
        opt_ml.make_folders()
        contents = {"train": ROWS, **channels}
        for name, content in contents.items():
            file = opt_ml.channel(name) / ("model.tar.gz" if name == "model" else "rows.csv")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content if isinstance(content, bytes) else content.encode())
        given = dict.fromkeys(contents, CSV) | (configs or {})
        TrainingJob({**SETTINGS, **(settings or {})}, given, host, hosts).write(opt_ml)
        sign = StopSignal()
        sign.raised = stop
        capfd.readouterr()
        variables = {"SAGEMAKER_DATA_PATH": str(opt_ml.root), "WILDSAGE_ALGORITHM": "kmeans", **(environment or {})}
        status = training.train(variables, sign)
        return Ended(opt_ml, status, "".join(capfd.readouterr()))

    return run


def test_the_log_says_what_the_job_does_from_its_beginning_to_its_end(train):
    done = train()
    assert (done.status, done.model) == (0, {"model", "state"})
    first, second, *rest = done.log.splitlines()
    assert first == "Docker entrypoint called with argument(s): train"
    assert second == "Running default environment configuration script"
    said = [line.partition("] ")[2] for line in rest if line.startswith("[")]
    defaults = "Reading default configuration from wildsage.algorithms.kmeans.algorithm: {'_"
    assert said[0].startswith(defaults) and "'epochs': '1'" in said[0] and "'k'" not in said[0]
    assert said[1] == f"Merging with provided configuration from {done.opt_ml.hyperparameters}: {SETTINGS}"
    assert said[2].startswith("Final configuration: {'_") and "'k': '2'" in said[2]
    assert said[3] == "Loaded iterator creator text/csv for content type ('text/csv', '1.0')"
    for line in ("Create Store: local", "Number of GPUs being used: 0", "Checkpoint loading and saving are disabled."):
        assert line in said
    assert said.index("Create Store: local") < said.index("Checkpoint loading and saving are disabled.")


def test_figures_of_a_job_begin_with_empty_counts_and_end_with_its_time(train):
    first, *_, last = train().metrics
    assert first["Dimensions"]["Meta"] == "init_train_data_iter"
    assert {figure["sum"] for figure in first["Metrics"].values()} == {0.0}
    setup_ms, total_ms = (last["Metrics"][name]["sum"] for name in ("setuptime", "totaltime"))
    assert 0 < setup_ms < total_ms
    assert total_ms == pytest.approx((last["EndTime"] - last["StartTime"]) * 1000, abs=50)
    assert first["StartTime"] == last["StartTime"]


def test_metrics_that_were_asked_for_are_logged_in_both_forms(train):
    done = train({"eval_metrics": '["ssd"]'}, test=ROWS)
    (score,) = done.lines("#test_score")
    (quality,) = done.lines("#quality_metric: host=algo-1, test")
    value = re.fullmatch(r"#quality_metric: host=algo-1, test ssd <loss>=(\S+)", quality)[1]
    assert score == f"#test_score (algo-1) : ('ssd', {value})"
    assert not done.lines("Test data is not provided.")
    assert train().lines("Test data is not provided.") == ["Test data is not provided."]


def test_an_algorithm_without_a_test_channel_scores_nothing(train, monkeypatch):
    channels = [channel for channel in KMeans.spec.channels if channel.name != "test"]
    monkeypatch.setattr(KMeans, "spec", type(KMeans.spec)(**{**vars(KMeans.spec), "channels": tuple(channels)}))
    done = train()
    assert done.status == 0 and not done.lines("Test data")


def test_after_the_signal_there_is_a_model_and_no_score(train):
    done = train(stop=True, test=ROWS)
    assert (done.status, "model" in done.model) == (0, True)
    assert done.lines("Stopping") == ["Stopping: the test data is not scored."] and not done.lines("#test_score")


@pytest.mark.parametrize(("keep", "files"), [("true", {"model", "state"}), ("false", {"model"})])
def test_the_state_is_kept_unless_it_is_not_wanted(train, keep, files):
    assert train({"_keep_state": keep}).model == files


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"_keep_state": "perhaps"}, "ClientError: Hyperparameter _keep_state: got 'perhaps'"),
        (
            {"_seed": "-1"},
            "ClientError: Hyperparameter _seed: got '-1', expected an integer from 0 to 9223372036854775807",
        ),
        ({"_seed": str(2**63)}, "ClientError: Hyperparameter _seed: got '9223372036854775808'"),
        ({"_checkpoint_seconds": "soon"}, "ClientError: Hyperparameter _checkpoint_seconds: got 'soon'"),
        ({"_num_gpus": "1024"}, "ClientError: Hyperparameter _num_gpus: got 1024, but this host has"),
        ({"k": "0"}, "ClientError: Hyperparameter k: got '0', expected an integer ≥ 1."),
    ],
)
def test_settings_that_do_not_fit_are_named_and_leave_no_model(train, settings, reason):
    told = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watch, "tell_others", told.append)
        done = train(settings)
    assert done.status == 1 and done.reason.startswith(reason) and told == [done.reason]
    assert not done.model and "Traceback" not in done.log and done.reason in done.log


def test_the_seed_decides_and_may_be_the_largest(train):
    models = [
        (train({"_seed": seed}).opt_ml.model / "model_algo-1").read_bytes() for seed in ("0", str(2**63 - 1), "0")
    ]
    assert models[0] == models[2]


def test_checkpoints_have_a_file_that_the_log_names(train, tmp_path):
    config = OptML(tmp_path / "ml").checkpoint_config
    config.parent.mkdir(parents=True)
    config.write_text(json.dumps({"LocalPath": str(tmp_path / "kept")}))
    done = train({"_checkpoint_seconds": "0"})
    assert done.lines("Checkpoints:") == [f"Checkpoints: {tmp_path}/kept/checkpoint_algo-1."]
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["checkpoint_algo-1"]


def test_a_bug_leaves_its_trace_in_the_log(train, monkeypatch):
    monkeypatch.setattr(algorithms, "find", lambda name: 1 / 0)
    done = train()
    assert done.status == 2 and done.reason.startswith("AlgorithmError: ZeroDivisionError: ")
    assert "Traceback (most recent call last)" in done.log


@pytest.mark.parametrize(("failure", "status"), [(dist.DistError("closed"), 3), (PermissionError("no access"), 2)])
def test_what_the_platform_does_not_give_is_explained(train, monkeypatch, failure, status):
    def fail(*_: object) -> None:
        raise failure

    monkeypatch.setattr(KMeans, "fit", fail)
    monkeypatch.setattr(watch, "verdict", lambda: "")
    done = train()
    assert done.status == status
    assert status == 2 or done.reason.startswith("InternalServerError: Another host of this job ended")


def test_a_folder_that_may_not_be_written_says_which_capability_is_missing(train, monkeypatch):
    asked = []

    class Explained:
        def __enter__(self) -> None:
            asked.append("entered")

        def __exit__(self, *_: object) -> None:
            """Nothing is explained."""

    monkeypatch.setattr(training.capabilities, "explain_permission_errors", Explained)
    assert train().status == 0 and asked == ["entered"]


class Second(Cluster):
    """A cluster of which this is one host, and in which the others have nothing."""

    left = 0

    @classmethod
    def join(cls, job: TrainingJob) -> Cluster:
        return cls(job.hosts.index(job.current_host), len(job.hosts))

    def gather(self, arrays):
        return [arrays]

    def sum(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor

    def leave(self) -> None:
        type(self).left += 1


@pytest.fixture
def two(monkeypatch) -> dict[str, tuple[str, ...]]:
    """A job of two hosts."""
    monkeypatch.setattr(Second, "left", 0)
    monkeypatch.setattr(training, "Cluster", Second)
    monkeypatch.setattr(watch, "begin", lambda hosts, host: Watched.append((hosts, host)))
    Watched.clear()
    return {"hosts": ("algo-1", "algo-2")}


Watched: list[tuple[tuple[str, ...], str]] = []


@pytest.mark.parametrize(("host", "files"), [("algo-1", {"model", "state"}), ("algo-2", set())])
def test_of_several_hosts_the_first_writes_the_model(train, two, host, files):
    done = train(host=host, **two)
    assert (done.status, done.model) == (0, files)
    assert done.lines("Create Store") == ["Create Store: dist_sync"]
    assert Watched == [(("algo-1", "algo-2"), host)] and Second.left == 1


def earlier_model(train) -> bytes:
    done = train()
    archive.pack(done.opt_ml.model, done.opt_ml.root / "model.tar.gz")
    content = (done.opt_ml.root / "model.tar.gz").read_bytes()
    for path in done.opt_ml.model.iterdir():
        path.unlink()
    return content


@pytest.mark.parametrize(
    ("host", "resumes", "together"), [("algo-1", True, False), ("algo-2", False, False), ("algo-2", True, True)]
)
def test_the_state_of_an_earlier_model_goes_to_one_host_or_to_those_that_train_together(
    train, two, monkeypatch, host, resumes, together
):
    model = earlier_model(train)
    monkeypatch.setattr(KMeans, "resumes_from_model", together)
    found = train(host=host, configs={"model": ChannelConfig()}, model=model, **two)
    assert bool(found.lines("Resuming from the state in channel model.")) is resumes, found.log


def test_advice_on_a_content_type_is_given_where_none_was_named(train):
    """The bytes are CSV, which RecordIO cannot begin with."""
    for config, advice in ((ChannelConfig(), True), (ChannelConfig("application/x-recordio-protobuf"), False)):
        done = train(configs={"train": config}, train="1,2,3,4,5,6\n")
        assert done.lines("Loaded iterator creator application/x-recordio-protobuf")
        assert ("ContentType" in done.reason or "content type" in done.reason) is advice, done.reason


@pytest.mark.parametrize(
    ("channel", "skipped", "row"), [("train", 0, 2), ("train", 3, 5), ("test", 3, 2)], ids=["new", "resumed", "test"]
)
def test_a_row_that_an_algorithm_rejects_is_placed_in_its_file(train, monkeypatch, channel, skipped, row):
    def fit(self, streams, run):
        for _ in streams[channel].batches(5):
            run.rows_skipped = skipped
            raise BadChannelRow(channel, 2, "it is not positive.")

    monkeypatch.setattr(KMeans, "fit", fit)
    done = train(test=ROWS)
    assert done.reason == f"ClientError: Channel {channel}, rows.csv, row {row}: it is not positive."


def test_rows_of_several_hosts_are_placed_on_theirs(train, two):
    done = train(host="algo-2", **two, **{"train": "1,2\n1,x\n"})
    assert "Channel train of host algo-2, rows.csv, row 2: " in done.reason
    assert "of host" not in train(**{"train": "1,2\n1,x\n"}).reason


def test_a_row_that_is_rejected_in_scoring_is_placed_too(train, monkeypatch):
    def evaluate(self, batches, run):
        next(iter(batches))
        raise BadChannelRow("test", 3, "it is wrong.")

    monkeypatch.setattr(training.artifact, "save", lambda *_: None)
    from wildsage.algorithms.kmeans.model import KMeansModel

    monkeypatch.setattr(KMeansModel, "evaluate", evaluate)
    assert train(test=ROWS).reason == "ClientError: Channel test, rows.csv, row 3: it is wrong."


def test_files_of_parameters_are_named_in_the_log(train, monkeypatch):
    def save(model, folder, host):
        for name in ("b-0001.params", "a-0001.params", "a-symbol.json"):
            (folder / name).touch()

    monkeypatch.setattr(artifact, "save", save)
    done = train()
    folder = done.opt_ml.model
    assert done.lines("Saved checkpoint") == [f'Saved checkpoint to "{folder}/{name}-0001.params"' for name in "ab"]


def test_weights_that_the_user_provides_are_read_if_the_algorithm_takes_some(train, monkeypatch, tmp_path):
    torch.save({"a": torch.ones(1)}, tmp_path / "own.pth")
    seen = []
    fit = KMeans.fit
    monkeypatch.setattr(
        KMeans, "fit", lambda self, streams, run: seen.append(run.pretrained) or fit(self, streams, run)
    )
    place = {"WILDSAGE_PRETRAINED": str(tmp_path)}
    train(environment=place)
    monkeypatch.setattr(KMeans, "pretrained", lambda self: "own")
    train()
    assert seen == [None, None]
    train(environment=place)
    assert seen[2]["a"].tolist() == [1.0]
