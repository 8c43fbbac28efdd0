"""The data folder is its owner's alone: folders have mode 0700 and files 0600, whatever the umask of the user's shell says."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

FILE_MODE = 0o600
PRIVATE = 0o077
"""The umask of the server, and so of everything that it starts."""

LEAST_FREE_BYTES = 16_000_000
OTHER_FOLDER = "Choose another folder with --data."

OURS = (
    "s3",
    "regions",
    "authority",
    "lock",
    "keys.json",
    "server.json",
    "server.log",
    "up.log",
    "access.log",
    "access.log.1",
    "missed-buckets.txt",
    "foreign-images.txt",
    "not-implemented.txt",
)
"""What a server writes to its data folder. A folder may hold files of others too: `--data .` in a project."""


@contextlib.contextmanager
def umask() -> Iterator[None]:
    """Files that are created in the block, in any thread, are for their owner alone."""
    before = os.umask(PRIVATE)
    try:
        yield
    finally:
        os.umask(before)


class CannotUse(Exception):
    """The data folder cannot be used; the text says why and what to do."""


def prepare(data: Path) -> Path:
    """Create the data folder, or take rights from others that an older version left them, and return it. Raises CannotUse."""
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        _close_to_others(data)
    except OSError as error:
        raise CannotUse(f"{data} cannot be used: {error.strerror}. {OTHER_FOLDER}") from None
    _require_owner(data)
    _require_room(data)
    return data


def _require_owner(data: Path) -> None:
    """Raises CannotUse where another user may replace what a server writes. Root is above that, and others trust it."""
    status = data.stat()
    if status.st_uid not in (os.geteuid(), 0) and os.geteuid() != 0:
        raise CannotUse(
            f"{data} belongs to another user of this machine, who could change what is in it. {OTHER_FOLDER}"
        )
    if status.st_mode & stat.S_IWOTH:
        raise CannotUse(f"Every user of this machine may write to {data}. {OTHER_FOLDER}")


def _require_room(data: Path) -> None:
    """Raises CannotUse for a folder that cannot be written, or whose disk is full."""
    if not os.access(data, os.W_OK | os.X_OK):
        raise CannotUse(f"{data} cannot be written: it is read-only, or belongs to another user. {OTHER_FOLDER}")
    free = shutil.disk_usage(data).free
    if free < LEAST_FREE_BYTES:
        raise CannotUse(
            f"No space left on device: {data} has {free / 1e6:.1f} MB left, and a server needs {LEAST_FREE_BYTES / 1e6:.0f} MB "
            "to start. Remove something, for instance with `wildsage clean`, or choose another folder with --data."
        )


def _close_to_others(data: Path) -> None:
    """The folder itself is closed unless it holds files of others, and ours in it in any case. Where ours are closed already,
    nothing below them is looked at: a folder may hold millions of objects.
    """
    there = set(os.listdir(data))
    if there <= set(OURS):
        _close(data)
    for name in there & set(OURS):
        if _close(data / name) and not (data / name).is_symlink():
            _close_all_below(data / name)


def _close_all_below(folder: Path) -> None:
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            _close(Path(parent, name))


def _close(path: Path) -> bool:
    """Whether others had rights, which are gone now. What belongs to another user, or is a link, stays as it is."""
    with contextlib.suppress(FileNotFoundError):
        status = path.lstat()
        if status.st_uid == os.geteuid() and not stat.S_ISLNK(status.st_mode) and status.st_mode & PRIVATE:
            path.chmod(stat.S_IMODE(status.st_mode) & ~PRIVATE)
            return True
    return False
