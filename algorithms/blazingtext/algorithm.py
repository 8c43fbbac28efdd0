"""BlazingText: word2vec (Mikolov et al. 2013, arXiv:1310.4546) and fastText's classifier (Joulin et al. 2016, arXiv:1607.01759)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from wildsage.algorithms.base.endpoint import Endpoint
from wildsage.algorithms.base.program import Job, Program, Records
from wildsage.algorithms.blazingtext import hyperparameters


class BlazingText(Program):
    """Vectors of words, or classes of texts; model files are fastText's.

    >>> from wildsage.algorithms.blazingtext.algorithm import BlazingText
    >>> BlazingText().check([("mode", "supervised"), ("epochs", "0")])
    Traceback (most recent call last):
    ...
    wildsage.algorithms.base.errors.UserError: Hyperparameter epochs: got '0', expected an integer from 1 to 2147483647.
    """

    def table(self) -> str:
        return hyperparameters.table()

    def check(self, given: Iterable[tuple[str, str]]) -> None:
        hyperparameters.check(given)

    def train(self, job: Job) -> None:
        from wildsage.algorithms.blazingtext.training import train

        train(job)

    def prepare(self) -> None:
        from wildsage.algorithms.blazingtext.preparation import compile_loops

        compile_loops()

    def load(self, folder: Path, environment: Mapping[str, str], records: Records) -> Endpoint:
        from wildsage.algorithms.blazingtext.serving import load

        return load(folder)


PROGRAM = BlazingText()
