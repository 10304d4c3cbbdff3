"""People and what they did as rows of the warehouse: the same leaves that conditions are asked of in memory."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import ibis
import pyarrow as pa
from msgspec import Struct

from tessera.audience.person import Happening, Person
from tessera.audience.warehouse.layout import (
    DEVICES,
    EVENTS,
    IDENTIFIERS,
    PEOPLE,
    RELATIONS,
    SESSIONS,
    Columns,
    schema_of,
    stored,
)
from tessera.audience.world import PERSON, fact_column

Row = Mapping[str, Any]


class PeopleRows(Struct):
    """Rows of the tables that say who people are, in order of the people."""

    people: list[Row]
    devices: list[Row]
    sessions: list[Row]
    identifiers: list[Row]
    relations: list[Row]


def rows_of(people: Sequence[Person], attributes: Columns) -> PeopleRows:
    """These people; `attributes` learns the leaves that are new."""
    found = PeopleRows([], [], [], [], [])
    for person in people:
        about = {PERSON: person.person_id}
        facts = {fact_column(name): leaf for name, leaf in person.facts.items()}
        found.people.append(about | facts | attributes.values(person.attributes))
        for device in person.devices:
            found.devices.append(about | {path[0]: stored(kind, leaf) for (path, kind), leaf in device.items()})
        for began, ended in person.sessions:
            found.sessions.append(about | {"began": began, "ended": ended})
        for kind, values in person.identifiers.items():
            found.identifiers.extend(about | {"kind": kind, "value": value} for value in sorted(values))
        for relation in person.relations:
            other = str(relation.other) if relation.other else None
            found.relations.append(about | {"type": relation.type, "outgoing": relation.outgoing, "other": other})
    return found


def event_row(name: str, happening: Happening, properties: Columns, **about: Any) -> Row:
    """One event, and whose it is (`about`); `properties` learns the leaves that are new."""
    said = {**about, "name": name, "at": happening.at, "source_id": happening.source_id}
    return said | properties.values(happening.properties)


def schemas(attributes: Columns, properties: Columns) -> dict[str, ibis.Schema]:
    """Every table with its columns, as they are now."""
    return {
        "people": schema_of(PEOPLE, attributes),
        "events": schema_of(EVENTS, properties),
        "devices": schema_of(DEVICES),
        "sessions": schema_of(SESSIONS),
        "identifiers": schema_of(IDENTIFIERS),
        "relations": schema_of(RELATIONS),
    }


def arrow_of(rows: Iterable[Row], schema: ibis.Schema, *, only_used: bool = False) -> pa.Table:
    """Rows as Arrow has them. Moments are microseconds since 1970, ids are text: every engine reads these.

    With `only_used`, without columns that no row speaks of: of thousands few are in any one batch.
    """
    kept = list(rows)
    used = set().union(*kept) if only_used else set(schema.names)
    return pa.table(
        {
            column: pa.array([_plain(row.get(column)) for row in kept], type=_arrow_type(kind))
            for column, kind in schema.items()
            if column in used
        }
    )


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value


def _arrow_type(kind: Any) -> pa.DataType:
    if kind.is_timestamp():
        return pa.timestamp("us")
    if kind.is_boolean():
        return pa.bool_()
    if kind.is_floating():
        return pa.float64()
    return pa.int64() if kind.is_integer() else pa.string()
