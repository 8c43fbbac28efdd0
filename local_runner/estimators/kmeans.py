"""K-means on SDK v3."""

from __future__ import annotations

from wildsage.local_runner.estimators.estimator import Estimator
from wildsage.local_runner.estimators.hyperparameters import Hyperparameter

INIT_METHODS = ("random", "kmeans++")


class KMeans(Estimator):
    """Clusters rows into `k` groups. An endpoint returns `closest_cluster` and `distance_to_cluster` for each row.

    The distance is Euclidean, in the units of the data. algorithms/kmeans/README.md says what each hyperparameter does.
    Source: `sagemaker.KMeans` of SDK v2.

    >>> import numpy as np
    >>> from wildsage import KMeans
    >>> rows = np.array([[0, 0], [0, 2], [9, 9], [9, 7]], np.float32)
    >>> kmeans = KMeans("SageMakerRole", 1, "ml.m5.large", k=2)
    >>> kmeans.fit(kmeans.record_set(rows), logs=False)
    >>> kmeans.hyperparameters()
    {'force_dense': 'True', 'k': '2', 'feature_dim': '2'}
    >>> predictor = kmeans.deploy(1, "ml.m5.large")
    >>> [record.label["distance_to_cluster"].float32_tensor.values[0] for record in predictor.predict(rows)]
    [1.0, 1.0, 1.0, 1.0]
    >>> predictor.delete_model()
    >>> predictor.delete_endpoint()
    """

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
