"""`wildsage endpoints`: list the endpoints."""

from __future__ import annotations

from wildsage.local_runner.commands.tables import format_time, print_table
from wildsage.local_runner.commands.terminal import DATA, DataOption, examples, open_overview
from wildsage.local_runner.monitor.overview import EndpointSummary
from wildsage.local_runner.server.lock import running

COLUMNS = ("name", "status", "variants", "created", "region", "reason")
EXAMPLES = examples("wildsage endpoints", "wildsage endpoints --data ./aws")


def endpoints(data: DataOption = DATA) -> None:
    """List endpoints. While the local AWS does not run they are stopped; `wildsage up` starts them again."""
    with open_overview(data) as overview:
        alive = running(data) is not None
        print_table(COLUMNS, [row(endpoint, alive) for endpoint in overview.endpoints()])


def row(endpoint: EndpointSummary, alive: bool) -> tuple[str, ...]:
    """Cells of an endpoint. `alive`: a server runs."""
    status = endpoint.status if alive or endpoint.status == "Failed" else "stopped"
    variants, created = ", ".join(endpoint.variants), format_time(endpoint.created)
    return endpoint.name, status, variants, created, endpoint.region, endpoint.reason
