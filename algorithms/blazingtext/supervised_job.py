"""A job in mode supervised: epochs, early stopping, the best weights, model.bin [contract: blazingtext]."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from wildsage.algorithms.base.errors import AlgorithmError, UserError
from wildsage.algorithms.blazingtext.corpus import vocabulary
from wildsage.algorithms.blazingtext.corpus.channel import TextChannel
from wildsage.algorithms.blazingtext.fasttext import files
from wildsage.algorithms.blazingtext.fasttext.dictionary import LABEL, Dictionary, Subwords, tokens_of
from wildsage.algorithms.blazingtext.fasttext.losses import FastTextLoss
from wildsage.algorithms.blazingtext.hyperparameters import Hyperparameters
from wildsage.algorithms.blazingtext.log import BlazingTextLog, Progress
from wildsage.algorithms.blazingtext.output_layer import MANY_LABELS, arranged
from wildsage.algorithms.blazingtext.supervised import Classifier, TextParser, lines_without_label

MODEL_FILE = "model.bin"
SHOWN_LABELS = 5


class BestWeights:
    """The copy of the weights that were best on the validation channel, and for how many epochs none were better."""

    def __init__(self, log: BlazingTextLog) -> None:
        self._log = log
        self._accuracy = -1.0
        self._copy: Classifier | None = None
        self.waited = 0

    def judge(self, classifier: Classifier, accuracy: float) -> None:
        """Keep a copy of the weights if they are the best so far."""
        self._log.write(f"Validation accuracy: {accuracy:.6f}")
        if accuracy > self._accuracy:
            self._log.write("Validation accuracy improved! Storing best weights...")
            self._accuracy, self.waited = accuracy, 0
            if self._copy is None:
                self._copy = classifier.copy()
            else:
                self._copy.restore(classifier)
        else:
            self.waited += 1
            self._log.write(f"Validation accuracy has not improved for last {self.waited} epochs.")

    def restore(self, classifier: Classifier) -> None:
        """Give the classifier the best weights back, if there are any."""
        if self._copy is not None:
            classifier.restore(self._copy)


class SupervisedJob:
    """Learns one classifier from channel `train`; `validation` is None for a job without."""

    def __init__(
        self,
        values: Hyperparameters,
        seed: int,
        channels: tuple[TextChannel, TextChannel | None],
        stopping: Callable[[], bool],
        log: BlazingTextLog,
    ) -> None:
        self._values = values
        self._seed = seed
        self._train, self._validation = channels
        self._stopping = stopping
        self._log = log

    def run(self, folder: Path) -> None:
        """Read, train, save below `folder`, evaluate. Raises UserError for data that cannot be learned from."""
        dictionary = self._count()
        parser = TextParser(vocabulary.table(dictionary), self._buckets, self._values.word_ngrams)
        if self._validation:
            self._check_validation(self._validation, dictionary)
        classifier = Classifier.random(
            len(dictionary.words) + self._buckets, dictionary.label_counts, self._values.vector_dim, self._seed
        )
        if not classifier.tree.is_flat:
            self._log.info(
                f"Channel train has {len(dictionary.labels)} labels: hierarchical softmax is learned, which takes the place of "
                f"softmax from {MANY_LABELS} labels on."
            )
        self._learn(classifier, parser, dictionary.tokens)
        _check_finite(classifier)
        self._save(folder, dictionary, classifier)
        self._evaluate("train", classifier, parser, self._train)
        if self._validation:
            self._log.write("")
            self._evaluate("validation", classifier, parser, self._validation)

    def _count(self) -> Dictionary:
        counts = vocabulary.WordCounts(self._log.read)
        for block in self._train.checked_blocks():
            counts.add(block)
        self._log.read(counts.tokens)
        subwords = Subwords(self._buckets, word_ngrams=self._values.word_ngrams)
        dictionary = arranged(counts.dictionary(self._values.min_count, subwords))
        if not dictionary.labels:
            raise UserError(
                "Channel train holds no labels: mode supervised expects lines such as `__label__sports the game was close`. "
                "For text without labels set mode to batch_skipgram, skipgram or cbow."
            )
        self._log.vocabulary(len(dictionary.words))
        if len(dictionary.labels) == 1:
            self._log.warning(
                f"Channel train has one label, {dictionary.labels[0].decode(errors='replace')}, for all texts."
            )
        return dictionary

    def _check_validation(self, channel: TextChannel, dictionary: Dictionary) -> None:
        """Warn of labels that were not in channel train. Raises UserError if all labels are such."""
        self._log.write(f"Loading validation data from {channel.channel.folder}")
        found = {token for block in channel.checked_blocks() for token in tokens_of(block) if token.startswith(LABEL)}
        self._log.write("Loaded validation data.")
        unseen = sorted(label.decode() for label in found - set(dictionary.labels))
        if not found or len(unseen) == len(found):
            known = [label.decode() for label in dictionary.labels[:SHOWN_LABELS]]
            raise UserError(
                f"Channel validation holds no label of channel train: got {', '.join(unseen[:SHOWN_LABELS]) or 'none'}, expected "
                f"some of {', '.join(known)}."
            )
        if unseen:
            self._log.warning(
                f"Channel validation has {len(unseen)} labels that channel train lacks: {', '.join(unseen[:SHOWN_LABELS])}. "
                "Texts without another label are not counted."
            )

    def _learn(self, classifier: Classifier, parser: TextParser, tokens: int) -> None:
        values = self._values
        total = tokens * values.epochs
        progress = Progress(self._log, total, marks=True)
        best = BestWeights(self._log)
        random = np.array([2 * self._seed + 1], np.uint64)
        done = unlabelled = 0
        for epoch in range(1, values.epochs + 1):
            for texts in parser.texts(self._train.blocks()):
                done = classifier.learn(texts, values.learning_rate, done, total, random)
                unlabelled += lines_without_label(texts) if epoch == 1 else 0
                progress.report(done, values.learning_rate * (1 - done / total))
                if self._stopping():
                    break
            if self._stopping() or (self._judges(epoch) and self._is_over(epoch, best, classifier, parser)):
                break
        best.restore(classifier)
        progress.finish(done, values.learning_rate * (1 - done / total))
        if unlabelled:
            self._log.warning(f"{unlabelled} lines of channel train have no label; nothing was learned from them.")

    def _judges(self, epoch: int) -> bool:
        return self._values.early_stopping and self._validation is not None and epoch >= self._values.min_epochs

    def _is_over(self, epoch: int, best: BestWeights, classifier: Classifier, parser: TextParser) -> bool:
        assert self._validation is not None
        self._log.write(f"-------------- End of epoch: {epoch}")
        accuracy, _ = classifier.accuracy(parser.texts(self._validation.blocks()))
        best.judge(classifier, accuracy)
        if best.waited < self._values.patience:
            return False
        self._log.write(f"Validation accuracy has not improved for {best.waited} epochs. Stopping early.")
        return True

    def _save(self, folder: Path, dictionary: Dictionary, classifier: Classifier) -> None:
        values = self._values
        header = files.Header(
            dimension=values.vector_dim,
            epochs=values.epochs,
            min_count=values.min_count,
            word_ngrams=values.word_ngrams,
            loss=FastTextLoss.SOFTMAX if classifier.tree.is_flat else FastTextLoss.HIERARCHICAL_SOFTMAX,
            kind=files.ModelKind.SUPERVISED,
            buckets=self._buckets,
        )
        folder.mkdir(parents=True, exist_ok=True)
        files.write(folder / MODEL_FILE, header, dictionary, classifier.source_rd, classifier.target_kd)

    def _evaluate(self, name: str, classifier: Classifier, parser: TextParser, channel: TextChannel) -> None:
        accuracy, count = classifier.accuracy(parser.texts(channel.blocks()))
        self._log.metric(f"{name}_accuracy", accuracy)
        self._log.write(f"Number of {name} examples: {count}")

    @property
    def _buckets(self) -> int:
        """Rows of word n-grams; without n-grams there are none."""
        return self._values.buckets if self._values.word_ngrams > 1 else 0


def _check_finite(classifier: Classifier) -> None:
    if not np.isfinite(classifier.target_kd).all():
        raise AlgorithmError("Encountered NaN: the steps grew without bound. Set a smaller learning_rate.")
