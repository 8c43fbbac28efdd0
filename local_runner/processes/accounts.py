"""Who else may log in to this machine."""

from __future__ import annotations

import os
import pwd

FIRST_UID, LAST_UID = 1000, 59_999
"""User ids of people [login.defs]; those below and above belong to services."""

NO_SHELLS = ("nologin", "false", "sync")
MOST_NAMES = 5


def of_others() -> list[str]:
    """Names of other people with an account and a shell, at most five; an account in a directory service may be missing."""
    people = (
        user.pw_name
        for user in pwd.getpwall()
        if FIRST_UID <= user.pw_uid <= LAST_UID
        and user.pw_uid != os.getuid()
        and os.path.basename(user.pw_shell) not in NO_SHELLS
    )
    return sorted(people)[:MOST_NAMES]
