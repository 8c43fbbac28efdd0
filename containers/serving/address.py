"""Where a serving container listens [contract: container, section 5]."""

from __future__ import annotations

from collections.abc import Mapping

LOOPBACK, DEFAULT_PORT = "127.0.0.1", "8080"


def bind(environment: Mapping[str, str]) -> str:
    """host:port, or fd://number for a socket that listens already, which `WILDSAGE_LISTEN_FD` names.

    `SAGEMAKER_BIND_TO_PORT` sets the port; `WILDSAGE_BIND_HOST` opens it to other hosts, which an image needs.
    """
    if inherited := environment.get("WILDSAGE_LISTEN_FD"):
        return f"fd://{inherited}"
    return f"{environment.get('WILDSAGE_BIND_HOST', LOOPBACK)}:{port(environment)}"


def port(environment: Mapping[str, str]) -> str:
    """The port: `SAGEMAKER_BIND_TO_PORT`, `SAGEMAKER_HTTP_PORT` of the image, or 8080."""
    return environment.get("SAGEMAKER_BIND_TO_PORT") or environment.get("SAGEMAKER_HTTP_PORT") or DEFAULT_PORT
