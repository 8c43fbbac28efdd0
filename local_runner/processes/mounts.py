"""Runs a command that sees folders and files at other paths: `python mounts.py SOURCE TARGET [SOURCE TARGET]… -- COMMAND…`.

A script that hard-codes /opt/ml finds its own job there, while the rest of the machine stays as it is and nobody else sees
a change. The command gets a mount namespace of its own; a user who may not have one gets it inside a user namespace, in
which the user keeps the own name and gains no rights. Both exist on Linux only, and some machines forbid them; `problem`
says whether this one does.

A target that does not exist, as /opt/ml on most machines, needs a folder to be in. The folder above it, /opt, is covered by
a temporary one that shows everything that lies in it, so that nothing is created on the machine.

This module imports nothing but the standard library, so that it starts in about 30 ms.

Sources: unshare(2), mount(2), user_namespaces(7), mount_namespaces(7).
"""

from __future__ import annotations

import ctypes
import functools
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x40000
END = "--"
PROBE_LIMIT_S = 10.0  # mutants: equivalent: a second more or less changes nothing

Mounts = Iterable[tuple[Path, str]]
"""Pairs of a folder or file, and the path at which the command sees it."""


def with_mounts(mounts: Mounts, command: Sequence[str]) -> list[str]:
    """The command line that runs `command` with the mounts."""
    pairs = [str(path) for pair in mounts for path in pair]
    return [sys.executable, "-I", "-S", __file__, *pairs, END, *command]


@functools.cache
def problem(target: str) -> str | None:
    """Why a folder cannot be mounted at `target` on this machine; None if it can. It is tried once."""
    if sys.platform != "linux":
        return f"{sys.platform} has no mount namespaces"
    with tempfile.TemporaryDirectory() as folder:
        command = with_mounts([(Path(folder), target)], ["/bin/sh", "-c", f"test -d {target}"])
        try:
            tried = subprocess.run(command, capture_output=True, text=True, timeout=PROBE_LIMIT_S)
        except subprocess.TimeoutExpired:
            return f"the attempt took more than {PROBE_LIMIT_S:.0f} s"
    return None if tried.returncode == 0 else tried.stderr.strip().rpartition("\n")[2] or "the attempt failed"


def main(arguments: list[str]) -> None:
    """Mount, then become the command."""
    end = arguments.index(END)
    paths, command = arguments[:end], arguments[end + 1 :]
    try:
        _leave_mounts_of_others()
        for source, target in zip(paths[::2], paths[1::2], strict=True):
            _show(source, target)
    except OSError as error:
        sys.exit(f"mounts are not permitted: {error}")
    os.execvp(command[0], command)


def _leave_mounts_of_others() -> None:
    """From now on, mounts of this process are its own."""
    user, group = os.geteuid(), os.getegid()
    try:
        _system_call("unshare", CLONE_NEWNS)
    except PermissionError:
        _system_call("unshare", CLONE_NEWUSER | CLONE_NEWNS)
        Path("/proc/self/setgroups").write_text("deny")  # the kernel's condition for the next line
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    _mount(None, "/", MS_REC | MS_PRIVATE)


def _show(source: str, target: str) -> None:
    if not os.path.exists(target):
        _make_place(Path(target))
    _mount(source, target, MS_BIND | MS_REC)


def _make_place(target: Path) -> None:
    """Let the folder `target` exist, in a temporary folder over the nearest one that exists, with all that lies in that."""
    above = next(folder for folder in target.parents if folder.exists())
    if above == Path("/"):
        raise OSError(f"{target.parts[1]} does not exist in /")
    with ExitStack() as opened:
        entries = [(entry, _hold(entry, opened)) for entry in sorted(above.iterdir())]
        _mount("tmpfs", str(above), 0, kind="tmpfs", options="mode=755")
        for entry, held in entries:
            _bring_back(entry, held)
    target.mkdir(parents=True)


def _hold(entry: Path, opened: ExitStack) -> int | str:
    """A descriptor by which an entry is still found once its folder is covered; the target of a symbolic link."""
    if entry.is_symlink():
        return os.readlink(entry)
    descriptor = os.open(entry, os.O_PATH)
    opened.callback(os.close, descriptor)
    return descriptor


def _bring_back(entry: Path, held: int | str) -> None:
    if isinstance(held, str):
        entry.symlink_to(held)
        return
    source = f"/proc/self/fd/{held}"
    if os.path.isdir(source):
        entry.mkdir()
    else:
        entry.touch()
    _mount(source, str(entry), MS_BIND | MS_REC)


def _mount(source: str | None, target: str, flags: int, kind: str | None = None, options: str | None = None) -> None:
    words = [word.encode() if word is not None else None for word in (source, target, kind, options)]
    _system_call("mount", words[0], words[1], words[2], ctypes.c_ulong(flags), words[3], about=target)


def _system_call(name: str, *arguments: object, about: str = "") -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, f"{name} {about}".rstrip() + f": {os.strerror(number)}")


if __name__ == "__main__":
    main(sys.argv[1:])
