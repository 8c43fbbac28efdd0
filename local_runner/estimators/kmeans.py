"""K-means on SDK v3."""

from __future__ import annotations

from wildsage.local_runner.estimators.estimator import Estimator
from wildsage.local_runner.estimators.hyperparameters import Hyperparameter

INIT_METHODS = ("random", "kmeans++")


class KMeans(Estimator):
    """Clusters rows into `k` groups. An endpoint returns `closest_cluster` and `distance_to_cluster` for each row."""

    repository = "kmeans"
    fixed = {"force_dense": "True"}

    k = Hyperparameter(int, low=2)
    init_method = Hyperparameter(str, choices=INIT_METHODS)
    max_iterations = Hyperparameter(int, low=1, name="local_lloyd_max_iter")
    tol = Hyperparameter(float, low=0, high=1, name="local_lloyd_tol")
    num_trials = Hyperparameter(int, low=1, name="local_lloyd_num_trials")
    local_init_method = Hyperparameter(str, choices=INIT_METHODS, name="local_lloyd_init_method")
    half_life_time_size = Hyperparameter(int, low=0)
    epochs = Hyperparameter(int, low=1)
    center_factor = Hyperparameter(int, low=1, name="extra_center_factor")
    eval_metrics = Hyperparameter(list)
