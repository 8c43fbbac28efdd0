"""Where a folder of sources is from, as its clone knows it. Without git, or in a folder that is no clone, nothing is known."""

from __future__ import annotations

import subprocess
from pathlib import Path
from urllib.parse import urlsplit


def source(folder: Path) -> str | None:
    """Address of the repository that the folder was cloned from, without the password it may hold."""
    address = _git(folder, "remote", "get-url", "origin")
    if not address:
        return None
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def revision(folder: Path) -> str | None:
    """The commit, with `-dirty` after it where files differ from it."""
    return _git(folder, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        found = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True)
    except OSError:  # git is not installed
        return None
    return found.stdout.strip() if not found.returncode else None
