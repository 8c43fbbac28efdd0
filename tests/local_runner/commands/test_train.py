"""What `wildsage train` reads from its command line."""

from __future__ import annotations

import pytest
import typer

from wildsage.algorithms.base.errors import UserError
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
