"""What `import wildsage` gives: names, cost and documentation."""

import ast
import inspect
import subprocess
import sys
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import pytest

import wildsage

SDK3 = {
    "KNN", "PCA", "FactorizationMachines", "KMeans", "LinearLearner", "Predictor", "RecordDeserializer", "RecordSerializer", "RecordSet",
}  # fmt: skip
HERE = sorted(set(wildsage.__all__) - SDK3)
HAS_SDK3 = bool(find_spec("sagemaker") and find_spec("sagemaker.core"))


def python(code: str) -> str:
    """What a fresh interpreter prints."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("name", HERE)
def test_every_name_is_there(name):
    assert getattr(wildsage, name) is not None and name in dir(wildsage)


@pytest.mark.skipif(HAS_SDK3, reason="SDK v3 is installed")
@pytest.mark.parametrize("name", sorted(SDK3))
def test_an_estimator_without_sdk_v3_says_what_to_install(name):
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'wildsage\[sdk3\]'"):
        getattr(wildsage, name)


def test_a_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'wildsage' has no attribute 'read_modle'"):
        _ = wildsage.read_modle


def test_type_checkers_see_the_names_of_all():
    tree = ast.parse(Path(wildsage.__file__).read_text())
    (checked,) = (node for node in tree.body if isinstance(node, ast.If))
    imported = {alias.name for node in checked.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert imported | {"__version__"} == set(wildsage.__all__)


def test_the_version_is_that_of_the_distribution():
    assert wildsage.__version__ == metadata.version("wildsage")


def test_importing_costs_nothing_and_records_need_no_torch():
    loaded = "import sys, wildsage; print(sorted({'numpy', 'torch', 'boto3'} & set(sys.modules)))"
    assert python(loaded) == "[]\n"
    assert python("import sys; from wildsage import read_records; print('torch' in sys.modules)") == "False\n"


def test_help_works_without_any_sdk():
    assert "read_model" in python("import pydoc, wildsage; print(pydoc.render_doc(wildsage, renderer=pydoc.plaintext))")


@pytest.mark.parametrize("name", sorted(set(HERE) - {"__version__"}))
def test_every_name_is_documented(name):
    assert len(inspect.getdoc(getattr(wildsage, name)).split()) > 5
