"""Commands: errors and exit statuses in this process; programs, training and serving in their own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import nbformat
import pytest
from typer.testing import CliRunner, Result

from tests.forks import Forks
from wildsage.algorithms.base.ports import free_port
from wildsage.local_runner.__main__ import app
from wildsage.local_runner.jobs.store import Store
from wildsage.local_runner.processes import python
from wildsage.local_runner.server import lock
from wildsage.local_runner.settings import ServerSettings

WILDSAGE = [sys.executable, "-m", "wildsage"]
ROOT = Path(__file__).parents[3]


def wildsage(*arguments: str | Path, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
    command = [*WILDSAGE, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, cwd=ROOT, check=False)


def invoke(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, " ".join(result.output.split())


TRAIN = """
import time, boto3
s3, sagemaker = boto3.client("s3"), boto3.client("sagemaker")
s3.create_bucket(Bucket="here")

def train(uri):
    source = {"S3DataType": "S3Prefix", "S3Uri": uri}
    sagemaker.create_training_job(
        TrainingJobName="job-" + str(time.time_ns()), RoleArn="arn:aws:iam::000000000000:role/r",
        AlgorithmSpecification={"TrainingInputMode": "File",
            "TrainingImage": "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"},
        HyperParameters={"k": "2", "feature_dim": "2"},
        InputDataConfig=[{"ChannelName": "train", "ContentType": "text/csv;label_size=0", "DataSource": {"S3DataSource": source}}],
        OutputDataConfig={"S3OutputPath": "s3://here/out"}, StoppingCondition={"MaxRuntimeInSeconds": 60},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5})
    while any(job["TrainingJobStatus"] == "InProgress" for job in sagemaker.list_training_jobs()["TrainingJobSummaries"]):
        time.sleep(0.05)
"""
"""The beginning of a script: it trains on what lies at an address."""


def test_run_tells_where_the_results_are(tmp_path) -> None:
    script = tmp_path / "train.py"
    script.write_text(
        f"{TRAIN}s3.put_object(Bucket='here', Key='rows/a.csv', Body=b'1,0\\n0,1\\n')\ntrain('s3://here/rows/')\n"
    )
    said = wildsage("run", "--data", tmp_path / "aws", script)
    assert said.returncode == 0, said.stderr
    assert f"Jobs of this run: 1 training Completed; `wildsage jobs --data {tmp_path}/aws` lists them." in said.stderr
    assert list((tmp_path / "aws/s3/buckets").glob("here/out/*/output/model.tar.gz"))


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["run", "nowhere.py"], 1, "nowhere.py: no such file"),
        (["serve", "nowhere.tar.gz"], 1, "nowhere.tar.gz: no such file"),
        (["serve", "tests"], 1, "tests is a folder, expected a model archive, such as tests/model.tar.gz."),
        (["push", "kmean"], 2, "Algorithm 'kmean' is not one of SageMaker's built-in algorithms. Did you mean kmeans?"),
        (["train", "pca", "--channel", "train=s3://a/b", "--output", "x"], 1, "got s3://a/b, expected a file or a folder."),
        (["train", "kmeans", "--channel", "train=nowhere.csv", "--output", "x"], 1, "nowhere.csv does not exist"),
        (["train", "kmeans", "--channel", "train", "--output", "x"], 2, "got 'train', expected NAME=VALUE"),
        (["train", "kmeans", "--channel", "train=a", "--hp", "k:7", "--output", "x"], 2, "got 'k:7', expected NAME"),
        (["train", "kmeans", "--channel", "train=a", "--hp", "k=7", "--hp", "k=8", "--output", "x"], 2, "k is given twice"),
        (["train", "kmeans", "--output", "x"], 2, "Missing option '--channel'"),
        (["up", "--port", "70000"], 2, "65535"),
        (["train", "kmean", "--channel", "train=x", "--output", "x"], 2, "'kmean' is not one of SageMaker's built-in"),
        (["train", "kmean", "--channel", "train=x", "--output", "x"], 2, "Did you mean kmeans?"),
        (["train", "deepar", "--channel", "train=x", "--output", "x"], 2, "which Wildsage does not have yet"),
    ],
)  # fmt: skip
def test_mistakes_are_named(arguments: list[str], status: int, message: str) -> None:
    got_status, text = invoke(*arguments)
    assert message in text.replace("│ ", "")
    assert got_status == status


def test_an_unknown_algorithm_leaves_no_folder(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("1,2\n")
    train = ["train", "k-mean", "--channel", f"train={tmp_path / 'rows.csv'}", "--output", tmp_path / "model"]
    assert invoke(*train)[0] == 2
    assert not (tmp_path / "model").exists()
    (tmp_path / "model.tar.gz").touch()
    status, text = invoke("serve", tmp_path / "model.tar.gz", "--algorithm", "k-mean")
    assert status == 2
    assert "Algorithm 'k-mean' is not one of SageMaker's built-in algorithms. Did you mean kmeans?" in text


def test_a_job_that_fails_leaves_no_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("1,2\n")
    folders = ["--output", tmp_path / "new" / "model", "--checkpoints", tmp_path / "saved"]
    settings = ["--hp", "k=2", "--hp", "feature_dim=2"]
    assert invoke("train", "kmeans", "--channel", f"train={tmp_path / 'rows.csv'}", *settings, *folders)[0] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]


def test_data_of_unclear_type_is_asked_about(tmp_path: Path) -> None:
    (tmp_path / "rows.txt").write_text("1,2\n")
    status, text = invoke("train", "kmeans", "--channel", f"train={tmp_path}", "--output", tmp_path / "model")
    assert status == 1
    assert "got .txt, expected files that all end in one of .csv" in text
    assert "--content-type" in text
    assert " as " not in text  # a channel whose type is not known is not announced


def test_all_reasons_of_a_failure_stand_on_lines_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("1,2\n")
    train = ["train", "kmeans", "--channel", f"train={tmp_path / 'rows.csv'}", "--output", str(tmp_path / "model")]
    result = CliRunner().invoke(app, train)
    *_, first, second = result.stderr.splitlines()
    assert first == "ClientError: Hyperparameter feature_dim: missing, expected an integer ≥ 1."
    assert second == "Hyperparameter k: missing, expected an integer ≥ 1."


@pytest.mark.parametrize("command", ["up", "run", "train"])
def test_a_file_in_place_of_a_folder_is_named(command: str, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.touch()
    script = tmp_path / "script.py"
    script.touch()
    options = {
        "up": ["--data", file],
        "run": ["--data", file, script],
        "train": ["kmeans", "--channel", f"train={file}", "--output", file],
    }
    status, text = invoke(command, *options[command])
    assert status == 1
    assert "cannot be used as a folder: File exists." in text


def test_run_rejects_what_is_not_a_program(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("print(1)\n")
    status, text = invoke("run", tmp_path / "rows.csv")
    assert status == 2
    assert "rows.csv: expected a Python script (.py) or a notebook (.ipynb), got a .csv file" in text
    (tmp_path / "a.ipynb").write_text("print(1)\n")
    status, text = invoke("run", "--data", tmp_path / "aws", tmp_path / "a.ipynb")
    assert status == 1
    assert "a.ipynb: not a Jupyter notebook" in text
    assert not (tmp_path / "aws").exists()


def test_arguments_for_a_notebook_are_rejected(tmp_path: Path) -> None:
    notebook = tmp_path / "a.ipynb"
    notebook.touch()
    status, text = invoke("run", notebook, "--flag")
    assert status == 2
    assert "a notebook takes no arguments, got --flag" in text


@pytest.mark.parametrize("command", [["up", "--data"], ["serve"]])
def test_a_taken_port_is_named(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "model.tar.gz").touch()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        place = tmp_path if command == ["up", "--data"] else tmp_path / "model.tar.gz"
        status, text = invoke(*command, place, "--port", str(port))
    assert status == 1
    assert f"Port {port} of 127.0.0.1 cannot be used (Address already in use)" in text


def test_export_needs_a_running_server(tmp_path: Path) -> None:
    status, text = invoke("up", "--data", tmp_path, "--export")
    assert status == 1
    assert "Start `wildsage up` in another terminal" in text


def test_what_a_killed_server_left_behind_is_not_a_server(tmp_path: Path) -> None:
    (tmp_path / "server.json").write_text('{"endpoint": "http://127.0.0.1:9", "pid": 999999999}')
    assert invoke("up", "--data", tmp_path, "--export")[0] == 1


# The local AWS


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Data folder of a server that runs for all tests here."""
    folder = tmp_path_factory.mktemp("aws")
    with subprocess.Popen(
        [*WILDSAGE, "up", "--port", "0", "--data", str(folder)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as up:
        assert up.stdout is not None
        for line in up.stdout:
            if line.startswith("export WILDSAGE_ENDPOINT="):
                break
        yield folder
        up.send_signal(signal.SIGINT)
        assert up.wait(240) == 0


def test_run_passes_arguments_and_the_exit_status_on(data: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("import sys; print(sys.argv[1:]); sys.exit(7)")
    done = wildsage("run", "--data", data, script, "--help", "--data", "x", "-v")
    assert done.stdout.strip() == "['--help', '--data', 'x', '-v']"
    assert done.returncode == 7
    assert "(was running)" in done.stderr


def test_a_script_runs_with_another_python_whose_folder_comes_first(data: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("import os, sys; print(sys.executable); print(os.environ['PATH'].split(os.pathsep)[0])")
    other = tmp_path / "bin" / "python3"
    other.parent.mkdir()
    other.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    other.chmod(0o755)
    done = wildsage("run", "--data", data, "--python", other, script)
    assert done.stdout.split() == [sys.executable, str(other.parent)], done.stderr
    status, text = invoke("run", "--python", tmp_path / "none", script)
    assert (status, "not a program. Expected a Python interpreter" in text) == (1, True)


def test_run_says_which_jobs_of_others_run_on_a_kept_server(data: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("import boto3; boto3.client('sagemaker').list_transform_jobs()")
    assert wildsage("run", "--data", data, script).returncode == 0  # the server has read what the region holds
    arn = "arn:aws:sagemaker:us-east-1:000000000000:transform-job/left"
    document = {"TransformJobName": "left", "TransformJobArn": arn, "TransformJobStatus": "InProgress"}
    with closing(Store(ServerSettings(data).region("us-east-1").state)) as store:
        store.insert("transform-job", "left", {**document, "CreationTime": time.time()})
        done = wildsage("run", "--data", data, script)
        store.delete("transform-job", "left")
    assert done.returncode == 0
    assert (
        f"Running on this server already: transform job left. `wildsage stop left --data {data}` ends it."
        in done.stderr
    )


def test_a_script_killed_by_a_signal_has_its_status(data: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert wildsage("run", "--data", data, script).returncode == 128 + signal.SIGKILL


MISSED = f"""{TRAIN}
for attempt in range(2):
    try:
        s3.download_file("sample-data-of-aws", "a.csv", "a.csv")
    except Exception as error:
        print(error)
train("s3://read-by-a-job/train/")
try:
    sagemaker.create_model(ModelName="m", ExecutionRoleArn="arn:aws:iam::000000000000:role/r", PrimaryContainer={{
        "Image": "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1", "ModelDataUrl": "s3://read-by-a-model/m.tar.gz"}})
except Exception as error:
    print(error)
try:
    s3.head_bucket(Bucket="only-asked-for")
except Exception as error:
    print(error)
"""


def test_run_names_the_buckets_that_were_missed(data: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(MISSED)
    done = wildsage("run", "--data", data, script)
    assert "buckets that do not exist here: sample-data-of-aws, read-by-a-job, read-by-a-model. " in " ".join(
        done.stderr.split()
    )
    assert "add --public-s3" in done.stderr
    assert "only-asked-for" not in done.stderr
    script.write_text("print(1)")
    assert "sample-data" not in wildsage("run", "--data", data, script).stderr


FOREIGN = """
import boto3
boto3.client("sagemaker").create_model(ModelName="m", ExecutionRoleArn="arn:aws:iam::000000000000:role/r", PrimaryContainer={
    "Image": "174872318107.dkr.ecr.us-west-2.amazonaws.com/kmeans:1"})
"""


def test_run_names_the_images_of_other_regions_or_rejects_them(data: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(FOREIGN)
    done = wildsage("run", "--data", data, script)
    assert done.returncode == 0
    said = " ".join(done.stderr.split())
    assert "us-west-2.amazonaws.com/kmeans:1 in us-east-1" in said and "On AWS this program would fail" in said
    rejected = wildsage("run", "--strict", "--data", data, script)
    assert rejected.returncode == 1 and "Cross region ECR image pulls are not allowed" in rejected.stderr


@pytest.mark.parametrize(("option", "installs"), [([], "2.999.0"), (["--allow-sdk-upgrade"], "3.0.0")])
def test_pip_keeps_the_major_version_of_the_sdk(option: list[str], installs: str, data: Path, tmp_path: Path) -> None:
    for version in ("2.999.0", "3.0.0"):
        write_wheel(tmp_path, "sagemaker", version)
    pip = ["-m", "pip", "install", "--dry-run", "--no-index", "--find-links", str(tmp_path), "--upgrade", "sagemaker"]
    script = tmp_path / "script.py"
    script.write_text(
        f"import subprocess, sys\nfor _ in range(2): subprocess.run([sys.executable, *{pip}], check=True)"
    )
    done = wildsage("run", "--data", data, *option, script)
    assert f"Would install sagemaker-{installs}" in done.stdout, done.stderr
    assert done.stderr.count("wildsage run: pip keeps sagemaker>=2,<3") == (not option)


def write_wheel(folder: Path, name: str, version: str) -> None:
    """An empty package that pip can install."""
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")


def test_exported_variables_make_a_shell_a_client(data: Path) -> None:
    code = "import boto3; print(boto3.client('sts').get_caller_identity()['Account'])"
    shell = f'eval "$({" ".join(WILDSAGE)} up --data {data} --export)" && {sys.executable} -c "{code}"'
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, cwd=ROOT, timeout=240, check=True)
    assert done.stdout.strip() == "000000000000"


def test_one_server_a_folder(data: Path) -> None:
    done = wildsage("up", "--data", data, "--port", "0")
    assert done.returncode == 1
    assert "A server already runs on" in done.stderr


def test_run_starts_a_server_of_its_own_and_stops_it(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import boto3, os; s = boto3.client('s3'); s.create_bucket(Bucket='kept');"
        "print(os.environ['AWS_ENDPOINT_URL'], [b['Name'] for b in s.list_buckets()['Buckets']])"
    )
    done = wildsage("run", "--data", tmp_path / "aws", script)
    endpoint, buckets = done.stdout.split(maxsplit=1)
    assert buckets.strip() == "['kept']"
    with lock.exclusive_use(tmp_path / "aws"):
        assert endpoint.startswith("http://127.0.0.1:"), "no process of the server is left"
    log = (tmp_path / "aws" / "server.log").read_text()
    assert "Fatal" not in log
    assert "SIGABRT" not in log


def test_the_server_goes_when_its_run_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("import os, time; print(os.environ['AWS_ENDPOINT_URL'], flush=True); time.sleep(60)")
    command = [*WILDSAGE, "run", "--data", str(tmp_path / "aws"), str(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True) as run:
        assert run.stdout is not None
        assert run.stdout.readline().startswith("http://127.0.0.1:")
        os.killpg(run.pid, signal.SIGKILL)
    deadline = time.monotonic() + 240
    while not lock._is_free(tmp_path / "aws"):  # the last process of the server lets it go
        assert time.monotonic() < deadline
        time.sleep(0.1)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize(("last_cell", "status"), [("print(6 * 7)", 0), ("1 / 0", 1)])
def test_a_notebook_runs_and_is_written_with_its_outputs(
    data: Path, tmp_path: Path, last_cell: str, status: int
) -> None:
    cells = [
        "import boto3, os\nos.path.basename(os.getcwd())",
        "print(boto3.client('sts').get_caller_identity()['Account'])",
        last_cell,
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    notebook.metadata["kernelspec"] = {"name": "conda_mxnet_p36", "display_name": "conda_mxnet_p36"}
    nbformat.write(notebook, tmp_path / "a.ipynb")
    done = wildsage("run", "--data", data, tmp_path / "a.ipynb")
    assert done.returncode == status, done.stderr
    assert "cell 2 of 3" in done.stdout
    assert "000000000000" in done.stdout
    written = nbformat.read(tmp_path / "a.executed.ipynb", as_version=4)
    assert tmp_path.name in written.cells[0].outputs[0].data["text/plain"]
    assert written.cells[1].outputs[0].text == "000000000000\n"
    assert ("ZeroDivisionError" in done.stdout) == bool(status)


# Without AWS


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CSV of 200 points around (0, 0) and (9, 9)."""
    path = tmp_path_factory.mktemp("rows") / "rows.csv"
    path.write_text("".join(f"{9 * (n % 2) + n % 7 / 10},{9 * (n % 2) + n % 5 / 10}\n" for n in range(200)))
    return path


Train = Callable[..., Result]


@pytest.fixture(scope="module")
def train(containers_python: Forks) -> Train:
    """`wildsage train` in this process, whose container is a fork of an interpreter that has imported torch."""

    def run(rows: Path, output: Path, *more: str) -> Result:
        settings = ["--hp", "k=2", "--hp", "feature_dim=2", "--hp", "mini_batch_size=50", "--output", str(output)]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(python, "command", containers_python.module)
            return CliRunner().invoke(app, ["train", "kmeans", "--channel", f"train={rows}", *settings, *more])

    return run


@pytest.fixture(scope="module")
def model(rows: Path, train: Train, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    done = train(rows, folder)
    assert done.exit_code == 0, done.output
    assert "text/csv;label_size=0 (by its extension" in done.stderr
    return folder / "model.tar.gz"


def test_input_mode_and_place_of_the_data_do_not_change_the_model(
    rows: Path, model: Path, train: Train, tmp_path: Path
) -> None:
    assert train(rows, tmp_path / "piped", "--input-mode", "Pipe").exit_code == 0
    assert train(rows.parent, tmp_path / "folder").exit_code == 0
    assert (tmp_path / "piped" / "model.tar.gz").read_bytes() == model.read_bytes()
    assert (tmp_path / "folder" / "model.tar.gz").read_bytes() == model.read_bytes()


def test_folders_of_the_user_named_like_our_packages_do_no_harm(rows: Path, model: Path, tmp_path: Path) -> None:
    for name in ("algorithms", "containers", "local_runner"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise AssertionError(__file__)")
    (tmp_path / "script.py").write_text("import boto3; print(boto3.client('s3').list_buckets()['Buckets'])")
    ours = {**os.environ, "PYTHONPATH": str(ROOT)}
    wildsage = [
        sys.executable,
        "-P",
        "-m",
        "wildsage.local_runner",
    ]  # without the current folder, as the installed command is
    settings = ["--hp", "k=2", "--hp", "feature_dim=2", "--hp", "mini_batch_size=50", "--output", "model"]
    for command in (
        ["train", "kmeans", "--channel", f"train={rows}", *settings],
        ["run", "--data", "aws", "script.py"],
    ):
        subprocess.run([*wildsage, *command], cwd=tmp_path, env=ours, timeout=240, check=True)
    assert (tmp_path / "model" / "model.tar.gz").read_bytes() == model.read_bytes()


@pytest.mark.parametrize("name", ["..", ".", "../../escape", "/escape", "a b", "x" * 65])
def test_a_channel_name_cannot_leave_the_jobs_folder(rows: Path, tmp_path: Path, name: str) -> None:
    settings = ["--hp", "k=2", "--output", tmp_path / "model"]
    status, text = invoke("train", "kmeans", "--channel", f"{name}={rows}", *settings, "--input-mode", "Pipe")
    assert status == 1
    assert f"Channel '{name}': expected a name of 1 to 64 letters" in text


def test_text_files_without_a_last_line_feed_and_hidden_ones_do_not_change_the_model(
    rows: Path, model: Path, train: Train, tmp_path: Path
) -> None:
    lines = rows.read_text().splitlines(keepends=True)
    parts = tmp_path / "parts"
    parts.mkdir()
    (parts / "a.csv").write_text("".join(lines[:100]).rstrip())
    (parts / "b.csv").write_text("".join(lines[100:]).rstrip())
    (parts / ".hidden.csv").write_text("no numbers")
    for mode in ("File", "Pipe"):
        assert train(parts, tmp_path / mode, "--input-mode", mode).exit_code == 0
        assert (tmp_path / mode / "model.tar.gz").read_bytes() == model.read_bytes()


def test_a_wrong_setting_is_one_message_and_nothing_is_trained(rows: Path, train: Train, tmp_path: Path) -> None:
    done = train(rows, tmp_path / "model", "--hp", "epoks=3", "--hp", "init_method=luck")
    assert done.exit_code == 1 and done.stdout == ""
    assert done.stderr.splitlines()[1:] == [
        "ClientError: Additional properties are not allowed ('epoks' was unexpected). Did you mean epochs?",
        "Hyperparameter init_method: got 'luck', expected one of random, kmeans++.",
    ]
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("algorithm", ["kmeans", "knn", "image-classification", "xgboost", "blazingtext"])
def test_a_wrong_setting_is_named_without_torch(rows: Path, tmp_path: Path, algorithm: str) -> None:
    type_ = "application/x-image" if algorithm == "image-classification" else "text/csv"
    options = [
        "--channel",
        f"train={rows}",
        "--content-type",
        type_,
        "--hp",
        "epoks=3",
        "--output",
        str(tmp_path / "model"),
    ]
    script = (
        "import sys; from typer.testing import CliRunner; from wildsage.local_runner.__main__ import app;"
        f"result = CliRunner().invoke(app, {['train', algorithm, *options]!r});"
        "print(result.exit_code, 'epoks' in result.output, 'torch' in sys.modules, 'wildsage.algorithms' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.split() == ["1", "True", "False", "True"]


def test_a_failed_job_says_why_and_who_can_fix_it(rows: Path, train: Train, tmp_path: Path) -> None:
    done = train(rows, tmp_path / "model", "--content-type", "application/x-recordio-protobuf")
    assert done.exit_code == 1
    assert done.stdout.splitlines()[-1].startswith("ClientError: ") and "rows.csv" in done.stdout
    assert done.stderr.splitlines()[-1] == done.stdout.splitlines()[-1]
    assert not (tmp_path / "model").exists()


def test_a_model_is_served_until_a_signal(model: Path) -> None:
    port = free_port()
    command = [*WILDSAGE, "serve", str(model), "--port", str(port)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT) as serving:
        assert serving.stderr is not None
        for line in serving.stderr:
            if line.startswith("Serving"):
                break
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/invocations", data=b"0,0\n9,9\n", headers={"Content-Type": "text/csv"}
        )
        with urllib.request.urlopen(request, timeout=240) as answer:
            first, second = json.load(answer)["predictions"]
        visit = urllib.request.Request(f"http://127.0.0.1:{port}/", headers={"Accept": "text/html"})
        with urllib.request.urlopen(visit, timeout=240) as page:
            form = page.read().decode()
        serving.send_signal(signal.SIGINT)
        serving.stderr.read()
        assert serving.wait(240) in (0, 130)
    assert first["closest_cluster"] != second["closest_cluster"]
    assert "<h1>model.tar.gz</h1>" in form and ">0,0</textarea>" in form
    assert not listens(port)


def test_ctrl_c_says_that_the_model_so_far_is_kept_and_keeps_it(tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("".join(f"{n % 2},{n % 2},{n % 7}\n" for n in range(400)))
    endless = ("epochs=1000000", "early_stopping_patience=1000000", "num_models=1", "mini_batch_size=100")
    settings = [f"--hp={setting}" for setting in ("predictor_type=regressor", "feature_dim=2", *endless)]
    command = [
        *WILDSAGE,
        "train",
        "linear-learner",
        f"--channel=train={rows}",
        *settings,
        f"--output={tmp_path / 'model'}",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT) as training:
        assert training.stdout is not None
        next(line for line in training.stdout if "#progress_metric" in line)
        training.send_signal(signal.SIGINT)
        _, text = training.communicate(timeout=120)
    assert training.returncode == 0, text
    assert text.count("Stopping, and saving the model so far. Ctrl-C again gives it up.") == 1
    assert (tmp_path / "model" / "model.tar.gz").exists()


def test_checkpoints_are_kept_in_a_folder_and_taken_up_again(rows: Path, train: Train, tmp_path: Path) -> None:
    for output in ("first", "again"):
        done = train(rows, tmp_path / output, "--checkpoints", str(tmp_path / "kept"), "--hp", "_checkpoint_seconds=0")
        assert done.exit_code == 0, done.output
        assert ("Resuming from" in done.stdout) == (output == "again")
        assert "/opt/ml/input/config/hyperparameters.json" in done.stdout and "wildsage-job-" not in done.stdout
    assert [file.name for file in (tmp_path / "kept").iterdir()] == ["checkpoint_algo-1"]


def test_a_killed_command_leaves_no_process_and_no_folder(model: Path, tmp_path: Path) -> None:
    """The folder goes with the next command that needs one."""
    port = free_port()
    place = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [*WILDSAGE, "serve", str(model), "--port", str(port)]
    with subprocess.Popen(command, cwd=ROOT, env=place) as serving:
        while not listens(port):
            assert serving.poll() is None
            time.sleep(0.05)
        serving.kill()
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline and listens(port):
        time.sleep(0.05)
    assert not listens(port)
    script = (
        "from wildsage.local_runner.processes import temp_folder\nwith temp_folder.folder() as own: print(own.name)"
    )
    own = subprocess.run(
        [sys.executable, "-c", script], env=place, cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert own.stdout.startswith("wildsage-job-")
    assert not list(tmp_path.glob("wildsage*"))


def test_what_is_not_an_archive_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "model.tar.gz").write_text("no archive")
    done = wildsage("serve", tmp_path / "model.tar.gz", "--port", str(free_port()))
    assert done.returncode == 1
    assert "not a readable tar.gz archive" in done.stderr
