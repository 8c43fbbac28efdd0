"""The one reader of JSON that others wrote."""

from pathlib import Path

import pytest

from wildsage.algorithms.base import json_text

SOURCES = Path(__file__).parents[3]
OUR_OWN = {
    "algorithms/base/json_text.py",
    "containers/contract/frameworks.py",  # what our own process says of itself
    "local_runner/backends/preloaded.py",  # a pipe between our processes
    "local_runner/backends/process.py",  # the supervisor's report
    "local_runner/images/catalogue.py",  # an image's description of itself
    "local_runner/jobs/store.py",
    "local_runner/server/forked.py",
    "local_runner/server/lock.py",
    "local_runner/testing/fork_server.py",
    "local_runner/testing/pytest_plugin.py",
}


@pytest.mark.parametrize("text", ["[" * 100_000, b'{"a":' * 100_000, "[" * 100_000 + "]" * 100_000])
def test_deep_nesting_is_an_error_of_the_text(text):
    with pytest.raises(ValueError, match="The value is nested too deeply"):
        json_text.parse(text)


def test_what_is_valid_is_read():
    assert json_text.parse(b'{"a": [1, null, "x"]}') == {"a": [1, None, "x"]}


def test_nothing_from_outside_is_read_by_another_reader():
    """A file that reads JSON which only this project writes is named above, with what it reads."""
    found = {
        path.relative_to(SOURCES).as_posix()
        for folder in ("algorithms", "containers", "local_runner")
        for path in (SOURCES / folder).rglob("*.py")
        if "json.loads(" in path.read_text().replace("orjson.loads(", "") or "json.load(" in path.read_text()
    }
    assert found == OUR_OWN
