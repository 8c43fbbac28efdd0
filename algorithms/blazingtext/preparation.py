"""Compiles the loops of all modes, by a small job of each."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import cast

from wildsage.algorithms.base.program import JobChannel, Records
from wildsage.algorithms.blazingtext import hyperparameters
from wildsage.algorithms.blazingtext.corpus.channel import TextChannel
from wildsage.algorithms.blazingtext.hyperparameters import CBOW, MODES
from wildsage.algorithms.blazingtext.log import BlazingTextLog
from wildsage.algorithms.blazingtext.supervised_job import SupervisedJob
from wildsage.algorithms.blazingtext.word_vector_job import Share, WordVectorJob

TEXT = b"__label__a a few words\n__label__b some other words\n"
SMALL = {
    "vector_dim": "2", "epochs": "1", "min_count": "1", "buckets": "10", "evaluation": "false", "sampling_threshold": "1",
}  # fmt: skip
"""All words stay: the words of so short a text are frequent, and would be thinned out."""
NO_RECORDS = cast(Records, None)  # text has none


def compile_loops() -> None:
    """Run a job of every mode; what it learns is thrown away. Later jobs find the machine code."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "train").mkdir()
        (folder / "train" / "text").write_bytes(TEXT)
        for mode in MODES:
            _run(mode, folder / "train", folder / mode)


def _run(mode: str, data: Path, model: Path) -> None:
    given = {**SMALL, "mode": mode, "subwords": str(mode == CBOW)}
    values = hyperparameters.parse(given).values
    of_text = JobChannel("text/plain", "File", "FullyReplicated", {}, data, lambda: iter(()))
    channel = TextChannel("train", of_text, values.supervised, NO_RECORDS)
    log = BlazingTextLog(lambda line: None)
    if values.supervised:
        SupervisedJob(values, 0, (channel, None), lambda: False, log).run(model)
    else:
        WordVectorJob(values, 0, channel, {}, Share(0, 1, None), lambda: False, log).run(model, leads=True)
