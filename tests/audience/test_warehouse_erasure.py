"""Who is erased leaves no trace in the warehouse: not of theirs, and not where other people's events named them."""

from datetime import UTC, datetime
from typing import Any

import ibis
import psycopg
import pytest

from factories.people import ingest, message, root
from privacy.world import MARKS, people_with_marks
from tessera.audience.analyst import Analyst
from tessera.audience.warehouse.engine import Engine
from tessera.privacy.actions import erase_person

Connection = psycopg.Connection[Any]
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def everything_in(analyst: Analyst, workspace_id: int) -> list[tuple[str, str]]:
    """Every value of every table of the workspace, as text, with its table."""
    world = analyst.warehouse(workspace_id).world()
    columns = ibis.table({"letter": "string", "path": "string", "kind": "string", "name": "string"}, name="")
    tables = {
        "people": world.people,
        "events": world.events,
        "devices": world.devices,
        "sessions": world.sessions,
        "identifiers": world.identifiers,
        "columns": analyst.warehouse(workspace_id)._table("columns", columns.schema()),
    }
    return [
        (name, str(value).lower())
        for name, table in tables.items()
        for row in analyst.engine.fetch(table.select(*table.columns))
        for value in row
    ]


def marked(analyst: Analyst, workspace_id: int, marks: tuple[str, ...]) -> set[tuple[str, str]]:
    there = everything_in(analyst, workspace_id)
    return {(table, mark) for table, text in there for mark in marks if mark.lower() in text}


def follow(analyst: Analyst, most: int) -> None:
    while analyst.step(most).rows:
        pass


@pytest.mark.parametrize("most", [1_000, 1])
def test_no_table_holds_anything_of_them(live: Connection, workspace_id: int, engine: Engine, most: int) -> None:
    analyst = Analyst(live, engine)
    person = people_with_marks(live, workspace_id)
    follow(analyst, 1_000)
    before = marked(analyst, workspace_id, MARKS)
    assert {table for table, _ in before} >= {"people", "events", "identifiers"}
    events = len(engine.fetch(analyst.warehouse(workspace_id).world().events.select("name")))

    report = erase_person(
        live, workspace_id=workspace_id, profile_id=person, actor="eva", reason="", suppress=False, now=NOW
    )
    follow(analyst, most)

    assert marked(analyst, workspace_id, MARKS) == set()
    assert marked(analyst, workspace_id, tuple(map(str, report.profile_ids))) == set()
    left = analyst.engine.fetch(analyst.warehouse(workspace_id).world().events.select("lane", "position"))
    assert len(left) == len(set(left)), "what was read again is there once"
    assert 0 < len(left) < events


def test_an_event_of_another_keeps_what_is_not_of_them(live: Connection, workspace_id: int, engine: Engine) -> None:
    analyst = Analyst(live, engine)
    shared = {"helped": "ana@example.com", "rating": 5}
    ingest(
        live,
        workspace_id,
        [
            message("identify", userId="ana", traits={"email": "ana@example.com"}),
            message("identify", userId="ana", anonymousId="both"),
            message(event="Helped", userId="luis", anonymousId="both", properties=shared),
        ],
    )
    follow(analyst, 1_000)
    ana, luis = root(live, "user_id", "ana"), root(live, "user_id", "luis")
    assert ana is not None
    assert ("events", "ana@example.com") in marked(analyst, workspace_id, ("ana@example.com",))

    erase_person(live, workspace_id=workspace_id, profile_id=ana, actor="eva", reason="", suppress=False, now=NOW)
    follow(analyst, 1_000)

    warehouse = analyst.warehouse(workspace_id)
    world = warehouse.world()
    rating = world.events[warehouse.properties.by_leaf[("rating",), "number"]]
    kept = engine.fetch(world.events.select("person_id", "name", rating.name("rating")))
    assert kept == [(luis, "Helped", 5.0)]
    assert marked(analyst, workspace_id, ("ana@example.com", "both")) == set()
