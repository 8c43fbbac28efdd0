"""Image URIs of all regions and ages."""

import pytest

from wildsage.local_runner.images import catalogue, uris


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1", "kmeans"),
        ("174872318107.dkr.ecr.us-west-2.amazonaws.com/pca:latest", "pca"),
        ("390948362332.dkr.ecr.cn-northwest-1.amazonaws.com.cn/factorization-machines:1", "factorization-machines"),
        ("811284229777.dkr.ecr.us-east-1.amazonaws.com/image-classification:1", "image-classification"),
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


@pytest.mark.parametrize("framework", ["kmeans", "pca", "factorization-machines", "knn"])
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
        uris.UnknownImage,
        match=r"is not one of Amazon's built-in algorithms or framework images. Available without Docker: .*kmeans",
    ):
        uris.installed_algorithm("me/mine:1")
    with pytest.raises(uris.UnknownImage, match="is Amazon's forecasting-deepar, which Wildsage does not have yet"):
        uris.installed_algorithm("522234722520.dkr.ecr.us-east-1.amazonaws.com/forecasting-deepar:1")


def test_an_image_is_found_under_its_aliases_and_needs_its_packages(monkeypatch):
    made = catalogue.AlgorithmEntry(
        "made", "", ("made", "sagemaker-made"), (), 1, {}, "Algorithm made needs the package m."
    )
    monkeypatch.setattr(catalogue, "algorithms", lambda: (made,))
    uri = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-made:1.0-1-cpu-py3"
    assert uris.algorithm(uri) == "made"
    with pytest.raises(uris.UnknownImage, match=r"sagemaker-made.*: Algorithm made needs the package m\.$"):
        uris.installed_algorithm(uri)
