"""`smspark-submit`, the command of PySparkProcessor and SparkJarProcessor: Spark on this machine, in place of Amazon's cluster.

The first host runs the application on all cores; the others have ended at once. Source: cli.py and job.py of
aws/sagemaker-spark-container.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from wildsage.algorithms.base.errors import UserError
from wildsage.containers.contract import spark
from wildsage.containers.contract.paths import DEFAULT_ROOT

INPUT = Path(DEFAULT_ROOT) / "processing" / "input"
CONFIGURATION = INPUT / "conf" / "configuration.json"
RESOURCES = Path(DEFAULT_ROOT) / "config" / "resourceconfig.json"
OF_SPARK = "spark-defaults"


def main() -> None:
    """Become spark-submit. Exits with a sentence where that is not possible."""
    resources = json.loads(RESOURCES.read_text())
    if resources["current_host"] != resources["hosts"][0]:
        print(f"{resources['hosts'][0]} runs the application with all cores of this machine.")
        return
    try:
        command = submit_command(sys.argv[1:])
    except UserError as error:
        sys.exit(str(error))
    print(f"Running {' '.join(command)}", flush=True)
    os.execvp(command[0], command)


def submit_command(arguments: list[str]) -> list[str]:
    """The command line of spark-submit for one of smspark-submit. Raises UserError."""
    program = spark.submit_program(os.environ)
    if program is None:
        raise UserError(spark.MISSING)
    asked = _parser().parse_args(arguments)
    options = ["--master", "local[*]", *(["--verbose"] if asked.verbose else [])]
    if asked.class_:
        options += ["--class", asked.class_]
    for name, given in (("--jars", asked.jars), ("--py-files", asked.py_files), ("--files", asked.files)):
        if given:
            options += [name, ",".join(_files(given))]
    for setting in (*_event_log(asked.local_spark_event_logs_dir), *_configured()):
        options += ["--conf", setting]
    return [program, *options, asked.app, *asked.app_arguments]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="smspark-submit", allow_abbrev=False)
    parser.add_argument("--class", dest="class_")
    for name in ("--jars", "--py-files", "--files", "--spark-event-logs-s3-uri", "--local-spark-event-logs-dir"):
        parser.add_argument(name)
    parser.add_argument("-v", "--verbose", action="store_true")
    parser.add_argument("app")
    parser.add_argument("app_arguments", nargs=argparse.REMAINDER)
    return parser


def _files(given: str) -> Iterator[str]:
    """Files of a list with commas, in which a folder stands for its files."""
    for entry in given.split(","):
        path = Path(entry)
        yield from map(str, sorted(path.iterdir())) if path.is_dir() else (entry,)


def _event_log(folder: str | None) -> list[str]:
    """Settings of Spark that write its events to a folder, which is an output of the job."""
    if folder is None:
        return []
    Path(folder).mkdir(parents=True, exist_ok=True)
    return ["spark.eventLog.enabled=true", f"spark.eventLog.dir=file://{folder}"]


def _configured() -> Iterator[str]:
    """Spark's own settings in the processor's `configuration`; those of YARN, Hadoop and Hive have no meaning here."""
    if not CONFIGURATION.is_file():
        return
    found = json.loads(CONFIGURATION.read_text())
    for part in found if isinstance(found, list) else [found]:
        if part["Classification"] == OF_SPARK:
            yield from (f"{name}={value}" for name, value in part["Properties"].items())
        else:
            print(f"The configuration {part['Classification']} has no effect: Spark runs on this machine alone.")
