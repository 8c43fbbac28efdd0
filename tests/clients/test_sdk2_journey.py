"""A whole workflow of SDK v2 with real containers: batch transforms, a pipeline, several models, and asynchronous answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

JOURNEY = Path(__file__).with_name("sdk2_journey.py")
PARTS = ("recordio transformed", "csv joined", "pipeline answered", "models answered", "asynchronous answers came")


@pytest.mark.slow
def test_sdk_v2_transforms_and_serves(local: Any, tmp_path: Path) -> None:
    done = local.run_sdk2(JOURNEY.read_text(), tmp_path)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    assert [part for part in PARTS if part in done.stdout] == list(PARTS)  # the SDK's dots stand before some of them
