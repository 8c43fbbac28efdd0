"""Namespaces of Linux: what this machine allows, and commands that get one as an ordinary user does."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

_DROP = "import ctypes, os, sys; ctypes.CDLL(None).prctl(24, 21, 0, 0, 0); os.execv(sys.argv[1], sys.argv[1:])"
"""PR_CAPBSET_DROP, CAP_SYS_ADMIN: what is executed next may not have it."""

AS_A_USER = (sys.executable, "-I", "-S", "-c", _DROP)
"""Put before a command: it has no right to namespaces but inside one of users, even where root runs it."""


def allowed(kind: str) -> bool:
    """Whether a process may have a namespace of this kind, `net` or `mount`, by util-linux's own program."""
    if not (program := shutil.which("unshare")):
        return False
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return subprocess.run([program, *user, f"--{kind}", "true"], stderr=subprocess.DEVNULL).returncode == 0
