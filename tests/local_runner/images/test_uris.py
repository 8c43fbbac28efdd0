"""Image URIs of all regions and ages."""

import functools

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
def test_every_uri_of_the_sdk_is_known(framework, monkeypatch):
    image_uris = pytest.importorskip("sagemaker.image_uris")
    endpoints = functools.cache(image_uris.utils._botocore_resolver)  # which the SDK reads anew for each URI
    monkeypatch.setattr(image_uris.utils, "_botocore_resolver", endpoints)
    (version,) = image_uris.config_for_framework(framework)["versions"].values()
    assert len(version["registries"]) > 30
    for region in version["registries"]:
        uri = image_uris.retrieve(framework, region)
        assert uris.algorithm(uri) == framework, uri


def test_an_image_that_cannot_run_says_what_can():
    assert uris.installed_algorithm("382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1").name == "kmeans"
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


ECR = "683313688378.dkr.ecr.us-east-1.amazonaws.com"


@pytest.mark.parametrize(
    ("uri", "tag", "region"),
    [
        (f"{ECR}/sagemaker-xgboost:1.7-1", "1.7-1", "us-east-1"),
        (f"{ECR}/kmeans", "", "us-east-1"),
        (f"{ECR}/kmeans:1@sha256:{'a' * 64}", "1", "us-east-1"),
        (f"{ECR}/kmeans@sha256:{'a' * 64}", "", "us-east-1"),
        ("683313688378.dkr.ecr-fips.us-gov-west-1.amazonaws.com/kmeans:2", "2", "us-gov-west-1"),
        ("me/mine:7", "", None),
        ("68331368837.dkr.ecr.us-east-1.amazonaws.com/kmeans:1", "", None),
        (f"{ECR}/kmeans@sha256:{'a' * 63}", "", None),
    ],
)
def test_tag_and_region_are_those_of_an_image_in_ecr(uri, tag, region):
    assert (uris.tag_of(uri), uris.region_of(uri)) == (tag, region)


def test_an_image_of_another_region_is_rejected_in_awss_words():
    said = "Cross region ECR image pulls are not allowed. The image is of us-east-1, the request of eu-west-1: "
    image = f"{ECR}/kmeans:1"
    assert uris.foreign(image, "eu-west-1") == said + image
    assert uris.foreign_warning(image, "eu-west-1") == f"[wildsage] WARNING: AWS rejects this image. {said}{image}"
    for taken in (image, "me/mine:1"):
        assert uris.foreign(taken, "us-east-1") is None and uris.foreign_warning(taken, "us-east-1") is None


def test_a_framework_is_known_by_its_repository():
    found = uris.framework(f"{ECR}/sagemaker-scikit-learn:1.2-1-cpu-py3")
    assert found is not None and uris.framework(f"{ECR}/kmeans:1") is None and uris.framework("me/mine:1") is None
    assert uris.runs_spark(f"{ECR}/sagemaker-spark-processing:3.3-cpu-py39-v1.0") and not uris.runs_spark(
        f"{ECR}/kmeans:1"
    )
    assert uris.may_run_script(f"{ECR}/sagemaker-xgboost:1.7-1")
    for other in (f"{ECR}/sagemaker-scikit-learn:1.2-1-cpu-py3", f"{ECR}/kmeans:1", "me/mine:1"):
        assert not uris.may_run_script(other)


def test_a_command_stands_in_for_an_image_by_its_uri_or_else_by_its_name():
    by_name = {"mine": ("by", "name")}
    for uri in ("mine", "me/mine:1", f"{ECR}/team/mine:1", f"{ECR}/mine@sha256:{'a' * 64}"):
        assert uris.mapped(uri, by_name) == ("by", "name")
        assert uris.mapped(uri, {**by_name, uri: ("by", "uri")}) == ("by", "uri")
    assert uris.mapped("me/other:1", by_name) == ()


def test_a_mapping_is_an_image_and_a_command():
    assert uris.parse_mapping("me/mine:1=python serve.py --name 'two words' a=b") == (
        "me/mine:1",
        ("python", "serve.py", "--name", "two words", "a=b"),
    )
    for text in ("mine", "=python", "mine=", "mine= ", ""):
        with pytest.raises(ValueError, match="expected IMAGE=COMMAND"):
            uris.parse_mapping(text)


def test_our_image_has_a_name_for_each_target():
    assert uris.image_name("linear-learner", "cuda") == "wildsage/linear-learner:cuda"


def test_what_cannot_run_is_not_among_what_is_available(monkeypatch):
    def entry(name: str, problem: str | None) -> catalogue.AlgorithmEntry:
        return catalogue.AlgorithmEntry(name, "", (name,), (), 1, {}, problem)

    monkeypatch.setattr(
        catalogue, "algorithms", lambda: (entry("here", None), entry("lacking", "It needs m."), entry("too", None))
    )
    with pytest.raises(uris.UnknownImage, match=r"Available without Docker: here, too; scripts with ") as caught:
        uris.installed_algorithm(f"{ECR}/mine:1")
    assert "`wildsage up --image mine=COMMAND`" in str(caught.value)
    with pytest.raises(uris.UnknownImage, match="`wildsage up --image NAME=COMMAND`"):
        uris.installed_algorithm("me/mine:1")
