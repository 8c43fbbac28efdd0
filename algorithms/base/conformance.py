"""What each algorithm brings to the conformance suite: a tiny data set, settings, and a floor of quality."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from wildsage.algorithms.base.algorithm import Model
from wildsage.algorithms.base.batch import Batch


@dataclass(frozen=True)
class Case:
    """`rows()` gives the training rows in an order the suite may change; `quality(model, rows)` must reach `floor`.

    `files` writes the rows as a file of a content type that the suite cannot write by itself; it can write CSV,
    RecordIO-protobuf and image RecordIO. `other_types` names content types of requests that a channel alone cannot be
    trained from, and `exempt` names checks of the suite that do not apply, each with its reason.
    """

    hyperparameters: Mapping[str, str]
    rows: Callable[[], Batch]
    quality: Callable[[Model, Batch], float]
    floor: float
    files: Mapping[str, Callable[[Batch], bytes]] = field(default_factory=dict)
    other_types: Mapping[str, str] = field(default_factory=dict)
    exempt: Mapping[str, str] = field(default_factory=dict)
