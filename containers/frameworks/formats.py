"""Arrays in bodies of requests and answers, as Amazon's inference toolkit reads and writes them; nothing is unpickled.

Source: contract script-mode, section 5; decoder.py and encoder.py of aws/sagemaker-inference-toolkit.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from wildsage.algorithms.base import json_text

JSON, CSV, NPY, NPZ, ANY = "application/json", "text/csv", "application/x-npy", "application/x-npz", "*/*"
TEXT = (JSON, CSV)
"""Types of bodies that reach a script as text."""

ADVICE = (
    "Please implement input_fn to to deserialize the request data or an output_fn to\n"
    "serialize the response. For more information, see the SageMaker Python SDK README."
)


class UnsupportedType(Exception):
    """A media type that no default reads or writes; the text is the toolkit's."""

    def __init__(self, media_type: str | None) -> None:
        super().__init__(f"Content type {media_type} is not supported by this framework.\n\n{ADVICE}")


def base_type(media_type: str | None) -> str:
    """A media type without its parameters; JSON where none is given."""
    return (media_type or JSON).partition(";")[0].strip().lower()


def decode(body: str | bytes, content_type: str | None) -> Any:
    """The array of a body: numbers of JSON and CSV, NumPy's own file, or a sparse matrix. Raises UnsupportedType."""
    readers: dict[str, Callable[[Any], Any]] = {
        JSON: lambda text: np.array(json_text.parse(text)),
        CSV: lambda text: np.genfromtxt(io.StringIO(text), delimiter=","),
        NPY: lambda content: np.load(io.BytesIO(content), allow_pickle=False),
        NPZ: _sparse,
    }
    read = readers.get(base_type(content_type))
    if read is None:
        raise UnsupportedType(content_type)
    return read(body)


def encode(prediction: Any, accept: str) -> tuple[str | bytes, str]:
    """The answer in the first type of an Accept header that can be written, and that type. Raises UnsupportedType."""
    writers: dict[str, Callable[[Any], str | bytes]] = {JSON: _json, CSV: _csv, NPY: _npy}
    for media_type in accepted(accept):
        if write := writers.get(media_type):
            return write(prediction), media_type
    raise UnsupportedType(accept)


def accepted(accept: str) -> Iterator[str]:
    """The media types of an Accept header in their order."""
    return (base_type(one) for one in accept.split(","))


def _sparse(content: bytes) -> Any:
    import scipy.sparse  # only where such a body comes

    return scipy.sparse.load_npz(io.BytesIO(content))


def _json(prediction: Any) -> str:
    def plain(value: Any) -> Any:
        if hasattr(value, "tolist"):
            return value.tolist()
        raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")

    return json.dumps(prediction, default=plain)


def _csv(prediction: Any) -> str:
    stream = io.StringIO()
    np.savetxt(stream, prediction, delimiter=",", fmt="%s")
    return stream.getvalue()


def _npy(prediction: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, prediction, allow_pickle=False)
    return stream.getvalue()
