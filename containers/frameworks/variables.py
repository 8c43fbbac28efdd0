"""The SM_ variables, by which a script learns about its job.

Source: contract script-mode, section 2.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from wildsage.containers.contract.frameworks import PROGRAM_PARAMETER
from wildsage.containers.contract.job import ONE_GROUP, TrainingJob, resources
from wildsage.containers.contract.paths import OptML
from wildsage.containers.frameworks.hyperparameters import ScriptHyperparameters

DEFAULT_LOG_LEVEL = 20
DRIVER_WITHIN_S = 10  # mutants: equivalent: any time that is long for a driver to answer
MODULES = {
    "scikit-learn": "sagemaker_sklearn_container.training:main",
    "xgboost": "sagemaker_xgboost_container.training:main",
    "pytorch": "sagemaker_pytorch_container.training:main",
    "huggingface-pytorch": "sagemaker_pytorch_container.training:main",
    "tensorflow": "sagemaker_tensorflow_container.training:main",
    "huggingface-tensorflow": "sagemaker_tensorflow_container.training:main",
}
DISTRIBUTIONS = tuple(
    f"sagemaker_{name}_enabled"
    for name in (
        "mpi",
        "parameter_server",
        "distributed_dataparallel",
        "pytorch_ddp",
        "pytorch_xla_multi_worker",
        "multi_worker_mirrored_strategy",
        "torch_distributed",
    )
)


@dataclass(frozen=True)
class ScriptJob:
    """A training job of a script on one host, as the toolkit shows it to the script."""

    opt_ml: OptML
    framework: str
    job: TrainingJob
    hyperparameters: ScriptHyperparameters
    name: str

    @property
    def program(self) -> str:
        """The entry point, relative to the folder of the code."""
        return str(self.hyperparameters.toolkit.get(PROGRAM_PARAMETER, ""))

    @property
    def submit_directory(self) -> str:
        """Where the code comes from."""
        return str(self.hyperparameters.toolkit.get("sagemaker_submit_directory", self.opt_ml.code))

    @property
    def description(self) -> dict[str, Any]:
        """What SM_TRAINING_ENV holds and the log shows."""
        tree, found = self.opt_ml, resources(self.opt_ml)
        groups = found.get("instance_groups", [])
        group = found.get("current_group_name", ONE_GROUP)
        of_framework = self.hyperparameters.of_framework
        return {
            "additional_framework_parameters": of_framework,
            "channel_input_dirs": {name: str(tree.channel(name)) for name in self.job.channels},
            "current_host": self.job.current_host,
            "current_instance_group": group,
            "current_instance_group_hosts": next((g["hosts"] for g in groups if g["instance_group_name"] == group), []),
            "current_instance_type": found.get("current_instance_type", "local"),
            "distribution_hosts": list(self.job.hosts),
            "distribution_instance_groups": [group] if any(of_framework.get(name) for name in DISTRIBUTIONS) else [],
            "framework_module": MODULES.get(self.framework),
            "hosts": list(self.job.hosts),
            "hyperparameters": dict(self.hyperparameters.script),
            "input_config_dir": str(tree.config),
            "input_data_config": {name: channel.to_json() for name, channel in self.job.channels.items()},
            "input_dir": str(tree.data.parent),
            "instance_groups": [g["instance_group_name"] for g in groups],
            "instance_groups_dict": {g["instance_group_name"]: g for g in groups},
            "is_hetero": len(groups) > 1,
            "is_master": self.job.leads,
            "is_modelparallel_enabled": None,
            "is_smddpmprun_installed": False,
            "is_smddprun_installed": False,
            "job_name": self.name,
            "log_level": self.hyperparameters.toolkit.get("sagemaker_container_log_level", DEFAULT_LOG_LEVEL),
            "master_hostname": self.job.hosts[0],
            "model_dir": str(tree.model),
            "module_dir": self.submit_directory,
            "module_name": module_name(self.program),
            "network_interface_name": self.job.network_interface,
            "num_cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
            "num_gpus": count_gpus(),
            "num_neurons": 0,
            "output_data_dir": str(tree.output_data),
            "output_dir": str(tree.failure.parent),
            "output_intermediate_dir": str(tree.output_intermediate),
            "resource_config": found,
            "user_entry_point": self.program,
        }


def script_variables(job: ScriptJob) -> dict[str, str]:
    """The variables of a script by name: SM_ and the name in capitals, whatever else is in it."""
    about = job.description
    own = ("additional_framework_parameters", "channel_input_dirs", "hyperparameters")
    later = ("distribution_hosts", "is_master", "job_name", "master_hostname")
    installed = tuple(name for name in about if name.endswith(("_installed", "parallel_enabled")))
    values = {
        **{name: value for name, value in about.items() if name not in (*own, *later, *installed)},
        "hps": about["hyperparameters"],
        "framework_params": about["additional_framework_parameters"],
        "channels": sorted(about["channel_input_dirs"]),
        "training_env": about,
        "user_args": job.hyperparameters.arguments,
        **{f"channel_{name}": folder for name, folder in about["channel_input_dirs"].items()},
        **{f"hp_{name}": value for name, value in job.hyperparameters.script.items()},
    }
    return {f"SM_{name.upper()}": text(value) for name, value in values.items()}


def text(value: Any) -> str:
    """A value as a variable: text as it is, nothing for None, all else as compact JSON with sorted keys."""
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def module_name(program: str) -> str:
    """The module that an entry point is: `train` for `train.py`."""
    return str(PurePosixPath(program).with_suffix("")) if program.endswith(".py") else program


def count_gpus() -> int:
    """The number of GPUs that the driver lists."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return 0
    try:
        listed = subprocess.run([tool, "--list-gpus"], capture_output=True, text=True, timeout=DRIVER_WITHIN_S)
    except subprocess.TimeoutExpired:
        return 0
    return sum(line.startswith("GPU ") for line in listed.stdout.splitlines())


def platform_variables(job: ScriptJob, environment: Mapping[str, str]) -> dict[str, str]:
    """Variables beside those that begin with SM_."""
    region = job.hyperparameters.toolkit.get("sagemaker_region") or environment.get("AWS_REGION", "")
    return {
        "CURRENT_HOST": job.job.current_host,
        "SAGEMAKER_JOB_NAME": str(job.hyperparameters.toolkit.get("sagemaker_job_name") or job.name),
        "SAGEMAKER_REGION": str(region),
    }
