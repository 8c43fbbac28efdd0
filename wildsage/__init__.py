"""Amazon SageMaker's built-in algorithms, open and on your own machine.

| name | what it is for |
|---|---|
| `read_model`, `TrainedModel` | the arrays of a `model.tar.gz`, without MXNet |
| `write_numpy_to_dense_tensor`, `write_spmatrix_to_sparse_tensor` | writing RecordIO-protobuf, as SDK v2 does |
| `read_records`, `Record` | reading it |
| `KMeans`, `PCA`, `FactorizationMachines`, `KNN`, `LinearLearner`, `RecordSet` | those of SDK v2, for SDK v3 (`wildsage[sdk3]`) |
| `Predictor`, `RecordSerializer`, `RecordDeserializer` | asking an endpoint from SDK v3 |
| `UserError` | raised where a file or a value of yours is wrong; its text says what was expected |

A name is imported when it is first used, so `import wildsage` costs nothing, and torch is loaded for `read_model` alone.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wildsage.algorithms.base.errors import UserError
    from wildsage.containers.codecs.records.files import (
        Record,
        read_records,
        write_numpy_to_dense_tensor,
        write_spmatrix_to_sparse_tensor,
    )
    from wildsage.containers.model_files.reader import TrainedModel, read_model
    from wildsage.local_runner.estimators import (
        KNN,
        PCA,
        FactorizationMachines,
        KMeans,
        LinearLearner,
        Predictor,
        RecordDeserializer,
        RecordSerializer,
        RecordSet,
    )

    __version__: str

__all__ = [
    "KNN",
    "PCA",
    "FactorizationMachines",
    "KMeans",
    "LinearLearner",
    "Predictor",
    "Record",
    "RecordDeserializer",
    "RecordSerializer",
    "RecordSet",
    "TrainedModel",
    "UserError",
    "__version__",
    "read_model",
    "read_records",
    "write_numpy_to_dense_tensor",
    "write_spmatrix_to_sparse_tensor",
]

_ESTIMATORS = "wildsage.local_runner.estimators"
_MODULES = {
    "Record": "wildsage.containers.codecs.records.files",
    "TrainedModel": "wildsage.containers.model_files.reader",
    "UserError": "wildsage.algorithms.base.errors",
    "read_model": "wildsage.containers.model_files.reader",
    "read_records": "wildsage.containers.codecs.records.files",
    "write_numpy_to_dense_tensor": "wildsage.containers.codecs.records.files",
    "write_spmatrix_to_sparse_tensor": "wildsage.containers.codecs.records.files",
}
"""Where a name comes from. The names of `__all__` that are missing here are estimators."""


def __getattr__(name: str) -> Any:
    """Import a public name on first use. Raises ModuleNotFoundError for an estimator where SDK v3 is not installed."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = _version() if name == "__version__" else getattr(import_module(_MODULES.get(name, _ESTIMATORS)), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES, "__version__"})  # without the estimators, so that help(wildsage) needs no SDK


def _version() -> str:
    """The version of the installed distribution, or `0+unknown` where the source folder is used without being installed."""
    from importlib import metadata  # half of the time of `import wildsage`

    try:
        return metadata.version(__name__)
    except metadata.PackageNotFoundError:
        return "0+unknown"
