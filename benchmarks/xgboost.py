"""XGBoost's container against a plain script with the library on the same files: scores, seconds, readers, memory and answers.

python -m benchmarks.xgboost [--rounds N]
"""

from __future__ import annotations

import wildsage.containers  # noqa: F401  sets how threads wait for each other, which OpenMP reads when XGBoost is imported

# isort: split
import argparse
import gzip
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from datetime import date
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import xgboost

from benchmarks.datasets import SHARED
from benchmarks.report import Report, medians, peak_mib
from wildsage.algorithms.base.endpoint import HttpRequest
from wildsage.algorithms.base.program import TAG_VARIABLE, JobChannel
from wildsage.algorithms.xgboost import model_files
from wildsage.algorithms.xgboost.data import csv_text, libsvm
from wildsage.algorithms.xgboost.data.channel import ChannelReader
from wildsage.algorithms.xgboost.data.content_types import CSV, LIBSVM
from wildsage.algorithms.xgboost.data.late_loops import LATE_LOOPS, LateLoops
from wildsage.algorithms.xgboost.data.matrix import MatrixSettings
from wildsage.algorithms.xgboost.versions import NEWEST
from wildsage.containers import programs
from wildsage.containers.contract.job import ChannelConfig, TrainingJob
from wildsage.containers.contract.paths import OptML
from wildsage.containers.programs import RecordCodec
from wildsage.containers.training.stopping import StopSignal

ROOT = Path(__file__).parents[1]
PYTHON_1_7 = ROOT / ".clients" / "xgboost17" / "bin" / "python"
TABULAR = SHARED / "tabular"
COMMON = {"max_depth": 5, "eta": 0.2, "gamma": 4, "min_child_weight": 6}
BATCH_ROWS = 5_000
LARGE_ROWS = 1_000_000


def abalone() -> tuple[np.ndarray, dict]:
    """Rows (4177, 9) with the label first, and the objective."""
    lines = pd.read_csv(TABULAR / "abalone" / "abalone.libsvm", sep=r"[ :]", header=None, engine="python")
    return lines.to_numpy(np.float64)[:, [0, *range(2, lines.shape[1], 2)]], {"objective": "reg:squarederror"}


def covtype() -> tuple[np.ndarray, dict]:
    """Rows (n, 55) with the label first, and the objective for the seven types of cover."""
    rows = pd.read_csv(
        io.BytesIO(gzip.decompress((TABULAR / "covtype" / "covtype-92962.data.gz").read_bytes())), header=None
    )
    values = rows.to_numpy(np.float64)
    labels = values[:, -1] - values[:, -1].min()
    return np.column_stack([labels, values[:, :-1]]), {"objective": "multi:softmax", "num_class": int(labels.max()) + 1}


def clicks() -> tuple[np.ndarray, dict]:
    """100,000 rows of 30 columns, one in six positive."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(100_000, 30)).round(4)
    score = x[:, 0] - x[:, 1] + x[:, 2] * x[:, 3] + rng.normal(size=len(x)) - 1.8
    return np.column_stack([score > 0, x]), {"objective": "binary:logistic", "eval_metric": "logloss"}


def churn() -> tuple[np.ndarray, dict]:
    """The shape of customer churn: 2,333 rows of 69 columns, 17 of them numbers and the rest one state out of 52."""
    return _with_one_hot(2_333, 17, (52,), 1), {"objective": "binary:logistic"}


def marketing() -> tuple[np.ndarray, dict]:
    """The shape of direct marketing: 28,831 rows of 59 columns, 10 of them numbers and the rest answers to seven questions."""
    return _with_one_hot(28_831, 10, (12, 4, 8, 3, 10, 7, 5), 2), {"objective": "binary:logistic"}


def _with_one_hot(rows: int, numbers: int, answers: tuple[int, ...], seed: int) -> np.ndarray:
    """The label, then numbers, then a column for each answer to each question; one label in eight is 1."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, numbers)).round(2)
    chosen = [rng.integers(0, count, rows) for count in answers]
    score = x[:, 0] + x[:, 1] * x[:, 2] + rng.normal(size=answers[0])[chosen[0]] + rng.normal(size=rows)
    columns = [np.eye(count)[answer] for count, answer in zip(answers, chosen, strict=True)]
    return np.column_stack([score > np.quantile(score, 7 / 8), x, *columns])


SETS = {
    "abalone": abalone,
    "churn, made up": churn,
    "marketing, made up": marketing,
    "covtype, 7 classes": covtype,
    "clicks, made up": clicks,
}


def plain(path: Path, parameters: dict, rounds: int) -> xgboost.Booster:
    """What a script does."""
    rows = pd.read_csv(path, header=None, dtype=np.float32)
    matrix = xgboost.DMatrix(rows.iloc[:, 1:].to_numpy(), label=rows.iloc[:, 0].to_numpy())
    booster = xgboost.train({**COMMON, **parameters}, matrix, rounds, evals=[(matrix, "train")], verbose_eval=False)
    booster.save_model(path.with_name("model.ubj"))
    return booster


def job(folder: Path, path: Path, parameters: dict, rounds: int, mode: str = "File", tag: str = "") -> Path:
    """The container's door, in this process; returns the model file."""
    opt_ml = OptML(folder)
    opt_ml.make_folders()
    given = {name: str(value) for name, value in {**COMMON, **parameters, "num_round": rounds}.items()}
    TrainingJob(given, {"train": ChannelConfig("text/csv", mode)}).write(opt_ml)
    _link(opt_ml, path) if mode == "File" else _fill_pipe(opt_ml, path)
    with redirect_stdout(io.StringIO()) as log:
        if programs.train("xgboost", {"SAGEMAKER_DATA_PATH": str(folder), TAG_VARIABLE: tag}, StopSignal()):
            raise SystemExit(log.getvalue())
    return opt_ml.model / "xgboost-model"


def _link(opt_ml: OptML, path: Path) -> None:
    opt_ml.channel("train").mkdir(exist_ok=True)
    place = opt_ml.channel("train") / "rows.csv"
    place.unlink(missing_ok=True)
    place.symlink_to(path)


def _fill_pipe(opt_ml: OptML, path: Path) -> None:
    """`cat` writes the file to the channel's pipe."""
    pipe = opt_ml.pipe("train", 0)
    os.mkfifo(pipe)
    subprocess.Popen(["sh", "-c", 'cat "$0" > "$1"', path, pipe])


def compared(name: str, folder: Path, rounds: int, repeats: int) -> list[str]:
    """One line of the table: scores, seconds of both, and processor seconds of both on one thread."""
    values, parameters = SETS[name]()
    path = folder / "rows.csv"
    np.savetxt(path, values, delimiter=",", fmt="%.6g")

    def contenders(**more: int) -> dict[str, Callable[[], object]]:
        chosen = {**parameters, **more}
        return {
            "job": lambda: job(folder, path, chosen, rounds),
            "script": lambda: plain(path, chosen, rounds),
        }

    elapsed = medians(contenders(), repeats)
    computed = medians(contenders(nthread=1), repeats, time.process_time)
    matrix = xgboost.DMatrix(values[:, 1:].astype(np.float32), label=values[:, 0])
    theirs = plain(path, parameters, rounds)
    ours, _ = model_files.read(job(folder, path, parameters, rounds).read_bytes())
    apart = float(np.abs(ours.predict(matrix) - theirs.predict(matrix)).max())
    score = theirs.eval(matrix).split("\t")[1].removeprefix("eval-")
    seconds = [f"{taken[who]:.2f}" for taken in (elapsed, computed) for who in ("job", "script")]
    return [name, score, f"{apart:.1g}", *seconds, f"{computed['job'] / computed['script']:.2f}"]


def readers(folder: Path, repeats: int) -> str:
    """Our readers beside pandas' C parser and the library's own reader of LIBSVM, on the same rows."""
    rows = clicks()[0]
    csv_file, libsvm_file = folder / "rows.csv", folder / "rows.libsvm"
    np.savetxt(csv_file, rows, delimiter=",", fmt="%.6g")
    with libsvm_file.open("w") as file:
        for label, *values in rows.tolist():
            file.write(f"{label:g} " + " ".join(f"{i}:{value:.6g}" for i, value in enumerate(values)) + "\n")

    def read(path: Path, form: str) -> xgboost.DMatrix | None:
        reader = ChannelReader(form, NEWEST, False, MatrixSettings(), RecordCodec(), lambda _line: None)
        return reader.read(JobChannel(None, "File", "FullyReplicated", {}, path, lambda: iter(())))

    places = {}
    for path, form in ((csv_file, CSV), (libsvm_file, LIBSVM)):
        places[form] = folder / form
        places[form].mkdir()
        (places[form] / path.name).symlink_to(path)

    def by_pandas() -> xgboost.DMatrix:
        table = pd.read_csv(csv_file, header=None, dtype=np.float32)
        return xgboost.DMatrix(table.iloc[:, 1:].to_numpy(), label=table.iloc[:, 0].to_numpy())

    contenders: dict[str, Callable[[], object]] = {
        "csv": lambda: read(places[CSV], CSV),
        "csv, Arrow": lambda: by_arrow(lambda: read(places[CSV], CSV)),
        "pandas": by_pandas,
        "libsvm": lambda: read(places[LIBSVM], LIBSVM),
        "libsvm, Arrow": lambda: by_arrow(lambda: read(places[LIBSVM], LIBSVM)),
        "library": lambda: xgboost.DMatrix(f"{libsvm_file}?format=libsvm"),
    }
    LATE_LOOPS.load()
    elapsed, computed = medians(contenders, repeats), medians(contenders, repeats, time.process_time)
    taken = {name: f"{elapsed[name]:.2f} s ({computed[name]:.2f})" for name in contenders}
    return (
        f"{len(rows):,} rows of {rows.shape[1] - 1} columns become a matrix, in seconds by the clock (and of the processor): from "
        f"CSV by the compiled loops {taken['csv']}, by Arrow before these are loaded {taken['csv, Arrow']}, by pandas' C parser "
        f"and DMatrix {taken['pandas']}; from LIBSVM by the loops {taken['libsvm']}, by Arrow {taken['libsvm, Arrow']}, by the "
        f"library's own reader {taken['library']}."
    )


def libsvm_sizes(repeats: int) -> str:
    """LIBSVM files of several sizes, as a job reads them and as the library does: this one, and 1.7 where that is installed."""
    pythons = [python for python in (Path(sys.executable), PYTHON_1_7) if python.exists()]
    command = ["-m", "benchmarks.libsvm_readers", "--repeats", str(repeats)]
    found = [json.loads(subprocess.check_output([python, *command], cwd=ROOT)) for python in pythons]
    head = "| a file's rows store | MB |" + "".join(
        f" job, s | library {each['version']}, s | job, CPU s | library, CPU s |" for each in found
    )
    lines = [head, "| --- " * head[1:].count("|") + "|"]
    for same in zip(*(each["files"] for each in found), strict=True):
        times = "".join(f" {one['job'][clock]:.4f} | {one['library'][clock]:.4f} |" for one in same for clock in (0, 1))
        lines.append(f"| {same[0]['shape']} | {same[0]['megabytes']:g} |{times}")
    (wall, used), (wall_with, used_with) = found[0]["start"]["without"], found[0]["start"]["with"]
    return (
        "LIBSVM to a matrix, by a job and by the library's own reader. The loops are loaded before, while a job of such a file "
        f"imports the library; that start takes {wall:.2f} s ({used:.2f} s of the processor) without them and {wall_with:.2f} s "
        f"({used_with:.2f}) with them.\n\n" + "\n".join(lines)
    )


def by_arrow(work: Callable[[], object]) -> object:
    """The work as a process does it that has not yet loaded the compiled loops."""
    with mock.patch.object(csv_text, "LATE_LOOPS", LateLoops()), mock.patch.object(libsvm, "LATE_LOOPS", LateLoops()):
        return work()


def memory(folder: Path) -> str:
    """Peaks of resident memory above that of the imported packages, for a file larger than the others."""
    path = folder / "large.csv"
    rng = np.random.default_rng(0)
    with path.open("w") as file:
        for _ in range(LARGE_ROWS // 50_000):
            x = rng.normal(size=(50_000, 30))
            np.savetxt(file, np.column_stack([x[:, 0] > x[:, 1], x]), delimiter=",", fmt="%.5g")
    hist = {"objective": "binary:logistic", "tree_method": "hist"}
    works: dict[str, tuple] = {
        "script": (plain, path, hist, 3),
        "job, File mode": (job, folder / "file", path, hist, 3),
        "job, Pipe mode": (job, folder / "pipe", path, hist, 3, "Pipe", "1.7-1"),
        "job with tree_method exact": (job, folder / "exact", path, {**hist, "tree_method": "exact"}, 3),
    }
    peaks = {name: peak_mib(*work) for name, work in works.items()}
    matrix_mib = LARGE_ROWS * 30 * 4 / (1 << 20)
    shown = ", ".join(f"{name} {peak:.0f} MiB" for name, peak in peaks.items())
    return f"Peak memory for {LARGE_ROWS:,} rows of 30 columns, {matrix_mib:.0f} MiB as float32: {shown}."


def answers(folder: Path) -> str:
    """One row of 50 columns at the median, and a batch of rows against the library's own prediction of them."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20_000, 50)).astype(np.float32)
    booster = xgboost.train({"max_depth": 6}, xgboost.DMatrix(x, label=x[:, 0] * x[:, 1]), 300)
    folder.mkdir()
    (folder / "xgboost-model").write_bytes(model_files.write(booster, pickled_form=False))
    endpoint = programs.load("xgboost", folder, {})
    bodies = [
        "\n".join(",".join(f"{v:.6g}" for v in row) for row in x[:count].tolist()).encode() for count in (1, BATCH_ROWS)
    ]
    one_s = medians({"one": lambda: endpoint.invocations(HttpRequest(bodies[0], "text/csv"))}, 500)["one"]
    booster.set_param({"nthread": 1})
    contenders: dict[str, Callable[[], object]] = {
        "endpoint": lambda: endpoint.invocations(HttpRequest(bodies[1], "text/csv")),
        "first": lambda: by_arrow(lambda: endpoint.invocations(HttpRequest(bodies[1], "text/csv"))),
        "library": lambda: booster.inplace_predict(x[:BATCH_ROWS]),
        "parsed": lambda: booster.inplace_predict(
            pd.read_csv(io.BytesIO(bodies[1]), header=None, dtype=np.float32).to_numpy()
        ),
        "parser": lambda: pd.read_csv(io.BytesIO(bodies[1]), header=None, dtype=np.float32),
    }
    LATE_LOOPS.load()
    elapsed, computed = medians(contenders, 15), medians(contenders, 15, time.process_time)
    rate = {name: BATCH_ROWS / seconds for name, seconds in elapsed.items()}
    return (
        f"One row of 50 columns, 300 trees, is answered in {one_s * 1000:.2f} ms at the median, without HTTP. {BATCH_ROWS:,} rows "
        f"of CSV: {rate['endpoint']:,.0f} rows/s, and {rate['first']:,.0f} before the compiled loops are loaded. "
        f"`inplace_predict` on one thread predicts {rate['library']:,.0f} rows/s of numbers in memory (the endpoint reaches "
        f"{elapsed['library'] / elapsed['endpoint']:.0%}), and {rate['parsed']:,.0f} rows/s with pandas' C parser before it "
        f"({elapsed['parsed'] / elapsed['endpoint']:.0%}). Processor time: endpoint {computed['endpoint'] * 1000:.1f} ms, "
        f"prediction {computed['library'] * 1000:.1f} ms, pandas' parser alone {computed['parser'] * 1000:.1f} ms."
    )


def main() -> None:
    """Measure, and print and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            compared(name, Path(folder) / str(number), arguments.rounds, arguments.repeats)
            for number, name in enumerate(SETS)
            if not (Path(folder) / str(number)).mkdir()
        ]
        told = [
            readers(Path(folder), arguments.repeats),
            libsvm_sizes(arguments.repeats),
            memory(Path(folder)),
            answers(Path(folder) / "model"),
        ]
    report = Report(
        "xgboost",
        f"XGBoost: the container's job and a plain script, {arguments.rounds} rounds",
        f"python -m benchmarks.xgboost --rounds {arguments.rounds}",
        ("data", "train score", "largest difference", "job, s", "script, s", "job, CPU s", "script, CPU s", "ratio"),
        rows,
        f"The script reads CSV with pandas, calls `xgboost.train` with {json.dumps(COMMON)} and saves the model. Seconds are "
        "medians of runs that take turns, on all cores, and threads wait without spinning, as in a container. CPU seconds are the "
        "process's own, on one thread, and so their ratio.\n\n" + "\n\n".join(told),
        ("xgboost-cpu", "pyarrow", "llvmlite", "pandas", "numpy"),
    )
    report.show()
    report.write(date.today())


if __name__ == "__main__":
    main()
