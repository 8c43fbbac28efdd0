"""Runs a command without a network: `python no_network.py COMMAND…`.

The command gets a network namespace of its own, in which only the loopback interface exists; a user who may not have one
gets it inside a user namespace. A socket that it inherits belongs to the machine's network all the same, so that it can
still be asked. Namespaces exist on Linux only, and some machines forbid them; `problem` says whether this one does.

This module imports nothing but the standard library, so that it starts in about 30 ms.

Sources: network_namespaces(7), netdevice(7).
"""

from __future__ import annotations

import fcntl
import functools
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Sequence
from ctypes import CDLL, get_errno
from pathlib import Path

CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
SET_FLAGS = 0x8914  # SIOCSIFFLAGS
UP = 1  # IFF_UP
PROBE_LIMIT_S = 10.0  # mutants: equivalent: a second more or less changes nothing


def without_network(command: Sequence[str]) -> list[str]:
    """The command line that runs `command` without a network."""
    return [sys.executable, "-I", "-S", __file__, *command]


@functools.cache
def problem() -> str | None:
    """Why a command cannot run without a network on this machine; None if it can. It is tried once."""
    if sys.platform != "linux":
        return f"{sys.platform} has no network namespaces"
    try:
        tried = subprocess.run(without_network(["true"]), capture_output=True, text=True, timeout=PROBE_LIMIT_S)
    except subprocess.TimeoutExpired:
        return f"the attempt took more than {PROBE_LIMIT_S:.0f} s"
    return None if tried.returncode == 0 else tried.stderr.strip().rpartition("\n")[2] or "the attempt failed"


def main(command: list[str]) -> None:
    """Leave the network, then become the command."""
    try:
        _leave_network()
        _bring_up_loopback()
    except OSError as error:
        sys.exit(f"network namespaces are not permitted: {error}")
    os.execvp(command[0], command)


def _leave_network() -> None:
    user, group = os.geteuid(), os.getegid()
    try:
        _unshare(CLONE_NEWNET)
    except PermissionError:
        _unshare(CLONE_NEWUSER | CLONE_NEWNET)
        Path("/proc/self/setgroups").write_text("deny")  # the kernel's condition for the next line
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")


def _unshare(flags: int) -> None:
    if CDLL(None, use_errno=True).unshare(flags):
        number = get_errno()
        raise OSError(number, os.strerror(number))


def _bring_up_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SET_FLAGS, struct.pack("16sH14x", b"lo", UP))


if __name__ == "__main__":
    main(sys.argv[1:])
