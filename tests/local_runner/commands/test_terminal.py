"""What commands share: folders that are made and taken away again, options without effect, and errors as exit statuses."""

from __future__ import annotations

import shlex
import socket
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from wildsage.algorithms.base.errors import AlgorithmError, PlatformError, UserError
from wildsage.local_runner.commands import terminal


def status_of(call, *arguments) -> int:
    with pytest.raises(typer.Exit) as ended:
        call(*arguments)
    return ended.value.exit_code


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (terminal.JobFailed(7, "why"), 7),
        (UserError("why"), 1),
        (AlgorithmError("why"), 2),
        (PlatformError("why"), 3),
    ],
)
def test_an_error_for_the_user_is_a_sentence_and_a_status(capsys, error, status):
    def fails() -> None:
        with terminal.report_errors():
            raise error

    assert status_of(fails) == status
    assert "why" in capsys.readouterr().err


def test_ctrl_c_is_status_130_and_a_bug_keeps_its_trace():
    def interrupted() -> None:
        with terminal.report_errors():
            raise KeyboardInterrupt

    assert status_of(interrupted) == 130
    with pytest.raises(ZeroDivisionError), terminal.report_errors():
        1 / 0  # noqa: B018


def test_the_text_of_an_error_is_not_markup(capsys):
    assert status_of(terminal.fail, 4, "row [red]7[/]") == 4
    assert capsys.readouterr().err == "row [red]7[/]\n"


def test_a_job_that_failed_says_whether_it_gave_a_reason():
    assert not terminal.JobFailed(1, "").has_reason
    assert terminal.JobFailed(1, "", True).has_reason


@pytest.mark.parametrize(
    ("name", "accepted"), [("w.pth", True), ("w.params", True), ("w.txt", False), ("folder", True), (None, True)]
)
def test_weights_are_a_file_of_weights_or_a_folder(tmp_path, name, accepted):
    path = tmp_path / name if name else None
    if path and path.suffix:
        path.touch()
    elif path:
        path.mkdir()
    if accepted:
        assert terminal.require_weights(path) == path
    else:
        with pytest.raises(typer.BadParameter, match=r"w.txt is not a file of weights, expected suffix .*\.pth"):
            terminal.require_weights(path)


def test_the_option_of_a_folder_is_shown_where_it_is_needed(tmp_path):
    assert terminal.data_option(terminal.DATA) == ""
    path = tmp_path / "a b"
    assert shlex.split(terminal.data_option(path)) == ["--data", str(path)]
    assert terminal.expand_home(Path("~/x")) == Path.home() / "x"


def test_a_folder_is_made_with_those_above_it(tmp_path):
    assert terminal.make_folder(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert terminal.make_folder(tmp_path / "a") == tmp_path / "a"
    (tmp_path / "file").touch()
    assert status_of(terminal.make_folder, tmp_path / "file") == 1


def results(path: Path, *, fails: bool, writes: str = "") -> None:
    with terminal.folder_for_results(path) as folder:
        if writes:
            (folder / writes).touch()
        if fails:
            raise UserError("no")


def test_folders_for_results_stay_unless_they_are_new_and_empty_after_a_failure(tmp_path):
    results(tmp_path / "done" / "model", fails=False)
    assert (tmp_path / "done" / "model").is_dir()
    with pytest.raises(UserError):
        results(tmp_path / "failed" / "model", fails=True)
    assert not (tmp_path / "failed").exists()
    with pytest.raises(UserError):
        results(tmp_path / "kept" / "model", fails=True, writes="checkpoint")
    assert (tmp_path / "kept" / "model" / "checkpoint").exists()
    (tmp_path / "mine").mkdir()
    with pytest.raises(UserError):
        results(tmp_path / "mine", fails=True)
    assert (tmp_path / "mine").is_dir()


def test_a_port_that_is_in_use_ends_the_command(capsys):
    with socket.socket() as listener:
        listener.bind((terminal.HOST, 0))
        listener.listen()
        assert status_of(terminal.require_free_port, listener.getsockname()[1]) == 1
    terminal.require_free_port(0)


@pytest.mark.parametrize(("name", "text"), [("kmean", " Did you mean kmeans?"), ("zzz", "")])
def test_a_similar_name_is_suggested(name, text):
    assert terminal.suggestion(name, ["pca", "kmeans"]) == text


@pytest.mark.parametrize(("name", "status"), [("kmeens", 2), ("", 2)])
def test_an_algorithm_that_does_not_exist_ends_the_command(capsys, name, status):
    assert status_of(terminal.require_algorithm, name) == status


def test_an_algorithm_that_runs_here_does_not():
    terminal.require_algorithm("kmeans")


def test_examples_are_lines_of_their_own_and_not_markup():
    assert terminal.examples("a [b]", "c") == "Examples:\n\n  [cyan]a \\[b][/]\n\n  [cyan]c[/]"


def test_a_folder_on_which_no_server_ran_ends_the_command(tmp_path, capsys):
    def opens() -> None:
        with terminal.open_overview(tmp_path):
            pass

    assert status_of(opens) == 1
    assert "No local AWS has run on" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "variables", "status"), [([], {}, 0), ([], {"SHM": "1"}, 0), (["--shm-size", "0"], {}, 2)]
)
def test_an_option_without_effect_is_rejected_where_it_was_typed(arguments, variables, status):
    app, given = typer.Typer(), []

    @app.command()
    def command(context: typer.Context, shm_size: int = typer.Option(0, envvar="SHM")) -> None:
        given.extend([terminal.is_given(context, "shm_size"), terminal.is_given(context, "absent")])
        terminal.reject_without(context, "--docker", "shm_size")

    result = CliRunner().invoke(app, arguments, env=variables)
    assert (result.exit_code, given) == (status, [status == 2, False])
    rejected = "--shm-size has no effect without --docker. Add --docker, or leave it out."
    assert (rejected in " ".join(result.stderr.split())) == (status == 2)
