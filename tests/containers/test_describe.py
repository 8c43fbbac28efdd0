"""`describe`: what a container says of its algorithms, before any of them could be imported."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from wildsage import algorithms
from wildsage.algorithms.base.errors import MissingPackage
from wildsage.algorithms.base.spec import Metric, Response, Spec
from wildsage.containers.__main__ import main
from wildsage.containers.describe import describe

MADE = Spec("made", "made", Response("predictions", ("value",)), ("text/csv",))


@pytest.fixture
def only(monkeypatch):
    """Let there be one algorithm, which says this of itself."""

    def install(spec):
        monkeypatch.setattr(algorithms, "names", lambda: [spec.image])
        monkeypatch.setattr(algorithms, "spec", lambda name: spec)
        monkeypatch.setattr(algorithms, "summary", lambda name: "Made for this test.")

    return install


def test_every_algorithm_is_described_as_json(capsys):
    assert main(["describe"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [entry["name"] for entry in said] == [name.replace("_", "-") for name in algorithms.names()]
    kmeans = next(entry for entry in said if entry["name"] == "kmeans")
    assert kmeans["summary"].startswith("K-means in one pass")
    assert kmeans["label_size"] == 0 and kmeans["content_types"] == ["application/x-recordio-protobuf", "text/csv"]
    assert list(kmeans["metric_definitions"]) == ["test:msd", "test:ssd", "train:progress", "train:throughput"]


def test_neither_torch_nor_any_library_of_an_algorithm_is_imported():
    script = (
        "import sys; from wildsage import algorithms; from wildsage.containers.describe import describe; describe();"
        "packages = {package for name in algorithms.names() for package in algorithms.spec(name).packages};"
        "assert packages; print(sorted(sys.modules.keys() & {'torch', 'numpy', *packages}))"
    )
    found = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True).stdout
    assert found.strip() == "[]"


def test_a_package_that_is_missing_is_named_with_the_extra_that_brings_it(only):
    only(Spec(**{**vars(MADE), "packages": ("not_installed_anywhere",), "aliases": ("sagemaker-made",)}))
    (entry,) = describe()
    assert entry["repositories"] == ["made", "sagemaker-made"]
    assert entry["packages"] == ["not_installed_anywhere"]
    assert entry["problem"] == (
        "Algorithm made needs the package not_installed_anywhere, which is not installed here: pip install 'wildsage[made]'."
    )
    with pytest.raises(MissingPackage, match=r"pip install 'wildsage\[made\]'"):
        algorithms.find("made")
    assert algorithms.available() == []


def test_metrics_are_defined_under_sagemakers_names_or_not_at_all(only):
    metrics = (Metric("f_1.000", "score", defined_as="f_beta"), Metric("bias", "loss", defined=False))
    only(Spec(**{**vars(MADE), "metrics": metrics}))
    (entry,) = describe()
    assert list(entry["metric_definitions"]) == ["test:f_beta", "train:progress", "train:throughput"]
    only(Spec(**{**vars(MADE), "metrics": metrics, "metric_definitions": {"train:error": "e=(.*)"}}))
    assert describe()[0]["metric_definitions"] == {"train:error": "e=(.*)"}


def test_a_mistake_in_one_folder_leaves_the_others_as_they_are(monkeypatch):
    read = algorithms.spec

    def broken(name):
        if name == "pca":
            raise SyntaxError("invalid syntax")
        return read(name)

    monkeypatch.setattr(algorithms, "spec", broken)
    found = {entry["name"]: entry for entry in describe()}
    assert found["pca"] == {
        "name": "pca",
        "summary": "",
        "repositories": ["pca"],
        "content_types": [],
        "label_size": 1,
        "metric_definitions": {},
        "problem": "Algorithm pca: its module spec cannot be imported: SyntaxError: invalid syntax",
        "packages": [],
    }
    assert found["kmeans"]["problem"] is None
