"""The hyperparameters of all modes [contract: blazingtext, Hyperparameters]."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from wildsage.algorithms.base import hyperparameters
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.hyperparameters import choice, flag, integer, real
from wildsage.algorithms.blazingtext.fasttext.dictionary import LONGEST_NGRAM

SUPERVISED, BATCH_SKIPGRAM, SKIPGRAM, CBOW = "supervised", "batch_skipgram", "skipgram", "cbow"
MODES = (BATCH_SKIPGRAM, SKIPGRAM, CBOW, SUPERVISED)
INTERNAL = {"_seed": "0", "_tuning_objective_metric": ""}
OF_WORD_VECTORS = (
    "batch_size", "evaluation", "min_char", "max_char", "negative_samples", "sampling_threshold", "subwords", "window_size",
)  # fmt: skip
OF_SUPERVISED = ("early_stopping", "min_epochs", "patience", "word_ngrams")
LARGEST_SEED = 2**63 - 1
LARGEST_COUNT = 2**31 - 1


@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    """One line for each; those that belong to another mode have no effect."""

    mode: str = choice(*MODES, tunable=True, doc="What is learned: vectors of words, or classes of texts (supervised).")
    vector_dim: int = integer(100, low=1, high=LARGEST_COUNT, tunable=(32, 300), doc="Numbers of a vector.")
    epochs: int = integer(5, low=1, high=LARGEST_COUNT, tunable=(5, 15), doc="Passes over the training channel.")
    learning_rate: float = real(
        0.05, above=0, tunable=(0.005, 0.01), doc="Step size at the start; it falls to 0 linearly."
    )
    min_count: int = integer(
        5, low=0, high=LARGEST_COUNT, tunable=(0, 100), doc="Words that occur less often are left out."
    )
    buckets: int = integer(
        2_000_000, low=1, high=LARGEST_COUNT, tunable=(1_000_000, 10_000_000),
        doc="Rows that n-grams share: of words (supervised), or of characters (subwords).",
    )  # fmt: skip
    word_ngrams: int = integer(
        2, low=1, high=LONGEST_NGRAM, tunable=(1, 3), doc="supervised: the longest n-gram of words."
    )
    early_stopping: bool = flag(
        False, doc="supervised: stop when the accuracy on channel `validation` no longer improves."
    )
    min_epochs: int = integer(5, low=1, doc="supervised: the first epoch after which early_stopping judges.")
    patience: int = integer(4, low=1, doc="supervised: judged epochs without improvement that end training.")
    window_size: int = integer(
        5, low=1, high=1000, tunable=(1, 10), doc="Word vectors: words on either side that are context."
    )
    negative_samples: int = integer(
        5, low=1, high=10_000, tunable=(5, 25), doc="Word vectors: random words that share a step."
    )
    sampling_threshold: float = real(
        0.0001,
        above=0,
        tunable=(0.0001, 0.001),
        doc="Word vectors: words with a larger share of the text are thinned out.",
    )
    batch_size: int = integer(
        11, low=1, high=10_000, tunable=(8, 32), doc="batch_skipgram: context words that share the negative samples."
    )
    subwords: bool = flag(False, doc="skipgram and cbow: learn n-grams of characters too.")
    min_char: int = integer(3, low=1, high=LONGEST_NGRAM, doc="subwords: characters of the shortest n-gram.")
    max_char: int = integer(6, low=1, high=LONGEST_NGRAM, doc="subwords: characters of the longest n-gram.")
    evaluation: bool = flag(True, doc="Word vectors: judge by pairs of words (WordSim-353), where they are provided.")

    @property
    def supervised(self) -> bool:
        """Whether classes are learned, not vectors of words."""
        return self.mode == SUPERVISED


@dataclass(frozen=True)
class JobSettings:
    """The hyperparameters of a job, the seed of its random numbers, and the names that have no effect in its mode."""

    values: Hyperparameters
    seed: int
    unused: tuple[str, ...]


def parse(given: Mapping[str, str]) -> JobSettings:
    """Read the settings of a job. Raises UserError naming every problem, and for values that cannot stand together."""
    values, internal = hyperparameters.parse(Hyperparameters, given, INTERNAL)
    if values.subwords and values.mode == BATCH_SKIPGRAM:
        raise UserError(
            "Hyperparameter subwords: got true with mode batch_skipgram, which learns whole words. Set subwords=false, or mode "
            "skipgram or cbow."
        )
    if values.min_char > values.max_char:
        raise UserError(
            f"Hyperparameter min_char: got {values.min_char}, expected at most max_char, {values.max_char}."
        )
    others = OF_WORD_VECTORS if values.supervised else OF_SUPERVISED
    unused = tuple(name for name in others if name in given)
    return JobSettings(values, hyperparameters.whole_number("_seed", internal["_seed"], 0, LARGEST_SEED), unused)


def check(given: Iterable[tuple[str, str]]) -> None:
    """Raise UserError naming every value that could not stand in a job."""
    hyperparameters.check(Hyperparameters, given, INTERNAL)


def table() -> str:
    """The hyperparameters as a Markdown table."""
    return hyperparameters.table(Hyperparameters)
