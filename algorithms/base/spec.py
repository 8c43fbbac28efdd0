"""What containers and the local AWS need to know of an algorithm, without importing it.

Each folder says it once, in a module `spec` that imports nothing but this one. So it can be read at once, before the array
engine is imported, and where the packages that the algorithm needs are not installed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Channel:
    """A named input of a training job."""

    name: str
    required: bool = True


@dataclass(frozen=True)
class Metric:
    """A metric of the test channel, logged at the end of a job as `test <name> <loss>=…`; `kind` says which way is better.

    `name` may be a regular expression where a setting is part of it, as in `binary_f_1.000`.

    SageMaker attaches metric definitions to the jobs of its algorithms. This one is there as `test:<defined_as>`, which is
    its name unless said otherwise; with `defined=False` it is only logged, and no job can be tuned on it.
    """

    name: str
    kind: Literal["loss", "score"]
    defined: bool = True
    defined_as: str | None = None


@dataclass(frozen=True)
class Response:
    """The shape of an answer: `{"<key>": [{"<column>": …}, …]}`; `verbose` are additional columns if
    the caller accepts `verbose=true`.

    With `compact_lines`, JSON Lines have no spaces, keys in alphabetical order and numbers cut at 15 decimals.
    """

    key: str
    columns: tuple[str, ...]
    verbose: tuple[str, ...] = ()
    compact_lines: bool = False


@dataclass(frozen=True)
class Spec:
    """What containers and the local AWS need to know of an algorithm. `log_name` stands in `#metrics` lines.

    `image`: the repository of ECR URIs and the algorithm's name, which is its folder's with hyphens; `aliases` are more
    repositories of the same image. `packages`: what it imports beside the packages that every algorithm has; the extra of
    pyproject.toml that bears the algorithm's name installs them.
    `data`: what channels and requests hold, rows of numbers or images. `label_size`: how many columns of a CSV row are labels
    in training, where the content type does not say; 0 for what learns from rows alone.
    `program`: the algorithm brings its own program (`base.program`), and `model_files` are patterns of its files, by any of which
    an artifact is recognised. `model_note` says what such a model is and how to load it, to those who ask for its arrays.
    `metric_definitions`: names and regular expressions of metrics in log lines of its own, in place of those of `metrics`
    and of the progress and throughput that containers log.
    """

    image: str
    log_name: str
    response: Response
    content_types: tuple[str, ...]
    data: Literal["rows", "images"] = "rows"
    label_size: int = 1
    metrics: tuple[Metric, ...] = ()
    metric_definitions: Mapping[str, str] | None = None
    channels: tuple[Channel, ...] = (
        Channel("train"),
        Channel("test", required=False),
        Channel("model", required=False),
    )
    aliases: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    program: bool = False
    model_files: tuple[str, ...] = ()
    model_note: str = ""

    def metric(self, name: str) -> Metric | None:
        """The metric of that name, None for one that is not logged."""
        return next((metric for metric in self.metrics if re.fullmatch(metric.name, name)), None)
