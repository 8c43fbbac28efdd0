"""`wildsage endpoints`: what can be invoked."""

from __future__ import annotations

from wildsage.local_runner.commands.tables import format_time, print_table
from wildsage.local_runner.commands.terminal import DATA, DataOption, examples, open_overview
from wildsage.local_runner.monitor.overview import Endpoint
from wildsage.local_runner.server.lock import running

COLUMNS = ("name", "status", "variants", "created", "why")
EXAMPLES = examples("wildsage endpoints", "wildsage endpoints --data ./aws")


def endpoints(data: DataOption = DATA) -> None:
    """List endpoints. While no local AWS runs they are at rest; `wildsage up` brings them back."""
    with open_overview(data) as overview:
        alive = running(data) is not None
        print_table(COLUMNS, [row(endpoint, alive) for endpoint in overview.endpoints()])


def row(endpoint: Endpoint, alive: bool) -> tuple[str, ...]:
    status = endpoint.status if alive or endpoint.status == "Failed" else "at rest"
    return endpoint.name, status, ", ".join(endpoint.variants), format_time(endpoint.created), endpoint.reason
