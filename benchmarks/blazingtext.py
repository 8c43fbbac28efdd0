"""BlazingText beside fastText, floret and gensim on the same texts and cores: `python -m benchmarks.blazingtext`.

Whole jobs: each reads the text, counts, learns and saves. Contenders take turns. Classes are judged by accuracy on the
validation file. Word vectors are judged by pairs of words that belong together (`PAIRS`, chosen for this benchmark): how often
the cosine of such a pair is above that of a pair put together from two of them. Nearest neighbours are compared with gensim's.
"""

from __future__ import annotations

import argparse
import io
import itertools
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import fasttext
import floret
import numpy as np
from gensim.models import KeyedVectors, Word2Vec

from benchmarks.datasets import SHARED
from benchmarks.report import Report
from wildsage.containers import programs
from wildsage.containers.contract.job import ChannelConfig, TrainingJob
from wildsage.containers.contract.paths import OptML
from wildsage.containers.training.stopping import StopSignal

TEXT = SHARED / "text"
PAIRS = (
    "oil crude,stocks shares,profit earnings,iraq baghdad,israel palestinian,microsoft windows,google search,red sox,"
    "space nasa,olympic games,prime minister,white house,coach team,game season,software computer,phone mobile,nuclear iran,"
    "election president,police attack,court judge,market investors,dollar euro,music online,china beijing,russia putin,"
    "company corp,league cup,scientists researchers,internet web,troops soldiers"
)
CLASSES = {"epochs": 20, "learning_rate": 0.25, "vector_dim": 100, "min_count": 5, "buckets": 200_000, "word_ngrams": 2}
VECTORS = {
    "epochs": 20,
    "learning_rate": 0.05,
    "vector_dim": 100,
    "min_count": 5,
    "window_size": 5,
    "negative_samples": 5,
}
NEIGHBOURS = 10


@dataclass
class Measured:
    """What a contender needed and reached, one number for each run."""

    seconds: list[float] = field(default_factory=list)
    processor_s: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)

    def cells(self, tokens: int) -> tuple[str, ...]:
        """Score with its spread, seconds, processor seconds, and million tokens a second by each clock."""
        wall, processor = statistics.median(self.seconds), statistics.median(self.processor_s)
        score = f"{statistics.mean(self.scores):.4f} ± {statistics.pstdev(self.scores):.4f}"
        return score, f"{wall:.2f}", f"{processor:.2f}", f"{tokens / wall / 1e6:.2f}", f"{tokens / processor / 1e6:.2f}"


def job(folder: Path, channels: Mapping[str, Path], settings: Mapping[str, object]) -> Path:
    """Run a job of the container in this process; returns the folder of its model."""
    shutil.rmtree(folder, ignore_errors=True)
    opt_ml = OptML(folder)
    opt_ml.make_folders()
    TrainingJob({k: str(v) for k, v in settings.items()}, dict.fromkeys(channels, ChannelConfig("text/plain"))).write(
        opt_ml
    )
    for name, path in channels.items():
        opt_ml.channel(name).mkdir(parents=True)
        (opt_ml.channel(name) / path.name).symlink_to(path)
    with redirect_stdout(io.StringIO()) as log:
        status = programs.train("blazingtext", {"SAGEMAKER_DATA_PATH": str(folder)}, StopSignal())
    if status:
        raise SystemExit(log.getvalue())
    return opt_ml.model


def classify_with(library: object, train: Path, seed: int, model: Path, threads: int) -> Path:
    """Train and save a classifier of fastText's or floret's library."""
    made = library.train_supervised(  # type: ignore[attr-defined]
        str(train), epoch=CLASSES["epochs"], lr=CLASSES["learning_rate"], dim=CLASSES["vector_dim"], minCount=CLASSES["min_count"],
        bucket=CLASSES["buckets"], wordNgrams=CLASSES["word_ngrams"], thread=threads, seed=seed, verbose=0,
    )  # fmt: skip
    made.save_model(str(model))
    return model


def vectors_with_gensim(text: Path, seed: int, path: Path, threads: int, skipgram: bool) -> Path:
    """Train word vectors with gensim and save them as text."""
    made = Word2Vec(
        corpus_file=str(text), vector_size=VECTORS["vector_dim"], window=VECTORS["window_size"],
        negative=VECTORS["negative_samples"], min_count=VECTORS["min_count"], sample=1e-4, sg=int(skipgram),
        epochs=VECTORS["epochs"], alpha=VECTORS["learning_rate"], min_alpha=0, workers=threads, seed=seed + 1,
    )  # fmt: skip
    made.wv.save_word2vec_format(str(path))
    return path


def pair_score(vectors: KeyedVectors) -> float:
    """How often a pair of `PAIRS` is nearer than a pair of words of two of them (area under the ROC curve)."""
    pairs = [tuple(pair.split()) for pair in PAIRS.split(",")]
    together = np.array([vectors.similarity(*pair) for pair in pairs])
    apart = np.array([vectors.similarity(a, b) for (a, _), (_, b) in itertools.permutations(pairs, 2)])
    return float((together[:, None] > apart).mean())


def neighbours(vectors: KeyedVectors) -> dict[str, set[str]]:
    """The nearest words of each word of `PAIRS`."""
    words = sorted(set(PAIRS.replace(",", " ").split()))
    return {word: {found for found, _ in vectors.most_similar(word, topn=NEIGHBOURS)} for word in words}


def overlap(left: dict[str, set[str]], right: dict[str, set[str]]) -> float:
    """The mean share of nearest words that are the same."""
    return statistics.mean(len(left[word] & right[word]) / NEIGHBOURS for word in left)


def take_turns(
    contenders: Mapping[str, Callable[[int], Path]], score: Callable[[Path], float], seeds: int
) -> dict[str, Measured]:
    """Run every contender with every seed."""
    found = {name: Measured() for name in contenders}
    for seed, (name, work) in itertools.product(range(seeds), contenders.items()):
        began, processor = time.perf_counter(), time.process_time()
        path = work(seed)
        found[name].seconds.append(time.perf_counter() - began)
        found[name].processor_s.append(time.process_time() - processor)
        found[name].scores.append(score(path))
    return found


def classes(folder: Path, name: str, seeds: int, threads: int) -> list[tuple[str, ...]]:
    """The table of classifiers on one data set."""
    train, validation = (TEXT / name / f"{name}.ft.{part}.txt" for part in ("train", "validation"))
    tokens = len(train.read_bytes().replace(b"\n", b" \n ").split(b" ")) * int(CLASSES["epochs"])
    contenders: dict[str, Callable[[int], Path]] = {
        "Wildsage": lambda seed: (
            job(folder / "job", {"train": train}, {**CLASSES, "mode": "supervised", "_seed": seed}) / "model.bin"
        ),
        "fastText": lambda seed: classify_with(fasttext, train, seed, folder / "fasttext.bin", threads),
        "floret": lambda seed: classify_with(floret, train, seed, folder / "floret.bin", threads),
    }
    contenders["Wildsage"](0)  # compiles

    def accuracy(path: Path) -> float:
        library = floret if path.name.startswith("floret") else fasttext
        return library.load_model(str(path)).test(str(validation))[1]

    found = take_turns(contenders, accuracy, seeds)
    return [(name, contender, *measured.cells(tokens)) for contender, measured in found.items()]


def vectors(folder: Path, seeds: int, threads: int) -> tuple[list[tuple[str, ...]], str]:
    """The table of word vectors, and a sentence on neighbours."""
    text = folder / "text"
    lines = (TEXT / "ag_news" / "ag_news.ft.train.txt").read_text().splitlines()
    text.write_text("".join(line.split(" ", 1)[1] + "\n" for line in lines))
    tokens = len(text.read_text().split()) * int(VECTORS["epochs"])
    modes = {"batch_skipgram": "batch_skipgram", "skipgram": "skipgram", "cbow": "cbow"}
    contenders: dict[str, Callable[[int], Path]] = {}
    for mode in modes:
        contenders[f"Wildsage, {mode}"] = lambda seed, mode=mode: (
            job(folder / mode, {"train": text}, {**VECTORS, "mode": mode, "evaluation": "false", "_seed": seed})
            / "vectors.txt"
        )
    contenders["gensim, skipgram"] = lambda seed: vectors_with_gensim(text, seed, folder / "sg.txt", threads, True)
    contenders["gensim, cbow"] = lambda seed: vectors_with_gensim(text, seed, folder / "cbow.txt", threads, False)
    for mode in modes:
        contenders[f"Wildsage, {mode}"](0)  # compiles
    near: dict[str, list[dict[str, set[str]]]] = {}

    def score(path: Path) -> float:
        loaded = KeyedVectors.load_word2vec_format(str(path))
        near.setdefault(path.relative_to(folder).parts[0], []).append(neighbours(loaded))
        return pair_score(loaded)

    found = take_turns(contenders, score, seeds)
    ours, theirs = near["batch_skipgram"], near["sg.txt"]
    among = statistics.mean(overlap(a, b) for a, b in itertools.combinations(theirs, 2)) if seeds > 1 else float("nan")
    across = statistics.mean(overlap(a, b) for a, b in itertools.product(ours, theirs))
    told = (
        f"Of the {NEIGHBOURS} nearest words, batch_skipgram and gensim's skipgram share {across:.2f}; two seeds of gensim share "
        f"{among:.2f}."
    )
    return [("AG news", contender, *measured.cells(tokens)) for contender, measured in found.items()], told


def main() -> None:
    """Run all contenders and write the report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2, help="of the peers")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            *classes(Path(folder), "ag_news", arguments.seeds, arguments.threads),
            *classes(Path(folder), "sms_spam", arguments.seeds, arguments.threads),
        ]
        of_vectors, told = vectors(Path(folder), arguments.seeds, arguments.threads)
    report = Report(
        "blazingtext",
        f"BlazingText, {arguments.seeds} seeds, peers with {arguments.threads} threads",
        f"python -m benchmarks.blazingtext --seeds {arguments.seeds} --threads {arguments.threads}",
        ("data", "contender", "score", "seconds", "CPU s", "M tokens/s", "M tokens/CPU s"),
        [*rows, *of_vectors],
        "Score: accuracy on the validation file, or the share of word pairs in the right order; mean ± standard deviation. "
        f"Seconds are medians of whole jobs. Classifiers: {CLASSES}. Word vectors: {VECTORS}, sampling threshold 1e-4.\n\n{told}",
        ("numba", "fasttext-wheel", "floret", "gensim", "numpy"),
    )
    report.show()
    report.write(date.today())


if __name__ == "__main__":
    main()
