"""Options that mean something beside another one only."""

import sys

import pytest


@pytest.mark.parametrize(
    ("option", "other"),
    [
        (("--memory", "4g"), "--backend docker"),
        (("--shm-size", "1g"), "--backend docker"),
        (("--tunnel",), "--proxy"),
        (("--proxy-port", "4578"), "--proxy"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else value,
)
def test_up_says_what_an_option_belongs_to(cli, tmp_path, option, other):
    said = cli("up", "--data", tmp_path / "data", *option)
    assert (said.status, said.err) == (2, f"{option[0]} has no effect without {other}. Add {other}, or leave it out.")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(("option", "size"), [("--memory", "4x"), ("--memory", "-1g"), ("--shm-size", "much")])
def test_a_size_is_checked_before_the_server_starts(cli, tmp_path, option, size):
    said = cli("up", "--data", tmp_path / "data", "--backend", "docker", option, size)
    assert said.status == 2
    assert f"got {size!r}, expected a number with k, m or g" in said.err.replace("│ ", "")
    assert not (tmp_path / "data").exists()


def test_run_says_so_too(cli, tmp_path):
    program = tmp_path / "program.py"
    program.write_text("print('ran')")
    said = cli("run", "--data", tmp_path / "data", "--tunnel", program)
    assert (said.status, said.err) == (2, "--tunnel has no effect without --proxy. Add --proxy, or leave it out.")
    assert "ran" not in said.out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--image", "mine"), "--image: got 'mine', expected IMAGE=COMMAND, such as my-image='python serve.py'."),
        (
            ("--image", "mine=serve", "--backend", "docker"),
            "--image maps images to commands of this machine, and so needs the process backend.",
        ),
        (
            ("--python", "tf=python"),
            "--python: got 'tf=python', expected FRAMEWORK=PATH with one of scikit-learn, xgboost, pytorch, tensorflow, "
            "huggingface-pytorch, huggingface-tensorflow.",
        ),
        (
            ("--python", "tensorflow=/no/such/python"),
            "--python: /no/such/python is not a program; expected a Python that has tensorflow, such as .venv/bin/python.",
        ),
        (
            ("--python", f"tensorflow={sys.executable}", "--backend", "docker"),
            "--python names Pythons of this machine, and so needs the process backend.",
        ),
    ],
)
def test_an_option_for_images_is_checked_before_the_server_starts(cli, tmp_path, options, message):
    said = cli("up", "--data", tmp_path / "data", *options)
    assert (said.status, said.err) == (2, message)
