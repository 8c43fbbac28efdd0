"""`wildsage run`: which programs it takes, and what it says after one: buckets that are not here, foreign images, jobs."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
import typer

from wildsage.local_runner.client import notebook
from wildsage.local_runner.commands import run
from wildsage.local_runner.jobs.store import Store
from wildsage.local_runner.jobs.transform.job import KIND
from wildsage.local_runner.settings import ServerSettings

ENDPOINT = "http://127.0.0.1:4577"


def status_of(call, *arguments) -> int:
    with pytest.raises(typer.Exit) as ended:
        call(*arguments)
    return ended.value.exit_code


@pytest.fixture
def file(tmp_path):
    def make(name: str) -> Path:
        (tmp_path / name).touch()
        return tmp_path / name

    return make


@pytest.mark.parametrize(
    ("name", "arguments", "output"),
    [("a.py", ["x"], None), ("a.PY", [], None), ("a.ipynb", [], None), ("a.IPYNB", [], Path("out.ipynb"))],
)
def test_scripts_and_notebooks_are_programs(file, name, arguments, output):
    run.check_program(file(name), arguments, output)
    assert run.is_notebook(Path(name)) == (name.lower() == "a.ipynb")


@pytest.mark.parametrize(
    ("name", "arguments", "output", "status", "words"),
    [
        ("a.txt", [], None, 2, "expected a Python script (.py) or a notebook (.ipynb), got a .txt file"),
        ("a.ipynb", ["x", "y"], None, 2, "a notebook takes no arguments, got x y"),
        ("a.py", [], Path("o"), 2, "--output applies to notebooks only"),
    ],
)
def test_other_programs_and_options_are_rejected(file, capsys, name, arguments, output, status, words):
    assert status_of(run.check_program, file(name), arguments, output) == status
    assert words in " ".join(capsys.readouterr().err.split())


def test_a_program_exists(tmp_path, capsys):
    assert status_of(run.check_program, tmp_path / "absent.py", [], None) == 1
    assert "no such file" in capsys.readouterr().err


def test_another_python_runs_scripts_and_is_a_program(file, capsys):
    run.check_python(file("a.py"), None)
    run.check_python(file("a.py"), Path(sys.executable))
    assert status_of(run.check_python, file("a.ipynb"), Path(sys.executable)) == 2
    assert status_of(run.check_python, file("a.py"), file("not-executable")) == 1


@pytest.mark.parametrize("python", [None, Path(sys.executable)])
def test_a_script_runs_with_its_arguments_in_its_environment(tmp_path, python):
    script = tmp_path / "a.py"
    script.write_text(
        "import os, pathlib, sys\n"
        "pathlib.Path(sys.argv[1]).write_text(os.environ['PATH'] + '|' + os.environ['PYTHONUNBUFFERED'])\n"
        "sys.exit(7)\n"
    )
    status = run.run_script(script, [str(tmp_path / "said")], {"PATH": "/usr/bin"}, python)
    folder = f"{Path(sys.executable).parent}{os.pathsep}" if python else ""
    assert (status, (tmp_path / "said").read_text()) == (7, f"{folder}/usr/bin|1")


@pytest.fixture
def data(tmp_path) -> Path:
    (tmp_path / "regions" / "us-east-1").mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize(("public", "hint"), [(False, True), (True, False)])
def test_buckets_that_a_program_asked_for_in_vain_are_named(data, capsys, public, hint):
    missed = ServerSettings(data).missed_buckets
    missed.write_text("earlier\n")
    with pytest.raises(ZeroDivisionError), run.missed_buckets_reported(data, public):
        missed.open("a").write("first\nsecond\n")
        1 / 0  # noqa: B018
    said = " ".join(capsys.readouterr().err.split())
    assert "buckets that do not exist here: first, second. " in said and "aws s3 mb s3://first" in said
    assert ("add --public-s3" in said) == hint


def test_foreign_images_are_named(data, capsys):
    with run.foreign_images_reported(data):
        ServerSettings(data).foreign_images.write_text("image in us-east-1\n")
    assert "On AWS this program would fail" in capsys.readouterr().err


def test_nothing_is_said_where_there_is_nothing_to_say(data, capsys):
    with run.missed_buckets_reported(data, False), run.foreign_images_reported(data), run.results_reported(data):
        pass
    assert capsys.readouterr().err == ""


def test_the_jobs_of_a_program_are_counted_by_kind_and_status(data, capsys):
    def add(store: Store, name: str, status: str) -> None:
        arn = f"arn:aws:sagemaker:us-east-1:0:transform-job/{name}"
        job = {"TransformJobName": name, "TransformJobArn": arn, "TransformJobStatus": status, "CreationTime": 1.0}
        store.insert(KIND.name, name, job)

    with closing(Store(ServerSettings(data).region("us-east-1").state)) as store:
        add(store, "before", "Completed")
        with run.results_reported(data):
            for name, status in (("a", "Completed"), ("b", "Failed"), ("c", "Completed")):
                add(store, name, status)
    said = " ".join(capsys.readouterr().err.split())
    assert "2 transform Completed" in said and "1 transform Failed" in said
    assert f"`wildsage jobs --data {data}` lists them." in said and str(data / "s3" / "buckets") in said


def test_news_are_asked_for_until_the_end(monkeypatch):
    monkeypatch.setattr(run, "WAITING_POLL_S", 0)
    ended, lines = threading.Event(), iter([["a", "b"], [], ["c"]])

    def new() -> list[str]:
        found = next(lines)
        if found == ["c"]:
            ended.set()
        return found

    assert list(run.iter_until(ended, new)) == ["a", "b", "c"]


@dataclass
class Started:
    """What `wildsage run` asked for: the options of its server, the programs it ran, the proxies."""

    options: list[list[str]] = field(default_factory=list)
    scripts: list[tuple] = field(default_factory=list)
    notebooks: list[tuple] = field(default_factory=list)
    proxies: list[tuple] = field(default_factory=list)
    reused: bool = False


@pytest.fixture
def started(monkeypatch, data) -> Started:
    """In place of a server, of a proxy and of programs."""
    found = Started()

    @contextlib.contextmanager
    def server(folder, options):
        found.options.append(options)
        yield SimpleNamespace(endpoint=ENDPOINT, reused=found.reused)

    @contextlib.contextmanager
    def run_proxy(*arguments):
        found.proxies.append(arguments)
        yield "http://127.0.0.1:9"

    monkeypatch.setattr(run.background, "server", server)
    monkeypatch.setattr(run.process, "run_proxy", run_proxy)
    monkeypatch.setattr(run, "run_script", lambda *arguments: found.scripts.append(arguments) or 7)
    monkeypatch.setattr(notebook, "run", lambda *arguments: found.notebooks.append(arguments) or 8)
    return found


def test_a_script_gets_its_arguments_and_the_variables_of_a_client(cli, started, file, data):
    script = file("a.py")
    said = cli("run", "--data", data, script, "--epochs", "3")
    assert said.status == 7
    assert started.options == [[]] and started.proxies == []
    ((program, arguments, environment, python),) = started.scripts
    assert (program, arguments, python) == (script, ["--epochs", "3"], None)
    assert environment["AWS_ENDPOINT_URL"] == ENDPOINT and "WILDSAGE_SDK_POLLING" not in environment
    assert said.err == f"Local AWS on {ENDPOINT}, state in {data}"


def test_the_server_has_the_options_of_the_command(cli, started, file, data):
    weights = file("w.pth")
    options = ("--public-s3", "--strict", "--token", "--pretrained-weights", weights, "--sdk-polling")
    assert cli("run", "--data", data, *options, "--python", sys.executable, file("a.py")).status == 7
    assert started.options == [
        ["--public-s3", "--strict", "--token", "--pretrained-weights", str(weights), "--sdk-polling"]
    ]
    assert started.scripts[0][2]["WILDSAGE_SDK_POLLING"] == "1"
    assert started.scripts[0][3] == Path(sys.executable)


def test_options_have_no_effect_on_a_server_that_runs(cli, started, file, data):
    started.reused = True
    said = cli("run", "--data", data, "--strict", "--sdk-polling", file("a.py"))
    assert f"state in {data} (was running)" in said.err
    assert "--strict: no effect on a server that runs already. Give it to `wildsage up`." in said.err
    assert "no effect" not in cli("run", "--data", data, "--sdk-polling", file("a.py")).err


@pytest.mark.parametrize(("options", "others"), [((), "rejected; --tunnel allows them"), (("--tunnel",), "tunnelled")])
def test_a_proxy_takes_any_free_port(cli, started, file, data, options, others):
    said = cli("run", "--data", data, "--proxy", *options, file("a.py"))
    assert started.proxies == [(data, ENDPOINT, 0, bool(options))]
    assert f"HTTPS proxy on http://127.0.0.1:9; connections to other hosts than AWS are {others}" in said.err
    assert started.scripts[0][2]["HTTPS_PROXY"] == "http://127.0.0.1:9"


@pytest.mark.parametrize("name", [None, "out.ipynb"])
def test_a_notebook_runs_in_its_folder(cli, started, tmp_path, data, name):
    program = tmp_path / "a.ipynb"
    nbformat.write(nbformat.v4.new_notebook(), program)
    options = ("--output", tmp_path / name) if name else ()
    assert cli("run", "--data", data, *options, program).status == 8
    ((cells, folder, executed, environment, _),) = started.notebooks
    assert (folder, executed) == (tmp_path, tmp_path / (name or "a.executed.ipynb"))
    assert cells["cells"] == [] and environment["AWS_ENDPOINT_URL"] == ENDPOINT
    assert started.scripts == []


def test_what_is_not_a_notebook_is_an_error_before_a_server_starts(cli, started, tmp_path, data):
    (tmp_path / "a.ipynb").write_text("{")
    assert cli("run", "--data", data, tmp_path / "a.ipynb").status == 1
    assert started.options == []


@pytest.mark.parametrize(("options", "kept"), [((), True), (("--allow-sdk-upgrade",), False)])
def test_pip_keeps_the_sdk_unless_it_may_replace_it(cli, started, file, data, options, kept):
    cli("run", "--data", data, *options, file("a.py"))
    assert ("PIP_CONSTRAINT" in started.scripts[0][2]) == kept


def test_jobs_of_others_are_named_while_a_program_runs_on_their_server(data, capsys):
    arn = "arn:aws:sagemaker:us-east-1:0:transform-job/theirs"
    job = {
        "TransformJobName": "theirs",
        "TransformJobArn": arn,
        "TransformJobStatus": "InProgress",
        "CreationTime": 1.0,
    }
    with closing(Store(ServerSettings(data).region("us-east-1").state)) as store:
        store.insert(KIND.name, "theirs", job)
    before = set(threading.enumerate())
    with run.waiting_jobs_reported(data):
        pass
    assert "theirs" in capsys.readouterr().err
    assert set(threading.enumerate()) <= before
