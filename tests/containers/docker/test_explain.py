"""What a build says when pip could not fetch a package."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXPLAIN = Path(__file__).parents[3] / "containers" / "docker" / "explain.py"
NOT_FOUND = "ERROR: No matching distribution found for {}\n"


@pytest.mark.parametrize(
    ("stderr", "expected"),
    [
        (NOT_FOUND.format("torch==2.13.0+cpu"), "torch==2.13.0+cpu: torch's CPU build is not on PyPI"),
        (NOT_FOUND.format("gunicorn==23.0.0"), "gunicorn==23.0.0; its message is above"),
        (
            "Retrying: NewConnectionError\n" + NOT_FOUND.format("flask==3.1.0"),
            "flask==3.1.0: the index does not answer",
        ),
        ("ProxyError", "a package of the image: the index does not answer"),
        ("NameResolutionError\n" + NOT_FOUND.format("torch==2.13.0+cpu"), "torch's CPU build is not on PyPI"),
        ("SSLError(CERTIFICATE_VERIFY_FAILED)\n" + NOT_FOUND.format("torch==2.13.0+cpu"), "certificate of the index"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", "a package of the image; its message is above"),
    ],
)
def test_the_package_that_failed_is_named_with_what_to_do(stderr, expected):
    said = subprocess.run([sys.executable, EXPLAIN], input=stderr, capture_output=True, text=True, check=True)
    assert expected in said.stdout
