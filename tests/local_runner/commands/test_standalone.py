"""What files are taken for where nobody says what they are."""

import contextlib
import hashlib
import json
import os
import sys
import tarfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from wildsage.algorithms.base.errors import UserError
from wildsage.containers.contract import form_variable, host_check
from wildsage.containers.contract.paths import OptML
from wildsage.local_runner.commands import standalone
from wildsage.local_runner.commands.terminal import JobFailed


@pytest.mark.parametrize(("algorithm", "label_size"), [("kmeans", 0), ("pca", 0), ("knn", 1)])
def test_a_csv_begins_with_a_label_where_the_algorithm_learns_from_one(tmp_path, algorithm, label_size):
    (tmp_path / "rows.CSV").write_text("1,2\n")
    assert standalone.content_type_of(tmp_path, algorithm) == f"text/csv;label_size={label_size}"


def test_of_an_algorithm_that_is_not_known_a_csv_begins_with_a_label(tmp_path):
    (tmp_path / "rows.csv").touch()
    assert standalone.content_type_of(tmp_path, "mine") == "text/csv;label_size=1"


def test_records_carry_their_own_labels(tmp_path):
    (tmp_path / "rows.pbr").touch()
    assert standalone.content_type_of(tmp_path / "rows.pbr", "knn") == "application/x-recordio-protobuf"


@pytest.mark.parametrize(("name", "content_type"), [("a.txt", "text/plain"), ("a.jsonl", "application/jsonlines")])
def test_text_is_text_for_an_algorithm_that_reads_it(tmp_path, name, content_type):
    (tmp_path / name).touch()
    assert standalone.content_type_of(tmp_path, "blazingtext") == content_type
    with pytest.raises(UserError, match=r"got \.\w+, expected files"):
        standalone.content_type_of(tmp_path, "kmeans")


def test_files_of_several_kinds_are_not_guessed_at(tmp_path):
    for name in ("a.csv", "b.pbr"):
        (tmp_path / name).touch()
    with pytest.raises(UserError, match=r"got \.csv, \.pbr, expected files that all end in one of"):
        standalone.content_type_of(tmp_path, "kmeans")


def test_files_of_a_channel_are_sorted_and_hidden_ones_left_out(tmp_path):
    for name in ("b.csv", "a.csv", ".hidden", "sub/c.csv", "sub-1.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    files = standalone.ChannelData(tmp_path, "text/csv").files()
    assert [file.relative_to(tmp_path).as_posix() for file in files] == ["a.csv", "b.csv", "sub-1.csv", "sub/c.csv"]
    assert standalone.ChannelData(tmp_path / ".hidden", "").files() == [tmp_path / ".hidden"]


@pytest.fixture
def folder(tmp_path) -> OptML:
    found = OptML(tmp_path / "root")
    found.make_folders()
    return found


def test_a_failed_container_says_why_with_the_paths_of_its_log(folder):
    found = standalone._failure(7, folder)
    assert (found.status, found.has_reason) == (7, False)
    assert str(found) == "The training process ended with status 7 and gave no reason; its log is above."
    folder.failure.write_bytes(f" ClientError: {folder.root}/input is\xff empty.\n".encode("latin-1"))
    found = standalone._failure(1, folder)
    assert (found.status, found.has_reason) == (1, True)
    assert str(found) == "ClientError: /opt/ml/input is\ufffd empty."


@pytest.mark.parametrize(
    ("name", "accepted"), [("train", True), ("a" * 64, True), ("a" * 65, False), ("", False), ("a/b", False)]
)
def test_a_channel_has_a_name_that_a_folder_can_have(name, accepted):
    if accepted:
        standalone._check_names({name: standalone.ChannelData(Path("x"), "")})
    else:
        with pytest.raises(UserError, match="expected a name of 1 to 64 letters"):
            standalone._check_names({name: standalone.ChannelData(Path("x"), "")})


@pytest.mark.parametrize("name", ["rows.csv", ".rows.csv"])
def test_a_channel_of_a_file_is_a_folder_with_it_and_no_hidden_one(folder, tmp_path, name):
    (tmp_path / name).write_text("1")
    standalone._link(standalone.ChannelData(tmp_path / name, ""), folder.channel("train"))
    assert [file.name for file in folder.channel("train").iterdir()] == ["rows.csv"]
    assert (folder.channel("train") / "rows.csv").read_text() == "1"


@pytest.mark.parametrize("is_relative", [False, True])
def test_a_channel_of_a_folder_is_that_folder(folder, tmp_path, monkeypatch, is_relative):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a").write_text("1")
    monkeypatch.chdir(tmp_path)
    given = Path("data") if is_relative else tmp_path / "data"
    standalone._link(standalone.ChannelData(given, ""), folder.channel("train"))
    assert (folder.channel("train") / "a").read_text() == "1"


@pytest.mark.parametrize("with_output", [False, True])
def test_what_a_job_left_is_packed(folder, tmp_path, with_output):
    (folder.model / "model").write_text("m")
    if with_output:
        (folder.output_data / "notes").write_text("n")
    standalone._pack_results(folder, tmp_path)
    with tarfile.open(tmp_path / "model.tar.gz") as found:
        assert "model" in [Path(name).name for name in found.getnames()]
    assert (tmp_path / "output.tar.gz").exists() == with_output


@pytest.mark.parametrize(("returncode", "status"), [(7, 7), (0, 0), (-9, 137)])
def test_a_model_that_ends_before_it_answers_is_an_error(returncode, status):
    process = SimpleNamespace(poll=lambda: returncode, returncode=returncode)
    with pytest.raises(JobFailed, match=f"ended with status {status} before it was ready") as caught:
        standalone._wait_until_healthy(process, 1)
    assert caught.value.status == status


@pytest.mark.parametrize(("takes_s", "in_time"), [(239, True), (241, False)])
def test_a_model_has_four_minutes_to_answer(monkeypatch, takes_s, in_time):
    now = [1_000.0]
    clock = SimpleNamespace(monotonic=lambda: now[0], sleep=lambda seconds: now.append(now.pop() + seconds))
    monkeypatch.setattr(standalone, "time", clock)
    monkeypatch.setattr(standalone, "answers", lambda *_, **__: now[0] >= 1_000 + takes_s)
    process = SimpleNamespace(poll=lambda: None, returncode=None)
    if in_time:
        standalone._wait_until_healthy(process, 1)
        assert now[0] < 1_000 + takes_s + 0.2, "it is asked several times a second"
        return
    with pytest.raises(JobFailed, match="did not answer /ping on port 1 within 240 s") as caught:
        standalone._wait_until_healthy(process, 1)
    assert caught.value.status == 3


def test_a_model_that_answers_is_ready_at_once(monkeypatch):
    asked = []
    monkeypatch.setattr(
        standalone, "answers", lambda port, path, timeout_s: asked.append((port, path, timeout_s)) or len(asked) > 1
    )
    standalone._wait_until_healthy(SimpleNamespace(poll=lambda: None, returncode=None), 7)
    assert asked == [(7, "/ping", 2)] * 2, "SageMaker waits two seconds for an answer"


@pytest.fixture
def stand_in(monkeypatch) -> None:
    """A container that obeys the contract and knows nothing else, in place of the project's."""
    script = str(Path(__file__).parents[1] / "stand_in.py")
    monkeypatch.setattr(standalone.python, "command", lambda module, verb: [sys.executable, "-S", script, verb])


def model_of(output: Path) -> dict:
    with tarfile.open(output / "model.tar.gz") as found:
        (member,) = (one for one in found if Path(one.name).name == "seen_algo-1.json")
        return json.loads(found.extractfile(member).read())


@pytest.mark.parametrize("mode", ["File", "Pipe"])
def test_a_job_gets_its_data_and_leaves_its_model(stand_in, tmp_path, mode):
    (tmp_path / "rows.csv").write_text("1,2\n")
    (tmp_path / "output").mkdir()
    (kept := tmp_path / "kept").mkdir()
    (kept / "earlier").write_text("state")
    lines: list[str] = []
    standalone.train(
        "kmeans",
        {"lines": "one|two", "output": "notes"},
        {"train": standalone.ChannelData(tmp_path / "rows.csv", "text/csv")},
        mode,
        tmp_path / "output",
        dict(os.environ) | {"MINE": "1"},
        kept,
        lambda line, stream: lines.append(line),
    )
    assert lines == ["one\n", "two\n"]
    seen = model_of(tmp_path / "output")
    digest = hashlib.sha256(b"1,2\n").hexdigest()
    assert seen["seen"] == {"train": {"rows.csv": digest} if mode == "File" else [digest]}
    assert (seen["environment"]["WILDSAGE_ALGORITHM"], seen["environment"]["MINE"]) == ("kmeans", "1")
    assert list(seen["checkpoints"]) == ["earlier"]
    assert (tmp_path / "output" / "output.tar.gz").exists()
    assert not Path(seen["environment"]["SAGEMAKER_DATA_PATH"]).exists(), "its folder is temporary"


@pytest.mark.parametrize(
    ("failure", "status", "said"),
    [
        ({"exit": "7"}, 7, "The training process ended with status 7 and gave no reason; its log is above."),
        ({"exit": "1", "failure": "ClientError: {root}/x"}, 1, "ClientError: /opt/ml/x"),
    ],
)
def test_a_job_that_fails_leaves_no_model(stand_in, tmp_path, failure, status, said):
    with pytest.raises(JobFailed) as caught:
        standalone.train("kmeans", failure, {}, "File", tmp_path, dict(os.environ))
    assert (caught.value.status, str(caught.value)) == (status, said)
    assert list(tmp_path.iterdir()) == []


def test_a_job_that_could_not_run_is_rejected_before_it_starts(tmp_path):
    (tmp_path / "rows.csv").write_text("1,2\n")
    channels = {"train": standalone.ChannelData(tmp_path / "rows.csv", "text/csv;label_size=0")}
    standalone.check("kmeans", {"k": "2", "feature_dim": "2"}, channels, "File")
    with pytest.raises(JobFailed, match="k") as caught:
        standalone.check("kmeans", {"k": "none", "feature_dim": "2"}, channels, "File")
    assert (caught.value.status, caught.value.has_reason) == (1, True)


def test_who_stops_a_job_is_told_that_the_model_is_kept(capsys):
    standalone._say_that_it_stops()
    assert "Stopping, and saving the model so far. Ctrl-C again gives it up." in capsys.readouterr().err


@pytest.mark.parametrize("algorithm", [None, "kmeans"])
def test_a_served_model_is_unpacked_for_its_container(tmp_path, monkeypatch, algorithm):
    (tmp_path / "name").write_text("mine")
    with tarfile.open(tmp_path / "m.tar.gz", "w:gz") as packed:
        packed.add(tmp_path / "name", "name")
    started: list[tuple] = []

    @contextlib.contextmanager
    def container(verb, folder, environment):
        started.append((verb, (folder.model / "name").read_text(), environment))
        yield "process"

    monkeypatch.setattr(standalone, "_container", container)
    monkeypatch.setattr(standalone, "_wait_until_healthy", lambda *arguments: started.append(arguments))
    with standalone.serving(tmp_path / "m.tar.gz", 8080, algorithm, {"MINE": "1"}) as process:
        assert process == "process"
    variables = {"MINE": "1", "SAGEMAKER_BIND_TO_PORT": "8080", host_check.LOCAL: "1", form_variable.NAME: "m.tar.gz"}
    named = {"WILDSAGE_ALGORITHM": algorithm} if algorithm else {}
    assert started == [("serve", "mine", {**variables, **named}), ("process", 8080)]
