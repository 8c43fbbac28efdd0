"""Rules on what a tuning job may change of the parents that it learns from.

Source: "Run a Warm Start Hyperparameter Tuning Job", restrictions (developer guide).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wildsage.local_runner.jobs.tuning.definition import TrainingDefinition
from wildsage.local_runner.jobs.tuning.ranges import Choice, Range

MAX_CHANGES = 10


@dataclass(frozen=True)
class WarmStart:
    """A parent with its definitions, and those of the job that learns from it."""

    parent: str
    kind: str
    before: Sequence[TrainingDefinition]
    found: Sequence[TrainingDefinition]

    def problems(self) -> Iterator[str]:
        """What of the job does not fit the parent, one sentence each."""
        yield from self._counts()
        yield from self._objectives()
        yield from self._images()
        for before, found in self._pairs():
            yield from self._types(before, found)
            yield from self._changes(before, found)

    def _counts(self) -> Iterator[str]:
        """Hyperparameters may become static or tunable, but none may come or go."""
        counts = [
            {len(one.static) + len(one.ranges) for one in definitions} for definitions in (self.before, self.found)
        ]
        if counts[0] != counts[1]:
            yield (
                "The total number of static and tunable hyperparameters must be the same as in all parent jobs. "
                f"Parent tuning job {self.parent} has another number."
            )

    def _objectives(self) -> Iterator[str]:
        before, found = (
            f"{one[0].objective['Type']} {one[0].objective['MetricName']}" for one in (self.before, self.found)
        )
        if before != found:
            yield f"Parent tuning job {self.parent} has the objective {before}, expected {found}."

    def _images(self) -> Iterator[str]:
        images = {one.training["AlgorithmSpecification"]["TrainingImage"] for one in (*self.before, *self.found)}
        if self.kind == "IdenticalDataAndAlgorithm" and len(images) > 1:
            yield (
                f"WarmStartType IdenticalDataAndAlgorithm: parent {self.parent} has another image "
                f"({', '.join(sorted(images))}). Use TransferLearning."
            )

    def _pairs(self) -> Iterator[tuple[TrainingDefinition, TrainingDefinition]]:
        """The definitions of the job with those of the same name of the parent, or its first."""
        by_name = {one.name: one for one in self.before}
        for one in self.found:
            yield by_name.get(one.name, self.before[0]), one

    def _types(self, before: TrainingDefinition, found: TrainingDefinition) -> Iterator[str]:
        types = {one.name: _type(one) for one in before.ranges}
        for one in found.ranges:
            if types.get(one.name, _type(one)) != _type(one):
                yield (
                    f"Hyperparameter {one.name} is {_type(one)}, and {types[one.name]} in parent tuning job {self.parent}: "
                    "the type of a hyperparameter must not change."
                )

    def _changes(self, before: TrainingDefinition, found: TrainingDefinition) -> Iterator[str]:
        """A word counts for itself: a choice of two that becomes static, or one word in place of another, are two changes."""
        fixed = sum(_size(one) for one in before.ranges if one.name in found.static)
        changed = sum(
            1 if _is_number(value) else 2
            for name, value in found.static.items()
            if before.static.get(name, value) != value
        )
        if fixed + changed > MAX_CHANGES:
            yield (
                f"{fixed + changed} changes of parent tuning job {self.parent}, of hyperparameters that become static and of "
                f"values of static ones, expected at most {MAX_CHANGES}."
            )


def _type(one: Range) -> str:
    return "categorical" if isinstance(one, Choice) else "integer" if one.whole else "continuous"


def _size(one: Range) -> int:
    return len(one.words) if isinstance(one, Choice) else 1


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
