"""XGBoost in every format and input mode, as processes and in containers: one sha256.

The rows are numbers that binary fractions hold exactly: others the library reads from LIBSVM with an error in the last bit.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterator

import numpy as np
import pytest

xgboost = pytest.importorskip("xgboost")
import pyarrow as pa  # noqa: E402
from pyarrow import parquet  # noqa: E402

from wildsage.algorithms.xgboost import model_files  # noqa: E402
from wildsage.containers.codecs.records.record_protobuf import encode_rows  # noqa: E402
from wildsage.local_runner.backends.warm import WarmInterpreter  # noqa: E402
from wildsage.local_runner.server.services import WARM_IMPORTS  # noqa: E402
from wildsage.local_runner.settings import CONTAINERS  # noqa: E402

SHARES = 3
TYPES = ("text/csv", "text/libsvm", "application/x-parquet", "application/x-recordio-protobuf")
JOBS = {
    "exact, pickled": ("sagemaker-xgboost:1.2-2", {"num_round": "5", "objective": "binary:logistic", "subsample": "0.7"}),
    "hist, dart": ("sagemaker-xgboost:1.7-1", {"num_round": "5", "tree_method": "hist", "booster": "dart", "rate_drop": "0.3"}),
}  # fmt: skip


@pytest.fixture
def name() -> str:
    return "xgboost"


@pytest.fixture(scope="module")
def warm() -> Iterator[WarmInterpreter]:
    """What starts the processes, as in `wildsage up`."""
    interpreter = WarmInterpreter(CONTAINERS[-1], WARM_IMPORTS)
    yield interpreter
    interpreter.close()


@pytest.fixture(params=JOBS)
def job(request) -> tuple[str, dict[str, str]]:
    """An image and hyperparameters."""
    return JOBS[request.param]


def rows_of(number: int) -> np.ndarray:
    rows = np.random.default_rng(number).integers(-24, 25, size=(100, 5)) / 8
    rows[:, 0] = rows[:, 1] > rows[:, 2]
    return rows


def as_csv(rows: np.ndarray) -> bytes:
    return "".join(",".join(map(repr, row)) + "\n" for row in rows.tolist()).encode()


def as_libsvm(rows: np.ndarray) -> bytes:
    lines = (f"{row[0]} " + " ".join(f"{i}:{value!r}" for i, value in enumerate(row[1:])) for row in rows.tolist())
    return "".join(line + "\n" for line in lines).encode()


def as_parquet(rows: np.ndarray) -> bytes:
    file = io.BytesIO()
    parquet.write_table(pa.table({f"c{number}": column for number, column in enumerate(rows.T)}), file)
    return file.getvalue()


def as_records(rows: np.ndarray) -> bytes:
    return bytes(encode_rows(rows[:, 1:].astype(np.float32), rows[:, :1].astype(np.float32)))


WRITERS = dict(zip(TYPES, (as_csv, as_libsvm, as_parquet, as_records), strict=True))


def model(place, job, content_type: str, mode: str) -> bytes:
    image, hyperparameters = job
    channel = stored(place, content_type, mode)
    outcome = place.train(image, hyperparameters, channel)
    assert outcome.statuses == [0], outcome.ending
    return outcome.model


def stored(place, content_type: str, mode: str) -> dict:
    """The rows in three files; one in Pipe mode for Parquet, which cannot be read end to end."""
    folder = f"{content_type.rpartition('/')[2]}-{mode}"
    files = [rows_of(number) for number in range(SHARES)]
    if content_type == "application/x-parquet" and mode == "Pipe":
        files = [np.concatenate(files)]
    for number, rows in enumerate(files):
        place.objects.put("bucket", f"{folder}/part-{number}", [WRITERS[content_type](rows)])
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://bucket/{folder}/", "S3DataDistributionType": "FullyReplicated"}
    return {
        "ChannelName": "train",
        "ContentType": content_type,
        "InputMode": mode,
        "DataSource": {"S3DataSource": source},
    }


def ways() -> list[tuple[str, str]]:
    """Every format in every mode; LIBSVM has no pipes."""
    modes = {"text/libsvm": ("File", "FastFile")}
    return [(kind, mode) for kind in TYPES for mode in modes.get(kind, ("File", "FastFile", "Pipe"))]


def test_processes_give_one_model_in_every_format_and_mode(processes, job):
    image = job[0]
    sha256 = {
        (kind, mode, number): hashlib.sha256(model(processes, job, kind, mode)).hexdigest()
        for number, (kind, mode) in enumerate([*ways(), ways()[0]])
    }
    assert len(set(sha256.values())) == 1, (image, sha256)


WAYS_OF_CONTAINERS = {
    "exact, pickled": [*zip(TYPES, ("File", "File", "Pipe", "Pipe"), strict=True)],
    "hist, dart": [ways()[0], ways()[-1]],
}
"""By job: every format, and a folder and a pipe. In FastFile mode a container gets the same folder as in File mode, and what reads it
learns nothing of the job."""


@pytest.mark.parametrize("job", JOBS)
def test_containers_give_the_model_of_processes(processes, containers, job):
    expected = model(processes, JOBS[job], "text/csv", "File")
    for kind, mode in WAYS_OF_CONTAINERS[job]:
        assert model(containers, JOBS[job], kind, mode) == expected, (kind, mode)


@pytest.mark.skipif(xgboost.__version__ < "2.1", reason=f"XGBoost {xgboost.__version__}: hosts need 2.1 or newer")
@pytest.mark.parametrize("hosts", [2, 3, 4])
def test_hosts_share_the_files_of_a_channel(processes, hosts):
    """Three files: with four hosts one has none, and is dropped."""
    channel = stored(processes, "text/csv", "File")
    channel["DataSource"]["S3DataSource"]["S3DataDistributionType"] = "ShardedByS3Key"
    image, hyperparameters = JOBS["hist, dart"]
    outcome = processes.train(image, {**hyperparameters, "objective": "binary:logistic"}, channel, hosts)
    assert outcome.statuses == [0] * hosts, outcome.ending
    log = "".join(outcome.lines)
    assert f"Distributed node training with {min(hosts, SHARES)} hosts" in log
    assert ("does not have data. Will broadcast to cluster" in log) == (hosts > SHARES)
    rows = np.concatenate([rows_of(number) for number in range(SHARES)])
    with tarfile.open(fileobj=io.BytesIO(outcome.model)) as packed:
        booster, _ = model_files.read(packed.extractfile("xgboost-model").read())
    guessed = booster.predict(xgboost.DMatrix(rows[:, 1:])) > 0.5
    assert (guessed == rows[:, 0]).mean() > 0.9
