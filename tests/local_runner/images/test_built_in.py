"""A name that is not an algorithm's: a typo, another spelling, or an algorithm that is not here yet."""

import pytest

from wildsage.local_runner.images import built_in

HERE = ("kmeans", "linear-learner", "runner")


@pytest.mark.parametrize("name", ["DeepAR", "deep-ar", "forecasting_deepar", "forecasting-deepar"])
def test_an_algorithm_goes_by_any_spelling(name):
    assert built_in.find(name) == "forecasting-deepar"


def test_a_repository_that_none_has_is_not_found():
    assert built_in.find("") is None and built_in.find("my-image") is None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("K-Means", "Algorithm 'K-Means' is not known. Did you mean kmeans?"),
        ("random-cut-forest", "is SageMaker's randomcutforest, which Wildsage does not have yet. Available: kmeans, "),
        ("linearlerner", "is not one of SageMaker's built-in algorithms. Did you mean linear-learner? Available: "),
        ("object-detektion", "Did you mean object-detection? Wildsage does not have that one yet. Available: kmeans, "),
        ("runer", "Did you mean runner? Available: "),
        ("linear-learnr", "Did you mean linear-learner? Available: "),
        ("zebra", "'zebra' is not one of SageMaker's built-in algorithms. Available: kmeans, linear-learner, runner."),
    ],
)
def test_a_typo_is_distinguished_from_an_algorithm_that_is_missing(name, said):
    assert said in built_in.explain(name, HERE)


def test_of_several_names_that_are_near_the_nearest_is_meant():
    assert "Did you mean runner? Available: " in built_in.explain("runnerr", ("runners", "runner"))
