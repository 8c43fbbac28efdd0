"""What to do about packages that pip could not fetch: `python3 explain.py <STDERR-OF-PIP`.

Standard library only: it runs before anything is installed.
"""

from __future__ import annotations

import re
import sys

NOT_FOUND = re.compile(r"ERROR: No matching distribution found for (?P<package>\S+)")
CERTIFICATE = "CERTIFICATE_VERIFY_FAILED"
UNREACHED = ("NewConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "ProxyError", "NameResolutionError")
CPU_BUILD = "+cpu"


def remedy(stderr: str) -> str:
    """One line for the person who started the build; `stderr` is what pip wrote there."""
    found = NOT_FOUND.search(stderr)
    package = found["package"] if found else "a package of the image"
    if CERTIFICATE in stderr:
        return (
            f"pip cannot fetch {package}: the certificate of the index is not trusted. Name your authority's file: PIP_CERT "
            "for `wildsage build`, a copy as containers/docker/certificates/*.crt for `docker build`."
        )
    if CPU_BUILD in package:
        return (
            f"pip cannot find {package}: torch's CPU build is not on PyPI. Name the index of PyTorch's CPU wheels in "
            "PIP_EXTRA_INDEX_URL, or a folder with the wheel in PIP_FIND_LINKS (`docker build`: containers/docker/wheels)."
        )
    if any(sign in stderr for sign in UNREACHED):
        return f"pip cannot fetch {package}: the index does not answer. Check the network, or name a mirror in PIP_INDEX_URL."
    return f"pip cannot fetch {package}; its message is above."


if __name__ == "__main__":
    print(remedy(sys.stdin.read()))
