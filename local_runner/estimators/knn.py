"""K-nearest neighbours on SDK v3."""

from __future__ import annotations

from wildsage.local_runner.estimators.estimator import Estimator
from wildsage.local_runner.estimators.hyperparameters import Hyperparameter


class KNN(Estimator):
    """Predicts from the `k` nearest of `sample_size` sampled rows. An endpoint returns `predicted_label` for each row.

    algorithms/knn/README.md says what each hyperparameter does. Source: `sagemaker.KNN` of SDK v2.

    >>> from wildsage import KNN
    >>> knn = KNN("SageMakerRole", 1, "ml.m5.large", k=5, sample_size=1000, predictor_type="classifier")
    >>> knn.hyperparameters()
    {'k': '5', 'sample_size': '1000', 'predictor_type': 'classifier'}
    >>> knn.index_metric = "L1"
    Traceback (most recent call last):
    ...
    ValueError: Hyperparameter index_metric: got 'L1', expected one of COSINE, INNER_PRODUCT, L2.
    """

    repository = "knn"

    k = Hyperparameter(int, low=1)
    sample_size = Hyperparameter(int, low=1)
    predictor_type = Hyperparameter(str, choices=("classifier", "regressor"))
    dimension_reduction_type = Hyperparameter(str, choices=("sign", "fjlt"))
    dimension_reduction_target = Hyperparameter(int, low=1)
    index_type = Hyperparameter(str, choices=("faiss.Flat", "faiss.IVFFlat", "faiss.IVFPQ"))
    index_metric = Hyperparameter(str, choices=("COSINE", "INNER_PRODUCT", "L2"))
    faiss_index_ivf_nlists = Hyperparameter(str)
    faiss_index_pq_m = Hyperparameter(int, low=1)
