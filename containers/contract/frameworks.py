"""Amazon's framework images, which run a script of the user's: their repositories, and the packages that stand in for them.

Source: the tables of image URIs in the SageMaker SDK (contract: script-mode, section 1).
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from wildsage.containers.contract.job import TrainingJob
from wildsage.containers.contract.paths import OptML

VARIABLE = "WILDSAGE_FRAMEWORK"
"""Names the framework of a container that runs a script of the user's."""

PYTHONS_VARIABLE = "WILDSAGE_PYTHON"
"""Names Pythons that run the scripts of frameworks, as the option `--python` does, with a space between two."""

PROGRAM_PARAMETER = "sagemaker_program"
PROGRAM_VARIABLE = "SAGEMAKER_PROGRAM"
VERSION = re.compile(r"\d+(\.\d+)*(-\d+)?(?=-|$)")

OLDEST_PYTHON = (3, 11)
PROBE = (
    "import importlib.util as u, json, sys; "
    "print(json.dumps([sys.version_info[:2], [n for n in sys.argv[1:] if u.find_spec(n) is None]]))"
)
PROBE_WITHIN_S = 60  # mutants: equivalent: any time that is long for a Python to start


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
    def survives_fork(self) -> bool:
        """Whether processes may be forked after its import. TensorFlow starts threads of its own, which do not come along."""
        return "tensorflow" not in self.packages

    @property
    def problem(self) -> str | None:
        """Why this framework cannot run in this installation. It is found out without an import."""
        return self.obstacle or self._installation(None, _missing(self.packages))

    def problem_with(self, interpreter: Path) -> str | None:
        """Why this framework cannot run with another Python, which is asked without an import."""
        if self.obstacle:
            return self.obstacle
        try:
            asked = [str(interpreter), "-c", PROBE, *self.packages]
            said = subprocess.run(asked, capture_output=True, text=True, timeout=PROBE_WITHIN_S, check=True).stdout
            version, missing = json.loads(said)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            return f"it runs your script with {interpreter}, which is not a Python that starts: {error}"
        if tuple(version) < OLDEST_PYTHON:
            oldest, found = (".".join(map(str, one)) for one in (OLDEST_PYTHON, version))
            return f"it runs your script with {interpreter}, which is Python {found}; expected {oldest} or later"
        return self._installation(interpreter, missing)

    def _installation(self, interpreter: Path | None, missing: list[str]) -> str | None:
        """What to install."""
        if not missing:
            return None
        distributions = " ".join(self.packages[name] for name in missing)
        if interpreter:
            return (
                f"it runs your script with {interpreter}, where the package {missing[0]} is not installed: "
                f"{interpreter} -m pip install {distributions}"
            )
        return (
            f"it runs your script with the {self.title} that is installed here, but the package {missing[0]} is not "
            f"installed: pip install {distributions}. A Python that has it already is named with "
            f"`wildsage up --python {self.name}=PATH`"
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


def parse_python(text: str) -> tuple[str, Path]:
    """`FRAMEWORK=PATH` as the name of a framework and the Python that runs its scripts. Raises ValueError."""
    name, _, path = text.partition("=")
    if name not in (names := [one.name for one in FRAMEWORKS if not one.obstacle]):
        raise ValueError(f"got {text!r}, expected FRAMEWORK=PATH with one of {', '.join(names)}")
    # The path stays a link: where it lies decides which packages the Python has.
    program = Path(os.path.abspath(Path(path).expanduser()))
    if not (program.is_file() and os.access(program, os.X_OK)):
        raise ValueError(f"{program} is not a program; expected a Python that has {name}, such as .venv/bin/python")
    return name, program


def pythons_of(environment: Mapping[str, str]) -> dict[str, Path]:
    """The Pythons that `WILDSAGE_PYTHON` names. Raises ValueError."""
    return dict(parse_python(one) for one in environment.get(PYTHONS_VARIABLE, "").split())


def version_of(tag: str) -> str:
    """The version that a tag asks for: `2.5-cpu-py311` asks for 2.5, `1.2-1-cpu-py3` for 1.2-1; empty without one."""
    found = VERSION.match(tag)
    return found[0] if found else ""


def gets_script(opt_ml: OptML, environment: Mapping[str, str]) -> bool:
    """Whether a container is to run a script: by a hyperparameter in training, by a variable when it serves."""
    if PROGRAM_VARIABLE in environment:
        return True
    return opt_ml.hyperparameters.is_file() and PROGRAM_PARAMETER in TrainingJob.read(opt_ml).hyperparameters


def of_container(environment: Mapping[str, str]) -> Framework | None:
    """The framework of this container: the named one, or that of an algorithm's image that is given a script, XGBoost's."""
    if name := environment.get(VARIABLE):
        return named(name)
    algorithm = next((one for one in FRAMEWORKS if one.name == environment.get("WILDSAGE_ALGORITHM")), None)
    return algorithm if algorithm and gets_script(OptML.from_environment(environment), environment) else None


def _missing(names: Iterable[str]) -> list[str]:
    return [name for name in names if importlib.util.find_spec(name) is None]


def _version(distribution: str) -> str:
    from importlib import metadata  # only here, since it brings the reader of e-mail

    for name in (distribution, f"{distribution}-cpu"):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return "of unknown version"
