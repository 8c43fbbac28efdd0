"""The foreign formats: a small good file of each, how it is read, and the folder of files that once were, or could have been, fatal.

Reading gives something, or raises an error of the file's user.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from werkzeug.wrappers import Request

from wildsage.algorithms.base.algorithm import Algorithm
from wildsage.algorithms.base.errors import WildsageError
from wildsage.algorithms.base.graph import Graph, Node
from wildsage.algorithms.factorization_machines.algorithm import FactorizationMachines
from wildsage.algorithms.factorization_machines.model import FactorizationMachinesModel
from wildsage.algorithms.kmeans.algorithm import KMeans
from wildsage.algorithms.kmeans.model import KMeansModel
from wildsage.containers import codecs, model_files
from wildsage.containers.codecs.images import encoded, image_list, image_recordio
from wildsage.containers.codecs.mxnet import ndarray, symbol_json
from wildsage.containers.codecs.records import record_rows
from wildsage.containers.codecs.records.files import encode_dense
from wildsage.containers.contract import archive
from wildsage.containers.model_files import artifact
from wildsage.local_runner.s3.body import Body
from wildsage.local_runner.s3.call import read_call
from wildsage.local_runner.s3.errors import S3Error

CORPUS = Path(__file__).with_name("corpus")
"""A folder for each format, with a file for each crash that was found, or that a library below is known for."""
ROWS = np.arange(12, dtype=np.float32).reshape(4, 3)
Reader = Callable[[bytes, Path], Any]
LONGEST_INPUT_S = 1.0
ERRORS_OF_THE_USER = (WildsageError, S3Error)


def body(media_type: str) -> Reader:
    def read(content: bytes, _folder: Path) -> Any:
        return list(codecs.decode(codecs.MediaType.parse(media_type), [content], default_label_size=1))

    return read


def content_type(content: bytes, _folder: Path) -> Any:
    """The header that says how a body is read."""
    media_type = codecs.MediaType.parse(content.decode("latin-1"))
    return list(codecs.decode(media_type, [b"1,2\n"], default_label_size=1))


def chunked(content: bytes, _folder: Path) -> Any:
    """A body of S3 in chunks that name their sizes."""
    environ = {"wsgi.input": io.BytesIO(content), "CONTENT_LENGTH": str(len(content)), "PATH_INFO": "/bucket/key"}
    headers = {"REQUEST_METHOD": "PUT", "HTTP_HOST": "localhost", "HTTP_CONTENT_ENCODING": "aws-chunked"}
    return list(Body(read_call(Request({**environ, **headers, "QUERY_STRING": ""}))).pieces())


def picture(form: str) -> bytes:
    content = io.BytesIO()
    Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3)).save(content, form)
    return content.getvalue()


def model(kind: type[Algorithm]) -> Reader:
    def read(content: bytes, folder: Path) -> Any:
        (folder / "model_algo-1").write_bytes(content)
        return model_files.find(kind.model_class.layout).load(folder, {kind.spec.image: kind.model_class})

    return read


def packed(content: bytes, folder: Path) -> Any:
    (folder / "model.tar.gz").write_bytes(content)
    return archive.unpack(folder / "model.tar.gz", folder / "unpacked")


def of_model(saved: Any, name: str = "model_algo-1") -> Callable[[Path], bytes]:
    def seed(folder: Path) -> bytes:
        artifact.save(saved, folder, "algo-1")
        archive.pack(folder, folder / "model.tar.gz") if name == "model.tar.gz" else None
        return (folder / name).read_bytes()

    return seed


def machines() -> FactorizationMachinesModel:
    settings = FactorizationMachines(feature_dim=3, num_factors=2, predictor_type="regressor").training_parameters()
    return FactorizationMachinesModel(torch.tensor([0.5]), torch.ones(3, 1), torch.ones(3, 2), settings)


CENTERS = KMeansModel(torch.arange(6.0).reshape(2, 3))
SYMBOL = Graph((Node("null", "data"), Node("Activation", "a", {"act_type": "relu"}, ((0, 0, 0),))), ((1, 0, 0),))
INSTANCES = {"instances": [{"features": [1.5, 2]}, {"data": {"features": {"keys": [0], "shape": [2], "values": [1]}}}]}
FORMATS: dict[str, tuple[bytes | Callable[[Path], bytes], Reader]] = {
    "recordio-protobuf": (bytes(encode_dense(ROWS, ROWS[:, 0])), body(codecs.RECORDIO_PROTOBUF)),
    "record rows": (bytes(encode_dense(ROWS)), lambda content, _: list(record_rows.decode([content]))),
    "content type": (b"text/csv; label_size=1; charset=utf-8", content_type),
    "aws-chunked": (b"5\r\nhello\r\n3;chunk-signature=ab\r\nabc\r\n0\r\nx-amz-checksum-crc32:AA==\r\n\r\n", chunked),
    "csv": (b'1,2.5,-3e2\n4,"5",6\r\n', body(codecs.CSV)),
    "json": (json.dumps(INSTANCES).encode(), body(codecs.JSON)),
    "json lines": (b'{"features": [1, 2]}\n{"features": [3, 4.5]}\n', body(codecs.JSON_LINES)),
    "ndarray list": (ndarray.write({"a": ROWS, "b": ROWS.astype(np.int32)}), lambda content, _: ndarray.read(content)),
    "symbol": (symbol_json.encode(SYMBOL), lambda content, _: symbol_json.decode(content, "symbol.json")),
    "k-means model": (of_model(CENTERS), model(KMeans)),
    "factorization machines model": (of_model(machines()), model(FactorizationMachines)),
    "model.tar.gz": (of_model(CENTERS, "model.tar.gz"), packed),
    "png": (picture("PNG"), lambda content, _: encoded.decode(content, "RGB")),
    "jpeg": (picture("JPEG"), lambda content, _: encoded.decode(content, "L")),
    "image list": (b"5\t1\ta.jpg\n6\t0\tb.jpg\n", lambda content, _: image_list.decode(content)),
    "image recordio": (
        image_recordio.encode(picture("PNG"), [1.0, 2.0], 7),
        lambda content, _: list(image_recordio.decode([content], "a.rec")),
    ),
}


def seed(name: str, folder: Path) -> bytes:
    """The good file of a format; `folder` is for what is made on the way."""
    made = FORMATS[name][0]
    return made(folder) if callable(made) else made


def corpus(name: str) -> list[Path]:
    """The bad files of a format."""
    return sorted((CORPUS / name.replace(" ", "-")).glob("*"))


def read(name: str, content: bytes, folder: Path) -> float:
    """Read a file, and return the seconds that took. An error of its user is as good as a result.

    Raises AssertionError, and keeps the file, for any other error, and for a file that takes longer than `LONGEST_INPUT_S`: the
    processor time of a second reading decides, which a busy machine does not stretch.
    """
    began = time.perf_counter()
    _read(name, content, folder)
    taken_s = time.perf_counter() - began
    if taken_s > LONGEST_INPUT_S:
        began = time.process_time()
        _read(name, content, folder)
        taken_s = time.process_time() - began
    assert taken_s <= LONGEST_INPUT_S, f"{name}: {taken_s:.1f} s for {_kept(content, folder)}"
    return taken_s


def _read(name: str, content: bytes, folder: Path) -> None:
    try:
        FORMATS[name][1](content, folder)
    except ERRORS_OF_THE_USER as error:
        assert str(error)
    except Exception as error:
        raise AssertionError(f"{name}: {type(error).__name__} on {_kept(content, folder)}") from error


def _kept(content: bytes, folder: Path) -> str:
    """Write a file that should be looked at, and say how it begins and where it is."""
    place = folder / "damaged"
    place.write_bytes(content)
    return f"{content[:200]!r}, kept as {place}"
