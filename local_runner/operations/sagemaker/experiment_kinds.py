"""The three kinds of notes that SageMaker keeps on experiments, and how their fields are named."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """`kind` is that of the documents and in ARNs, `stem` how AWS's field names begin, `word` for sentences."""

    kind: str
    stem: str
    word: str

    @property
    def name_field(self) -> str:
        return f"{self.stem}Name"

    @property
    def arn_field(self) -> str:
        return f"{self.stem}Arn"


EXPERIMENT = Kind("experiment", "Experiment", "Experiment")
TRIAL = Kind("experiment-trial", "Trial", "Trial")
COMPONENT = Kind("experiment-trial-component", "TrialComponent", "Trial component")
