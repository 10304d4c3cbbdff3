"""Large files are written by a process of its own: the same comes of them, and nothing is lost with that process."""

import random
import threading
import time
from collections.abc import Iterator
from typing import Any

import psutil
import psycopg
import pytest

from factories.imports import carried_out, csv_file, planned, upload
from tessera.foundation.database import may_pass
from tessera.imports import engine, queries
from tessera.imports.records import Counts
from tessera.imports.scribe import Scribe, ScribeLost

Connection = psycopg.Connection[Any]


@pytest.fixture
def scribes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Scribe]]:
    """Every file counts as large, and none is begun before its process is there. The processes that were started."""
    started: list[Scribe] = []

    class Awaited(Scribe):
        def __init__(self) -> None:
            super().__init__()
            started.append(self)
            while not self.is_ready() and psutil.Process(self.pid).status() != psutil.STATUS_ZOMBIE:
                time.sleep(0.01)

    monkeypatch.setattr(engine, "Scribe", Awaited)
    monkeypatch.setattr(engine, "WORTH_IT", 0)
    yield started
    assert not any(psutil.pid_exists(scribe.pid) for scribe in started), "a writing process was left behind"


def table_of(who: str, rows: int, plan: str) -> bytes:
    table = [[f"{who}{number}@example.com", f"{who}{number}", f"name{number % 50}", plan] for number in range(rows)]
    return csv_file([["email", "user_id", "first_name", "plan"], *table])


def taken_in(live: Connection, workspace_id: int, data: bytes) -> Counts:
    return carried_out(live, planned(live, upload(live, workspace_id, data), match="user_id")).counts


def kept_of(live: Connection, who: str) -> list[Any]:
    """What is there of these people, without what tells them from others."""
    found = live.execute(
        "SELECT substr(i.value, 2) AS mine, s.state -> 'attributes' -> 'plan' ->> 2, s.version,"
        "       array_agg(DISTINCT w.token ORDER BY w.token), array_agg(DISTINCT h.body -> 'traits' ->> 'plan')"
        "  FROM identity_identifier i JOIN profiles_state s USING (profile_id) JOIN profiles_search w"
        "  USING (profile_id) JOIN events_history h USING (profile_id) WHERE i.value LIKE %s"
        " GROUP BY 1, 2, 3 ORDER BY 1",
        (f"{who}%",),
    )
    return found.fetchall()


def test_it_writes_what_a_thread_writes(
    live: Connection, workspace_id: int, monkeypatch: pytest.MonkeyPatch, scribes: list[Scribe]
) -> None:
    by_scribe = [taken_in(live, workspace_id, table_of("a", 9_000, plan)) for plan in ("gold", "silver")]
    assert len(scribes) == 2
    monkeypatch.setattr(engine, "WORTH_IT", 10**12)
    by_thread = [taken_in(live, workspace_id, table_of("b", 9_000, plan)) for plan in ("gold", "silver")]
    assert len(scribes) == 2
    assert by_scribe == by_thread == [Counts(rows=9_000, created=9_000), Counts(rows=9_000, updated=9_000)]
    there = kept_of(live, "a")
    assert len(there) == 18_000
    assert there == kept_of(live, "b")


@pytest.mark.chaos
@pytest.mark.parametrize("seed", range(3))
def test_killed_under_the_import_it_leaves_every_row_once(
    live: Connection, workspace_id: int, scribes: list[Scribe], seed: int
) -> None:
    made = planned(live, upload(live, workspace_id, table_of("a", 20_000, "gold")), match="user_id")
    patience = random.Random(seed).random() * 0.3

    def kill_it() -> None:
        while not scribes or not queries.import_by_id(live, workspace_id, made.id).row_number:
            time.sleep(0.005)
        time.sleep(patience)
        psutil.Process(scribes[0].pid).kill()

    killer = threading.Thread(target=kill_it)
    killer.start()
    with pytest.raises(ScribeLost) as lost:
        carried_out(live, made)
    killer.join()
    assert may_pass(lost.value), "nobody would try it again"
    assert queries.import_by_id(live, workspace_id, made.id).state == "running"
    engine.run_import(made.id)
    done = queries.import_by_id(live, workspace_id, made.id)
    assert (done.state, done.counts) == ("finished", Counts(rows=20_000, created=20_000))
    rows = live.execute("SELECT count(*), count(DISTINCT body -> 'context' -> 'import' ->> 'row') FROM events_history")
    assert rows.fetchone() == (20_000, 20_000)


def test_where_it_cannot_start_the_import_writes_itself(
    live: Connection, workspace_id: int, monkeypatch: pytest.MonkeyPatch, scribes: list[Scribe]
) -> None:
    monkeypatch.setattr("tessera.imports.scribe.sys.executable", "/bin/false")
    assert taken_in(live, workspace_id, table_of("a", 100, "gold")) == Counts(rows=100, created=100)
    assert len(scribes) == 1


def test_a_rival_between_planning_and_writing_has_the_batch_planned_anew(
    live: Connection, workspace_id: int, monkeypatch: pytest.MonkeyPatch, scribes: list[Scribe]
) -> None:
    other = planned(live, upload(live, workspace_id, table_of("a", 10, "silver"), name="b.csv"), match="user_id")
    write, seen = Scribe.write, []

    def late(scribe: Scribe, parcel: Any) -> str:
        if not seen:
            seen.append(parcel)
            monkeypatch.setattr(engine, "WORTH_IT", 10**12)
            carried_out(live, other)
        return write(scribe, parcel)

    monkeypatch.setattr(Scribe, "write", late)
    assert taken_in(live, workspace_id, table_of("a", 10, "gold")) == Counts(rows=10, updated=10)
    assert [row[1:3] for row in kept_of(live, "a")] == [("silver", 2)] * 20, "the later import says what holds"
    assert len(scribes) == 1


def test_small_files_start_no_process(live: Connection, workspace_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "Scribe", None)
    assert taken_in(live, workspace_id, table_of("a", 3, "gold")) == Counts(rows=3, created=3)
