"""People from PostgreSQL as conditions see them: for one person at once, whatever the warehouse knows yet."""

from collections.abc import Callable, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
import psycopg

from tessera.audience.leaves import leaves_of
from tessera.audience.person import (
    Doings,
    Happening,
    Person,
    attributes_of,
    device_leaves,
    facts_of,
    identifiers_by_kind,
    sessions_of,
)
from tessera.events import history
from tessera.events.history import Recorded, Wanted
from tessera.foundation.clock import to_micros
from tessera.profiles.relations_of import relations_among
from tessera.profiles.whole import gather

Connection = psycopg.Connection[Any]
COUNTED: Final = ("track", "page", "screen")
"""Kinds of events that people do; the house's own records and who they are is not what they did."""
MOST_HAPPENINGS: Final = 1_000_000


def people_of(
    connection: Connection, roots: Sequence[UUID], *, in_segment: Callable[[UUID, UUID], bool] | None = None
) -> list[Person]:
    """The people these profiles stand for, in their order; a few statements for all.

    What they did is read when a condition asks for it. `in_segment` is asked with a segment and a person.
    """
    people = gather(connection, roots)
    relations = relations_among(connection, people)
    return [
        Person(
            person_id=found.root,
            attributes=attributes_of(found.state),
            facts=facts_of(found.root, found.state, born=min(to_micros(member.created_at) for member in found.members)),
            devices=[device_leaves(device) for device in found.state.devices.values()],
            identifiers=identifiers_by_kind(found.identifiers),
            sessions=sessions_of(found.state),
            did=_doings_of(connection, [member.profile_id for member in found.members]),
            segments=_membership(found.root, in_segment),
            relations=relations.get(found.root, frozenset()),
        )
        for found in people
    ]


def _membership(root: UUID, in_segment: Callable[[UUID, UUID], bool] | None) -> Callable[[UUID], bool]:
    return lambda segment: in_segment is not None and in_segment(segment, root)


def _doings_of(connection: Connection, profiles: Sequence[UUID]) -> Doings:
    """Each name is read once."""
    read: dict[str, list[Happening]] = {}

    def did(name: str) -> Sequence[Happening]:
        if name not in read:
            wanted = Wanted(names=(name,), kinds=COUNTED)
            rows = history.of_profiles(connection, profiles, before=None, limit=MOST_HAPPENINGS, wanted=wanted)
            read[name] = [happening_of(row) for row in rows]
        return read[name]

    return did


def happening_of(row: Recorded) -> Happening:
    """What conditions see of a row of history."""
    properties = msgspec.json.decode(row.body).get("properties")
    leaves = leaves_of(properties) if isinstance(properties, dict) else {}
    return Happening(at=to_micros(row.occurred_at), source_id=row.source_id, properties=leaves)
