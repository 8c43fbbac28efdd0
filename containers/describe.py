"""`describe`: the facts of every installed algorithm, for programs that run containers without importing them.

Only the module `spec` of each folder is imported, so that torch is not loaded.
"""

from __future__ import annotations

from typing import Any

from wildsage import algorithms
from wildsage.algorithms.base.errors import MissingPackage
from wildsage.algorithms.base.spec import Spec
from wildsage.containers.contract import metrics


def describe() -> list[dict[str, Any]]:
    """Return one object per algorithm, sorted by name.

    Its members are `name`, `summary` (the first line of the folder's docstring), `repositories` of ECR URIs, `content_types` of
    channels, `label_size` of a CSV row in training, `metric_definitions` (regular expressions by name), `problem`: why it
    cannot run here, or None, and `packages`: those that it imports beside what every algorithm has.
    """
    return [_described(folder) for folder in algorithms.names()]


def _described(folder: str) -> dict[str, Any]:
    try:
        spec = algorithms.spec(folder)
    except Exception as error:  # a mistake in one folder must not hide the others
        name = folder.replace("_", "-")
        problem = f"Algorithm {name}: its module spec cannot be imported: {type(error).__name__}: {error}"
        return _entry(name, "", problem)
    summary = algorithms.summary(folder)
    try:
        algorithms.require_packages(folder)
    except MissingPackage as missing:
        return _entry(spec.image, summary, str(missing), spec)
    return _entry(spec.image, summary, None, spec)


def _entry(name: str, summary: str, problem: str | None, spec: Spec | None = None) -> dict[str, Any]:
    return {
        "name": name,
        "summary": summary,
        "repositories": [name, *(spec.aliases if spec else ())],
        "content_types": list(spec.content_types if spec else ()),
        "label_size": spec.label_size if spec else 1,
        "metric_definitions": _metric_definitions(spec) if spec else {},
        "problem": problem,
        "packages": list(spec.packages if spec else ()),
    }


def _metric_definitions(spec: Spec) -> dict[str, str]:
    """The metric definitions that SageMaker attaches to jobs of an algorithm, as regular expressions by name."""
    if spec.metric_definitions is not None:
        return dict(spec.metric_definitions)
    defined = {
        f"test:{metric.defined_as or metric.name}": metrics.quality_regex("test", metric.name, metric.kind)
        for metric in spec.metrics
        if metric.defined
    }
    return {**defined, "train:progress": metrics.PROGRESS_REGEX, "train:throughput": metrics.THROUGHPUT_REGEX}
