"""What the hyperparameters of factorization machines demand of each other."""

import pytest

from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.factorization_machines.hyperparameters import FactorizationHyperparameters


def given(**settings) -> FactorizationHyperparameters:
    return FactorizationHyperparameters(feature_dim=1, num_factors=1, predictor_type="regressor", **settings)


def test_constants_need_a_value_and_all_that_lack_one_are_named():
    assert given(bias_init_method="constant", bias_init_value=0.0).bias_init_value == 0
    assert given(linear_init_method="uniform", factors_init_value=3.0).factors_init_value == 3
    with pytest.raises(UserError) as caught:
        given(
            bias_init_method="constant",
            linear_init_method="constant",
            linear_init_value=1.0,
            factors_init_method="constant",
        )
    assert str(caught.value).splitlines() == [
        "Hyperparameter bias_init_value: missing, expected a number for constant.",
        "Hyperparameter factors_init_value: missing, expected a number for constant.",
    ]
