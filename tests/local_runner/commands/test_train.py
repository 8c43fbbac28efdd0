"""What `wildsage train` reads from its command line."""

from __future__ import annotations

import io
import os
import re
import sys

import pytest
import typer
from rich.console import Console

from wildsage.algorithms.base.errors import UserError
from wildsage.containers.contract.pretrained_weights import VARIABLE
from wildsage.local_runner.commands import train


@pytest.mark.parametrize(
    ("given", "found"),
    [([], {}), (["k=7"], {"k": "7"}), (["a=", "b=x=y"], {"a": "", "b": "x=y"})],
)
def test_pairs(given, found):
    assert train.parse_pairs("--hp", given) == found


@pytest.mark.parametrize(
    ("given", "words"),
    [(["k"], "got 'k', expected NAME=VALUE"), (["=7"], "got '=7'"), (["k=1", "k=1"], "k is given twice")],
)
def test_what_is_not_a_pair(given, words):
    with pytest.raises(typer.BadParameter, match=words) as caught:
        train.parse_pairs("--hp", given)
    assert caught.value.param_hint == "--hp"


@pytest.mark.parametrize(
    ("given", "rounds"),
    [
        ({}, None),
        ({"num_round": "10"}, 10),
        ({"num_round": "0"}, 0),
        ({"num_round": "ten"}, None),
        ({"num_round": "٣"}, None),
        ({"num_round": "-1"}, None),
    ],
)
def test_rounds(given, rounds):
    assert train.rounds(given) == rounds


def test_metric_definitions_of_an_algorithm():
    assert "test:msd" in train.definitions("kmeans")
    assert train.definitions("nothing") == {}


def test_a_channel_has_the_type_of_its_files_or_the_one_that_is_given(tmp_path, capsys):
    (tmp_path / "rows.csv").write_text("1,2\n")
    found = train.read_channel("train", str(tmp_path / "rows.csv"), None, "kmeans")
    assert found.path == tmp_path / "rows.csv" and found.content_type.startswith("text/csv")
    assert "(by its extension; --content-type overrides it)" in " ".join(capsys.readouterr().err.split())
    given = train.read_channel("train", str(tmp_path), "application/x-image", "kmeans")
    assert given.content_type == "application/x-image"
    assert "by its extension" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("place", "words"),
    [("s3://bucket/x", "Channel train: got s3://bucket/x, expected a file or a folder"), ("absent", "does not exist")],
)
def test_data_that_is_not_here(place, words):
    with pytest.raises(UserError, match=words):
        train.read_channel("train", place, None, "kmeans")


@pytest.fixture
def trained(monkeypatch) -> list[tuple]:
    """What a container would train, in place of one, whose log is one line."""
    found: list[tuple] = []

    def run(algorithm, hyperparameters, channels, input_mode, output, environment, checkpoints, show) -> None:
        found.append((algorithm, hyperparameters, list(channels), input_mode, output, environment, checkpoints))
        show("a line of the log\n", sys.stdout)

    monkeypatch.setattr(train.standalone, "train", run)
    return found


@pytest.fixture
def command(tmp_path) -> tuple:
    (tmp_path / "rows.csv").write_text("1,2\n")
    data = ("--channel", f"train={tmp_path / 'rows.csv'}", "--output", tmp_path / "model")
    return ("train", "kmeans", *data, "--hp", "k=2", "--hp", "feature_dim=2")


def test_a_model_is_trained_and_the_result_summed_up(cli, trained, command, tmp_path):
    said = cli(*command)
    assert said.status == 0, said.err
    ((algorithm, hyperparameters, channels, input_mode, output, environment, checkpoints),) = trained
    assert (algorithm, hyperparameters) == ("kmeans", {"k": "2", "feature_dim": "2"})
    assert (channels, input_mode, output, checkpoints) == (["train"], "File", tmp_path / "model", None)
    assert environment == dict(os.environ) and VARIABLE not in environment
    assert said.out == "a line of the log\n", "there is no terminal"
    assert re.search(r"Trained kmeans: \d\.\d s Model: ", said.err)
    assert str(tmp_path / "model" / "model.tar.gz") in said.err and "head -n 1" in said.err


@pytest.mark.parametrize(("options", "shown"), [((), False), (("-v",), True), (("--verbose",), True)])
def test_on_a_terminal_the_log_is_shown_on_request(cli, trained, command, monkeypatch, options, shown):
    monkeypatch.setattr(train, "stderr", Console(file=io.StringIO(), force_terminal=True))
    said = cli(*command, *options)
    assert (said.status, "a line of the log" in said.out, "Trained kmeans" in said.err) == (0, shown, True)


def test_checkpoints_weights_and_pipes_are_passed_on(cli, trained, command, tmp_path):
    (weights := tmp_path / "w.pth").touch()
    options = ("--checkpoints", tmp_path / "kept", "--pretrained-weights", weights, "--input-mode", "Pipe")
    assert cli(*command, *options).status == 0
    ((*_, input_mode, _, environment, checkpoints),) = trained
    assert (input_mode, checkpoints, environment[VARIABLE]) == ("Pipe", tmp_path / "kept", str(weights))
    assert checkpoints.is_dir()


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [({"kmeans": "kmeens"}, 2, "kmeans"), ({"k=2": "k=none"}, 1, "k"), ({"k=2": "k"}, 2, "expected NAME=VALUE")],
)
def test_what_could_not_train_is_rejected_first(cli, trained, command, tmp_path, changes, status, words):
    said = cli(*(changes.get(word, word) for word in command))
    assert said.status == status and words in said.err
    assert trained == [] and not (tmp_path / "model").exists()
    assert ("Channel train" in said.err) == (status == 1)
