"""Rules of experiments that AWS's model of the requests cannot say.

Sources: TrialComponentParameterValue, ListTrialComponents (API reference).
"""

from __future__ import annotations

from collections.abc import Iterator

from wildsage.local_runner.operations.rules import Request, Rule, at_most_one


def parameter_values(request: Request) -> Iterator[str]:
    """A parameter is a text or a number."""
    for name, value in request.get("Parameters", {}).items():
        if len(value) != 1:
            yield f"Parameters.{name}: StringValue and NumberValue exclude each other, and one of them is needed."


COMPONENT_RULES: tuple[Rule, ...] = (parameter_values,)
LIST_COMPONENTS_RULES: tuple[Rule, ...] = (at_most_one("ExperimentName", "TrialName", "SourceArn"),)
