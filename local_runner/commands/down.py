"""`wildsage down`: stop the local AWS."""

from __future__ import annotations

from wildsage.local_runner.commands.terminal import DATA, DataOption, examples, fail, stderr
from wildsage.local_runner.server import lock

EXAMPLES = examples("wildsage down", "wildsage down --data ./aws")


def down(data: DataOption = DATA) -> None:
    """Stop the local AWS of a data folder, wherever it was started. Its jobs and endpoints continue when it starts again."""
    server = lock.running(data)
    if server is None:
        fail(1, f"No local AWS runs on {data}.")
    stderr.print(f"Stopping the local AWS on {server.endpoint} …")
    if not lock.stop(data, server):
        fail(3, f"Process {server.pid} still runs. `kill -9 {server.pid}` ends it; nothing that is stored is lost.")
    stderr.print("Stopped.")
