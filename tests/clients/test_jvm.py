"""The AWS SDK for Java, version 1, which knows no endpoint variable: the proxy alone brings it here.

Its jar is the one that sagemaker_pyspark brings along.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

BUNDLE = ("java", "sagemaker_pyspark", "jars", "aws-java-sdk-bundle-1.11.901.jar")


@pytest.mark.skipif(shutil.which("java") is None, reason="there is no java: install a JDK of version 11 or newer")
def test_a_java_program_trains_deploys_and_asks(behind_proxy: Any, tool: Any, tmp_path: Path) -> None:
    jar = tool(*BUNDLE)
    assert "AWS_ENDPOINT_URL" not in behind_proxy.environment
    quick = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]  # it runs for seconds
    done = behind_proxy.run(["java", *quick, "-cp", jar, Path(__file__).with_name("Tour.java")], tmp_path)
    assert done.returncode == 0, done.stderr
    said = dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)
    assert said["account"] == "000000000000"
    assert said["training"] == "Completed"
    assert said["endpoint"] == "InService"
    first, second = json.loads(said["answer"])["predictions"]
    assert first["closest_cluster"] != second["closest_cluster"]
