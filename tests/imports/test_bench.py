"""The benchmark of imports, with numbers too small to mean anything: it measures what it says it measures."""

import pytest

from tessera.project.bench import imports


def test_a_short_run_has_every_figure(database: str) -> None:
    found = imports.run(rows=300, people=100, rounds=2)
    assert (found["bench"], found["unit"], found["rows"], found["people"]) == ("import", "rows/s", 300, 100)
    assert found["ratio"] == pytest.approx(found["figure"] / found["baseline"], rel=0.02)
    assert len(found["ratios"]) == len(found["figures"]) == 2
    assert all(found[name] > 0 for name in ("figure", "baseline", "known_people", "cpu_us_per_row", "memory_mb"))
