"""Code of the user's in place of a container: what it sees of its job and of the machine."""

import importlib.util
import sys
import venv
from pathlib import Path

import pytest

from tests.wheels import wheel
from wildsage.containers.contract import frameworks
from wildsage.containers.contract.job import TrainingJob
from wildsage.containers.contract.paths import OptML
from wildsage.local_runner.backends import CannotRun, Launch
from wildsage.local_runner.backends.process import ProcessBackend
from wildsage.local_runner.backends.user_code import UserCode
from wildsage.local_runner.processes import mounts

OWN = "123456789012.dkr.ecr.us-east-1.amazonaws.com/own:3"
SKLEARN = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
WITHIN_S = 240
needs_namespaces = pytest.mark.skipif(mounts.problem("/opt/ml") is not None, reason="this machine forbids mounts")


def launch(root: Path, script: str, host: str = "algo-1", image: str = OWN, **fields) -> tuple[Launch, list[str]]:
    lines: list[str] = []
    (root / host).mkdir()
    return Launch(image, root / host, {}, {}, lines.append, host, ["/bin/sh"], ["-c", script], **fields), lines


@needs_namespaces
def test_every_host_sees_its_own_tree_and_finds_the_others_by_name(tmp_path):
    script = "hostname > /opt/ml/seen; getent hosts algo-1 algo-2; pwd; echo $SAGEMAKER_DATA_PATH $MASTER_ADDR"
    (one, said), (two, _) = launch(tmp_path, script), launch(tmp_path, script, "algo-2")
    assert [process.wait(WITHIN_S) for process in ProcessBackend(()).train([one, two])] == [0, 0]
    assert (tmp_path / "algo-1" / "seen").exists() and (tmp_path / "algo-2" / "seen").exists()
    assert "".join(said).split() == [
        *("127.0.0.1", "algo-1", "algo-2") * 2,
        "/opt/ml",
        "/opt/ml",
        "127.0.0.1",
    ]
    assert "algo-2" not in Path("/etc/hosts").read_text()


@needs_namespaces
def test_python_is_on_top_of_the_users_and_the_caller_overrides_what_the_user_has_set(tmp_path):
    user_code = UserCode(lambda: {"PATH": "/usr/bin:/bin", "AWS_ENDPOINT_URL": "http://127.0.0.1:1", "MINE": "user"})
    given, said = launch(tmp_path, "command -v python; python -c 'import numpy'; echo $AWS_ENDPOINT_URL $MINE")
    given.environment.update(MINE="caller")
    (process,) = ProcessBackend((), user_code=user_code).train([given])
    assert process.wait(WITHIN_S) == 0
    own = tmp_path / "python-algo-1"
    assert "".join(said).split() == [str(own / "bin" / "python"), "http://127.0.0.1:1", "caller"]


@needs_namespaces
def test_what_a_command_installs_stays_in_its_job(tmp_path):
    module = tmp_path / "module"
    module.mkdir()
    name = wheel(module, "addition", "1.0", "VALUE = 7")
    given, said = launch(tmp_path, f"pip install {module / name} && python -c 'import addition; print(addition.VALUE)'")
    (process,) = ProcessBackend(()).train([given])
    assert process.wait(WITHIN_S) == 0, said
    assert said[-1] == "7\n"
    assert importlib.util.find_spec("addition") is None


def test_without_mounts_the_log_says_why_and_the_folder_is_in_the_variables(tmp_path, monkeypatch):
    monkeypatch.setattr(mounts, "problem", lambda target: "the kernel is locked")
    given, said = launch(tmp_path, "echo $SAGEMAKER_DATA_PATH; test -d $SAGEMAKER_DATA_PATH")
    (process,) = ProcessBackend(()).train([given])
    assert process.wait(WITHIN_S) == 0
    assert said[0].startswith("Wildsage: /opt/ml is not the folder of this job, because the kernel is locked.")
    assert said[1] == "/opt/ml\n"  # a log shows the real folder under SageMaker's name
    with pytest.raises(CannotRun, match=r"ContainerEntrypoint .* does not allow: the kernel is locked"):
        ProcessBackend(()).check(OWN, has_entrypoint=True)


def test_a_command_stands_in_for_an_image(tmp_path):
    script = tmp_path / "own.py"
    script.write_text("import os, sys; print(*sys.argv[1:], os.environ['WILDSAGE_IMAGE_TAG'])")
    backend = ProcessBackend((), images={"own": [sys.executable, str(script)]})
    backend.check(OWN)
    backend.check("own:2")
    with pytest.raises(CannotRun, match=r"three ways to run another image: .*--image other=COMMAND"):
        backend.check(OWN.replace("own", "other"))
    lines: list[str] = []
    (process,) = backend.train([Launch(OWN, tmp_path, {}, {}, lines.append)])
    assert process.wait(WITHIN_S) == 0
    assert lines[-1] == "train 3\n"


def test_a_processing_job_of_such_an_image_needs_no_entrypoint(tmp_path):
    script = tmp_path / "own.py"
    script.write_text("import sys; print(sys.argv[1:])")
    backend = ProcessBackend((), images={"own": [sys.executable, str(script)]})
    assert backend.knows_entrypoint(OWN) and not backend.knows_entrypoint(OWN.replace("own", "other"))
    for arguments, expected in (((), "[]\n"), (("--rows", "3"), "['--rows', '3']\n")):
        lines: list[str] = []
        (process,) = backend.train([Launch(OWN, tmp_path, {}, {}, lines.append, arguments=arguments)])
        assert process.wait(WITHIN_S) == 0
        assert lines[-1] == expected


IMAGES = {
    "sagemaker-scikit-learn": ("1.2-1-cpu-py3", "sklearn", "scikit-learn"),
    "pytorch-training": ("2.5-cpu-py311", "torch", "torch"),
    "pytorch-inference": ("2.5-cpu-py311", "torch", "torch"),
    "tensorflow-training": ("2.16-cpu-py310", "tensorflow", "tensorflow"),
    "tensorflow-inference": ("2.16-cpu", "tensorflow", "tensorflow"),
    "sagemaker-tensorflow-scriptmode": ("1.12.0-cpu-py3", "tensorflow", "tensorflow"),
    "huggingface-pytorch-training": ("2.1-transformers4.36-cpu-py310", "transformers", "transformers torch"),
    "huggingface-pytorch-inference": ("2.1-transformers4.37-cpu-py310", "transformers", "transformers torch"),
    "huggingface-tensorflow-inference": ("2.11-transformers4.26-cpu-py39", "transformers", "transformers tensorflow"),
}


@pytest.fixture
def bare_python(tmp_path: Path) -> Path:
    """A Python without packages."""
    venv.create(tmp_path / "bare", symlinks=True, with_pip=False)
    return tmp_path / "bare" / "bin" / "python"


@pytest.mark.parametrize("repository", IMAGES)
def test_a_framework_needs_its_package(repository, monkeypatch, bare_python):
    tag, package, distributions = IMAGES[repository]
    image = f"763104351884.dkr.ecr.us-east-1.amazonaws.com/{repository}:{tag}"
    name = frameworks.in_repository(repository).name
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(CannotRun) as caught:
        ProcessBackend(()).check(image)
    assert str(caught.value).endswith(
        f"but the package {package} is not installed: pip install {distributions}. A Python that has it already is named with "
        f"`wildsage up --python {name}=PATH`."
    )
    with pytest.raises(CannotRun) as caught:
        ProcessBackend((), pythons={name: bare_python}).check(image)
    assert str(caught.value).endswith(
        f"{bare_python}, where the package {package} is not installed: {bare_python} -m pip install {distributions}."
    )


@pytest.mark.parametrize(
    "repository", ["mxnet-training", "mxnet-inference", "sagemaker-mxnet", "sagemaker-mxnet-serving"]
)
def test_mxnet_is_rejected_with_a_reason(repository, bare_python):
    image = f"763104351884.dkr.ecr.us-east-1.amazonaws.com/{repository}:1.9.0-cpu-py38"
    with pytest.raises(CannotRun, match="the MXNet project has ended, and its last release"):
        ProcessBackend((), pythons={"mxnet": bare_python}).check(image)


def test_a_file_that_is_not_a_python_is_named(tmp_path):
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho hello")
    program.chmod(0o755)
    with pytest.raises(CannotRun, match=rf"it runs your script with {program}, which is not a Python that starts: "):
        ProcessBackend((), pythons={"scikit-learn": program}).check(SKLEARN)
    program.write_text("#!/bin/sh\necho '[[3, 8], []]'")
    with pytest.raises(CannotRun, match=r"which is Python 3\.8; expected 3\.11 or later\.$"):
        ProcessBackend((), pythons={"scikit-learn": program}).check(SKLEARN)


SCRIPT = """
import own, sys
assert not any(name.startswith("pytest") or name == "numpy" for name in sys.modules)
try:
    import flask
except ModuleNotFoundError:
    print("runs in", sys.prefix, "with", own.VALUE)
"""


def test_a_script_runs_with_the_python_of_its_framework_and_sees_no_other_packages(tmp_path, bare_python):
    (packages,) = (tmp_path / "bare" / "lib").glob("python*/site-packages")
    for name, text in (("own.py", "VALUE = 7"), ("sklearn.py", "")):
        (packages / name).write_text(text)
    opt_ml, code = OptML(tmp_path / "job"), tmp_path / "code"
    opt_ml.make_folders()
    code.mkdir()
    (code / "train.py").write_text(SCRIPT)
    given = {"sagemaker_program": '"train.py"', "sagemaker_submit_directory": f'"{code}"'}
    TrainingJob(hyperparameters=given, channels={}, current_host="algo-1", hosts=("algo-1",)).write(opt_ml)
    lines: list[str] = []
    backend = ProcessBackend((), pythons={"scikit-learn": bare_python})
    backend.check(SKLEARN)
    (process,) = backend.train([Launch(SKLEARN, opt_ml.root, {}, {}, lines.append)])
    assert process.wait(WITHIN_S) == 0, lines
    assert f"runs in {tmp_path / 'bare'} with 7\n" in lines


@needs_namespaces
def test_a_command_in_an_image_of_a_framework_gets_its_python_and_installs_on_top_of_it(tmp_path, bare_python):
    (packages,) = (tmp_path / "bare" / "lib").glob("python*/site-packages")
    (packages / "own.py").write_text("VALUE = 7")
    name = wheel(tmp_path, "addition", "1.0", "VALUE = 8")
    show = "import addition, own; print(own.VALUE, addition.VALUE)"
    given, said = launch(tmp_path, f"pip install {tmp_path / name} && python -c '{show}'", image=SKLEARN)
    (process,) = ProcessBackend((), pythons={"scikit-learn": bare_python}).train([given])
    assert process.wait(WITHIN_S) == 0, said
    assert said[-1] == "7 8\n"
    assert not (packages / "addition.py").exists()
