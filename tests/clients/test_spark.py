"""Spark with sagemaker_pyspark in an environment of its own: the example runs as `wildsage run` starts it, with no line changed."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from wildsage.local_runner.processes import mounts

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "spark_pipelines.py"


@pytest.fixture(autouse=True)
def quick_java(monkeypatch: pytest.MonkeyPatch) -> None:
    """Java compiles for a program of a minute, and collects garbage without threads: the rest is work for programs of hours."""
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")


@pytest.mark.skipif(shutil.which("java") is None, reason="there is no java: install openjdk-17-jre-headless")
def test_pipelines_train_deploy_and_transform(tool: Any, tmp_path: Path) -> None:
    python = tool("spark", "bin", "python")
    run = [
        sys.executable,
        "-m",
        "wildsage.local_runner",
        "run",
        "--data",
        tmp_path / "aws",
        "--proxy",
        "--python",
        python,
    ]
    done = subprocess.run([*run, EXAMPLE], capture_output=True, text=True, timeout=600, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    said = dict(line.split(": ", 1) for line in done.stdout.splitlines() if ": " in line)
    clusters = ast.literal_eval(said["clusters of shops"])
    assert sorted(number for found in clusters.values() for number in found) == [0, 1, 2], (
        "each shop has a cluster of its own"
    )
    assert len(ast.literal_eval(said["components of a customer"])) == 2
    assert float(said["median error of the regression"]) < 0.05
    assert "Exception" not in done.stderr and "\tat " not in done.stderr, "a trace of Java or of the proxy"


PYSPARK_SCRIPT = """
import argparse
from shared import doubled
from pyspark.sql import SparkSession

parser = argparse.ArgumentParser()
parser.add_argument("--column", type=str)
column = parser.parse_args().column
spark = SparkSession.builder.appName("count").getOrCreate()
rows = spark.read.csv("/opt/ml/processing/input/rows", header=True, inferSchema=True)
total = rows.rdd.map(lambda row: doubled(row[column])).sum()
partitions = spark.conf.get("spark.sql.shuffle.partitions")
open("/opt/ml/processing/output/total", "w").write(f"{total} {partitions}")
spark.stop()
"""

PYSPARK = """
import sagemaker
from sagemaker.processing import ProcessingInput, ProcessingOutput
from sagemaker.spark.processing import PySparkProcessor

session, bucket = sagemaker.Session(), sagemaker.Session().default_bucket()
rows = session.upload_data("rows.csv", key_prefix="spark/rows")
processor = PySparkProcessor(
    base_job_name="sm-spark", framework_version="3.3", role=sagemaker.get_execution_role(), instance_count=2,
    instance_type="ml.m5.xlarge", max_runtime_in_seconds=1200, sagemaker_session=session,
)
processor.run(
    submit_app="count.py", submit_py_files=["shared.py"], arguments=["--column", "b"],
    inputs=[ProcessingInput(source=rows, destination="/opt/ml/processing/input/rows")],
    outputs=[ProcessingOutput(source="/opt/ml/processing/output", destination=f"s3://{bucket}/spark/out")],
    spark_event_logs_s3_uri=f"s3://{bucket}/spark/events",
    configuration=[{"Classification": "spark-defaults", "Properties": {"spark.sql.shuffle.partitions": "7"}}],
)
assert sagemaker.s3.S3Downloader.read_file(f"s3://{bucket}/spark/out/total", session) == "42 7"
assert sagemaker.s3.S3Downloader.list(f"s3://{bucket}/spark/events", session)
print()
print("done")
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("java") is None, reason="there is no java: install openjdk-17-jre-headless")
@pytest.mark.skipif(mounts.problem("/opt/ml") is not None, reason="this machine forbids mounts")
def test_a_pyspark_processor_runs_an_application(tool: Any, started: Any, tmp_path: Path, monkeypatch: Any) -> None:
    python = tool("spark", "bin", "python")
    monkeypatch.setenv("SPARK_HOME", str(Path(python).parents[1] / "lib" / "python3.10" / "site-packages" / "pyspark"))
    monkeypatch.setenv("PYSPARK_PYTHON", python)
    (tmp_path / "count.py").write_text(PYSPARK_SCRIPT)
    (tmp_path / "shared.py").write_text("def doubled(value): return 2 * value")
    (tmp_path / "rows.csv").write_text("a,b\n1,10\n2,11\n")
    done = started().run_sdk2(PYSPARK, tmp_path)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-3000:]
    assert done.stdout.splitlines()[-1] == "done"
