"""A job that learns vectors of words: epochs, files, evaluation [contract: blazingtext]."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wildsage.algorithms.base.blocks import in_parallel
from wildsage.algorithms.base.errors import AlgorithmError
from wildsage.algorithms.base.program import Collective
from wildsage.algorithms.blazingtext import evaluation, word_vectors
from wildsage.algorithms.blazingtext.corpus import vocabulary, windows
from wildsage.algorithms.blazingtext.corpus.channel import TextChannel
from wildsage.algorithms.blazingtext.corpus.windows import Sentences
from wildsage.algorithms.blazingtext.fasttext import files
from wildsage.algorithms.blazingtext.fasttext.dictionary import Dictionary, Subwords
from wildsage.algorithms.blazingtext.fasttext.losses import FastTextLoss
from wildsage.algorithms.blazingtext.hyperparameters import BATCH_SKIPGRAM, CBOW, SKIPGRAM, Hyperparameters
from wildsage.algorithms.blazingtext.log import BlazingTextLog, Progress
from wildsage.algorithms.blazingtext.word_vectors import Vectors

TEXT_FILE, BINARY_FILE, EVALUATION_FILE = "vectors.txt", "vectors.bin", "eval.json"
PASSES = {BATCH_SKIPGRAM: word_vectors.batch_skipgram, SKIPGRAM: word_vectors.skipgram, CBOW: word_vectors.cbow}
KINDS = {BATCH_SKIPGRAM: files.ModelKind.BATCH_SKIPGRAM, SKIPGRAM: files.ModelKind.SKIPGRAM, CBOW: files.ModelKind.CBOW}
BLOCKS_BETWEEN_MEETINGS = 8
"""Hosts average their models after so many blocks of each, and at the end of an epoch."""


@dataclass(frozen=True)
class Share:
    """Which blocks are this host's: every `hosts`-th from number `rank` on."""

    rank: int
    hosts: int
    collective: Collective | None

    def owns(self, block: int) -> bool:
        """Whether this host learns from the block of that number."""
        return block % self.hosts == self.rank

    def meets_after(self, block: int) -> bool:
        """Whether all hosts average after the block of that number; all of them count the blocks alike."""
        return (block + 1) % (self.hosts * BLOCKS_BETWEEN_MEETINGS) == 0

    def average(self, vectors: Vectors) -> None:
        """Give every host the mean of all hosts' matrices. All hosts must call this equally often."""
        if self.collective is not None:
            for matrix in (vectors.source_rd, vectors.target_vd):
                matrix[:] = self.collective.sum(matrix) / np.float32(self.hosts)

    def all_continue(self, stopping: bool) -> bool:
        """Whether no host was asked to stop. All hosts must call this equally often."""
        if self.collective is None:
            return not stopping
        return not self.collective.sum(np.array([stopping], np.float32)).any()


class WordVectorJob:
    """Learns vectors from channel `train`. `pairs`: the lists of the evaluation by name."""

    def __init__(
        self,
        values: Hyperparameters,
        seed: int,
        channel: TextChannel,
        pairs: dict[str, list[evaluation.Pair]],
        share: Share,
        stopping: Callable[[], bool],
        log: BlazingTextLog,
    ) -> None:
        self._values = values
        self._seed = seed
        self._channel = channel
        self._pairs = pairs
        self._share = share
        self._stopping = stopping
        self._log = log

    def run(self, folder: Path, leads: bool) -> None:
        """Read, train, and on the host that `leads` save below `folder` and evaluate. Raises UserError for a text without words."""
        dictionary = self._count()
        table = vocabulary.table(dictionary)
        rows = word_vectors.rows_of_words(table, self._subwords)
        vectors = Vectors.random(len(dictionary.words), self._subwords.buckets, self._values.vector_dim, self._seed)
        self._learn(vectors, rows, dictionary, table)
        if not vectors.finite():
            raise AlgorithmError("Encountered NaN: the steps grew without bound. Set a smaller learning_rate.")
        if leads:
            words_vd = word_vectors.means(vectors.source_rd, rows)
            self._save(folder, dictionary, vectors, words_vd)
            self._evaluate(folder, dictionary, words_vd)

    def _count(self) -> Dictionary:
        counts = vocabulary.WordCounts(self._log.read)
        for block in self._channel.checked_blocks():
            counts.add(block)
        self._log.read(counts.tokens)
        dictionary = counts.dictionary(self._values.min_count, self._subwords)
        self._log.vocabulary(len(dictionary.words))
        if dictionary.labels:
            example = dictionary.labels[0].decode(errors="replace")
            self._log.warning(
                f"Channel train has labels, such as {example}: mode {self._values.mode} leaves them out. To learn classes of texts "
                "set mode to supervised."
            )
        return dictionary

    def _learn(
        self, vectors: Vectors, rows: word_vectors.WordRows, dictionary: Dictionary, table: vocabulary.WordTable
    ) -> None:
        values = self._values
        counts_v = np.array(dictionary.counts[: len(dictionary.words)], np.int64)
        samples = windows.sampling(counts_v, dictionary.tokens, values.sampling_threshold)
        settings = word_vectors.Settings(values.window_size, values.negative_samples, values.batch_size)
        one_pass = PASSES[values.mode]
        random = np.random.SeedSequence([self._seed, self._share.rank]).generate_state(1, np.uint64)
        total = int(counts_v.sum()) * values.epochs
        progress = Progress(self._log, total, marks=values.mode != BATCH_SKIPGRAM)
        done = 0
        for epoch in range(values.epochs):
            for sentences in self._sentences(epoch, table, samples, vectors):
                steps = (self._step(done, total), self._step(done + sentences.tokens * self._share.hosts, total))
                one_pass(sentences, vectors.source_rd, vectors.target_vd, rows, samples, settings, steps, random)
                done += sentences.tokens * self._share.hosts
                progress.report(done, steps[1])
            self._share.average(vectors)
            if not self._share.all_continue(self._stopping()):
                break
        progress.finish(done, self._step(done, total))

    def _sentences(
        self, epoch: int, table: vocabulary.WordTable, samples: windows.Sampling, vectors: Vectors
    ) -> Iterator[Sentences]:
        """The sentences of this host's blocks; between them the hosts average their models."""
        read = partial(self._read, epoch, table, samples)
        for number, sentences in enumerate(in_parallel(read, enumerate(self._channel.blocks()))):
            if sentences is not None:
                yield sentences
            if self._share.collective is None and self._stopping():
                return
            if self._share.meets_after(number):
                self._share.average(vectors)

    def _read(
        self, epoch: int, table: vocabulary.WordTable, samples: windows.Sampling, numbered: tuple[int, bytes]
    ) -> Sentences | None:
        number, block = numbered
        if not self._share.owns(number):
            return None
        random = np.random.SeedSequence([self._seed, epoch, number]).generate_state(1, np.uint64)
        return windows.read_sentences(np.frombuffer(block, np.uint8), table, samples, random)

    def _step(self, done: int, total: int) -> float:
        return self._values.learning_rate * max(0.0, 1 - done / max(total, 1))

    def _save(self, folder: Path, dictionary: Dictionary, vectors: Vectors, words_vd: NDArray) -> None:
        values = self._values
        header = files.Header(
            dimension=values.vector_dim,
            window=values.window_size,
            epochs=values.epochs,
            min_count=values.min_count,
            negatives=values.negative_samples,
            loss=FastTextLoss.NEGATIVE_SAMPLING,
            kind=KINDS[values.mode],
            buckets=self._subwords.buckets,
            shortest=values.min_char,
            longest=self._subwords.longest,
            sampling_threshold=float(np.float32(values.sampling_threshold)),
        )
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / TEXT_FILE).open("wb") as file:
            file.writelines(files.text_vectors(dictionary.words, words_vd))
        files.write(folder / BINARY_FILE, header, dictionary, vectors.source_rd, vectors.target_vd)

    def _evaluate(self, folder: Path, dictionary: Dictionary, words_vd: NDArray) -> None:
        if not self._values.evaluation:
            return
        if not self._pairs:
            self._log.warning(
                "The word vectors are not evaluated. Give lists of word pairs, such as those of WordSim-353, in a channel "
                "evaluation, or set evaluation=false."
            )
            return
        self._log.write("Evaluating word embeddings....")
        self._log.write(f"Vectors read from: {folder / TEXT_FILE} ")
        found = {name: evaluation.agreement(pairs, dictionary.numbers, words_vd) for name, pairs in self._pairs.items()}
        text, mean = evaluation.report(found)
        self._log.write(text)
        (folder / EVALUATION_FILE).write_text(text)
        self._log.info(f"#mean_rho: {mean}")

    @property
    def _subwords(self) -> Subwords:
        """Character n-grams, in the modes that learn them."""
        values = self._values
        return Subwords(values.buckets, values.min_char, values.max_char) if values.subwords else Subwords()
