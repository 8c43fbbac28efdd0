"""Factorization machines on SDK v3."""

from __future__ import annotations

from wildsage.local_runner.estimators.estimator import Estimator
from wildsage.local_runner.estimators.hyperparameters import Hyperparameter

INITIALIZERS = ("normal", "uniform", "constant")


class FactorizationMachines(Estimator):
    """Learns pairwise interactions of sparse features. An endpoint returns `score`, and `predicted_label` for a classifier.

    algorithms/factorization_machines/README.md says what each hyperparameter does. Source: `sagemaker.FactorizationMachines`
    of SDK v2.

    >>> from wildsage import FactorizationMachines
    >>> machine = FactorizationMachines("SageMakerRole", 1, "ml.m5.large", num_factors=8, predictor_type="regressor")
    >>> machine.hyperparameters()
    {'num_factors': '8', 'predictor_type': 'regressor'}
    """

    repository = "factorization-machines"

    num_factors = Hyperparameter(int, low=1)
    predictor_type = Hyperparameter(str, choices=("binary_classifier", "regressor"))
    epochs = Hyperparameter(int, low=1)
    clip_gradient = Hyperparameter(float)
    eps = Hyperparameter(float)
    rescale_grad = Hyperparameter(float)
    bias_lr = Hyperparameter(float, low=0)
    linear_lr = Hyperparameter(float, low=0)
    factors_lr = Hyperparameter(float, low=0)
    bias_wd = Hyperparameter(float, low=0)
    linear_wd = Hyperparameter(float, low=0)
    factors_wd = Hyperparameter(float, low=0)
    bias_init_method = Hyperparameter(str, choices=INITIALIZERS)
    bias_init_scale = Hyperparameter(float, low=0)
    bias_init_sigma = Hyperparameter(float, low=0)
    bias_init_value = Hyperparameter(float)
    linear_init_method = Hyperparameter(str, choices=INITIALIZERS)
    linear_init_scale = Hyperparameter(float, low=0)
    linear_init_sigma = Hyperparameter(float, low=0)
    linear_init_value = Hyperparameter(float)
    factors_init_method = Hyperparameter(str, choices=INITIALIZERS)
    factors_init_scale = Hyperparameter(float, low=0)
    factors_init_sigma = Hyperparameter(float, low=0)
    factors_init_value = Hyperparameter(float)
