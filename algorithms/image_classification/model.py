"""The finished model: a graph and its arrays, of the best epoch or of several.

Axes: n images · c channels · h height · w width · k classes
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from PIL.Image import Image as Picture
from torch import Tensor

from wildsage.algorithms.base.algorithm import Columns, Model, ModelSettings
from wildsage.algorithms.base.batch import Batch
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.graph import Graph
from wildsage.algorithms.image_classification import preparation
from wildsage.algorithms.image_classification.executor import Network
from wildsage.algorithms.image_classification.network import DATA

Arrays = Mapping[str, Tensor]

UNCOMPUTABLE = (RuntimeError, LookupError, TypeError, ValueError, ArithmeticError)
"""What torch and the operators raise for a graph whose nodes lack inputs or settings, or have those of another kind."""


@dataclass(frozen=True)
class ImageClassificationModel(Model):
    """`epochs` holds the arrays of every epoch kept, by its number from 1 on; the last of them answers.

    `symbol` may come from another program, as long as its operators are known; `image_shape` is (c, h, w).
    """

    symbol: Graph
    epochs: Mapping[int, Arrays]
    image_shape: tuple[int, int, int]
    batch_size: int = 1
    _network: Network = field(init=False, compare=False, repr=False)

    layout: ClassVar = "mxnet_checkpoint"
    array_names: ClassVar = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "_network", Network(self.symbol, self.arrays()).channels_last().train(False))

    def arrays(self) -> dict[str, Tensor]:
        """The arrays of the last epoch kept, in the shapes of the graph's nodes."""
        return dict(self.epochs[max(self.epochs)])

    @classmethod
    def from_checkpoint(
        cls, graph: Graph, epoch: int, arrays: Mapping[str, Tensor], image_shape: tuple[int, int, int]
    ) -> Self:
        """A model from files, tried on a black image. Raises UserError where graph, arrays and shape do not fit together."""
        missing = [
            name for name in graph.variables if name not in arrays and name != DATA and not name.endswith("label")
        ]
        if missing:
            raise UserError(
                f"The symbol's {', '.join(missing[:5])} has no array in the .params file ({len(missing)} missing)."
            )
        own = {name: arrays[name] for name in graph.variables if name in arrays}
        try:
            model = cls(graph, {epoch: own}, image_shape)
            model.predict(Batch(torch.zeros(1, *image_shape)))
        except UNCOMPUTABLE as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise UserError(f"The network does not compute on an image of {image_shape}: {reason}") from None
        return model

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Tensor], settings: ModelSettings) -> Self:
        raise UserError("An image model needs its graph as well as its arrays: use from_checkpoint.")

    def graph(self) -> Graph:
        return self.symbol

    @property
    def feature_dim(self) -> int:
        """Channels of an image."""
        return self.image_shape[0]

    @property
    def mode(self) -> str:
        """ "RGB", or "L" for images of one channel."""
        return preparation.mode_of(self.image_shape)

    def pixels(self, picture: Picture) -> NDArray[np.uint8]:
        """A picture of any size as pixels (h, w, c) of the network's input."""
        return preparation.stretched(picture, self.image_shape)

    def predict(self, batch: Batch) -> Columns:
        """Probabilities (n, k) of images (n, c, h, w) of 0 to 255: they add up to 1, or with several labels are independent."""
        images_nchw = batch.dense().contiguous(memory_format=torch.channels_last)
        with torch.inference_mode():
            return {"prediction": self._network(images_nchw).flatten(1)}

    def to(self, device: torch.device | str) -> Self:
        moved = {epoch: {name: a.to(device) for name, a in arrays.items()} for epoch, arrays in self.epochs.items()}
        return type(self)(self.symbol, moved, self.image_shape, self.batch_size)
