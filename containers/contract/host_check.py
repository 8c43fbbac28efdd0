"""Which requests are accepted: those of programs on this machine, not those of web pages in its browser.

A page can send requests to loopback addresses. It cannot hide its origin (headers Origin and Sec-Fetch-Site), nor the name
that it used (Host), even if somebody made that name resolve to this machine (DNS rebinding). Numeric addresses are safe
from that.

Kept beside the contract, because both the local AWS and the endpoints that it starts check it. SageMaker itself calls containers
by names of its own, so an endpoint checks only where `WILDSAGE_LOCAL` says that this machine is all it serves.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import Protocol

LOCAL = "WILDSAGE_LOCAL"
"""Variable of a serving container that only programs of this machine may ask."""

HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(?::[0-9]{1,5})?")
"""`name`, `name:port`, `[address]:port`; no user, path or space, which programs read differently [RFC 9110, section 7.2]."""

AWS_DOMAINS = ("amazonaws.com", "amazonaws.com.cn", "api.aws")
"""Domains of the names of AWS's APIs."""


class Headers(Protocol):
    """The headers of a request, found by their names in upper or lower case."""

    def get(self, key: str, /) -> str | None:
        """The value of a header, or None."""


def rejection(headers: Headers, open_to_network: bool) -> str | None:
    """Why a request is rejected; None if it is accepted."""
    host = headers.get("Host") or ""
    name = hostname(host)
    # Amazon's names reach this server through the proxy; nobody else can make them resolve here.
    if not (is_loopback(name) or is_aws_host(name) or (open_to_network and is_this_machine(name))):
        return f"Host {host!r} is not served here. Use the address that `wildsage up` printed.\n"
    return _cross_site(headers)


def rejection_of_endpoint(headers: Headers) -> str | None:
    """As `rejection`, for an endpoint: a container may be asked at its own address, and by no name but localhost."""
    host = headers.get("Host") or ""
    name = hostname(host)
    if not (is_loopback(name) or is_address(name)):
        return f"Host {host!r} is not served here. Use localhost or a numeric address.\n"
    return _cross_site(headers)


def _cross_site(headers: Headers) -> str | None:
    origin = headers.get("Origin")
    if headers.get("Sec-Fetch-Site") == "cross-site" or (
        origin is not None and not is_loopback(hostname(origin.partition("://")[2]))
    ):
        return "Requests from other web sites are rejected.\n"
    return None


def hostname(host: str) -> str:
    """The name in `name:port`, in lower case; "" for any other text."""
    found = HOST.fullmatch(host)
    return found["name"].strip("[]").lower() if found else ""


def is_loopback(name: str) -> bool:
    """Whether a name or an address is always this machine."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def is_aws_host(name: str) -> bool:
    """Whether a name is one of AWS's APIs."""
    return any(name.lower().endswith(f".{domain}") for domain in AWS_DOMAINS)


def is_this_machine(name: str) -> bool:
    """Whether another machine may use the name: any numeric address, or the host name of this machine."""
    return is_address(name) or name == socket.gethostname().lower()


def is_address(name: str) -> bool:
    """Whether a name is a numeric address."""
    try:
        return bool(ipaddress.ip_address(name))
    except ValueError:
        return False
