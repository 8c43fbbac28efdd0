"""Estimators for SDK v3 in the environment that has it, with a local AWS whose containers are the stand-in."""

from __future__ import annotations

import os
from typing import Any

from tests.local_runner.estimators import sdk3_suite
from wildsage.local_runner.client.environment import client_environment


@sdk3_suite.needs_sdk3
def test_what_is_asked_of_the_local_aws_and_what_comes_back(aws: Any) -> None:
    environment = client_environment(aws.endpoint, aws.data, False, os.environ)
    sdk3_suite.run(environment, "test_record_set.py", "test_predictor.py", "test_estimator.py")
