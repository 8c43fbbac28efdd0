"""requirements.txt goes into an environment of the job's own, on top of the user's Python and never into it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from pathlib import Path
from zipfile import ZipFile

import pytest

from wildsage.algorithms.base.errors import UserError
from wildsage.containers.frameworks import python

SEE = """
import importlib.metadata, json, os, sys
import numpy, addition
found = {"addition": addition.VALUE, "numpy": numpy.__file__, "prefix": sys.prefix, "h11": importlib.metadata.version("h11")}
json.dump(found, open(os.path.join(os.environ["SM_MODEL_DIR"], "seen.json"), "w"))
"""


def wheel(folder: Path, name: str, version: str, text: str) -> str:
    """A wheel of one module, as small as can be."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    about = f"{name}-{version}.dist-info"
    with ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", text)
        archive.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{about}/RECORD", "")
    return path.name


@pytest.fixture
def source(tmp_path):
    (tmp_path / "source").mkdir()
    return tmp_path / "source"


def test_requirements_are_the_jobs_own_and_are_kept_for_the_next(train, source):
    code = {"train.py": SEE, "requirements.txt": f"./{wheel(source, 'addition', '1.0', 'VALUE = 7')}\n"}
    first = train(code)
    assert first.status == 0, first.log
    assert "Successfully installed addition-1.0" in first.log
    seen = first.json("seen.json")
    assert seen["addition"] == 7
    assert importlib.util.find_spec("addition") is None
    assert Path(importlib.util.find_spec("numpy").origin) == Path(seen["numpy"])
    again = train(code, host="algo-2")
    assert again.json("seen.json") == seen
    assert "pip" not in again.log.replace("--pip", "")
    code["requirements.txt"] = f"./{wheel(source, 'addition', '1.1', 'VALUE = 8')}\n"
    assert train(code, host="algo-3").json("seen.json")["addition"] == 8


def test_a_version_that_the_user_has_already_gives_way_in_the_job_only(train, source):
    code = {
        "train.py": SEE,
        "requirements.txt": f"./{wheel(source, 'addition', '1.0', 'VALUE = 7')}\n./{wheel(source, 'h11', '99.0', '')}\n",
    }
    done = train(code)
    assert done.status == 0, done.log
    assert done.json("seen.json")["h11"] == "99.0"
    assert importlib.metadata.version("h11") != "99.0"


def test_requirements_that_cannot_be_installed_say_so_in_pips_words(train):
    done = train({"train.py": "", "requirements.txt": "--no-index\nno-such-package==1.0\n"})
    assert done.status == 1
    assert done.reason.startswith("InstallRequirementsError:\nExitCode 1\nErrorMessage ")
    assert "No matching distribution found for no-such-package==1.0" in done.reason


def test_without_a_network_the_reason_says_what_is_missing(train):
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "1", "PIP_CONFIG_FILE": "/dev/null"}
    done = train({"train.py": "", "requirements.txt": "no-such-package\n"}, nowhere)
    assert "This machine cannot reach the package index of pip, which requirements.txt needs." in done.reason
    assert done.status == 1


def test_a_python_without_pip_says_what_needs_it(source, monkeypatch):
    (source / "requirements.txt").write_text("addition")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        UserError, match=r"^requirements\.txt and packages of code are installed with pip, which .* lacks\."
    ):
        python.of_job(source)
