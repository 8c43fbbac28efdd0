"""A trained model as NumPy arrays, for programs that do not serve it: what `wildsage.read_model` gives."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wildsage import algorithms
from wildsage.algorithms.base.algorithm import ModelSettings
from wildsage.algorithms.base.errors import UserError
from wildsage.containers.contract import archive
from wildsage.containers.model_files import artifact


@dataclass(frozen=True)
class TrainedModel:
    """What a training job learned: the algorithm by its name on SageMaker, its settings, and its arrays by name.

    `settings` are those that the artifact holds beside the arrays, such as `predictor_type`; k-means and PCA have none.
    `read_model` lists the names and shapes of the arrays [contract: formats, section 7].

    >>> import numpy as np
    >>> from wildsage import TrainedModel
    >>> model = TrainedModel("kmeans", {}, {"centers": np.array([[0.0, 1.0], [5.0, 6.0]])})  # as `read_model` returns it
    >>> distances_k = np.linalg.norm(model.arrays["centers"] - np.array([4.0, 6.0]), axis=1)
    >>> int(distances_k.argmin()), float(distances_k.min())
    (1, 1.0)
    """

    algorithm: str
    settings: ModelSettings
    arrays: dict[str, NDArray]


def read_model(path: str | PathLike[str], algorithm: str | None = None) -> TrainedModel:
    """Read a trained model of SageMaker or Wildsage into NumPy arrays. MXNet is not needed.

    `path`: a `model.tar.gz`, the folder it was unpacked into, or its member `model_algo-1`. The arrays, k clusters,
    d columns of a row, c components, f factors, r rows of an index:

    | algorithm | arrays, float32 |
    |---|---|
    | kmeans | `centers` (k, d) |
    | pca | `s` (c,), singular values, rising; `v` (d, c), components as columns; `mean` (1, d) |
    | factorization-machines | `v` (d, f), `w1_weight` (d, 1), `w0_weight` (1,) |
    | linear-learner | `fc0_weight` (d, outputs), `fc0_bias` (1, outputs) |
    | knn | `labels` (r,), and `index`, uint8: `faiss.deserialize_index(index)` gives the index |
    | image-classification | the parameters of the last epoch, by MXNet's names, such as `conv0_weight` |
    | xgboost | rejected: a model holds trees, not arrays; `xgboost.Booster` loads it |
    | blazingtext | rejected: a model holds words beside its arrays; `fasttext.load_model` loads it |

    The page of each algorithm, `algorithms/<name>/README.md`, describes its artifact. Centers, components and means are in the
    units of the training data. `algorithm` is needed only for a file that could be a model of several. Raises UserError if the
    file is missing, unreadable, not a model, or a model that does not consist of arrays. Source: the artifacts of the real service,
    and the notebooks of AWS that read them with MXNet [contract: formats, section 7].

    >>> import io, tarfile
    >>> import numpy as np
    >>> from wildsage import read_model
    >>> from wildsage.containers.codecs.mxnet import ndarray
    >>> content = ndarray.write([np.array([[0.0, 1.0], [5.0, 6.0]], np.float32)])  # as a job writes two centers
    >>> with tarfile.open("model.tar.gz", "w:gz") as archive:
    ...     member = tarfile.TarInfo("model_algo-1")
    ...     member.size = len(content)
    ...     archive.addfile(member, io.BytesIO(content))
    >>> model = read_model("model.tar.gz")
    >>> model.algorithm
    'kmeans'
    >>> model.arrays["centers"]
    array([[0., 1.],
           [5., 6.]], dtype=float32)
    """
    with _folder(Path(_local(fspath(path)))) as folder:
        _reject_other_than_arrays(folder, str(path))
        kind, model = artifact.load(folder, algorithm, where=str(path))
        arrays = {name: np.array(array.numpy()) for name, array in model.arrays().items()}
    return TrainedModel(kind.spec.image, dict(model.settings()), arrays)


def _reject_other_than_arrays(folder: Path, where: str) -> None:
    if name := algorithms.program_in(folder):
        raise UserError(f"{where} is {algorithms.spec(name).model_note}")


def _local(path: str) -> str:
    if path.startswith("s3://"):
        raise UserError(f"{path} is an S3 URI, expected a path. Download the file first: aws s3 cp {path} model.tar.gz")
    return path


@contextmanager
def _folder(path: Path) -> Iterator[Path]:
    """A folder that holds the members of the model. Those of an archive are removed when the block ends."""
    if path.is_dir():
        yield path
        return
    if not path.is_file():
        raise UserError(f"{path} does not exist, expected a model.tar.gz, its folder, or its member model_algo-1.")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if archive.is_archive(path):
            archive.unpack(path, folder)
        else:
            _link_member(path, folder)
        yield folder


def _link_member(path: Path, folder: Path) -> None:
    """Link a member, and the files that go with it, such as kNN's `model_algo-1.labels`."""
    for file in (path, *path.parent.glob(f"{path.name}.*")):
        (folder / file.name).symlink_to(file.resolve())
