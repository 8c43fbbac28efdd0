"""A model ⇄ its files below /opt/ml/model, in any layout. The training state beside the model is written and read here too."""

from __future__ import annotations

import hashlib
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import torch

from wildsage import algorithms
from wildsage.algorithms.base import other_formats
from wildsage.algorithms.base.algorithm import Algorithm, Model
from wildsage.algorithms.base.errors import AlgorithmError, UserError
from wildsage.containers import model_files
from wildsage.containers.codecs.mxnet import ndarray
from wildsage.containers.contract import archive

Arrays = dict[str, torch.Tensor]
FRAMEWORKS = {
    "**/saved_model.pb": "TensorFlow",
    "**/*.pth": "PyTorch",
    "**/*.pt": "PyTorch",
    "**/*.joblib": "scikit-learn",
}
"""Files that models of others have, which Wildsage does not serve."""
STATES = uuid.UUID("5f0c3a52-6d0b-4c55-9d1e-0f3a7c1f8e21")


def save(model: Model, folder: Path, host: str) -> None:
    """Write the model's files in its layout. Raises AlgorithmError for a model that holds NaN or infinity."""
    if names := model.not_finite():
        raise AlgorithmError(
            f"The model's {' and '.join(names)} holds NaN or infinity: the training data has numbers too large for float32 "
            "arithmetic. Scale it and train again."
        )
    folder.mkdir(parents=True, exist_ok=True)
    model_files.find(model.layout).save(model, folder, host)


def save_state(state: Arrays, folder: Path) -> None:
    """Write the arrays beside the model as `state_<uuid>`, as real jobs did; the name follows from the bytes.

    Piece by piece, because the state of k-means may be hundreds of megabytes.
    """
    arrays = {name: array.cpu().numpy() for name, array in state.items()}
    content = hashlib.sha256()
    for piece in ndarray.pieces(arrays):
        content.update(piece)
    with (folder / f"state_{uuid.uuid5(STATES, content.hexdigest())}").open("wb") as file:
        file.writelines(ndarray.pieces(arrays))


def load_state(channel: Path, kind: type[Algorithm]) -> Arrays:
    """The state inside the model.tar.gz that a `model` channel holds, or the model's own arrays where those are enough.

    Raises UserError if there is neither.
    """
    files = sorted(path for path in channel.rglob("*") if path.is_file() and not path.name.startswith("."))
    archives = [path for path in files if path.name.endswith(".tar.gz")] or files
    if len(archives) != 1:
        names = ", ".join(path.name for path in archives) or "no file"
        raise UserError(f"Channel model: got {names}, expected one model.tar.gz of an earlier job.")
    (packed,) = archives
    with tempfile.TemporaryDirectory() as folder:
        try:
            archive.unpack(packed, Path(folder))
        except UserError as error:
            raise UserError(f"Channel model, {error}") from None
        states = sorted(Path(folder).glob("state_*"))
        if kind.resumes_from_model and not states:
            model = load(Path(folder), kind.spec.image)[1]
            check_finite(model)
            return model.arrays()
        content = ndarray.read(states[0].read_bytes()) if states else None
    if not isinstance(content, dict):
        raise UserError(
            f"Channel model, {packed.name}: holds no state_… member to resume from. "
            "Train the earlier job with _keep_state=true."
        )
    return {name: torch.from_numpy(np.array(array)) for name, array in content.items()}


def load(folder: Path, algorithm: str | None = None, where: str = "") -> tuple[type[Algorithm], Model]:
    """Read the model below `folder`; without a name, the files say which algorithm it is of.

    `where` names the folder in messages, if the user knows it by another name. Raises UserError if the model file is missing,
    or is that of another algorithm or of several.
    """
    kinds = [algorithms.find(algorithm)] if algorithm else algorithms.available()
    with other_owner_named(folder, algorithm):
        for layout in sorted({kind.model_class.layout for kind in kinds}):
            classes = {kind.spec.image: kind.model_class for kind in kinds if kind.model_class.layout == layout}
            model = model_files.find(layout).load(folder, classes)
            if model is not None:
                return next(kind for kind in kinds if kind.model_class is type(model)), model
        raise UserError(
            f"No model of {' or '.join(kind.spec.image for kind in kinds)} in {where or folder}: {_found(folder, kinds)}"
        )


def _found(folder: Path, kinds: Sequence[type[Algorithm]]) -> str:
    """What lies in a folder in place of a model of one of `kinds`, and what is expected."""
    path = model_files.model_file(folder)
    if path is None:
        present = sorted(p.name + "/" * p.is_dir() for p in folder.iterdir()) if folder.is_dir() else []
        text = f"found {', '.join(present) or 'nothing'}, expected the members of a model.tar.gz, such as model_algo-1."
    else:
        with path.open("rb") as content:
            head = content.read(other_formats.LONGEST)
        text = f"{path.name} is {other_formats.described(head)}."
    if len(kinds) > 1:
        return text + _not_recognised()
    return f"{text} Expected {model_files.find(kinds[0].model_class.layout).expected(kinds[0].model_class)}."


def check_finite(model: Model) -> None:
    """Raise UserError for a model whose answers would come from NaN or infinity."""
    wrong = [name for name in model.not_finite() if name not in model.unread]
    if wrong:
        verb = "hold" if len(wrong) > 1 else "holds"
        raise UserError(
            f"The model's {' and '.join(wrong)} {verb} NaN or infinity, expected finite numbers. Train again on scaled data, "
            "or write the file from finite arrays."
        )


@contextmanager
def other_owner_named(folder: Path, algorithm: str | None) -> Iterator[None]:
    """Where loading a model of `algorithm` fails, say whose the files look like, if they are another's.

    Raises UserError.
    """
    try:
        yield
    except UserError as error:
        owner = _owner(folder, algorithm)
        if owner is None:
            raise
        raise UserError(f"{error} The files look like a model of {owner}.") from None


def _owner(folder: Path, expected: str | None) -> str | None:
    """Which algorithm or framework other than `expected` the files look like a model of; None if that is not known."""
    program = algorithms.program_in(folder)
    if found := algorithms.spec(program).image if program else _recognised(folder) if expected else None:
        return None if found == (expected or "").replace("_", "-") else found
    return next((name for pattern, name in FRAMEWORKS.items() if any(folder.glob(pattern))), None)


def _recognised(folder: Path) -> str | None:
    """The algorithm on the toolkit that can read the model."""
    with suppress(UserError):
        return load(folder)[0].spec.image
    return None


def _not_recognised() -> str:
    """A sentence for each algorithm whose packages are missing, so that its models cannot be read."""
    return "".join(
        f" Models of {name} are recognised only after pip install 'wildsage[{name}]'."
        for name in algorithms.unavailable()
    )
