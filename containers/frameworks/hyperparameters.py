"""Hyperparameters of a script: each value is JSON once more, and those of the toolkit stand among them.

Source: contract script-mode, sections 1 and 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wildsage.algorithms.base import json_text
from wildsage.containers.contract.frameworks import PROGRAM_PARAMETER

PREFIX = "sagemaker_"
OF_THE_TOOLKIT = (
    PROGRAM_PARAMETER,
    "sagemaker_submit_directory",
    "sagemaker_enable_cloudwatch_metrics",
    "sagemaker_region",
    "sagemaker_container_log_level",
    "sagemaker_job_name",
    "default_user_module_name",
    "_tuning_objective_metric",
    "sagemaker_s3_output",
)


@dataclass(frozen=True)
class ScriptHyperparameters:
    """Values by name: those that the script gets, and those that tell the toolkit what to do."""

    script: Mapping[str, Any]
    toolkit: Mapping[str, Any]

    @property
    def of_framework(self) -> dict[str, Any]:
        """Values of the toolkit that only some frameworks know, such as `sagemaker_torch_distributed_enabled`."""
        return {name: value for name, value in self.toolkit.items() if name not in OF_THE_TOOLKIT}

    @property
    def arguments(self) -> list[str]:
        """The command line of the script: `--name value`, sorted by name; a name of one letter gets one hyphen."""
        return [
            word
            for name in sorted(self.script)
            for word in (f"--{name}" if len(name) > 1 else f"-{name}", _argument(self.script[name]))
        ]


def decode(given: Mapping[str, str]) -> ScriptHyperparameters:
    """Decode the values of hyperparameters.json. A value that is not JSON stays as it is, and the log says so."""
    values = {name: _decoded(name, value) for name, value in given.items()}
    toolkit = {name for name in values if name in OF_THE_TOOLKIT or name.startswith(PREFIX)}
    return ScriptHyperparameters(
        script={name: value for name, value in values.items() if name not in toolkit},
        toolkit={name: value for name, value in values.items() if name in toolkit},
    )


def _decoded(name: str, value: str) -> Any:
    try:
        return json_text.parse(value)
    except ValueError:
        print(f"Failed to parse hyperparameter {name} value {value} to Json.\nReturning the value itself", flush=True)
        return value


def _argument(value: Any) -> str:
    if isinstance(value, dict):
        return ",".join(f"{key}={one}" for key, one in sorted(value.items()))
    return "" if value is None else str(value)
