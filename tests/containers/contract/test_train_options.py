"""Options of `train`."""

import pytest

from wildsage.algorithms.base.errors import UserError
from wildsage.containers.contract import train_options
from wildsage.containers.contract.train_options import Options


def test_options_say_what_the_files_of_sagemaker_say():
    arguments = "--hp k=3 --hp note=a=b --channel train=s3://b/x --channel test=/t --whole test --input-mode train=Pipe"
    found = train_options.parse(
        [*arguments.split(), "--content-type", "train=text/csv; label_size=0", "--model", "out"]
    )
    assert found == Options(
        {"k": "3", "note": "a=b"},
        {"train": "s3://b/x", "test": "/t"},
        {"train": "text/csv; label_size=0"},
        {"train": "Pipe"},
        ("test",),
        "out",
    )
    assert found.given and not train_options.parse([]).given


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("--hp k", "--hp: got 'k', expected NAME=VALUE"),
        ("--hp k=1 --hp k=2", "--hp: k is given twice"),
        ("--channel ../x=/tmp", "got the name '../x', expected 1 to 64 letters"),
        ("--channel train=/a --whole test", "--whole test: no --channel has this name; expected one of train"),
        ("--channel train=/a --input-mode train=FastFile", "got 'FastFile', expected File or Pipe"),
        ("--checkpoints s3://b/k", "--checkpoints: got 's3://b/k', expected a folder that all hosts see"),
        ("--hyper k=1", "unrecognized arguments: --hyper k=1"),
        ("serve", "unrecognized arguments: serve"),
    ],
)
def test_other_options_are_rejected(arguments, text):
    with pytest.raises(UserError, match=text):
        train_options.parse(arguments.split())


@pytest.mark.parametrize("parse", [train_options.parse, train_options.parse_serve])
def test_the_beginning_of_an_option_is_not_the_option(parse):
    with pytest.raises(UserError, match=r"unrecognized arguments: --mod x\. usage"):
        parse(["--mod", "x"])


def test_serve_has_a_help_of_its_own(capsys):
    with pytest.raises(SystemExit) as ended:
        train_options.parse_serve(["--help"])
    help_text = capsys.readouterr().out
    assert ended.value.code == 0
    assert "usage: python -m wildsage.containers serve" in help_text and "--channel" not in help_text
