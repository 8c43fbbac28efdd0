"""Amazon's framework images, which run a script of the user's: their repositories, and the packages that stand in for them.

Source: the tables of image URIs in the SageMaker SDK (contract: script-mode, section 1).
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata

from wildsage.containers.contract.job import TrainingJob
from wildsage.containers.contract.paths import OptML

VARIABLE = "WILDSAGE_FRAMEWORK"
"""Names the framework of a container that runs a script of the user's."""

PROGRAM_PARAMETER = "sagemaker_program"
PROGRAM_VARIABLE = "SAGEMAKER_PROGRAM"
VERSION = re.compile(r"\d+(\.\d+)*(-\d+)?(?=-|$)")


@dataclass(frozen=True)
class Framework:
    """A family of images. `packages` are what a script imports and the distributions that hold it, by import name.

    `obstacle`: why no script of this framework can run.
    """

    name: str
    title: str
    repositories: tuple[str, ...]
    packages: Mapping[str, str]
    obstacle: str | None = None

    @property
    def problem(self) -> str | None:
        """Why this framework cannot run in this installation. It is found out without an import."""
        if self.obstacle:
            return self.obstacle
        missing = [name for name in self.packages if importlib.util.find_spec(name) is None]
        if not missing:
            return None
        distributions = " ".join(self.packages[name] for name in missing)
        return (
            f"it runs your script with the {self.title} that is installed here, but the package {missing[0]} is not "
            f"installed: pip install {distributions}"
        )

    def versions(self) -> str:
        """The installed packages with their versions, such as `torch 2.6.0`."""
        return ", ".join(f"{name} {_version(distribution)}" for name, distribution in self.packages.items())


FRAMEWORKS = (
    Framework("scikit-learn", "scikit-learn", ("sagemaker-scikit-learn",), {"sklearn": "scikit-learn"}),
    Framework("xgboost", "XGBoost", ("sagemaker-xgboost",), {"xgboost": "xgboost"}),
    Framework("pytorch", "PyTorch", ("pytorch-training", "pytorch-inference", "sagemaker-pytorch"), {"torch": "torch"}),
    Framework(
        "tensorflow",
        "TensorFlow",
        (
            "tensorflow-training",
            "tensorflow-inference",
            "sagemaker-tensorflow",
            "sagemaker-tensorflow-scriptmode",
            "sagemaker-tensorflow-serving",
        ),
        {"tensorflow": "tensorflow"},
    ),
    Framework(
        "huggingface-pytorch",
        "Hugging Face",
        ("huggingface-pytorch-training", "huggingface-pytorch-inference"),
        {"transformers": "transformers", "torch": "torch"},
    ),
    Framework(
        "huggingface-tensorflow",
        "Hugging Face",
        ("huggingface-tensorflow-training", "huggingface-tensorflow-inference"),
        {"transformers": "transformers", "tensorflow": "tensorflow"},
    ),
    Framework(
        "mxnet",
        "MXNet",
        ("mxnet-training", "mxnet-inference", "sagemaker-mxnet", "sagemaker-mxnet-serving"),
        {},
        "the MXNet project has ended, and its last release, 1.9.1, can be imported neither with Python 3.12 and later nor "
        "with NumPy 1.24 and later",
    ),
)


def in_repository(repository: str) -> Framework | None:
    """The framework whose images have that repository in ECR."""
    return next((one for one in FRAMEWORKS if repository in one.repositories), None)


def named(name: str) -> Framework:
    """The framework of that name. Raises KeyError."""
    return {one.name: one for one in FRAMEWORKS}[name]


def version_of(tag: str) -> str:
    """The version that a tag asks for: `2.5-cpu-py311` asks for 2.5, `1.2-1-cpu-py3` for 1.2-1; empty without one."""
    found = VERSION.match(tag)
    return found[0] if found else ""


def gets_script(opt_ml: OptML, environment: Mapping[str, str]) -> bool:
    """Whether a container is to run a script: by a hyperparameter in training, by a variable when it serves."""
    if PROGRAM_VARIABLE in environment:
        return True
    return opt_ml.hyperparameters.is_file() and PROGRAM_PARAMETER in TrainingJob.read(opt_ml).hyperparameters


def _version(distribution: str) -> str:
    for name in (distribution, f"{distribution}-cpu"):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return "of unknown version"
