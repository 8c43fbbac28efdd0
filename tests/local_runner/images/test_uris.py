"""Image URIs of all regions and ages."""

import subprocess
import sys

import pytest

from wildsage.local_runner.images import uris


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1", "kmeans"),
        ("174872318107.dkr.ecr.us-west-2.amazonaws.com/pca:latest", "pca"),
        ("390948362332.dkr.ecr.cn-northwest-1.amazonaws.com.cn/factorization-machines:1", "factorization-machines"),
        ("811284229777.dkr.ecr.us-east-1.amazonaws.com/image-classification:1", "image-classification"),
        ("683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.0-1-cpu-py3", "xgboost"),
        ("811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost:latest", "xgboost"),
        (f"382416733822.dkr.ecr.us-east-1.amazonaws.com/knn@sha256:{'a' * 64}", "knn"),
        ("382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans", "kmeans"),
        ("123456789012.dkr.ecr.us-east-1.amazonaws.com/team/kmeans:1", None),
        ("123456789012.dkr.ecr.us-east-1.amazonaws.com/my-own:1", None),
        ("kmeans:1", None),
        ("evil.example/382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1", None),
    ],
)
def test_the_repository_names_the_algorithm(uri, name):
    assert uris.algorithm(uri) == name


@pytest.mark.parametrize(
    "framework", ["kmeans", "pca", "factorization-machines", "knn", "linear-learner", "blazingtext"]
)
def test_every_uri_of_the_sdk_is_known(framework):
    image_uris = pytest.importorskip("sagemaker.image_uris")
    (version,) = image_uris.config_for_framework(framework)["versions"].values()
    assert len(version["registries"]) > 30
    for region in version["registries"]:
        uri = image_uris.retrieve(framework, region)
        assert uris.algorithm(uri) == framework, uri


def test_an_image_that_cannot_run_says_what_can():
    assert uris.installed_algorithm("382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1") == "kmeans"
    with pytest.raises(
        uris.UnknownImage, match=r"is none of Amazon's built-in algorithms. Available without Docker: .*kmeans"
    ):
        uris.installed_algorithm("me/mine:1")
    with pytest.raises(uris.UnknownImage, match="is Amazon's forecasting-deepar, which Wildsage does not have yet"):
        uris.installed_algorithm("522234722520.dkr.ecr.us-east-1.amazonaws.com/forecasting-deepar:1")


def test_looking_what_is_installed_imports_nothing():
    script = (
        "import sys; from wildsage.local_runner.images import uris; print(uris.installed(), 'torch' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert "'kmeans'" in found
    assert found.strip().endswith("False")
