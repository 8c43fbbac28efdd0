"""Which requests are accepted: those of programs on this machine, not those of web pages in its browser.

A page can send requests to loopback addresses. It cannot hide its origin (headers Origin and Sec-Fetch-Site), nor the name
that it used (Host), even if somebody made that name resolve to this machine (DNS rebinding). Numeric addresses are safe
from that.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from werkzeug.datastructures import Headers

AMAZON = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")


def rejection(headers: Headers, open_to_network: bool) -> str | None:
    """Why a request is rejected; None if it is accepted."""
    host = headers.get("Host", "")
    name = hostname(host)
    if not (is_loopback(name) or is_amazon(name) or (open_to_network and is_this_machine(name))):
        return f"Host {host!r} is not served here. Use the address that `wildsage up` printed.\n"
    origin = headers.get("Origin")
    if headers.get("Sec-Fetch-Site") == "cross-site" or (
        origin and not is_loopback(hostname(origin.partition("://")[2]))
    ):
        return "Requests from other web sites are rejected.\n"
    return None


def hostname(host: str) -> str:
    """The name in `name:port`; "" if there is no name."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def is_loopback(name: str) -> bool:
    """Whether a name or an address is always this machine."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def is_amazon(name: str) -> bool:
    """Whether a name is Amazon's. Such names reach this server through the proxy; nobody else can make them resolve here."""
    return name.endswith(AMAZON)


def is_this_machine(name: str) -> bool:
    """Whether another machine may use the name: any numeric address, or the host name of this machine."""
    try:
        return bool(ipaddress.ip_address(name))
    except ValueError:
        return name == socket.gethostname().lower()
