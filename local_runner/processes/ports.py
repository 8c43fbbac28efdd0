"""Whether a port can be listened on."""

from __future__ import annotations

import errno
import socket


def problem(host: str, port: int) -> str | None:
    """Why nothing can listen at the address now, with what to do; None if it can."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, True)
        try:
            probe.bind((host, port))
        except OSError as error:
            if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
                return f"{host} is not an address of this machine ({error.strerror}). Choose another with --bind."
            return f"Port {port} of {host} cannot be used ({error.strerror}). Choose another with --port."
    return None
