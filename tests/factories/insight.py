"""A warehouse of what a few people did, for reports: and the same drawn by Hypothesis."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from hypothesis import strategies as st

from factories.conditions import table_of
from tessera.audience.leaves import leaves_of
from tessera.audience.person import Happening, Person
from tessera.audience.warehouse.engine import Engine
from tessera.audience.warehouse.layout import Columns
from tessera.audience.warehouse.rows import event_row, rows_of, schemas
from tessera.audience.world import World
from tessera.foundation.clock import DAY, HOUR, to_micros


class Deed(NamedTuple):
    """One event of the person of that number."""

    person: int
    name: str
    at: int
    properties: Mapping[str, Any] = {}
    source_id: int | None = None


def at(text: str) -> int:
    """`2026-03-01 12:00` in UTC, as microseconds."""
    return to_micros(datetime.fromisoformat(text).replace(tzinfo=UTC))


def world_of(engine: Engine, deeds: Sequence[Deed], attributes: Mapping[int, Mapping[str, Any]] | None = None) -> World:
    """Everybody who did something or of whom something is known."""
    known = attributes or {}
    numbers = sorted({deed.person for deed in deeds} | set(known))
    columns, properties = Columns("a"), Columns("p")
    people = rows_of([person_of(number, known.get(number, {})) for number in numbers], columns)
    events = [
        event_row(
            deed.name,
            Happening(at=deed.at, source_id=deed.source_id, properties=leaves_of(deed.properties)),
            properties,
            person_id=UUID(int=deed.person + 1),
        )
        for deed in deeds
    ]
    tables = schemas(columns, properties)
    return World(
        people=table_of(engine, "people", tables["people"], people.people),
        events=table_of(engine, "events", tables["events"], events),
        devices=table_of(engine, "devices", tables["devices"], []),
        sessions=table_of(engine, "sessions", tables["sessions"], []),
        identifiers=table_of(engine, "identifiers", tables["identifiers"], []),
        relations=table_of(engine, "relations", tables["relations"], []),
        attributes=columns.by_leaf,
        properties=properties.by_leaf,
    )


def person_of(number: int, attributes: Mapping[str, Any], deeds: Sequence[Deed] = ()) -> Person:
    """That person as conditions see one in memory."""

    def did(name: str) -> list[Happening]:
        mine = (deed for deed in deeds if deed.person == number and deed.name == name)
        return [Happening(at=each.at, source_id=each.source_id, properties=leaves_of(each.properties)) for each in mine]

    return Person(
        person_id=UUID(int=number + 1),
        attributes=leaves_of(attributes),
        facts={},
        devices=[],
        identifiers={},
        sessions=[],
        did=did,
    )


NOW = at("2026-03-01 01:30")
EVENTS = ("A", "B", "C")
MOMENTS = sorted(
    {NOW + back * DAY + step for back in range(-45, 2) for step in (0, 1, -1)}
    | {(NOW // DAY - back) * DAY + step for back in (0, 1, 2, 3, 7, 8, 28, 29, 31) for step in (0, -1, 1, HOUR)}
)
properties = st.fixed_dictionaries(
    {},
    optional={
        "total": st.sampled_from((0.1, 0.2, 1.0, 99.99, -2.5, "7")),
        "plan": st.sampled_from(("pro", "free", True, 1, "1")),
    },
)
deeds = st.lists(
    st.builds(
        Deed,
        person=st.integers(0, 4),
        name=st.sampled_from(EVENTS),
        at=st.sampled_from(MOMENTS),
        properties=properties,
        source_id=st.sampled_from((None, 1, 2)),
    ),
    max_size=25,
)
