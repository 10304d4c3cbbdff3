"""What intake took in comes into the warehouse, once, and changes with the people: merges, splits, erasures, undos."""

import contextlib
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import psycopg
import pytest

from factories.imports import csv_file, imported, undone
from factories.people import NOON, ingest, message, root
from tessera.audience.analyst import Analyst
from tessera.audience.reading import people_of
from tessera.audience.text.reader import from_text
from tessera.audience.warehouse.engine import Engine
from tessera.audience.warehouse.engines.duck import DuckEngine
from tessera.audience.warehouse.engines.postgres import PostgresEngine
from tessera.audience.warehouse.positions import Overtaken
from tessera.audience.world import PERSON
from tessera.foundation.clock import to_micros
from tessera.foundation.database import connect, dsn
from tessera.identity import actions as identity
from tessera.privacy.actions import erase_person

Connection = psycopg.Connection[Any]


@pytest.fixture
def analyst(live: Connection, engine: Engine) -> Analyst:
    return Analyst(live, engine)


def follow(analyst: Analyst, most: int = 7) -> None:
    while analyst.step(most).rows:
        pass


def found(analyst: Analyst, workspace_id: int, text: str) -> set[UUID]:
    """Whom the warehouse finds; reading each of them from PostgreSQL must say the same."""
    world = analyst.warehouse(workspace_id).world()
    condition = from_text(text)
    rows = analyst.engine.fetch(condition.narrow(world.people, world, to_micros(NOON)).select(PERSON))
    return {one for (one,) in rows}


def orders(user: str, *totals: float) -> list[dict[str, Any]]:
    return [message(event="Order Completed", userId=user, properties={"total": total}) for total in totals]


def test_people_and_what_they_did_come_in(live: Connection, workspace_id: int, analyst: Analyst) -> None:
    ingest(
        live,
        workspace_id,
        [
            message("identify", userId="ana", traits={"country": "ES", "tags": ["vip"]}),
            message("identify", userId="luis", traits={"country": "MX"}),
            *orders("ana", 10, 120),
            *orders("luis", 5),
        ],
    )
    assert analyst.behind() == 5
    follow(analyst)
    ana, luis = root(live, "user_id", "ana"), root(live, "user_id", "luis")

    assert analyst.behind() == 0
    assert found(analyst, workspace_id, 'country = "ES" and tags has "vip"') == {ana}
    assert found(analyst, workspace_id, 'did("Order Completed") >= 2 or country = "MX"') == {ana, luis}
    assert found(analyst, workspace_id, 'sum("Order Completed", total) = 130') == {ana}
    ingest(live, workspace_id, [message("identify", userId="luis", traits={"country": "ES", "size": 43})])
    follow(analyst)
    assert found(analyst, workspace_id, 'country = "ES" and (size = 43 or size is not set)') == {ana, luis}
    assert found(analyst, workspace_id, 'country = "MX"') == set()


def test_no_value_that_is_taken_in_stops_it(live: Connection, workspace_id: int, analyst: Analyst) -> None:
    """History keeps whole numbers of any length, and devices are called whatever their makers like."""
    digits = 10**400
    app = {"app": {"name": "shop", "version": "2026-01-31"}, "device": {"id": "d1", "name": "2024-01-01"}}
    ingest(
        live,
        workspace_id,
        [
            message(event="Seen", userId="ana", properties={"size": digits, "sizes": [digits, 3], "colour": "red"}),
            message(event="Seen", userId="luis", context=app),
        ],
    )
    follow(analyst)
    ana, luis = root(live, "user_id", "ana"), root(live, "user_id", "luis")

    for text, people in (
        ('did("Seen", size is not set and sizes has 3 and colour = "red")', {ana}),
        ('device(app_version = "2026-01-31" and name starts with "2024")', {luis}),
        ("device(name before 2025-01-01)", set()),
    ):
        assert found(analyst, workspace_id, text) == people
        condition = from_text(text)
        asked = people_of(live, [each for each in (ana, luis) if each])
        assert {each.person_id for each in asked if condition.holds_for(each, to_micros(NOON))} == people


def test_fields_without_end_do_not_stop_it(live: Connection, workspace_id: int, analyst: Analyst) -> None:
    """Somebody names fields after what they hold: more of them than a table of PostgreSQL has columns."""
    said = [{f"item_{number}_{place}": 1 for place in range(300)} for number in range(7)]
    ingest(live, workspace_id, [message(event="Seen", userId=f"u{n}", properties=each) for n, each in enumerate(said)])
    ingest(live, workspace_id, [message("identify", userId="ana", traits={"country": "ES"})])
    follow(analyst, most=4_000)

    assert analyst.behind() == 0
    assert found(analyst, workspace_id, 'did("Seen")') == {root(live, "user_id", f"u{number}") for number in range(7)}
    assert found(analyst, workspace_id, 'did("Seen", item_0_299 = 1)') == {root(live, "user_id", "u0")}
    assert found(analyst, workspace_id, 'country = "ES"') == {root(live, "user_id", "ana")}
    assert len(analyst.warehouse(workspace_id).properties.by_leaf) <= analyst.engine.most_columns


def test_merged_they_are_one_and_split_they_are_two(live: Connection, workspace_id: int, analyst: Analyst) -> None:
    ingest(
        live,
        workspace_id,
        [
            message(event="Seen", anonymousId="a1"),
            message(event="Seen", anonymousId="a1"),
            message(event="Seen", userId="ana"),
            message("identify", userId="ana", traits={"country": "ES"}),
        ],
    )
    follow(analyst)
    guest, ana = root(live, "anonymous_id", "a1"), root(live, "user_id", "ana")
    assert guest is not None
    assert ana is not None
    assert found(analyst, workspace_id, 'did("Seen") = 1') == {ana}
    assert found(analyst, workspace_id, 'did("Seen") = 3') == set()

    ingest(live, workspace_id, [message("identify", userId="ana", anonymousId="a1")])
    follow(analyst)
    one = root(live, "user_id", "ana")
    assert found(analyst, workspace_id, 'did("Seen") = 3 and country = "ES"') == {one}
    assert found(analyst, workspace_id, "everyone") == {one}

    (merge_id,) = live.execute("SELECT merge_id FROM identity_merge").fetchone() or (None,)
    identity.split_profiles(live, workspace_id=workspace_id, merge_id=merge_id, actor="ana", now=NOON_AS_DATE)
    follow(analyst)
    assert found(analyst, workspace_id, "everyone") == {guest, ana}
    assert found(analyst, workspace_id, 'did("Seen") = 2') == {guest}


def test_who_is_related_is_known_of_both_and_forgotten_with_either(
    live: Connection, workspace_id: int, analyst: Analyst
) -> None:
    def relating(user: str, to: str, what: str = "Added") -> dict[str, Any]:
        return message(event=f"Relation {what}", userId=user, properties={"type": "household", "to": to})

    def related() -> tuple[set[Any], set[Any], set[Any]]:
        follow(analyst, most=1)
        asked = ('related("household")', 'related("household", outgoing)', 'related("household", incoming)')
        found_here = [found(analyst, workspace_id, text) for text in asked]
        everybody = people_of(live, sorted(found(analyst, workspace_id, "everyone")))
        for text, ids in zip(asked, found_here, strict=True):
            assert {one.person_id for one in everybody if from_text(text).holds_for(one, 0)} == ids
        return (found_here[0], found_here[1], found_here[2])

    ingest(live, workspace_id, [message(event="Seen", userId=user) for user in ("bo", "cy")])
    follow(analyst)
    ingest(live, workspace_id, [relating("ana", "user_id:bo"), relating("cy", "user_id:dan")])
    ana, bo, cy = (root(live, "user_id", user) for user in ("ana", "bo", "cy"))
    assert related() == ({ana, bo, cy}, {ana, cy}, {bo})

    ingest(live, workspace_id, [message(event="Seen", userId="dan"), relating("ana", "user_id:bo", "Removed")])
    dan = root(live, "user_id", "dan")
    assert related() == ({cy, dan}, {cy}, {dan})

    ingest(live, workspace_id, [relating("bo", "user_id:dan")])
    assert related() == ({bo, cy, dan}, {bo, cy}, {dan})
    assert cy is not None
    erase_person(
        live, workspace_id=workspace_id, profile_id=cy, actor="officer", reason="", suppress=False, now=NOON_AS_DATE
    )
    assert related() == ({bo, dan}, {bo}, {dan})
    assert dan is not None
    erase_person(
        live, workspace_id=workspace_id, profile_id=dan, actor="officer", reason="", suppress=False, now=NOON_AS_DATE
    )
    assert related() == (set(), set(), set())


NOON_AS_DATE = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_who_is_erased_is_gone_there_too(live: Connection, workspace_id: int, analyst: Analyst) -> None:
    ingest(live, workspace_id, [*orders("ana", 1, 2), *orders("luis", 3)])
    follow(analyst)
    ana, luis = root(live, "user_id", "ana"), root(live, "user_id", "luis")
    assert ana is not None
    erase_person(
        live,
        workspace_id=workspace_id,
        profile_id=ana,
        actor="officer",
        reason="",
        suppress=False,
        now=NOON_AS_DATE,
    )
    follow(analyst)

    assert found(analyst, workspace_id, "everyone") == {luis}
    events = analyst.engine.fetch(analyst.warehouse(workspace_id).world().events.select(PERSON))
    assert set(events) == {(luis,)}


def test_an_import_that_is_undone_takes_its_people_along(live: Connection, workspace_id: int, analyst: Analyst) -> None:
    ingest(live, workspace_id, [message("identify", userId="ana", traits={"plan": "free"})])
    made = imported(live, workspace_id, csv_file([["user_id", "plan"], ["ana", "gold"], ["new", "gold"]]))
    follow(analyst)
    ana, new = root(live, "user_id", "ana"), root(live, "user_id", "new")
    assert found(analyst, workspace_id, 'plan = "gold"') == {ana, new}

    undone(live, made)
    follow(analyst)

    assert found(analyst, workspace_id, "everyone") == {ana}
    assert found(analyst, workspace_id, 'plan = "free"') == {ana}


def test_both_readings_agree_on_what_was_taken_in(live: Connection, workspace_id: int, analyst: Analyst) -> None:
    people = [
        item
        for n in range(30)
        for item in (
            message("identify", userId=f"u{n}", traits={"country": "ES" if n % 3 else "MX", "points": n}),
            *orders(f"u{n}", *[n * 1.1] * (n % 4)),
        )
    ]
    ingest(live, workspace_id, people)
    follow(analyst, most=11)
    rows = live.execute("SELECT id FROM identity_profile WHERE id = root_id").fetchall()
    known = people_of(live, [row[0] for row in rows])
    for text in (
        'country = "ES" and did("Order Completed", total > 10) >= 2',
        'not did("Order Completed") and points between 4 and 20',
        'average("Order Completed", total) >= 11 or @sessions >= 1',
        '@created_at in last 7300 days and identifier("user_id") ends with "7"'.replace("7300", "3000"),
    ):
        held = {one.person_id for one in known if from_text(text).holds_for(one, to_micros(NOON))}
        assert found(analyst, workspace_id, text) == held, text


FOLLOWING = """
import sys
from pathlib import Path
from tessera.audience.analyst import Analyst
from tessera.audience.warehouse.engines.duck import DuckEngine
from tessera.foundation.database import connect

with connect(autocommit=True) as connection:
    analyst = Analyst(connection, DuckEngine(Path(sys.argv[1])))
    print("begun", flush=True)
    while analyst.step(40).rows:
        pass
    print("done", flush=True)
"""


@pytest.mark.parametrize("seed", range(3))
def test_killed_on_any_line_nothing_is_missing_and_nothing_is_there_twice(
    live: Connection, workspace_id: int, tmp_path: Path, seed: int
) -> None:
    ingest(live, workspace_id, [item for n in range(120) for item in orders(f"u{n % 40}", n, n + 0.5)])
    ingest(live, workspace_id, [message("identify", userId=f"u{n}", traits={f"t{n}": n}) for n in range(40)])
    chance, kills, done = Random(seed), 0, False

    while not done:
        process = subprocess.Popen(
            [sys.executable, "-c", FOLLOWING, str(tmp_path / "w.duckdb")], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        time.sleep(chance.uniform(0, 0.4) if kills < 4 else 0)
        if kills < 4:
            process.kill()
            kills += 1
        done = "done" in process.stdout.read()
        process.wait()

    engine = DuckEngine(tmp_path / "w.duckdb")
    analyst = Analyst(live, engine)
    world = analyst.warehouse(workspace_id).world()
    events, there = engine.fetch(world.events.select("position")), engine.fetch(world.people.select(PERSON))
    assert (analyst.behind(), len(events), len(there), len(set(there))) == (0, 240, 40, 40)
    assert found(analyst, workspace_id, 'sum("Order Completed", total) > 0 and t7 = 7') == {root(live, "user_id", "u7")}
    engine.close()


class Breaking:
    """An engine that breaks off at one of its calls that write, as if its process were killed there."""

    def __init__(self, engine: Engine, at: int) -> None:
        self._engine = engine
        self._left = at

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._engine, name)
        if name not in ("append", "remove", "clear", "remove_between"):
            return found

        def counted(*arguments: Any) -> Any:
            self._left -= 1
            if self._left == 0:
                raise Killed
            return found(*arguments)

        return counted


class Killed(BaseException):
    """The process is gone."""


def test_a_step_that_is_broken_off_anywhere_is_done_again_whole(
    live: Connection, workspace_id: int, engine: Engine
) -> None:
    """Also on an engine without transactions: what was left of the step is taken back."""
    broken = 0
    for at in range(1, 15):
        user = f"u{at}"
        ingest(live, workspace_id, [message("identify", userId=user, traits={f"t{at}": 1}), *orders(user, at, at + 1)])
        with contextlib.suppress(Killed):
            Analyst(live, Breaking(engine, at)).step()  # type: ignore[arg-type]
            broken -= 1
        broken += 1

    analyst = Analyst(live, engine)
    follow(analyst)
    users = [root(live, "user_id", f"u{at}") for at in range(1, 15)]
    assert broken > 8
    assert found(analyst, workspace_id, 'did("Order Completed") = 2') == set(users)
    assert found(analyst, workspace_id, "everyone") == set(users)
    rows = engine.fetch(analyst.warehouse(workspace_id).world().people.select(PERSON))
    assert len(rows) == 14


def test_who_was_overtaken_notices_on_every_engine(live: Connection, workspace_id: int, engine: Engine) -> None:
    ingest(live, workspace_id, orders("ana", 1, 2))
    first, second = Analyst(live, engine), Analyst(live, engine)
    assert first.step().rows > 0
    with pytest.raises(Overtaken):
        second.step()
    assert found(Analyst(live, engine), workspace_id, 'did("Order Completed") = 2') == {root(live, "user_id", "ana")}


def test_who_was_taken_for_gone_writes_nothing_twice(live: Connection, workspace_id: int) -> None:
    """Its lock was lost, another follows already: both read the same rows of history, one of them writes."""
    ingest(live, workspace_id, orders("ana", 1, 2))
    first = Analyst(live, PostgresEngine(dsn()))
    with connect(autocommit=True) as theirs:
        second = Analyst(theirs, PostgresEngine(dsn()))
        said: list[object] = []

        def rival() -> None:
            try:
                said.append(second.step().rows)
            except Overtaken as error:
                said.append(error)

        stepping = threading.Thread(target=rival)
        with first.engine.transaction():
            first.step()
            stepping.start()
            stepping.join(0.5)
            assert said == [], "two wrote at once"
        stepping.join()
        assert isinstance(said[0], Overtaken)
        again = Analyst(theirs, second.engine)
        world = again.warehouse(workspace_id).world()
        assert len(again.engine.fetch(world.events.select("position"))) == 2
        assert again.behind() == 0
        for each in (first, second):
            each.engine.close()
