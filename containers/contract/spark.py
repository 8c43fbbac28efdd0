"""Spark's images: their repository, their command, and what has to be installed for a job of theirs.

Both sides read it: the local AWS before it takes a job, and the command when it runs.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

REPOSITORY = "sagemaker-spark-processing"
COMMAND = "smspark-submit"
MISSING = (
    "it runs your application with the Spark that is installed here, but there is no spark-submit: pip install pyspark (its "
    "scripts must be on the PATH of `wildsage up`), or set SPARK_HOME. Spark needs Java too"
)


def submit_program(environment: Mapping[str, str]) -> str | None:
    """Path of spark-submit: below SPARK_HOME, or on the PATH; None where Spark or Java is missing."""
    path = environment.get("PATH", "")
    home = environment.get("SPARK_HOME")
    java = shutil.which("java", path=path) or (Path(environment.get("JAVA_HOME", "/nowhere")) / "bin" / "java").exists()
    if not java:
        return None
    return shutil.which("spark-submit", path=f"{home}/bin" if home else path)
