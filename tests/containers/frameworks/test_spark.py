"""smspark-submit: what it passes on to spark-submit, and what it says where there is none."""

from __future__ import annotations

import json
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
