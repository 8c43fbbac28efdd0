"""Who may ask: programs of this machine, not the web pages that its browser shows.

A page can send requests to loopback. It cannot hide where it comes from (Origin, Sec-Fetch-Site), nor which name it used
(Host), even where that name was made to resolve to us (DNS rebinding). Addresses in numbers cannot be made to.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from werkzeug.datastructures import Headers

AMAZON = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")


def refusal(headers: Headers, open_to_network: bool) -> str | None:
    """Why a request is none of ours to answer, or None."""
    host = headers.get("Host", "")
    name = hostname(host)
    if not (is_loopback(name) or is_amazon(name) or (open_to_network and is_this_machine(name))):
        return f"Host {host!r} is not served here. Use the address that `wildsage up` printed.\n"
    origin = headers.get("Origin")
    if headers.get("Sec-Fetch-Site") == "cross-site" or (
        origin and not is_loopback(hostname(origin.partition("://")[2]))
    ):
        return "Requests from other web sites are refused.\n"
    return None


def hostname(host: str) -> str:
    """The name in `name:port`, "" where there is none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def is_loopback(name: str) -> bool:
    """Names and addresses that only this machine has."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def is_amazon(name: str) -> bool:
    """Amazon's own names, which reach us through a proxy and which nobody else can make resolve to us."""
    return name.endswith(AMAZON)


def is_this_machine(name: str) -> bool:
    """Any address in numbers, and the machine's own name: what others use where they may."""
    try:
        return bool(ipaddress.ip_address(name))
    except ValueError:
        return name == socket.gethostname().lower()
