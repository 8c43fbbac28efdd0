"""Ports at which a program of a job will listen."""

from __future__ import annotations

import secrets
import socket

from wildsage.algorithms.base.errors import PlatformError

# Below those that Linux and macOS give to a program that asks for any port.
FREE_PORTS = range(20_000, 29_000)  # mutants: equivalent: a few more or less
TRIES = 100  # mutants: equivalent: a few more or less


def free_port() -> int:
    """A port of this machine at which nothing listens, at none of its addresses.

    No program gets it by chance before the one that is told to listen there.
    Raises PlatformError if `TRIES` ports drawn from `FREE_PORTS` are taken, or none may be used.

    >>> from wildsage.algorithms.base.ports import FREE_PORTS, free_port
    >>> free_port() in FREE_PORTS
    True
    """
    for port in secrets.SystemRandom().sample(FREE_PORTS, TRIES):
        with socket.socket() as probe:
            try:
                probe.bind(("", port))
                return port
            except OSError as error:
                reason = error
    raise PlatformError(
        f"No port is free on this machine: {TRIES} of {FREE_PORTS[0]} to {FREE_PORTS[-1]} were tried, the last: {reason}"
    )
