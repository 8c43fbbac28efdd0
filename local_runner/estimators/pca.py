"""Principal component analysis on SDK v3."""

from __future__ import annotations

from wildsage.local_runner.estimators.estimator import Estimator
from wildsage.local_runner.estimators.hyperparameters import Hyperparameter
from wildsage.local_runner.estimators.record_set import RecordSet

MAX_ROWS = 500


class PCA(Estimator):
    """Finds the `num_components` directions of largest variance. An endpoint returns `projection` for each row.

    The projection has `num_components` numbers; the direction of largest variance comes last. algorithms/pca/README.md says
    what each hyperparameter does. Source: `sagemaker.PCA` of SDK v2.

    >>> from wildsage import PCA
    >>> pca = PCA("SageMakerRole", 1, "ml.m5.large", num_components=2, subtract_mean=True)
    >>> pca.hyperparameters()
    {'num_components': '2', 'subtract_mean': 'True'}
    """

    repository = "pca"

    num_components = Hyperparameter(int, low=1)
    algorithm_mode = Hyperparameter(str, choices=("regular", "randomized"))
    subtract_mean = Hyperparameter(bool)
    extra_components = Hyperparameter(int, low=-1)

    def mini_batch_size_of(self, records: RecordSet) -> int:
        """At most 500 rows, because the algorithm has no default."""
        return min(MAX_ROWS, max(1, records.num_records // self.instance_count))
