"""The archive of a script, brought for containers that cannot reach S3 of this machine."""

import json

import pytest

from wildsage.containers.contract.paths import OptML
from wildsage.containers.frameworks import source
from wildsage.local_runner.inputs import code
from wildsage.local_runner.inputs.channels import InputError
from wildsage.local_runner.s3.store import ObjectStore


@pytest.fixture
def store(tmp_path):
    store = ObjectStore(tmp_path / "s3")
    store.create_bucket("bucket")
    store.put("bucket", "code/own.py", [b"print(1)"])
    return store


@pytest.mark.parametrize("written", [str, json.dumps])
def test_the_container_finds_what_was_brought_in_place_of_s3(store, tmp_path, written):
    opt_ml = OptML(tmp_path / "algo-1")
    code.bring(written("s3://bucket/code/own.py"), [opt_ml], store)
    source.bring("s3://bucket/code/own.py", opt_ml.code, opt_ml)
    assert (opt_ml.code / "own.py").read_text() == "print(1)"


def test_other_places_are_left_to_the_container(store, tmp_path):
    opt_ml = OptML(tmp_path)
    for place in (None, "/opt/ml/model/code", '"/opt/ml/input/data/code/sourcedir.tar.gz"'):
        code.bring(place, [opt_ml], store)
    assert not opt_ml.code.exists()


def test_an_object_that_is_not_there_is_named(store, tmp_path):
    with pytest.raises(InputError, match="s3://bucket/none"):
        code.bring("s3://bucket/none", [OptML(tmp_path)], store)


def test_every_host_has_the_code_below_the_name_it_had(store, tmp_path):
    store.put("bucket", "code/deep/more.py", [b"print(2)"])
    trees = [OptML(tmp_path / name) for name in ("algo-1", "algo-2")]
    code.bring("s3://bucket/code/", trees, store)
    for tree in trees:
        assert {path.name for path in tree.code.rglob("*.py")} == {"own.py", "more.py"}
        assert (tree.code / "deep" / "more.py").read_text() == "print(2)"
