"""The campaign, in its short form unless `make chaos` asks for more: nothing that was answered for is lost."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.chaos import campaign

SEED = 1
SHORT_ROUND_S = 0.5


def test_nothing_is_lost_whatever_fault_happens(request: pytest.FixtureRequest):
    minutes = float(request.config.getoption("--chaos-minutes", "0"))
    began = time.monotonic()
    chosen = [name for name in campaign.FAULTS if request.config.getoption("--chaos-faults", "") in name]
    garbage = int(1e9 * float(request.config.getoption("--chaos-garbage-gb", "0.03")))
    done = campaign.run(60 * minutes, SEED, campaign.LONGEST_ROUND_S if minutes else SHORT_ROUND_S, chosen, garbage)
    text = campaign.report(done, time.monotonic() - began, SEED)
    if path := request.config.getoption("--chaos-report", ""):
        Path(path).write_text(text)
    assert done.losses == [], text
    assert set(done.faults) >= set(chosen) - {campaign.FULL_DISK}
    assert done.seen.operations["objects written"] and done.seen.operations["uploads in parts"]
    assert all(f"| {name} | {count} |" in text for name, count in done.faults.items())
