"""The built-in algorithms for SDK v3, with the constructors and methods that they have in SDK v2.

    from wildsage import KNN, PCA, FactorizationMachines, KMeans, LinearLearner

They use SDK v3's own resources (`TrainingJob`, `Model`, `Endpoint`, `Transformer`), so they work with the local AWS and
with Amazon's. docs/how_to/migrating_to_sdk_v3.md lists the names of SDK v2 and v3. Needs `wildsage[sdk3]`.
"""

from __future__ import annotations

from importlib.util import find_spec

if find_spec("sagemaker") is None or find_spec("sagemaker.core") is None:
    raise ModuleNotFoundError(
        "The estimators of Wildsage need version 3 of the SageMaker SDK, which is not installed here: "
        "pip install 'wildsage[sdk3]'. With version 2, the same classes are in `sagemaker`.",
        name="sagemaker.core",
    )

from wildsage.containers.codecs.records.files import (
    read_records,
    write_numpy_to_dense_tensor,
    write_spmatrix_to_sparse_tensor,
)
from wildsage.local_runner.estimators.factorization_machines import FactorizationMachines
from wildsage.local_runner.estimators.kmeans import KMeans
from wildsage.local_runner.estimators.knn import KNN
from wildsage.local_runner.estimators.linear_learner import LinearLearner
from wildsage.local_runner.estimators.pca import PCA
from wildsage.local_runner.estimators.predictor import Predictor, RecordDeserializer, RecordSerializer
from wildsage.local_runner.estimators.record_set import RecordSet

__all__ = [
    "KNN",
    "PCA",
    "FactorizationMachines",
    "KMeans",
    "LinearLearner",
    "Predictor",
    "RecordDeserializer",
    "RecordSerializer",
    "RecordSet",
    "read_records",
    "write_numpy_to_dense_tensor",
    "write_spmatrix_to_sparse_tensor",
]
