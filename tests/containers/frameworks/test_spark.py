"""smspark-submit: what it passes on to spark-submit, and what it says where there is none."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from wildsage.algorithms.base.errors import UserError
from wildsage.containers.contract.spark import submit_program
from wildsage.containers.frameworks import spark


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with programs of the names of Spark and Java, which the tests do not run."""
    for name in ("spark-submit", "java"):
        program = tmp_path / "home" / "bin" / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    monkeypatch.setenv("SPARK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", str(tmp_path / "home" / "bin"))
    return tmp_path / "home"


def test_options_are_passed_on_and_folders_are_lists_of_files(home, tmp_path, monkeypatch):
    configuration = tmp_path / "configuration.json"
    monkeypatch.setattr(spark, "CONFIGURATION", configuration)
    configuration.write_text(
        json.dumps(
            [
                {"Classification": "spark-defaults", "Properties": {"spark.executor.memory": "2g"}},
                {"Classification": "yarn-site", "Properties": {"a": "b"}},
            ]
        )
    )
    modules, events = tmp_path / "modules", tmp_path / "events"
    modules.mkdir()
    for name in ("b.py", "a.py"):
        (modules / name).touch()
    given = ["--py-files", str(modules), "--local-spark-event-logs-dir", str(events), "--class", "org.Main", "app.jar"]
    assert spark.submit_command([*given, "--rows", "5", "-v"]) == [
        *(str(home / "bin" / "spark-submit"), "--master", "local[*]", "--class", "org.Main"),
        *("--py-files", f"{modules}/a.py,{modules}/b.py", "--conf", "spark.eventLog.enabled=true"),
        *("--conf", f"spark.eventLog.dir=file://{events}", "--conf", "spark.executor.memory=2g"),
        *("app.jar", "--rows", "5", "-v"),
    ]
    assert events.is_dir()


def test_a_machine_without_spark_or_java_says_what_to_install(home, monkeypatch):
    assert submit_program({"SPARK_HOME": str(home), "PATH": "/nowhere", "JAVA_HOME": str(home)})
    assert submit_program({"SPARK_HOME": str(home), "PATH": "/nowhere"}) is None
    monkeypatch.setenv("SPARK_HOME", "/nowhere")
    with pytest.raises(UserError, match="there is no spark-submit: pip install pyspark"):
        spark.submit_command(["app.py"])


PROGRAM = ["--master", "local[*]"]


def test_without_options_spark_gets_the_application_alone(home):
    assert spark.submit_command(["app.py"]) == [str(home / "bin" / "spark-submit"), *PROGRAM, "app.py"]


def test_files_are_lists_with_commas_and_words_of_the_application_stay_with_it(home):
    given = ["--jars", "a.jar,b.jar", "--files", "c,d", "-v", "--spark-event-logs-s3-uri", "s3://bucket/events"]
    assert spark.submit_command([*given, "app.py", "--class", "x", "-v"])[1:] == [
        *(*PROGRAM, "--verbose", "--jars", "a.jar,b.jar", "--files", "c,d", "app.py", "--class", "x", "-v"),
    ]


def test_an_option_is_not_taken_by_a_part_of_its_name(home, capsys):
    with pytest.raises(SystemExit):
        spark.submit_command(["--cla", "org.Main", "app.jar"])
    assert "unrecognized arguments" in capsys.readouterr().err


def test_settings_may_be_one_object_and_others_have_no_effect(home, tmp_path, monkeypatch, capsys):
    configuration = tmp_path / "configuration.json"
    monkeypatch.setattr(spark, "CONFIGURATION", configuration)
    configuration.write_text(json.dumps({"Classification": "spark-defaults", "Properties": {"a": "1", "b": "2"}}))
    assert spark.submit_command(["app.py"])[3:] == ["--conf", "a=1", "--conf", "b=2", "app.py"]
    configuration.write_text(json.dumps({"Classification": "yarn-site", "Properties": {"a": "1"}}))
    assert spark.submit_command(["app.py"])[3:] == ["app.py"]
    assert "The configuration yarn-site has no effect: Spark runs on this machine alone." in capsys.readouterr().out


def test_the_folder_of_events_may_be_there_or_deep_below(home, tmp_path):
    for place in (tmp_path, tmp_path / "a" / "b"):
        settings = spark.submit_command(["--local-spark-event-logs-dir", str(place), "app.py"])[3:7]
        assert settings == [*("--conf", "spark.eventLog.enabled=true", "--conf", f"spark.eventLog.dir=file://{place}")]
        assert place.is_dir()


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs the command on a host of two, and returns what the process becomes."""

    def run(host: str, before: Callable[[], object] = lambda: None) -> list:
        became = []
        monkeypatch.setattr(os, "execvp", lambda program, line: before() or became.append((program, line)))
        monkeypatch.setattr(spark, "RESOURCES", tmp_path / "resourceconfig.json")
        monkeypatch.setattr("sys.argv", ["smspark-submit", "app.py"])
        spark.RESOURCES.write_text(json.dumps({"current_host": host, "hosts": ["algo-1", "algo-2"]}))
        spark.main()
        return became

    return run


def test_the_first_host_becomes_spark_and_the_others_end(home, run, capsys):
    program = str(home / "bin" / "spark-submit")
    assert run("algo-1") == [(program, [program, *PROGRAM, "app.py"])]
    assert capsys.readouterr().out == f"Running {program} {' '.join(PROGRAM)} app.py\n"
    assert run("algo-2") == []
    assert capsys.readouterr().out == "algo-1 runs the application with all cores of this machine.\n"


def test_the_log_is_written_before_the_process_becomes_another(home, run, monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written))
    seen = []
    run("algo-1", lambda: seen.append(written.getvalue()))
    assert seen[0].startswith(b"Running ")


def test_a_machine_without_spark_ends_with_a_sentence(home, run, monkeypatch):
    monkeypatch.setenv("SPARK_HOME", "/nowhere")
    with pytest.raises(SystemExit, match="there is no spark-submit"):
        run("algo-1")
