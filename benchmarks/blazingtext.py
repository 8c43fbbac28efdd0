"""BlazingText beside fastText, floret and gensim on the same texts and cores: `python -m benchmarks.blazingtext`.

This takes up to four minutes on a quiet machine; `--full` runs ten seeds in place of three. Whole jobs: each reads the text,
counts, learns and saves. Contenders take turns. Classes are judged by accuracy on the validation file. Word vectors are judged by
pairs of words that belong together (`PAIRS`, chosen for this benchmark): how often the cosine of such a pair is above that of a
pair put together from two of them. Nearest neighbours are compared with gensim's. Memory is the peak of a process of its own.

Many labels are measured on generated texts, once: softmax, hierarchical softmax, which Wildsage takes from 1,000 labels on, and
fastText's negative sampling.

`--text8 FILE` and `--dbpedia TRAIN VALIDATION` measure the corpora of the literature in place of these, for users who have them.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
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
from functools import partial
from pathlib import Path
from unittest.mock import patch

import fasttext
import floret
import numpy as np
from gensim.models import KeyedVectors, Word2Vec
from gensim.test.utils import datapath

from benchmarks.datasets import SHARED
from benchmarks.report import Report, peak_mib
from wildsage.algorithms.blazingtext import output_layer
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
    "epochs": 15,
    "learning_rate": 0.05,
    "vector_dim": 100,
    "min_count": 5,
    "window_size": 5,
    "negative_samples": 5,
}
MANY = {"epochs": 5, "learning_rate": 1.0, "vector_dim": 50, "min_count": 2, "buckets": 50_000, "word_ngrams": 1}
MANY_TEXTS = {100: 20_000, 1_000: 40_000, 10_000: 80_000}
MOST_FOR_SOFTMAX = 1_000  # with ten times as many labels it takes two minutes
FASTTEXT_LOSSES = {"hs": "hierarchical softmax", "ns": "negative sampling"}
MODES = ("batch_skipgram", "skipgram", "cbow")
NEIGHBOURS = 10
MEBIBYTE = 1 << 20
COLUMNS = ("data", "contender", "score", "seconds", "CPU s", "M tokens/s", "M tokens/CPU s")
PACKAGES = ("numba", "fasttext-wheel", "floret", "gensim", "numpy")
TEXT8 = {**VECTORS, "epochs": 5, "batch_size": 11, "sampling_threshold": 1e-4}
TEXT8_GOALS = (
    "Score: Spearman's rho with the 353 pairs of WordSim-353 (Finkelstein et al. 2002, doi:10.1145/503104.503110), as gensim's "
    "package has them. The outputs saved in AWS's notebook blazingtext_word2vec_text8 have 0.697 (2019) and 0.708 (2024) for "
    "this list, with these settings and two hosts."
)
DBPEDIA = {**CLASSES, "epochs": 10, "learning_rate": 0.05, "vector_dim": 10, "min_count": 2, "buckets": 2_000_000}
DBPEDIA_GOALS = (
    "Score: accuracy on the validation file. Joulin et al. 2016 (arXiv:1607.01759, table 1) have 0.981 with words and 0.986 with "
    "bigrams, learned from all 560,000 texts. The outputs saved in AWS's notebook blazingtext_text_classification_dbpedia have "
    "0.972 (2019) and 0.977 (2021), learned from a fifth of them."
)


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


def classify_with(
    library: str,
    train: Path,
    seed: int,
    model: Path,
    threads: int,
    given: Mapping[str, float] = CLASSES,
    loss: str = "softmax",
) -> Path:
    """Train and save a classifier of fastText's or floret's library."""
    made = importlib.import_module(library).train_supervised(
        str(train), epoch=given["epochs"], lr=given["learning_rate"], dim=given["vector_dim"], minCount=given["min_count"],
        bucket=given["buckets"], wordNgrams=given["word_ngrams"], loss=loss, thread=threads, seed=seed,
        verbose=0,
    )  # fmt: skip
    made.save_model(str(model))
    return model


def vectors_with_gensim(
    text: Path, seed: int, path: Path, threads: int, skipgram: bool, given: Mapping[str, float] = VECTORS
) -> Path:
    """Train word vectors with gensim and save them as text."""
    made = Word2Vec(
        corpus_file=str(text), vector_size=given["vector_dim"], window=given["window_size"],
        negative=given["negative_samples"], min_count=given["min_count"], sample=1e-4, sg=int(skipgram),
        epochs=given["epochs"], alpha=given["learning_rate"], min_alpha=0, workers=threads, seed=seed + 1,
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


def accuracy(path: Path, validation: Path) -> float:
    """The share of texts that a saved classifier gives their label, judged by the library whose file it is."""
    library = floret if path.name.startswith("floret") else fasttext
    return library.load_model(str(path)).test(str(validation))[1]


def classes(
    folder: Path, name: str, train: Path, validation: Path, seeds: int, threads: int, given: Mapping[str, float]
) -> list[tuple[str, ...]]:
    """The table of classifiers on one data set."""
    tokens = tokens_of(train) * int(given["epochs"])
    contenders: dict[str, Callable[[int], Path]] = {
        "Wildsage": lambda seed: (
            job(folder / "job", {"train": train}, {**given, "mode": "supervised", "_seed": seed}) / "model.bin"
        ),
        "fastText": lambda seed: classify_with("fasttext", train, seed, folder / "fasttext.bin", threads, given),
        "floret": lambda seed: classify_with("floret", train, seed, folder / "floret.bin", threads, given),
    }
    job(folder / "job", {"train": train}, {**given, "mode": "supervised", "epochs": 1})  # compiles
    found = take_turns(contenders, lambda path: accuracy(path, validation), seeds)
    return [(name, contender, *measured.cells(tokens)) for contender, measured in found.items()]


def generated_texts(path: Path, labels: int, texts: int, seed: int) -> Path:
    """Texts of twelve of 20,000 words: a third are of the label's own fifteen words. Labels and words have Zipf distributions."""
    fixed, rng = np.random.default_rng(labels), np.random.default_rng(seed)
    share_w, share_l = 1 / np.arange(1, 20_001), 1 / (np.arange(1, labels + 1) + 2.7)
    own_lw = fixed.choice(20_000, (labels, 15), p=share_w**0.5 / (share_w**0.5).sum())
    label_t = rng.choice(labels, texts, p=share_l / share_l.sum())
    common_tw = rng.choice(20_000, (texts, 12), p=share_w / share_w.sum())
    own_tw = own_lw[label_t[:, None], rng.integers(0, 15, (texts, 12))]
    words_tw = np.where(rng.random((texts, 12)) < 0.35, own_tw, common_tw)
    lines = (
        f"__label__{label} w{' w'.join(map(str, words))}\n" for label, words in zip(label_t, words_tw, strict=True)
    )
    path.write_text("".join(lines))
    return path


def many_labels(folder: Path, threads: int) -> list[tuple[str, ...]]:
    """The table of losses, one run for each number of labels."""
    rows = []
    for labels, texts in MANY_TEXTS.items():
        train = generated_texts(folder / "many", labels, texts, 1)
        validation = generated_texts(folder / "many-validation", labels, 5_000, 2)
        contenders = of_losses(folder, train, labels, threads)
        job(folder / "job", {"train": train}, {**MANY, "mode": "supervised", "epochs": 1})  # compiles
        found = take_turns(contenders, partial(accuracy, validation=validation), 1)
        tokens = tokens_of(train) * int(MANY["epochs"])
        rows += [(f"{labels:,} labels", name, *measured.cells(tokens)) for name, measured in found.items()]
    return rows


def of_losses(folder: Path, train: Path, labels: int, threads: int) -> dict[str, Callable[[int], Path]]:
    """Wildsage with the loss that it chooses and with softmax, and fastText with its losses."""

    def ours(seed: int, fewest: int = output_layer.MANY_LABELS) -> Path:
        with patch.object(output_layer, "MANY_LABELS", fewest):
            return job(folder / "job", {"train": train}, {**MANY, "mode": "supervised", "_seed": seed}) / "model.bin"

    def theirs(seed: int, loss: str) -> Path:
        return classify_with("fasttext", train, seed, folder / "fasttext.bin", threads, MANY, loss)

    found: dict[str, Callable[[int], Path]] = {"Wildsage, as it chooses": ours}
    if output_layer.MANY_LABELS <= labels <= MOST_FOR_SOFTMAX:
        found["Wildsage, softmax"] = partial(ours, fewest=labels + 1)
    return found | {f"fastText, {name}": partial(theirs, loss=loss) for loss, name in FASTTEXT_LOSSES.items()}


def tokens_of(text: Path) -> int:
    """The tokens of a text, line ends among them."""
    with text.open("rb") as lines:
        return sum(len(line.split()) + 1 for line in lines)


def vectors(folder: Path, text: Path, seeds: int, threads: int) -> tuple[list[tuple[str, ...]], str]:
    """The table of word vectors, and what is said of scores, neighbours and bytes."""
    tokens = tokens_of(text) * int(VECTORS["epochs"])
    contenders = of_modes(folder, text, VECTORS) | of_gensim(folder, text, threads)
    digests: dict[str, list[str]] = {mode: [] for mode in MODES}
    near: dict[str, list[dict[str, set[str]]]] = {}

    def score(path: Path) -> float:
        loaded = KeyedVectors.load_word2vec_format(str(path))
        name = path.relative_to(folder).parts[0]
        near.setdefault(name, []).append(neighbours(loaded))
        if name in digests:
            digests[name].append(hashlib.sha256(path.read_bytes()).hexdigest())
        return pair_score(loaded)

    for mode in MODES:  # compiles; the first seed comes once more below
        digests[mode].append(hashlib.sha256(contenders[f"Wildsage, {mode}"](0).read_bytes()).hexdigest())
    found = take_turns(contenders, score, seeds)
    same = all(first == again for first, again, *_ in digests.values())
    said = f"The same seed {'gave' if same else 'did not give'} the same bytes in all modes."
    told = "\n\n".join([in_words(found), neighbours_in_words(near), said])
    return [("AG news", contender, *measured.cells(tokens)) for contender, measured in found.items()], told


def of_modes(folder: Path, text: Path, given: Mapping[str, float]) -> dict[str, Callable[[int], Path]]:
    """A job of each mode of word vectors."""

    def run(mode: str) -> Callable[[int], Path]:
        settings = {**given, "mode": mode, "evaluation": "false"}
        return lambda seed: job(folder / mode, {"train": text}, {**settings, "_seed": seed}) / "vectors.txt"

    return {f"Wildsage, {mode}": run(mode) for mode in MODES}


def of_gensim(folder: Path, text: Path, threads: int) -> dict[str, Callable[[int], Path]]:
    """gensim with one thread, whose scores are compared, and with the threads that are given."""

    def run(mode: str, count: int) -> Callable[[int], Path]:
        path = folder / f"gensim-{mode}-{count}"
        return lambda seed: vectors_with_gensim(text, seed, path, count, mode == "skipgram")

    modes = itertools.product(("skipgram", "cbow"), sorted({1, threads}))
    return {f"gensim, {mode}, threads: {count}": run(mode, count) for mode, count in modes}


def in_words(found: Mapping[str, Measured]) -> str:
    """How far scores are from those of gensim with one thread, with two standard errors of the difference."""
    told = []
    for ours, theirs in (("batch_skipgram", "skipgram"), ("skipgram", "skipgram"), ("cbow", "cbow")):
        left, right = found[f"Wildsage, {ours}"].scores, found[f"gensim, {theirs}, threads: 1"].scores
        error = ((statistics.variance(left) + statistics.variance(right)) / len(left)) ** 0.5
        told.append(f"{ours} {statistics.mean(left) - statistics.mean(right):+.4f} ± {2 * error:.4f}")
    return (
        f"Scores above those of gensim with one thread, with two standard errors of the difference: {', '.join(told)}. gensim's "
        "threads lower their step size by the texts that each has read itself, so that several threads take larger steps."
    )


def neighbours_in_words(near: Mapping[str, list[dict[str, set[str]]]]) -> str:
    """How many of the nearest words are the same."""
    ours, theirs = near["batch_skipgram"], near["gensim-skipgram-1"]
    among = statistics.mean(overlap(a, b) for a, b in itertools.combinations(theirs, 2))
    across = statistics.mean(overlap(a, b) for a, b in itertools.product(ours, theirs))
    return (
        f"Of the {NEIGHBOURS} nearest words, batch_skipgram and gensim's skipgram share {across:.2f}; two seeds of gensim share "
        f"{among:.2f}."
    )


def memory(folder: Path, text: Path) -> str:
    """Peaks of memory of one epoch, on the text and on eight times the text."""
    longer = folder / "longer"
    longer.write_bytes(text.read_bytes() * 8)
    labelled = TEXT / "ag_news" / "ag_news.ft.train.txt"
    one, vectors_once = {"epochs": 1}, {**VECTORS, "epochs": 1, "mode": "batch_skipgram", "evaluation": "false"}
    works: dict[str, tuple] = {
        "supervised": (job, folder / "m", {"train": labelled}, {**CLASSES, **one, "mode": "supervised"}),
        "fastText": (classify_with, "fasttext", labelled, 0, folder / "m.bin", 1, CLASSES | one),
        "floret": (classify_with, "floret", labelled, 0, folder / "m.bin", 1, CLASSES | one),
        "batch_skipgram": (job, folder / "m", {"train": text}, vectors_once),
        "batch_skipgram, the text eight times": (
            job,
            folder / "m",
            {"train": longer},
            {**vectors_once, "min_count": 40},
        ),
        "gensim, skipgram": (vectors_with_gensim, text, 0, folder / "m.txt", 1, True, VECTORS | one),
    }
    shown = ", ".join(f"{name} {peak_mib(*work):.0f} MiB" for name, work in works.items())
    sizes = [f"{size / MEBIBYTE:.1f} MiB" for size in (text.stat().st_size, longer.stat().st_size)]
    return (
        f"Peak memory of one epoch on AG news above that of the imported packages, machine code included: {shown}. The text has "
        f"{sizes[0]}, eight times the text {sizes[1]} and the same words. The buckets of supervised take "
        f"{4 * int(CLASSES['vector_dim']) * int(CLASSES['buckets']) / MEBIBYTE:.0f} MiB."
    )


def of_texts(seeds: int, threads: int, command: str) -> Report:
    """AG news and SMS spam: classifiers, word vectors, memory."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = []
        for data in ("ag_news", "sms_spam"):
            train, validation = (TEXT / data / f"{data}.ft.{part}.txt" for part in ("train", "validation"))
            rows += classes(folder, data, train, validation, seeds, threads, CLASSES)
        rows += many_labels(folder, threads)
        text = folder / "text"
        lines = (TEXT / "ag_news" / "ag_news.ft.train.txt").read_text().splitlines()
        text.write_text("".join(line.split(" ", 1)[1] + "\n" for line in lines))
        of_vectors, told = vectors(folder, text, seeds, threads)
        notes = (
            "Score: accuracy on the validation file, or the share of word pairs in the right order; mean ± standard deviation. "
            f"Seconds are medians of whole jobs. Classifiers: {CLASSES}. Many labels, one run: {MANY}. "
            f"Word vectors: {VECTORS}, sampling threshold 1e-4."
            f"\n\n{told}\n\n{memory(folder, text)}"
        )
    title = f"BlazingText, {seeds} seeds, peers with {threads} threads"
    return Report("blazingtext", title, command, COLUMNS, [*rows, *of_vectors], notes, PACKAGES)


def of_text8(text: Path, seeds: int, threads: int, command: str) -> Report:
    """Word vectors of text8, judged by WordSim-353."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        contenders = of_modes(folder, text, TEXT8)
        contenders["gensim, skipgram"] = lambda seed: vectors_with_gensim(
            text, seed, folder / "sg.txt", threads, True, TEXT8
        )

        def rho(path: Path) -> float:
            return KeyedVectors.load_word2vec_format(str(path)).evaluate_word_pairs(datapath("wordsim353.tsv"))[1][0]

        found = take_turns(contenders, rho, seeds)
    tokens = tokens_of(text) * int(TEXT8["epochs"])
    rows = [(text.name, contender, *measured.cells(tokens)) for contender, measured in found.items()]
    return Report(
        "blazingtext_text8", "BlazingText on text8", command, COLUMNS, rows, f"{TEXT8}. {TEXT8_GOALS}", PACKAGES
    )


def of_dbpedia(train: Path, validation: Path, seeds: int, threads: int, command: str) -> Report:
    """Classes of DBpedia."""
    with tempfile.TemporaryDirectory() as folder:
        rows = classes(Path(folder), train.name, train, validation, seeds, threads, DBPEDIA)
    notes = f"{DBPEDIA}. {DBPEDIA_GOALS}"
    return Report("blazingtext_dbpedia", "BlazingText on DBpedia", command, COLUMNS, rows, notes, PACKAGES)


def main() -> None:
    """Run all contenders and write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="ten seeds, not three")
    parser.add_argument("--threads", type=int, default=2, help="of the peers")
    parser.add_argument("--text8", type=Path, metavar="FILE", help="the corpus text8, on one line")
    parser.add_argument(
        "--dbpedia", type=Path, nargs=2, metavar=("TRAIN", "VALIDATION"), help="lines `__label__1 a text`"
    )
    given = parser.parse_args()
    seeds = 10 if given.full else 3
    command = f"python -m benchmarks.blazingtext --threads {given.threads}{' --full' if given.full else ''}"
    if given.text8:
        report = of_text8(given.text8, seeds, given.threads, f"{command} --text8 {given.text8.name}")
    elif given.dbpedia:
        shown = " ".join(path.name for path in given.dbpedia)
        report = of_dbpedia(*given.dbpedia, seeds, given.threads, f"{command} --dbpedia {shown}")
    else:
        report = of_texts(seeds, given.threads, command)
    report.show()
    report.write(date.today())


if __name__ == "__main__":
    main()
