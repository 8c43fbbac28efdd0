"""The foreign formats: a small good file of each, how it is read, and the folder of files that once were, or could have been, fatal.

Reading gives something, or raises an error of the file's user.
"""

from __future__ import annotations

import base64
import io
import json
import multiprocessing
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any
from unittest import mock

import faiss
import numpy as np
import pyarrow as pa
import torch
import xgboost
from PIL import Image
from pyarrow.parquet import write_table
from werkzeug.wrappers import Request

from wildsage.algorithms.base.algorithm import Algorithm
from wildsage.algorithms.base.batch import Batch
from wildsage.algorithms.base.errors import UserError, WildsageError
from wildsage.algorithms.base.graph import Graph, Node
from wildsage.algorithms.base.program import JobChannel
from wildsage.algorithms.blazingtext.fasttext import files as fasttext
from wildsage.algorithms.blazingtext.fasttext.dictionary import Dictionary, Subwords
from wildsage.algorithms.blazingtext.fasttext.losses import FastTextLoss
from wildsage.algorithms.factorization_machines.algorithm import FactorizationMachines
from wildsage.algorithms.factorization_machines.model import FactorizationMachinesModel
from wildsage.algorithms.kmeans.algorithm import KMeans
from wildsage.algorithms.kmeans.model import KMeansModel
from wildsage.algorithms.knn import index as knn_index
from wildsage.algorithms.knn.algorithm import KNN
from wildsage.algorithms.knn.model import KNNModel
from wildsage.algorithms.linear_learner.algorithm import LinearLearner
from wildsage.algorithms.linear_learner.model import LinearModel
from wildsage.algorithms.xgboost import model_files as boosters
from wildsage.algorithms.xgboost.data import libsvm
from wildsage.algorithms.xgboost.data.channel import ChannelReader
from wildsage.algorithms.xgboost.data.content_types import PARQUET
from wildsage.algorithms.xgboost.data.matrix import MatrixSettings
from wildsage.algorithms.xgboost.versions import NEWEST
from wildsage.containers import codecs, model_files
from wildsage.containers.codecs.images import encoded, image_list, image_recordio
from wildsage.containers.codecs.mxnet import ndarray, symbol_json
from wildsage.containers.codecs.records import record_rows
from wildsage.containers.codecs.records.files import encode_dense
from wildsage.containers.contract import archive
from wildsage.containers.model_files import artifact, faiss_index, faiss_trial
from wildsage.containers.programs import RecordCodec
from wildsage.local_runner.s3 import xml
from wildsage.local_runner.s3.body import Body
from wildsage.local_runner.s3.call import read_call
from wildsage.local_runner.s3.errors import S3Error

CORPUS = Path(__file__).with_name("corpus")
"""A folder for each format, with a file for each crash that was found, or that a library below is known for."""
ROWS = np.arange(12, dtype=np.float32).reshape(4, 3)
Reader = Callable[[bytes, Path], Any]
LONGEST_INPUT_S = 1.0
HANGS_AFTER_S = 240
MOST_COLUMNS = 1_000_000
"""A model that claims more is not asked: the row would be larger than what is tested."""
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


class Trials:
    """Puts indexes to their trial, one after the other in a process that starts with the first.

    A process for each, as a server starts one, takes half a second. When a file has ended this one, another takes its place, in
    which that file is tried once more as the first.
    """

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([faiss_trial.__name__])
        self._process: ProcessPoolExecutor | None = None

    def check(self, path: Path, flags: int) -> None:
        """Raises UserError for a file that faiss cannot read, or that ends the process twice."""
        if problem := self._problem(path, flags) or self._problem(path, flags):
            raise UserError(f"faiss cannot read the index, the file is damaged: {problem}.")

    def _problem(self, path: Path, flags: int) -> str | None:
        self._process = self._process or ProcessPoolExecutor(1, self._context)
        try:
            return self._process.submit(faiss_trial.main, str(path), flags).result(HANGS_AFTER_S)
        except BrokenProcessPool:
            self._process = None
            return "a process that read it ended"


def index_of(kind: str) -> Callable[[Path], bytes]:
    """An index of faiss with `NEIGHBOURS` rows."""

    def seed(_folder: Path) -> bytes:
        rows_rd = np.random.default_rng(0).normal(size=(NEIGHBOURS, 2)).astype(np.float32)
        index = knn_index.empty(kind, 2, faiss.METRIC_L2, lists=2, pq_m=1)
        index.train(rows_rd)
        index.add(rows_rd)
        return bytes(faiss.serialize_index(index))

    return seed


def neighbours(content: bytes, folder: Path) -> Any:
    """A kNN model with this index, and an answer: the rows stay in the file until it is asked."""
    file = folder / "model_algo-1"
    file.unlink(missing_ok=True)  # a model that was read before has its rows in the old file
    file.write_bytes(content)
    np.zeros(NEIGHBOURS, np.float32).tofile(folder / "model_algo-1.labels")
    (folder / "model_algo-1.json").write_text('{"k": 2, "predictor_type": "regressor", "normalize": false}')
    with mock.patch.object(faiss_index, "_check_in_a_process_of_its_own", TRIALS.check):
        found = faiss_index.load(folder, {KNN.spec.image: KNNModel})
    return found.predict(Batch(torch.ones(1, found.feature_dim))) if found else None


def fasttext_model(content: bytes, folder: Path) -> Any:
    """The file, and answers of the model: it stays in the file until it is asked."""
    (folder / "model.bin").write_bytes(content)
    found = fasttext.read(folder / "model.bin")
    return found.predict(b"a b c", 2) if found.supervised else found.vector(b"abc")


def xgboost_model(content: bytes, _folder: Path) -> Any:
    """The file, and an answer of the model: the library believes what it is asked by."""
    with xgboost.config_context(nthread=1):
        booster, _ = boosters.read(content)
        columns = booster.num_features()
        return booster.inplace_predict(np.ones((1, columns), np.float32)) if columns <= MOST_COLUMNS else None


def parquet(content: bytes, folder: Path) -> Any:
    (folder / "channel").mkdir(exist_ok=True)
    (folder / "channel/rows").write_bytes(content)
    reader = ChannelReader(PARQUET, NEWEST, False, MatrixSettings(), RecordCodec(), lambda _: None)
    return reader.read(JobChannel("train", "File", "FullyReplicated", {}, folder / "channel", lambda: iter(())))


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


def linear() -> LinearModel:
    settings = {"predictor_type": "regressor", "loss_type": "squared_loss", "threshold": 0.5, "metrics_params": {}}
    return LinearModel(torch.ones(3, 1), torch.ones(1, 1), settings)


def classifier(folder: Path) -> bytes:
    """A model of fastText with two words, two labels and n-grams of words."""
    dictionary = Dictionary([b"a", b"b"], [b"__label__x", b"__label__y"], [4, 3, 2, 1], 10, Subwords(5, 0, 0, 2))
    header = fasttext.Header(3, word_ngrams=2, loss=FastTextLoss.SOFTMAX, kind=fasttext.ModelKind.SUPERVISED, buckets=5)
    fasttext.write(folder / "whole.bin", header, dictionary, np.ones((7, 3), np.float32), np.ones((2, 3), np.float32))
    return (folder / "whole.bin").read_bytes()


def trained(form: str) -> Callable[[Path], bytes]:
    """A model of XGBoost with two trees."""

    def seed(_folder: Path) -> bytes:
        booster = xgboost.train({"max_depth": 2, "nthread": 1}, xgboost.DMatrix(ROWS[:, 1:], ROWS[:, 0]), 2)
        return boosters.write(booster, True) if form == "pickle" else bytes(booster.save_raw(form))

    return seed


def old_binary(_folder: Path) -> bytes:
    models = json.loads((Path(__file__).parents[1] / "algorithms/xgboost/old_models.json").read_text())
    return zlib.decompress(base64.b64decode(models["0.90 reg:linear"]["saved"]))


def table(_folder: Path) -> bytes:
    file = io.BytesIO()
    write_table(pa.table({"label": [0.0, 1.0], "a": [1, 2], "b": ["3", "4.5"]}), file)
    return file.getvalue()


TRIALS, NEIGHBOURS = Trials(), 260
CENTERS = KMeansModel(torch.arange(6.0).reshape(2, 3))
SYMBOL = Graph((Node("null", "data"), Node("Activation", "a", {"act_type": "relu"}, ((0, 0, 0),))), ((1, 0, 0),))
DELETION = b"<Delete xmlns='http://s3.amazonaws.com/doc/2006-03-01/'><Object><Key>a&amp;b</Key></Object></Delete>"
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
    "linear learner model": (of_model(linear()), model(LinearLearner)),
    "knn flat index": (index_of("faiss.Flat"), neighbours),
    "knn lists index": (index_of("faiss.IVFFlat"), neighbours),
    "knn quantized index": (index_of("faiss.IVFPQ"), neighbours),
    "fasttext model": (classifier, fasttext_model),
    "xgboost json model": (trained("json"), xgboost_model),
    "xgboost ubjson model": (trained("ubj"), xgboost_model),
    "xgboost pickled model": (trained("pickle"), xgboost_model),
    "xgboost binary model": (old_binary, xgboost_model),
    "libsvm": (b"1:2 1:2.5 3:-4e1\n0:1 2:nan # end\n", lambda content, _: libsvm.parse(content)),
    "parquet": (table, parquet),
    "s3 document": (DELETION, lambda content, _: xml.parse(content, "Delete")),
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
