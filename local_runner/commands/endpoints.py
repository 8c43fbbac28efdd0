"""`sagebrush endpoints`: what can be invoked."""

from __future__ import annotations

from local_runner.commands.tables import moment, show
from local_runner.commands.terminal import DATA, DataOption, examples, overview_of
from local_runner.overview import Endpoint
from local_runner.owner import running

COLUMNS = ("name", "status", "variants", "created", "why")
EXAMPLES = examples("sagebrush endpoints", "sagebrush endpoints --data ./aws")


def endpoints(data: DataOption = DATA) -> None:
    """List endpoints. While no local AWS runs they are at rest; `sagebrush up` brings them back."""
    with overview_of(data) as overview:
        alive = running(data) is not None
        show(COLUMNS, [row(endpoint, alive) for endpoint in overview.endpoints()])


def row(endpoint: Endpoint, alive: bool) -> tuple[str, ...]:
    status = endpoint.status if alive or endpoint.status == "Failed" else "at rest"
    return endpoint.name, status, ", ".join(endpoint.variants), moment(endpoint.created), endpoint.reason
