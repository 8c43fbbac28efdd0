"""All that an author implements: an algorithm is its hyperparameters plus `fit`; a model is arrays plus `predict`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from wildsage.algorithms.base.batch import Batch, Stream
from wildsage.algorithms.base.graph import Graph
from wildsage.algorithms.base.hyperparameters import ToolkitHyperparameters
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.base.spec import Spec

Columns = Mapping[str, Tensor]
"""An answer: named columns, each (n,) with one value for each row, or (n, m) with m values for each row."""

ModelSettings = Mapping[str, Any]
"""What a model needs beside its arrays, such as `predictor_type`. It is in the artifact if the layout has a place for it."""


class Model(ABC):
    """What was learned. Arrays and settings go in and out by name, so one writer and one reader serve many algorithms.

    `layout` names the module of `wildsage.containers.model_files` that writes and reads the artifact. `array_names` are
    its arrays in file order. With `named=False` the file holds a plain list, as the original's k-means does; otherwise
    a dictionary, as its PCA does. Answers do not depend on the arrays that `unread` names: those may hold NaN when served.
    """

    layout: ClassVar[str] = "ndarrays"
    array_names: ClassVar[tuple[str, ...]]
    named: ClassVar[bool] = True
    unread: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def arrays(self) -> dict[str, Tensor]:
        """The float32 arrays of the artifact, by name. The class says their shapes."""

    @classmethod
    def fits(cls, names: frozenset[str]) -> bool:
        """Whether arrays with these names are a model of this kind."""
        return names == frozenset(cls.array_names)

    def settings(self) -> ModelSettings:
        """What `from_arrays` needs beside the arrays."""
        return {}

    def graph(self) -> Graph:
        """The model as a graph of MXNet's operators, for layouts that hold a symbol; empty for other layouts."""
        return Graph((), ())

    def not_finite(self) -> list[str]:
        """Names of the arrays that hold NaN or infinity. A model with such an array is not saved, and not served."""
        return [name for name, array in self.arrays().items() if not bool(array.isfinite().all())]

    @classmethod
    @abstractmethod
    def from_arrays(cls, arrays: Mapping[str, Tensor], settings: ModelSettings) -> Self:
        """Rebuild a model from what `arrays` and `settings` returned. Raises UserError if they do not fit together."""

    @property
    @abstractmethod
    def feature_dim(self) -> int:
        """Columns that `predict` expects in every row."""

    @abstractmethod
    def predict(self, batch: Batch) -> Columns:
        """Answers for the n rows of the batch, (n,) or (n, m), by column name of the response.

        Raises UserError for rows that are not `feature_dim` wide.
        """

    @abstractmethod
    def to(self, device: torch.device | str) -> Self:
        """The same model on another device."""

    def evaluate(self, batches: Iterator[Batch], run: RunContext) -> dict[str, float]:
        """Metrics over a test channel, by the names in `Spec.metrics`. Raises UserError for rows without a usable label."""
        return {}


class Algorithm(ToolkitHyperparameters, ABC):
    """Base of all algorithms: a frozen dataclass of hyperparameters, with `spec` and `internal` beside them.

    Where all hosts move one model together, `resumes_from_model` says so: its arrays are then enough to resume from, on every host.
    """

    spec: ClassVar[Spec]
    model_class: ClassVar[type[Model]]
    resumes_from_model: ClassVar[bool] = False

    feature_dim: int | str

    @abstractmethod
    def fit(self, channels: Mapping[str, Stream], run: RunContext) -> Model:
        """Learn from the channels, by name, and return a model. Raises UserError for data or settings that the user can correct."""

    def pretrained(self) -> str | None:
        """Name of the pretrained weights from which this job starts; None if it starts from its own."""
        return None

    def reports(self, metric: str) -> bool:
        """Whether to report this metric of `spec.metrics` on the test channel."""
        return True
