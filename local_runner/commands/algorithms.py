"""`wildsage algorithms`: what can be trained."""

from __future__ import annotations

from wildsage.local_runner.commands.tables import print_table
from wildsage.local_runner.commands.terminal import examples, report_errors
from wildsage.local_runner.images import catalogue

COLUMNS = ("name", "what it is", "learns from", "cannot run here")
EXAMPLES = examples("wildsage algorithms")


def algorithms() -> None:
    """List the algorithms of this installation. The folder of each in `algorithms/` has a page about it."""
    with report_errors():
        print_table(COLUMNS, [row(one) for one in catalogue.algorithms()])


def row(one: catalogue.AlgorithmEntry) -> tuple[str, ...]:
    """The cells of an algorithm, in the order of COLUMNS."""
    return one.name, one.summary, ", ".join(one.content_types), one.problem or ""
