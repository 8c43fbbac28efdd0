"""Names on the command line: whole, by their beginning, and completed by the shell."""

from __future__ import annotations

from contextlib import closing
from types import SimpleNamespace

import pytest
import typer

from wildsage.local_runner.commands.names import active_names, all_names, complete, full_name
from wildsage.local_runner.jobs.store import Store
from wildsage.local_runner.monitor.overview import Overview
from wildsage.local_runner.settings import ServerSettings


def test_a_whole_name_wins_over_names_that_begin_with_it():
    assert full_name("job-1", ["job-10", "job-1"]) == "job-1"


def test_the_beginning_of_one_name_is_enough():
    assert full_name("ab", ["abc", "b", "abc"]) == "abc"


def test_a_name_that_nothing_begins_with_stays():
    assert full_name("x", ["abc"]) == "x"


def test_the_beginning_of_several_names_is_an_error_that_lists_them(capsys):
    with pytest.raises(typer.Exit) as stopped:
        full_name("job", [f"job-{n}" for n in range(7)])
    assert stopped.value.exit_code == 2
    assert "job-0, job-1, job-2, job-3, job-4 and 2 more" in capsys.readouterr().err.replace("\n", " ")


def test_only_active_names_are_meant_by_their_beginning():
    assert full_name("job", ["job-old", "job-new"], ["job-new"]) == "job-new"
    assert full_name("job-old", ["job-old", "job-old-2"], ["job-old-2"]) == "job-old"


@pytest.mark.parametrize(
    ("count", "shown"),
    [(2, "job-0, job-1. Give more"), (5, "job-3, job-4. Give more"), (6, "job-3, job-4 and 1 more. Give more")],
)
def test_five_names_are_listed_and_others_counted(capsys, count, shown):
    with pytest.raises(typer.Exit):
        full_name("job", [f"job-{n}" for n in range(count)])
    assert shown in " ".join(capsys.readouterr().err.split())


@pytest.fixture
def data(tmp_path):
    """A folder with two jobs, of which the older runs, and an endpoint of the name of one."""
    folder = ServerSettings(tmp_path).region("us-east-1")
    folder.path.mkdir(parents=True)
    arn = "arn:aws:sagemaker:us-east-1:000000000000:"
    with closing(Store(folder.state)) as store:
        for name, status, created in (("ab", "InProgress", 1.0), ("ac", "Completed", 2.0)):
            job = {"TrainingJobName": name, "TrainingJobArn": f"{arn}training-job/{name}", "TrainingJobStatus": status}
            store.insert("training-job", name, job | {"CreationTime": created})
        for name in ("ab", "b"):
            endpoint = {"EndpointName": name, "EndpointArn": f"{arn}endpoint/{name}", "EndpointStatus": "InService"}
            store.insert("endpoint", name, endpoint | {"CreationTime": 1.0})
    return tmp_path


def test_names_are_those_of_jobs_the_newest_first_and_then_of_endpoints(data):
    with closing(Overview(data)) as overview:
        assert all_names(overview) == ["ac", "ab", "ab", "b"]
        assert active_names(overview) == ["ab", "ab", "b"]


@pytest.mark.parametrize(("incomplete", "offered"), [("", ["ac", "ab", "b"]), ("a", ["ac", "ab"]), ("x", [])])
def test_a_shell_is_offered_each_name_once(data, incomplete, offered):
    assert complete(SimpleNamespace(params={"data": str(data)}), incomplete) == offered
    assert complete(SimpleNamespace(params={"data": data / "absent"}), incomplete) == []
