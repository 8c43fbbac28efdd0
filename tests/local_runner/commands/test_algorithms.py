"""`wildsage algorithms`."""

from typer.testing import CliRunner

from wildsage import algorithms
from wildsage.algorithms.base.errors import PlatformError
from wildsage.local_runner.__main__ import app
from wildsage.local_runner.images import catalogue


def listed() -> list[list[str]]:
    result = CliRunner().invoke(app, ["algorithms"])
    assert result.exit_code == 0
    return [line.split("\t") for line in result.output.splitlines()[1:]]


def test_every_folder_is_listed_with_its_sentence():
    lines = listed()
    assert [name for name, *_ in lines] == [folder.replace("_", "-") for folder in algorithms.names()]
    assert [summary for _, summary, *_ in lines] == [algorithms.summary(folder) for folder in algorithms.names()]


def test_what_is_missing_is_said(monkeypatch):
    absent = catalogue.AlgorithmEntry("made", "Made.", ("made",), ("text/csv",), 1, {}, "Algorithm made needs m.")
    monkeypatch.setattr(catalogue, "algorithms", lambda: (absent,))
    assert listed() == [["made", "Made.", "text/csv", "Algorithm made needs m."]]


def test_a_container_that_does_not_answer_is_an_error(monkeypatch):
    def fails() -> None:
        raise PlatformError("It does not answer.")

    monkeypatch.setattr(catalogue, "algorithms", fails)
    result = CliRunner().invoke(app, ["algorithms"])
    assert (result.exit_code, result.stderr) == (3, "It does not answer.\n")
