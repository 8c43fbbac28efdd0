"""The archive of a script, brought for containers that cannot reach S3 of this machine."""

import json

import pytest

from wildsage.containers.contract.paths import OptML
from wildsage.containers.frameworks import source
from wildsage.local_runner.images import uris
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


def test_only_xgboosts_image_is_both_an_algorithms_and_a_frameworks():
    account = "683313688378.dkr.ecr.us-east-1.amazonaws.com"
    assert uris.may_run_script(f"{account}/sagemaker-xgboost:1.7-1")
    assert not uris.may_run_script(f"{account}/kmeans:1")
    assert not uris.may_run_script(f"{account}/sagemaker-scikit-learn:1.2-1-cpu-py3")
    assert not uris.may_run_script("own:1")
