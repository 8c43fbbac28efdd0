"""Origin of a source folder, as its git clone knows it. Without git, or outside a clone, nothing is known."""

from __future__ import annotations

import subprocess
from pathlib import Path
from urllib.parse import urlsplit


def source(folder: Path) -> str | None:
    """URL of the repository that the folder was cloned from, without user name and password."""
    address = _git(folder, "remote", "get-url", "origin")
    if not address:
        return None
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def revision(folder: Path) -> str | None:
    """The commit, followed by `-dirty` if files differ from it."""
    return _git(folder, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        found = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True)
    except OSError:  # git is not installed
        return None
    return found.stdout.strip() if not found.returncode else None
