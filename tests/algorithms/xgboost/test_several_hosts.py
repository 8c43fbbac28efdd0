"""Several hosts as processes: the same model as one, hosts without rows, and a host that is killed."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests import forks
from wildsage.algorithms.base.ports import free_port

xgboost = pytest.importorskip("xgboost")
from wildsage.algorithms.xgboost import model_files  # noqa: E402
from wildsage.containers.contract.job import ChannelConfig, TrainingJob  # noqa: E402
from wildsage.containers.contract.paths import OptML  # noqa: E402

ROOT = Path(__file__).resolve().parents[3]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(xgboost.__version__ < "2.1", reason=f"XGBoost {xgboost.__version__}: hosts need 2.1 or newer"),
]


@pytest.fixture(scope="module")
def interpreter() -> Iterator[forks.Forks]:
    """What the hosts are forked from: it has imported the library, and torch, through which hosts watch each other."""
    modules = ("torch.distributed", "wildsage.containers.programs", "wildsage.algorithms.xgboost.training")
    with forks.serving(*modules, environment={**os.environ, "PYTHONPATH": str(ROOT)}) as found:
        yield found


@pytest.fixture
def start(tmp_path, interpreter):
    """`start(shares, {"num_round": "5"})` is a process for every share of the rows; `validation` has shares as well."""
    started = []

    def hosts(shares, hyperparameters, validation=()):
        names = tuple(f"algo-{number + 1}" for number in range(len(shares)))
        port = free_port()
        channels = {"train": shares, **({"validation": validation} if validation else {})}
        config = dict.fromkeys(channels, ChannelConfig("text/csv"))
        for number, name in enumerate(names):
            folder = OptML(tmp_path / name)
            folder.make_folders()
            for channel, contents in channels.items():
                folder.channel(channel).mkdir()
                if contents[number]:
                    (folder.channel(channel) / "rows.csv").write_bytes(contents[number])
            TrainingJob(hyperparameters, config, name, names).write(folder)
            meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "SAGEMAKER_DATA_PATH": str(folder.root)}
            started.append(
                subprocess.Popen(
                    interpreter.module("wildsage.containers", "train"),
                    env={**os.environ, "PYTHONPATH": str(ROOT), "WILDSAGE_ALGORITHM": "xgboost", **meeting},
                    stdout=(folder.root / "log").open("w"),
                    stderr=subprocess.STDOUT,
                )
            )
        return list(started), [OptML(tmp_path / name) for name in names]

    yield hosts
    for process in started:
        process.kill()
        process.wait()


def shares_of(rows, count: int) -> list[bytes]:
    lines = rows.csv(rows.values).splitlines(keepends=True)
    return [b"".join(lines[number::count]) for number in range(count)]


HIST = {"num_round": "10", "max_depth": "3", "tree_method": "hist", "eval_metric": "rmse,r2"}


def log(folder: OptML) -> str:
    return (folder.root / "log").read_text()


@pytest.mark.parametrize("count", [2, 3])
def test_hosts_learn_what_one_learns(start, run, rows, count):
    processes, folders = start(shares_of(rows, count), HIST)
    assert [process.wait(240) for process in processes] == [0] * count, log(folders[0])
    assert [[path.name for path in folder.model.iterdir()] for folder in folders] == [
        ["xgboost-model"],
        *[[]] * (count - 1),
    ]
    alone = run(HIST, {"train": rows.csv(rows.values)})
    matrix = xgboost.DMatrix(rows.x)
    together = model_files.read((folders[0].model / "xgboost-model").read_bytes())[0].predict(matrix)
    one = model_files.read(alone.model())[0].predict(matrix)
    rmse = [float(np.sqrt(np.mean((guess - rows.values) ** 2))) for guess in (one, together)]
    assert abs(rmse[0] - rmse[1]) < 0.1 * rmse[0]
    logged = float(re.findall(r"train-rmse:(\S+)", log(folders[0]))[-1])
    assert logged == pytest.approx(rmse[1], abs=1e-3)
    assert not re.search(r"^\[\d+\]\ttrain", log(folders[1]), re.MULTILINE)


def test_a_host_without_rows_is_dropped_with_the_originals_warning(start, rows):
    processes, folders = start([b"", *shares_of(rows, 2)], HIST)
    assert [process.wait(240) for process in processes] == [0, 0, 0], log(folders[0])
    assert (
        "Host algo-1 does not have data. Will broadcast to cluster and will not be used in distributed training."
        in log(folders[0])
    )
    assert [len(list(folder.model.iterdir())) for folder in folders] == [0, 1, 0]


@pytest.mark.parametrize("holder", [0, 1])
def test_hosts_without_rows_to_evaluate_evaluate_with_those_that_have_some(start, rows, holder):
    """The third host has such rows, but none to learn from; it is dropped."""
    third, train = rows.csv(rows.values + 100), [*shares_of(rows, 2), b""]
    validation = [rows.csv(rows.values) if number == holder else b"" for number in range(2)]
    processes, folders = start(train, HIST, [*validation, third])
    assert [process.wait(240) for process in processes] == [0, 0, 0], log(folders[0])
    booster, _ = model_files.read((folders[0].model / "xgboost-model").read_bytes())
    errors = booster.predict(xgboost.DMatrix(rows.x)) - rows.values
    expected = {"rmse": np.sqrt(np.mean(errors**2)), "r2": 1 - np.mean(errors**2) / np.var(rows.values)}
    for name, value in expected.items():
        logged = float(re.findall(rf"validation-{name}:(\S+)", log(folders[0]))[-1])
        assert logged == pytest.approx(value, abs=1e-4), name


def test_no_host_with_rows_fails_as_one_without_does(start):
    processes, folders = start([b"", b""], HIST)
    assert [process.wait(240) for process in processes] == [1, 1], log(folders[0])
    assert folders[0].failure.read_text().startswith("ClientError: No data in training channel path")


def test_a_host_that_is_killed_fails_the_others_soon_and_with_a_reason(start, rows):
    processes, folders = start(shares_of(rows, 2), {**HIST, "num_round": "1000000"})
    deadline = time.monotonic() + 240
    while "[0]\t" not in log(folders[0]) and time.monotonic() < deadline:
        time.sleep(0.2)
    processes[1].send_signal(signal.SIGKILL)
    assert processes[0].wait(240) == 3
    assert "Host algo-2 of this job ended before its work was done" in folders[0].failure.read_text()


def test_a_host_that_cannot_read_its_rows_ends_the_others_with_its_reason(start, rows):
    processes, folders = start([shares_of(rows, 1)[0], b"1,text\n"], HIST)
    assert [process.wait(240) for process in processes] == [3, 1], log(folders[0])
    assert "Host algo-2 failed: ClientError: Failed to load csv data" in folders[0].failure.read_text()
