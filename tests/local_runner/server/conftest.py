"""What tests of the server share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest


@pytest.fixture
def lax_umask() -> Iterator[None]:
    """New files are open to everybody, unless who writes them says otherwise."""
    before = os.umask(0)
    yield
    os.umask(before)
