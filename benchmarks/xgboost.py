"""XGBoost's container against a plain script with the library on the same files: scores, seconds, readers and answers.

python -m benchmarks.xgboost [--rounds N]
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import statistics
import tempfile
import time
from contextlib import redirect_stdout
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import xgboost

from benchmarks.datasets import SHARED
from benchmarks.report import Report, medians
from wildsage.algorithms.base.endpoint import HttpRequest
from wildsage.algorithms.xgboost import model_files
from wildsage.containers import programs
from wildsage.containers.contract.job import ChannelConfig, TrainingJob
from wildsage.containers.contract.paths import OptML
from wildsage.containers.training.stopping import StopSignal

TABULAR = SHARED / "tabular"
COMMON = {"max_depth": 5, "eta": 0.2, "gamma": 4, "min_child_weight": 6}
BATCH_ROWS = 5_000


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


SETS = {"abalone": abalone, "covtype, 7 classes": covtype, "clicks, made up": clicks}


def plain(path: Path, parameters: dict, rounds: int) -> xgboost.Booster:
    """What a script does."""
    rows = pd.read_csv(path, header=None, dtype=np.float32)
    matrix = xgboost.DMatrix(rows.iloc[:, 1:].to_numpy(), label=rows.iloc[:, 0].to_numpy())
    return xgboost.train({**COMMON, **parameters}, matrix, rounds, evals=[(matrix, "train")], verbose_eval=False)


def job(folder: Path, path: Path, parameters: dict, rounds: int) -> xgboost.Booster:
    """The container's door, in this process."""
    opt_ml = OptML(folder)
    opt_ml.make_folders()
    given = {name: str(value) for name, value in {**COMMON, **parameters, "num_round": rounds}.items()}
    TrainingJob(given, {"train": ChannelConfig("text/csv")}).write(opt_ml)
    opt_ml.channel("train").mkdir(exist_ok=True)
    link = opt_ml.channel("train") / "rows.csv"
    link.unlink(missing_ok=True)
    link.symlink_to(path)
    with redirect_stdout(io.StringIO()) as log:
        if programs.train("xgboost", {"SAGEMAKER_DATA_PATH": str(folder)}, StopSignal()):
            raise SystemExit(log.getvalue())
    return model_files.read((opt_ml.model / "xgboost-model").read_bytes())[0]


def compared(name: str, folder: Path, rounds: int, repeats: int) -> list[str]:
    """A row of the table: the score, how far apart the two models' answers are, and the median seconds of both."""
    values, parameters = SETS[name]()
    path = folder / "rows.csv"
    np.savetxt(path, values, delimiter=",", fmt="%.6g")
    taken = medians(
        {"job": lambda: job(folder, path, parameters, rounds), "plain": lambda: plain(path, parameters, rounds)},
        repeats,
    )
    matrix = xgboost.DMatrix(values[:, 1:].astype(np.float32), label=values[:, 0])
    ours, theirs = job(folder, path, parameters, rounds), plain(path, parameters, rounds)
    apart = float(np.abs(ours.predict(matrix) - theirs.predict(matrix)).max())
    score = theirs.eval(matrix).split("\t")[1]
    return [
        name,
        score,
        f"{apart:.1g}",
        f"{taken['job']:.2f}",
        f"{taken['plain']:.2f}",
        f"{taken['job'] / taken['plain']:.2f}",
    ]


def answers(folder: Path) -> str:
    """One row of 50 columns at the median, and a batch of rows against the library's own prediction of them."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20_000, 50)).astype(np.float32)
    booster = xgboost.train({"max_depth": 6}, xgboost.DMatrix(x, label=x[:, 0] * x[:, 1]), 300)
    folder.mkdir()
    (folder / "xgboost-model").write_bytes(model_files.write(booster, pickled_form=False))
    endpoint = programs.load("xgboost", folder, {})
    bodies = ["\n".join(",".join(map(repr, row)) for row in x[:count].tolist()).encode() for count in (1, BATCH_ROWS)]
    taken_s = []
    for _ in range(500):
        began = time.perf_counter()
        endpoint.invocations(HttpRequest(bodies[0], "text/csv"))
        taken_s.append(time.perf_counter() - began)
    booster.set_param({"nthread": 1})
    batch = medians(
        {
            "endpoint": lambda: endpoint.invocations(HttpRequest(bodies[1], "text/csv")),
            "library": lambda: booster.inplace_predict(x[:BATCH_ROWS]),
        },
        7,
    )
    return (
        f"One row of 50 columns, 300 trees: {statistics.median(taken_s) * 1000:.2f} ms at the median. {BATCH_ROWS} rows of CSV: "
        f"{BATCH_ROWS / batch['endpoint']:,.0f} rows/s, `inplace_predict` of rows in memory {BATCH_ROWS / batch['library']:,.0f} "
        f"({batch['library'] / batch['endpoint']:.0%}). Without HTTP."
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
        served = answers(Path(folder) / "model")
    report = Report(
        "xgboost",
        f"XGBoost: the container's job and a plain script, {arguments.rounds} rounds",
        f"python -m benchmarks.xgboost --rounds {arguments.rounds}",
        ("data", "train score", "largest difference", "job, s", "script, s", "ratio"),
        rows,
        f"The script reads CSV with pandas and calls `xgboost.train` with {json.dumps(COMMON)}. {served}",
        ("xgboost-cpu", "pyarrow", "pandas", "numpy"),
    )
    report.show()
    report.write(date.today())


if __name__ == "__main__":
    main()
