"""The benchmark of segments, with numbers too small to mean anything: it measures what it says it measures."""

from pathlib import Path

import pytest

from tessera.foundation.errors import SetupError
from tessera.project.bench import crowd, reports, segments


def test_a_short_run_finds_by_hand_and_by_condition_the_same_people(database: str, tmp_path: Path) -> None:
    world = tmp_path / "world.duckdb"
    crowd.make(world, people=3_000, events=60_000)
    found = segments.run(rounds=2, world=world)
    assert [case["case"] for case in found["cases"]] == [case.name for case in segments.CASES]
    assert all(0 < case["people"] < 3_000 for case in found["cases"]), "a case that finds all or none proves nothing"
    assert found["ratio"] == max(case["ratio"] for case in found["cases"]) > 0
    assert (found["people"], found["events"]) == (3_000, 60_000)
    assert 200 < found["kept"]["people"] < 500
    with pytest.raises(SetupError):
        crowd.make(world, people=1, events=1)
    with pytest.raises(SetupError):
        crowd.opened(tmp_path / "none.duckdb")


def test_every_report_is_asked_of_a_crowd(tmp_path: Path) -> None:
    world = tmp_path / "crowd.duckdb"
    crowd.make(world, people=300, events=4_000)
    found = reports.run(rounds=1, world=world)

    assert {case["case"].split()[0].strip(",") for case in found["cases"]} == {
        "funnel", "retention", "trend", "people", "RFM", "lifecycle",
    }  # fmt: skip
    assert (found["people"], found["events"]) == (300, 4_000)
    assert all(case["ms"] > 0 and case["pass_ms"] > 0 for case in found["cases"])
    assert found["ratio"] == max(case["ratio"] for case in found["cases"])
