"""The version of the original that a job asks for by its image's tag, and what changed between them [contract: xgboost, Versions].

The library that computes is the one installed. The log names the requested version too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

TAG = re.compile(r"(\d+)\.(\d+)(?:-(\d+))?(?:-[a-z0-9-]+)?")
CLOSED = ("1", "latest", "0.72")
"""Tags of the closed image of 2018."""


@dataclass(frozen=True, order=True)
class Version:
    """A version of the original: XGBoost's own numbers and the build of the image."""

    major: int
    minor: int
    build: int = 1

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}" if self == OLDEST else f"{self.major}.{self.minor}-{self.build}"

    @classmethod
    def from_tag(cls, tag: str) -> Version:
        """The version that a tag asks for; the newest where the tag does not say."""
        if tag in CLOSED:
            return OLDEST
        match = TAG.fullmatch(tag)
        return cls(int(match[1]), int(match[2]), int(match[3] or 1)) if match else NEWEST

    @property
    def pickles(self) -> bool:
        """The model file is a pickled Booster; later it is what `save_model` writes."""
        return self < Version(1, 3)

    @property
    def estimates_base_score(self) -> bool:
        """XGBoost 2.0 began to take the base score from the labels; before, it was 0.5."""
        return self >= Version(2, 0)

    @property
    def stops_early_by_library(self) -> bool:
        """Early stopping is the library's own argument: the last metric of the last data set, and all rounds are kept."""
        return self < Version(1, 3)

    @property
    def shifts_indices(self) -> bool:
        """LIBSVM data whose smallest index is 1 or more counts its columns from 1."""
        return self >= Version(3, 0)

    @property
    def reads_pipes(self) -> bool:
        """Pipe mode works; 3.0 dropped it."""
        return self < Version(3, 0)

    @property
    def joins_answers(self) -> bool:
        """Answers are one line with commas between them, whatever is accepted."""
        return self < Version(1, 2, 2)

    @property
    def selects_content(self) -> bool:
        """`SAGEMAKER_INFERENCE_OUTPUT` is obeyed."""
        return self >= Version(1, 2)

    @property
    def trims_digits(self) -> bool:
        """Log lines have six significant digits without trailing zeros; later always five decimals."""
        return self < Version(1, 0)


OLDEST = Version(0, 72)
NEWEST = Version(3, 2, 0)
