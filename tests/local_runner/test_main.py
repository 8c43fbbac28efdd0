"""The command line as a whole: which commands there are, what help says, and how a bug ends."""

from __future__ import annotations

import importlib
import pkgutil
import re
import subprocess
import sys

import pytest
from typer.testing import CliRunner

import wildsage
from wildsage.local_runner import __main__ as command_line
from wildsage.local_runner import commands

MODULES = [
    importlib.import_module(f"{commands.__name__}.{found.name}") for found in pkgutil.iter_modules(commands.__path__)
]
COMMANDS = {module.__name__.rpartition(".")[2]: module for module in MODULES if hasattr(module, "EXAMPLES")}
NAMES = {"open_console": "open"}


def invoke(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(command_line.app, arguments)
    return result.exit_code, " ".join(result.output.split())


def test_each_module_with_examples_is_a_command() -> None:
    registered = {one.name or one.callback.__name__ for one in command_line.app.registered_commands}
    assert registered == {NAMES.get(name, name) for name in COMMANDS}


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_explains_itself_with_its_examples(name: str) -> None:
    status, text = invoke(NAMES.get(name, name), "--help")
    examples = re.sub(r"\[cyan\]|\[/\]", "", COMMANDS[name].EXAMPLES).replace("\\[", "[")
    assert status == 0
    assert " ".join(examples.split()) in text
    assert "[cyan]" not in text


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], []])
def test_help_states_what_there_is_and_the_exit_statuses(arguments: list[str]) -> None:
    status, text = invoke(*arguments)
    assert status == (0 if arguments else 2)
    assert "Amazon SageMaker's built-in algorithms" in text
    for meaning in ("1 your data or settings", "2 wrong usage", "3 the machine", "130 stopped by Ctrl-C"):
        assert meaning in text


def test_version() -> None:
    assert invoke("--version") == (0, f"wildsage {wildsage.__version__}")


def test_an_unknown_command_is_wrong_usage() -> None:
    status, text = invoke("trian")
    assert status == 2 and "No such command 'trian'" in text


def test_what_follows_a_program_is_passed_to_it() -> None:
    status, text = invoke("run", "absent.py", "--help")
    assert status == 1 and "no such file" in text


def test_the_program_is_called_by_its_name(monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", ["__main__.py", "--help"])
    with pytest.raises(SystemExit) as ended:
        command_line.main()
    assert ended.value.code == 0
    assert "Usage: wildsage [OPTIONS] COMMAND [ARGS]..." in capsys.readouterr().out


def test_a_bug_ends_with_the_trace_that_python_prints() -> None:
    code = (
        "import sys\nfrom wildsage.local_runner import __main__\nfrom wildsage.local_runner.images import catalogue\n"
        "catalogue.algorithms = lambda: 1 / 0\nsys.argv = ['wildsage', 'algorithms']\n__main__.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("Traceback (most recent call last):\n")
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")


def test_the_command_line_is_loaded_without_packages_that_it_may_not_need() -> None:
    """`--help` and the completion of the shell load every command's module."""
    slow = {
        "torch",
        "numpy",
        "boto3",
        "botocore",
        "sagemaker",
        "pandas",
        "optuna",
        "docker",
        "xgboost",
        "flask",
        "urllib3",
        "http.client",
        "psutil",
        "importlib.metadata",
    }
    check = f"import sys; from wildsage.local_runner.__main__ import app; print(sorted({slow} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize(
    ("arguments", "loaded"), [(["open", "--help"], ["open_console"]), (["--help"], sorted(COMMANDS))]
)
def test_a_command_loads_no_other_ones_module(arguments, loaded) -> None:
    names = {module.__name__: name for name, module in COMMANDS.items()}
    program = f"""
import atexit, sys
from wildsage.local_runner.__main__ import main
atexit.register(lambda: print(sorted(name for module, name in {names}.items() if module in sys.modules), file=sys.stderr))
main()
"""
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    assert done.stderr == f"{loaded}\n"
