"""The short form of the chaos trial; the long one is `python -m tests.chaos`."""

import time
from pathlib import Path

import pytest

from .trial import hold


@pytest.mark.chaos
def test_nothing_acknowledged_is_lost_or_doubled_whatever_is_killed(state_folder: Path) -> None:
    seed = time.time_ns() % 1_000_000  # printed, and shown when the test fails

    verdict = hold(state_folder / "home", kills=4, seed=seed)

    assert verdict.faults == [], f"seed {seed}"
    assert verdict.kills == {"collect": 1, "worker": 1, "postmaster": 1, "backend": 1}
    assert verdict.acknowledged > 100
    assert verdict.merges > 0
