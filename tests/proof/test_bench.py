"""The benchmark of intake, with numbers too small to mean anything: it measures what it says it measures."""

import psycopg
import pytest

from tessera.foundation.errors import SetupError
from tessera.intake.context import load_context
from tessera.intake.worker import Worker
from tessera.profiles.store import read_states
from tessera.project.bench import intake
from tessera.project.bench.world import Traffic, inbox_row, populate, profile_id


@pytest.fixture
def databases_before(database: str) -> set[str]:
    return databases(database)


def databases(dsn: str) -> set[str]:
    """Those of benchmarks: other tests' come and go."""
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE 'tessera_bench_%'")
        return {name for (name,) in rows}


def test_a_short_run_has_every_figure_and_leaves_nothing_behind(database: str, databases_before: set[str]) -> None:
    found = intake.run(events=300, people=40, large=80, rounds=2)

    assert (found["bench"], found["unit"], found["rounds"], found["events"]) == ("intake", "events/s", 2, 300)
    assert found["ratio"] == pytest.approx(found["figure"] / found["baseline"], rel=0.02)
    assert [population["people"] for population in found["populations"]] == [40, 80]
    assert len(found["ratios"]) == len(found["costs_of_size"]) == 2
    figures = [
        found[name]
        for name in ("figure", "baseline", "memory_mb", "cost_of_size", "cpu_cost_of_size", "baseline_us_per_event")
    ]
    for population in found["populations"]:
        figures += [value for name, value in population.items() if name not in {"people", "server_cpu_us_per_event"}]
        assert population["server_cpu_us_per_event"] >= 0  # counted in hundredths of a second
        assert population["batch_p50_ms"] <= population["batch_p99_ms"]
        assert population["cpu_us_per_event"] <= population["us_per_event"] * 1.1
    assert all(figure > 0 for figure in figures), found
    assert databases(database) <= databases_before


def test_traffic_of_known_people_lands_on_them_and_strangers_are_one_in_twenty(
    database: str, workspace_id: int
) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        populate(connection, people=20)
        before = read_states(connection, [profile_id(number) for number in range(20)])
        calls = Traffic(people=20, seed=1, burst=1).calls(400)
        with connection.cursor() as cursor, cursor.copy(intake.inbox.COPY_INBOX) as copy:
            copy.write(b"".join((intake.inbox.COPY_HEADER, *map(inbox_row, calls), intake.inbox.COPY_TRAILER)))
        worker = Worker(connection, load_context(connection))
        while worker.drain_some().taken:
            pass
        after = read_states(connection, [profile_id(number) for number in range(20)])
        ((profiles,),) = connection.execute("SELECT count(*) FROM identity_profile").fetchall()
        ((merges,),) = connection.execute("SELECT count(*) FROM identity_merge").fetchall()

    strangers = sum(b'"new-' in call.body for call in calls)
    kinds = [call.kind for call in calls]
    assert workspace_id == 1
    assert len(before) == 20
    assert all(before[one].last < after[one].last for one in before)
    assert profiles == 20 + strangers
    assert 5 <= strangers <= 40
    assert merges == 0
    assert kinds.count("track") > 300
    assert kinds.count("page") > kinds.count("identify") > 0


def test_events_that_were_not_folded_are_no_figure(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages of nobody are refused by intake, which is quick; the benchmark must not call that speed."""
    call_of = Traffic._call
    monkeypatch.setattr(
        Traffic, "_call", lambda self, at: call_of(self, at)._replace(body=b'{"type":"page","userId":"null"}')
    )

    with pytest.raises(SetupError, match="were to be folded"):
        intake.run(events=20, people=5, large=5, rounds=1)
