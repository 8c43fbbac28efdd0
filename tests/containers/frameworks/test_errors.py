"""Failures of a script in the words of Amazon's toolkit, as long as the platform keeps them."""

from __future__ import annotations

import pytest

from wildsage.containers.contract.failure import MAX_CHARACTERS
from wildsage.containers.frameworks import errors

COMMAND = ["python", "train.py", "--name", "two words"]
TRACEBACK = "Traceback (most recent call last):\n"


def test_the_text_has_the_kind_the_status_the_output_and_the_command():
    failed = errors.execute_user_script(COMMAND, 3, "\n no rows \n")
    assert failed.status == 3
    assert str(failed) == (
        'ExecuteUserScriptError:\nExitCode 3\nErrorMessage "no rows"\nCommand "python train.py --name \'two words\'"'
    )


def test_of_a_script_the_last_traceback_is_shown_and_of_pip_everything():
    output = f"a warning\n{TRACEBACK}KeyError: 'a'\n\nDuring handling …\n\n{TRACEBACK}ValueError: b\n"
    assert f'ErrorMessage "{TRACEBACK}ValueError: b"' in str(errors.execute_user_script(COMMAND, 1, output))
    for failure, kind in (
        (errors.install_requirements, "InstallRequirementsError"),
        (errors.install_module, "InstallModuleError"),
    ):
        text = str(failure(COMMAND, 1, output))
        assert text.startswith(f'{kind}:\nExitCode 1\nErrorMessage "a warning\n{TRACEBACK}KeyError')


def test_what_just_fits_stays_whole_and_one_character_more_is_cut_from_the_beginning():
    room = MAX_CHARACTERS - len("AlgorithmError: ") - len(str(errors.install_module(COMMAND, 1, "")))
    whole, cut = (str(errors.install_module(COMMAND, 1, "a" + "b" * (length - 1))) for length in (room, room + 1))
    assert f'"a{"b" * (room - 1)}"' in whole and f'"…{"b" * (room - 1)}"' in cut
    assert len("AlgorithmError: " + whole) == len("AlgorithmError: " + cut) == MAX_CHARACTERS


@pytest.mark.parametrize("more", [-1, 0, 1, 500])
def test_a_command_that_leaves_no_room_stays_whole(more):
    nothing = len("AlgorithmError: ") + len(str(errors.install_module(["x"], 1, ""))) - 1
    command = "x" * (MAX_CHARACTERS - nothing + more)
    assert f'ErrorMessage "…"\nCommand "{command}"' in str(errors.install_module([command], 1, "trouble"))
