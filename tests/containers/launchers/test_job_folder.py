"""The folder that a job finds, and what becomes of what it leaves there; the job is a function of this process."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from wildsage.algorithms.base.errors import PlatformError
from wildsage.containers.contract.job import ChannelConfig, TrainingJob, checkpoint_folder
from wildsage.containers.contract.paths import OptML
from wildsage.containers.launchers import job_folder, s3
from wildsage.containers.training import watch

LAUNCHED = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "9999"}
NAMES = ("0.csv", "1.csv", "2.csv")


@pytest.fixture(autouse=True)
def container(monkeypatch, tmp_path) -> None:
    """The variables of a container without a launcher, and no reason to keep any for the end of this process."""
    for name in (*LAUNCHED, "RANK", "WILDSAGE_FRAMEWORK", "SAGEMAKER_PROGRAM"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("WILDSAGE_ALGORITHM", "kmeans")
    monkeypatch.setenv("SAGEMAKER_DATA_PATH", str(tmp_path / "ml"))
    monkeypatch.setattr(watch, "begin", lambda hosts, host: pytest.fail("a job of one host watches nobody"))
    monkeypatch.setattr(watch, "before_forced_end", lambda action: None)


@pytest.fixture
def launched(monkeypatch) -> Callable[[int], None]:
    """Makes this the host of that number, of two, by torchrun; its job is a script, whose library finds the others."""

    def launch(rank: int) -> None:
        for name, value in {**LAUNCHED, "RANK": str(rank), "WILDSAGE_FRAMEWORK": "pytorch"}.items():
            monkeypatch.setenv(name, value)

    return launch


@pytest.fixture
def given(tmp_path) -> OptML:
    """The folder of the container, which says nothing of a job."""
    found = OptML(tmp_path / "ml")
    found.make_folders()
    found.config.rmdir()
    return found


def describe(given: OptML, job: TrainingJob) -> None:
    """Let the folder say what the job is, but not which host this is."""
    given.config.mkdir()
    job.write(given)
    given.resource_config.unlink()


@pytest.fixture
def rows(tmp_path) -> Path:
    """A folder of three files."""
    folder = tmp_path / "rows"
    folder.mkdir()
    for name in NAMES:
        (folder / name).write_text(name)
    return folder


class Run:
    """A job that notes what it finds, and leaves files by name."""

    def __init__(self, status: int = 0, **leaves: str) -> None:
        self._status, self._leaves = status, leaves

    def __call__(self) -> int:
        self.folder = OptML.from_environment(os.environ)
        self.job = TrainingJob.read(self.folder)
        self.checkpoints = checkpoint_folder(self.folder)
        self.read = sorted(path.read_text() for path in self.folder.data.rglob("*") if path.is_file())
        for name, text in self._leaves.items():
            place: Path = getattr(self.folder, name)
            (place if name == "failure" else place / "file").write_text(text)
        return self._status


def train(run: Run, *arguments: str) -> int:
    """Begin with the folder of the container, which a process does once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAGEMAKER_DATA_PATH", os.environ["SAGEMAKER_DATA_PATH"])
        return job_folder.train(arguments, run)


def content(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}


def test_on_sagemaker_nothing_is_prepared(given, monkeypatch):
    describe(given, TrainingJob({"k": "2"}))
    given.resource_config.write_text("{}")
    for variables in ({}, {**LAUNCHED, "RANK": "1"}):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        run = Run(5, model="as it is")
        assert train(run) == 5
        assert run.folder == given and (given.model / "file").read_text() == "as it is"


def test_a_job_finds_what_the_options_say(rows, tmp_path):
    run = Run(model="weights", output_data="more")
    options = ["--hp", "k=2", "--hp", "name=a=b", "--model", str(tmp_path / "deep" / "out")]
    channels = ["--channel", f"train={rows}", "--channel", f"test={rows / '0.csv'}", "--whole", "test"]
    assert train(run, *options, *channels) == 0
    assert run.job.hyperparameters == {"k": "2", "name": "a=b"}
    csv = "text/csv;label_size=0"
    assert run.job.channels == {
        "train": ChannelConfig(csv, distribution="ShardedByS3Key"),
        "test": ChannelConfig(csv, distribution="FullyReplicated"),
    }
    assert (run.job.hosts, run.job.leads, run.checkpoints) == (("algo-1",), True, None)
    assert run.read == ["0.csv", *NAMES]
    assert content(tmp_path / "deep" / "out" / "model.tar.gz") == {"file": b"weights"}
    assert content(tmp_path / "deep" / "out" / "output.tar.gz") == {"file": b"more"}
    assert {path.name for path in (tmp_path / "deep" / "out").iterdir()} == {"model.tar.gz", "output.tar.gz"}
    assert not run.folder.root.exists() and not (tmp_path / "ml").exists()


def test_a_job_without_an_algorithm_takes_the_first_column_for_the_label(rows, tmp_path, monkeypatch):
    monkeypatch.delenv("WILDSAGE_ALGORITHM")
    run = Run()
    assert train(run, "--channel", f"train={rows}", "--model", str(tmp_path)) == 0
    assert run.job.channels["train"].content_type == "text/csv;label_size=1"


def test_without_more_than_a_model_there_is_one_archive(rows, tmp_path, capsys):
    assert train(Run(model="weights"), "--channel", f"train={rows}", "--model", str(tmp_path / "out")) == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["model.tar.gz"]
    assert capsys.readouterr().out == f"Stored {tmp_path}/out/model.tar.gz\n"


def test_an_archive_may_be_stored_in_s3(rows, tmp_path, monkeypatch):
    monkeypatch.setattr(s3, "upload", lambda path, address: f"{address}/{path.name} of {path.stat().st_size > 0}")
    assert job_folder._stored(rows / "0.csv", "s3://bucket/a") == "s3://bucket/a/0.csv of True"


def test_the_types_and_modes_of_channels_may_be_named(rows, tmp_path):
    class Reads(Run):
        def __call__(self) -> int:
            self.piped = OptML.from_environment(os.environ).pipe("train", 0).read_text()
            return super().__call__()

    run = Reads()
    named = ["--content-type", "train=text/csv", "--input-mode", "train=Pipe", "--hp", "k=2"]
    assert train(run, "--channel", f"train={rows}", *named, "--model", str(tmp_path)) == 0
    assert run.job.channels["train"] == ChannelConfig("text/csv", "Pipe", "ShardedByS3Key")
    assert run.piped == "0.csv\n1.csv\n2.csv\n"


def test_options_stand_in_for_what_the_folder_says_and_the_rest_stays(given, rows):
    describe(given, TrainingJob({"k": "2"}, {"train": ChannelConfig("text/csv")}))
    (given.channel("train")).mkdir()
    (given.channel("train") / "a").write_text("given")
    run = Run(model="weights", output_data="more")
    assert train(run, "--hp", "k=3") == 0
    assert run.job.hyperparameters == {"k": "3"} and run.job.channels == {"train": ChannelConfig("text/csv")}
    assert run.read == ["given"]
    assert (given.model / "file").read_text() == "weights" and (given.output_data / "file").read_text() == "more"
    run = Run()
    assert train(run, "--channel", f"test={rows}") == 0
    assert run.job.hyperparameters == {"k": "2"} and set(run.job.channels) == {"test"}


def test_channels_alone_need_no_folder_and_hyperparameters_alone_need_one(rows, tmp_path, capsys):
    run = Run()
    assert train(run, "--channel", f"train={rows}", "--model", str(tmp_path)) == 0
    assert run.job.hyperparameters == {}
    assert train(Run(), "--hp", "k=2", "--model", str(tmp_path)) == 3
    assert "hyperparameters.json is missing" in capsys.readouterr().out


@pytest.mark.parametrize(("rank", "own"), [(0, ["0.csv", "2.csv"]), (1, ["1.csv"])])
def test_each_host_reads_its_share_and_the_first_keeps_the_model(launched, rows, tmp_path, capsys, rank, own):
    launched(rank)
    run = Run(model="weights")
    whole = ["--channel", f"all={rows}", "--whole", "all"]
    assert train(run, "--channel", f"train={rows}", *whole, "--model", str(tmp_path / "out")) == 0
    assert (run.job.current_host, run.job.hosts) == (f"algo-{rank + 1}", ("algo-1", "algo-2"))
    assert run.read == sorted([*own, *NAMES])
    assert run.job.channels["train"].content_type is None, "a script reads any"
    assert (tmp_path / "out").exists() is (rank == 0)
    said = capsys.readouterr().out.splitlines()[0]
    assert said == f"algo-{rank + 1} is number {rank} of 2 hosts by torch; they meet at 127.0.0.1:9999."
    assert "RANK" not in os.environ and os.environ["MASTER_PORT"] == "9999"


@pytest.mark.parametrize(
    ("distribution", "size", "read"),
    [("ShardedByS3Key", "2", ["1.csv"]), ("FullyReplicated", "2", [*NAMES]), ("ShardedByS3Key", "1", [*NAMES])],
)
def test_a_folder_that_all_hosts_see_is_shared_out_if_it_says_so(
    given, rows, launched, monkeypatch, distribution, size, read
):
    describe(given, TrainingJob({}, {"train": ChannelConfig("text/csv", distribution=distribution)}))
    rows.rename(given.channel("train"))
    launched(int(size) - 1)
    monkeypatch.setenv("WORLD_SIZE", size)
    run = Run()
    assert train(run) == 0
    assert run.read == read and run.job.channels["train"].content_type == "text/csv"


def test_a_host_that_does_not_lead_needs_no_place_for_the_model(launched, rows, capsys):
    for rank, status in ((1, 0), (0, 1)):
        launched(rank)
        assert train(Run(), "--channel", f"train={rows}") == status
    assert "Nobody would keep the model: " in capsys.readouterr().out


def test_hosts_of_an_algorithm_watch_each_other(launched, rows, monkeypatch):
    watched = []
    monkeypatch.setattr(watch, "begin", lambda *hosts: watched.append(hosts))
    launched(1)
    assert train(Run(), "--channel", f"train={rows}") == 0 and not watched
    launched(1)
    monkeypatch.delenv("WILDSAGE_FRAMEWORK")
    assert train(Run(), "--channel", f"train={rows}") == 0
    assert watched == [(("algo-1", "algo-2"), "algo-2")]


def test_checkpoints_go_where_the_options_or_the_folder_say(given, rows, tmp_path):
    describe(given, TrainingJob())
    given.checkpoint_config.write_text('{"LocalPath": "/of/the/folder"}')
    for options, place in (([], "/of/the/folder"), (["--checkpoints", "/of/the/options"], "/of/the/options")):
        run = Run()
        assert train(run, *options, "--hp", "k=2") == 0
        assert run.checkpoints == Path(place)


@pytest.mark.parametrize("status", [0, 2])
def test_a_reason_that_the_job_leaves_is_kept_and_its_model_is_not(given, rows, tmp_path, status):
    run = Run(status, model="weights", failure="its reason")
    assert train(run, "--channel", f"train={rows}", "--model", str(tmp_path / "out")) == status
    assert given.failure.read_text() == "its reason" and not (tmp_path / "out").exists()


def test_a_job_that_fails_leaves_no_model(rows, tmp_path):
    assert train(Run(2, model="weights"), "--channel", f"train={rows}", "--model", str(tmp_path / "out")) == 2
    assert not (tmp_path / "out").exists() and not (tmp_path / "ml").exists()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--channel", "train=/nowhere"], "ClientError: Channel train: /nowhere does not exist."),
        (["--nothing"], "ClientError: unrecognized arguments: --nothing"),
    ],
)
def test_a_mistake_in_the_options_leaves_a_reason_and_no_trace(given, capfd, options, reason):
    told = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watch, "tell_others", told.append)
        assert train(Run(), *options) == 1
    assert given.failure.read_text().startswith(reason)
    out, err = capfd.readouterr()
    assert out.startswith(reason) and "Traceback" not in out + err
    assert told == [given.failure.read_text()]


def test_the_platforms_failures_have_a_status_of_their_own(given):
    def fail() -> int:
        raise PlatformError("the disk is gone")

    assert job_folder.train([], fail) == 3
    assert given.failure.read_text() == "InternalServerError: the disk is gone"


def test_a_process_that_is_ended_cleans_up_first(given, rows, monkeypatch):
    actions = []
    monkeypatch.setattr(watch, "before_forced_end", actions.append)

    def run() -> int:
        actions[0]("another host is gone")
        return 1 if OptML.from_environment(os.environ).root.exists() else 7

    assert job_folder.train(["--channel", f"train={rows}"], run) == 7
    assert given.failure.read_text() == "another host is gone"


def test_a_bug_leaves_a_reason(monkeypatch, tmp_path, capfd):
    monkeypatch.setenv("SAGEMAKER_DATA_PATH", str(tmp_path))

    def fail() -> int:
        raise OSError(28, "No space left on device")

    assert job_folder.train([], fail) == 2
    assert "No space left on device" in (tmp_path / "output" / "failure").read_text()
    assert "Traceback (most recent call last)" in capfd.readouterr().err


def test_a_process_that_ends_at_once_leaves_its_reason_and_no_data(tmp_path):
    given, folder = OptML(tmp_path / "given"), OptML(tmp_path / "folder")
    for one in (given, folder):
        one.make_folders()
    job_folder._abandon(folder, given, "InternalServerError: Host algo-2 ended")
    assert given.failure.read_text() == "InternalServerError: Host algo-2 ended" and not folder.root.exists()


@pytest.mark.parametrize(
    ("environment", "hyperparameters"),
    [
        ({"WILDSAGE_FRAMEWORK": "pytorch"}, {}),
        ({"SAGEMAKER_PROGRAM": "train.py"}, {}),
        ({}, {"sagemaker_program": "train.py"}),
    ],
)
def test_a_job_runs_a_script_that_a_variable_or_a_hyperparameter_names(monkeypatch, environment, hyperparameters):
    for name in ("WILDSAGE_FRAMEWORK", "SAGEMAKER_PROGRAM"):
        monkeypatch.delenv(name, raising=False)
    assert not job_folder._runs_script(TrainingJob())
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert job_folder._runs_script(TrainingJob(hyperparameters=hyperparameters))
