"""SavedModels in the folder of a model, and their signatures.

Source: tfs_utils.py of aws/sagemaker-tensorflow-serving-container; the layout is `<any folders>/<version>/saved_model.pb`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from wildsage.algorithms.base.errors import UserError
from wildsage.containers.frameworks.tensorflow_serving.arrays import Types
from wildsage.containers.frameworks.tensorflow_serving.errors import InvalidArgument, ServingError

FILE = "saved_model.pb"
TAG = "serve"
PREFIX = "tensorflow/serving/"


def find(folder: Path) -> dict[str, dict[int, Path]]:
    """The folders of the versions of each model, by the model's name, which is that of the folder around its versions.

    Raises UserError where there are none.
    """
    found: dict[str, dict[int, Path]] = {}
    for file in sorted(folder.rglob(FILE)):
        version = file.parent
        if version.name.isdecimal():
            found.setdefault(version.parent.name, {})[int(version.name)] = version
    if not found:
        raise UserError(_nothing_found(folder))
    return found


def _nothing_found(folder: Path) -> str:
    files = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()]
    listed = ", ".join(files[:10]) or "nothing"
    if any(file.endswith((".keras", ".h5")) for file in files):
        advice = "A .keras or .h5 file is what model.save writes in Keras 3; write a SavedModel with model.export."
    else:
        advice = "Write one with model.export(os.path.join(os.environ['SM_MODEL_DIR'], '1'))."
    return f"no SavedModel bundles found! Expected <a number>/{FILE} in the model, which holds {listed}. {advice}"


@dataclass(frozen=True)
class Signature:
    """One function of a SavedModel. `method` is predict, classify or regress."""

    method: str
    shapes: Mapping[str, tf.TensorSpec]
    function: Any

    @property
    def types(self) -> Types:
        """The types of the inputs by name."""
        return {name: np.dtype(spec.dtype.as_numpy_dtype) for name, spec in self.shapes.items()}

    def run(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The outputs by name. Raises InvalidArgument for arrays of another shape, and ServingError for what the model raises."""
        for name, array in arrays.items():
            if not self.shapes[name].shape.is_compatible_with(array.shape):
                raise InvalidArgument(
                    f"Input {name}: got shape {list(array.shape)}, the signature of the model expects {_text(self.shapes[name])}."
                )
        try:
            tensors = {name: tf.constant(array, self.shapes[name].dtype) for name, array in arrays.items()}
            return {name: value.numpy() for name, value in self.function(**tensors).items()}
        except tf.errors.InvalidArgumentError as error:
            raise InvalidArgument(error.message) from None
        except Exception as error:  # operations raise what they like
            raise ServingError(str(error)) from error


class SavedModel:
    """One version of a model in memory, with its signatures by name."""

    def __init__(self, folder: Path) -> None:
        """Load it. Raises UserError in TensorFlow's words."""
        try:
            methods = _methods(folder / FILE)
            self._loaded = tf.saved_model.load(str(folder))
        except Exception as error:  # the loader raises whatever it meets
            raise UserError(f"The SavedModel {folder.name} cannot be loaded: {error}") from None
        self.signatures = {
            name: Signature(methods.get(name, ""), _inputs(function), function)
            for name, function in self._loaded.signatures.items()
        }


def _inputs(function: Any) -> dict[str, tf.TensorSpec]:
    _, named = function.structured_input_signature
    return dict(named)


def _methods(file: Path) -> dict[str, str]:
    """The method of each signature, such as predict."""
    content = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    graphs = [graph for graph in content.meta_graphs if TAG in graph.meta_info_def.tags]
    signatures = graphs[0].signature_def if graphs else {}
    return {name: one.method_name.removeprefix(PREFIX) for name, one in signatures.items()}


def _text(spec: tf.TensorSpec) -> str:
    return str([-1 if size is None else size for size in spec.shape])
