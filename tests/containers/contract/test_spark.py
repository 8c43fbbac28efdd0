"""Where a job of Spark finds spark-submit."""

from __future__ import annotations

from pathlib import Path

import pytest

from wildsage.containers.contract import spark


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def folder(tmp_path) -> Path:
    """`bin` with java and spark-submit, `java` and `spark` with one of them each, `empty` with none."""
    for place in ("bin/java", "bin/spark-submit", "java/bin/java", "spark/bin/spark-submit"):
        program(tmp_path / place)
    (tmp_path / "empty").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({"PATH": "bin"}, "bin/spark-submit"),
        ({"PATH": "bin", "SPARK_HOME": "spark"}, "spark/bin/spark-submit"),
        ({"PATH": "bin", "SPARK_HOME": "empty"}, None),
        ({"PATH": "empty", "SPARK_HOME": "spark", "JAVA_HOME": "java"}, "spark/bin/spark-submit"),
        ({"PATH": "empty", "SPARK_HOME": "spark", "JAVA_HOME": "empty"}, None),
        ({"PATH": "spark/bin"}, None),
        ({"PATH": "java/bin"}, None),
        ({"SPARK_HOME": "spark"}, None),
        ({"SPARK_HOME": "spark", "JAVA_HOME": "java"}, "spark/bin/spark-submit"),
        ({}, None),
    ],
)
def test_it_is_below_spark_home_or_on_the_path_if_there_is_java(folder, environment, found):
    places = {name: str(folder / place) for name, place in environment.items()}
    assert spark.submit_program(places) == (found and str(folder / found))
