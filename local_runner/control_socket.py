"""No control socket for gunicorn: newer ones open one in the user's home, the same for all servers of a user."""

from __future__ import annotations

from gunicorn.config import Config

DISABLE = "control_socket_disable"


def disable(config: Config) -> None:
    """Switch it off where this gunicorn has it."""
    if DISABLE in config.settings:
        config.set(DISABLE, True)
