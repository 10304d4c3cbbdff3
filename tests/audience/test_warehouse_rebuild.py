"""The warehouse made anew beside the one that answers: what is wrong in it is gone, and nobody waits or sees half."""

import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import psycopg
import pytest

from factories.people import ingest, message, root
from tessera.audience import rebuilding
from tessera.audience.analyst import Analyst
from tessera.audience.rebuilding import Rebuild, rebuild
from tessera.audience.warehouse import generations
from tessera.audience.warehouse.engine import Engine
from tessera.audience.warehouse.engines.duck import DuckEngine
from tessera.audience.world import PERSON
from tessera.privacy.actions import erase_person

Connection = psycopg.Connection[Any]
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def bit_by_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    """One row at a time, so that there are many places to break off, or to do something else."""
    monkeypatch.setattr(rebuilding, "EVENTS_AT_ONCE", 1)
    monkeypatch.setattr(rebuilding, "PEOPLE_AT_ONCE", 1)


def orders(user: str, *totals: float) -> list[dict[str, Any]]:
    return [message(event="Order Completed", userId=user, properties={"total": total}) for total in totals]


def follow(analyst: Analyst) -> None:
    while analyst.step(50).rows:
        pass


def content(analyst: Analyst, workspace_id: int) -> tuple[list[UUID], list[tuple[Any, ...]]]:
    """Everybody, and what everybody did with its total."""
    warehouse = analyst.warehouse(workspace_id)
    world = warehouse.world()
    total = world.events[warehouse.properties.by_leaf[("total",), "number"]]
    people = sorted(one for (one,) in analyst.engine.fetch(world.people.select(PERSON)))
    return people, sorted(analyst.engine.fetch(world.events.select(PERSON, "lane", "position", total.name("total"))))


def tables_of(engine: Engine, workspace_id: int) -> set[str]:
    return {name for name in engine.tables() if f"w{workspace_id}_" in name or "memtable" in name}


def a_base(live: Connection, workspace_id: int, users: int = 12) -> None:
    ingest(live, workspace_id, [item for n in range(users) for item in orders(f"u{n}", n, n + 0.5)])
    ingest(live, workspace_id, [message(event="Order Completed", anonymousId="a1", properties={"total": 99})])
    ingest(live, workspace_id, [message("identify", userId="u1", anonymousId="a1", traits={"country": "ES"})])


def test_what_was_wrong_is_right_again(live: Connection, workspace_id: int, engine: Engine) -> None:
    a_base(live, workspace_id)
    old = Analyst(live, engine)
    follow(old)
    right = content(old, workspace_id)
    old.warehouse(workspace_id).forget([right[0][0]])
    old.warehouse(workspace_id).add_events(
        [{"profile_id": UUID(int=9), "name": "Order Completed", "at": NOW.replace(tzinfo=None)}]
    )
    assert content(old, workspace_id) != right
    said: list[tuple[int, int]] = []

    analyst = rebuild(live, engine, lambda done, total: said.append((done, total)))

    assert content(analyst, workspace_id) == right
    assert (analyst.generation, analyst.behind()) == (1, 0)
    assert said == sorted(said)
    assert said[-1][0] == said[-1][1] == 27 + 12, "orders, one of a guest, who they are, a merge; and people"
    assert tables_of(engine, workspace_id) == {f"g1_w{workspace_id}_{name}" for name in TABLES}
    ingest(live, workspace_id, orders("u3", 7.25))
    follow(analyst)
    again = Analyst(live, engine)
    assert content(again, workspace_id) == content(analyst, workspace_id)
    assert len(content(again, workspace_id)[1]) == len(right[1]) + 1
    known = content(again, workspace_id)
    assert content(rebuild(live, engine, lambda *_: None), workspace_id) == known


TABLES = ("people", "events", "devices", "sessions", "identifiers", "relations", "members", "moved", "columns")


def test_what_happens_meanwhile_is_in_both(live: Connection, workspace_id: int, engine: Engine) -> None:
    """People come, merge and are erased between any two bits of it; the old one answers all the while."""
    a_base(live, workspace_id)
    old = Analyst(live, engine)
    follow(old)
    work, bit, more = Rebuild(live, old), 0, True
    while more:
        if bit in (2, 31):
            erased = root(live, "user_id", f"u{5 + bit}" if bit == 2 else "new-3")
            assert erased is not None
            erase_person(
                live, workspace_id=workspace_id, profile_id=erased, actor="eva", reason="", suppress=False, now=NOW
            )
        if bit in (3, 6, 25, 37):
            ingest(live, workspace_id, [*orders(f"new-{bit}", bit), *orders("u2", bit)])
            ingest(live, workspace_id, [message("identify", userId="u2", anonymousId=f"a{bit}")])
            ingest(
                live, workspace_id, [message(event="Order Completed", anonymousId=f"a{bit}", properties={"total": 1})]
            )
        more, bit = work.step(), bit + 1
        if bit % 20 == 0:
            old.step()
            assert len(content(old, workspace_id)[0]) > 10

    follow(old)
    follow(work.analyst)
    assert bit > 37
    assert content(work.analyst, workspace_id) == content(old, workspace_id)
    work.drop_old()
    people, events = content(Analyst(live, engine), workspace_id)
    assert (len(people), len(events)) == (12 - 1 + 4 - 1, len({event[1:3] for event in events}))


def test_what_postgresql_has_no_more_is_kept(live: Connection, workspace_id: int, engine: Engine) -> None:
    a_base(live, workspace_id)
    old = Analyst(live, engine)
    follow(old)
    right = content(old, workspace_id)
    live.execute(
        "DELETE FROM events_history h USING events_lane l"
        " WHERE l.lane = h.lane AND h.position < greatest(2, l.position)"
    )
    left = live.execute("SELECT count(*) FROM events_history").fetchone()
    assert left is not None
    assert 0 < left[0] < len(right[1])

    analyst = rebuild(live, engine, lambda *_: None)

    assert content(analyst, workspace_id) == right


def test_broken_off_the_old_one_answers_and_nothing_is_left_of_it(
    live: Connection, workspace_id: int, engine: Engine
) -> None:
    a_base(live, workspace_id)
    follow(Analyst(live, engine))
    right = content(Analyst(live, engine), workspace_id)
    for bits in (1, 20, 35):
        work = Rebuild(live, Analyst(live, engine))
        for _ in range(bits):
            work.step()
        assert any(name.startswith("g1_w") for name in engine.tables()) or bits == 1

        again = Analyst(live, engine)

        assert again.generation == 0
        assert content(again, workspace_id) == right
        assert not [name for name in engine.tables() if name.startswith("g1_")]
    assert generations.current(engine) == 0


REBUILDING = """
import sys
from pathlib import Path
from tessera.audience import rebuilding
from tessera.audience.analyst import Analyst
from tessera.audience.rebuilding import rebuild
from tessera.audience.warehouse.engines.duck import DuckEngine
from tessera.foundation.database import connect

with connect(autocommit=True) as connection:
    engine = DuckEngine(Path(sys.argv[1]))
    print("begun", flush=True)
    rebuild(connection, engine, lambda done, total: print(done, total, flush=True))
    engine.close()
    print("rebuilt", flush=True)
"""


@pytest.mark.parametrize("seed", range(2))
def test_killed_on_any_line_the_warehouse_is_whole(
    live: Connection, workspace_id: int, tmp_path: Path, seed: int
) -> None:
    a_base(live, workspace_id, users=60)
    file, chance, rebuilt, kills = tmp_path / "w.duckdb", Random(seed), 0, 0
    engine = DuckEngine(file)
    follow(Analyst(live, engine))
    right = content(Analyst(live, engine), workspace_id)
    engine.close()
    while rebuilt < 1:
        with subprocess.Popen(
            [sys.executable, "-c", REBUILDING, str(file)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "begun\n"
            if kills < 4:
                time.sleep(chance.uniform(0, 0.8))
                process.kill()
                kills += 1
            rebuilt += "rebuilt" in process.stdout.read()

        engine = DuckEngine(file)
        analyst = Analyst(live, engine)
        assert content(analyst, workspace_id) == right
        assert len([name for name in engine.tables() if name.endswith("_people")]) == 1
        engine.close()
