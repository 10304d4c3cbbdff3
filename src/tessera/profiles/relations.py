"""Relations between people: the registers that events write, and both directions read as one list.

(person, type, other) is a last-writer-wins register by event time with a tie-break, so the order in which events come
does not matter and a removal stays a removal. It is kept per profile, so a merge and a split need not touch it.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
import psycopg

from tessera.events.event import Event, Identifier
from tessera.events.messages import Json
from tessera.foundation.clock import to_datetime
from tessera.foundation.errors import TesseraError
from tessera.identity.rules import PROFILE
from tessera.profiles.references import InvalidReference, read_reference
from tessera.profiles.relation_types import RelationType

Connection = psycopg.Connection[Any]

RELATION_ADDED: Final = "Relation Added"
RELATION_REMOVED: Final = "Relation Removed"
MOST_RELATIONS: Final = 1_000
"""Of one person; what was removed counts until something new needs its place."""
MOST_PROPERTY_BYTES: Final = 4_096
_KEYS: Final = ("type", "to")


class InvalidRelation(TesseraError):
    """The relation will not do; the message says why."""

    code = "invalid_relation"


class Said(NamedTuple):
    """What one event says about one relation. `tie` orders events of the same microsecond."""

    profile_id: UUID
    type: str
    other: Identifier
    workspace_id: int
    properties: bytes
    removed: bool
    at: datetime
    tie: int


def read_properties(told: Json) -> bytes:
    """What a relation keeps of an event's properties, encoded. Raises `InvalidRelation` where that is too much."""
    kept = {name: value for name, value in told.items() if name not in _KEYS}
    encoded = msgspec.json.encode(kept)
    if len(encoded) > MOST_PROPERTY_BYTES:
        raise InvalidRelation(f"the properties of a relation may have {MOST_PROPERTY_BYTES} bytes")
    return encoded


def far_end(event: Event, *, region: str) -> Identifier | None:
    """Whom a relation event names beside the person who says it; None of another event, or where it names nobody."""
    if event.name not in (RELATION_ADDED, RELATION_REMOVED):
        return None
    try:
        return read_reference((event.message.properties or {}).get("to"), region=region)
    except InvalidReference:
        return None


def said_by(event: Event, profile: UUID, *, types: dict[str, RelationType], region: str) -> Said | None:
    """What a relation event says, or None where it says nothing that can be kept (the event stays in history)."""
    told = event.message.properties or {}
    kind = told.get("type")
    if not isinstance(kind, str) or kind not in types:
        return None
    removed = event.name == RELATION_REMOVED
    try:
        other = read_reference(told.get("to"), region=region)
        properties = b"{}" if removed else read_properties(told)
    except (InvalidRelation, InvalidReference):
        return None
    at = to_datetime(event.occurred_at)
    return Said(profile, kind, other, event.workspace_id, properties, removed, at, event.tie)


_WRITE: Final = """
INSERT INTO profiles_relation AS known
       (profile_id, type, other_kind, other_value, workspace_id, properties, removed, at, tie)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (profile_id, type, other_kind, other_value) DO UPDATE
   SET properties = excluded.properties, removed = excluded.removed, at = excluded.at, tie = excluded.tie
 WHERE (excluded.at, excluded.tie) > (known.at, known.tie)
"""
_OVER: Final = """
SELECT profile_id, count(*) FROM profiles_relation WHERE profile_id = ANY(%s)
 GROUP BY profile_id HAVING count(*) > %s
"""
_PRUNE: Final = """
DELETE FROM profiles_relation WHERE (profile_id, type, other_kind, other_value) IN (
    SELECT profile_id, type, other_kind, other_value FROM profiles_relation WHERE profile_id = %s
     ORDER BY removed DESC, CASE WHEN removed THEN at END, at DESC, tie DESC, type, other_kind, other_value LIMIT %s)
"""


def write_relations(connection: Connection, said: Iterable[Said]) -> None:
    """Write what these say, whatever their order; beyond the limit the oldest removals go first, then the newest words.

    Rows are taken in one order, so that two batches cannot wait for each other in a circle.
    """
    rows = sorted(said, key=lambda one: (one.profile_id.int, one.type, one.other, one.at, one.tie))
    with connection.cursor() as cursor:
        cursor.executemany(
            _WRITE,
            [
                (one.profile_id, one.type, *one.other, one.workspace_id, one.properties.decode(), one.removed, one.at,
                 one.tie)
                for one in rows
            ],
        )  # fmt: skip
    profiles = sorted({one.profile_id for one in rows}, key=attrgetter("int"))
    for profile, count in connection.execute(_OVER, (profiles, MOST_RELATIONS)).fetchall():
        connection.execute(_PRUNE, (profile, count - MOST_RELATIONS))


class StoredRelation(NamedTuple):
    """A row as it stands."""

    profile_id: UUID
    type: str
    other_kind: str
    other_value: str
    properties: Json
    removed: bool
    at: datetime
    tie: int


_COLUMNS: Final = "profile_id, type, other_kind, other_value, properties, removed, at, tie"


MOST_OF_ONE: Final = 4 * MOST_RELATIONS
"""Rows that are read of one person, who may have been several."""


def has_relations(connection: Connection, workspace_id: int) -> bool:
    """Whether anybody of the workspace ever said something of the kind."""
    row = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM profiles_relation WHERE workspace_id = %s)", (workspace_id,)
    ).fetchone()
    return bool(row and row[0])


def relations_from(
    connection: Connection, profiles: Sequence[UUID], *, most: int | None = MOST_OF_ONE
) -> list[StoredRelation]:
    """What these profiles have said, removals too; `most` rows, the newest."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM profiles_relation WHERE profile_id = ANY(%s)"  # noqa: S608 -- constants
        " ORDER BY at DESC, tie DESC LIMIT %s",
        (list(profiles), most),
    )
    return [StoredRelation(*row) for row in rows]


def relations_to(
    connection: Connection,
    workspace_id: int,
    profiles: Sequence[UUID],
    identifiers: Sequence[Identifier],
    *,
    most: int | None = MOST_OF_ONE,
) -> list[StoredRelation]:
    """What others have said of whoever these name, removals too; `most` rows, the newest."""
    ends = [*identifiers, *((PROFILE, str(profile)) for profile in profiles)]
    columns = ", ".join(f"r.{name}" for name in _COLUMNS.split(", "))
    rows = connection.execute(
        f"SELECT {columns} FROM unnest(%s::text[], %s::text[]) AS named (kind, value)"  # noqa: S608 -- constants
        " JOIN profiles_relation r"
        "   ON r.workspace_id = %s AND r.other_value = named.value AND r.other_kind = named.kind"
        " ORDER BY r.at DESC, r.tie DESC LIMIT %s",
        ([kind for kind, _ in ends], [value for _, value in ends], workspace_id, most),
    )
    return [StoredRelation(*row) for row in rows]


def count_relations(connection: Connection, profiles: Sequence[UUID], *, type: str, other: Identifier) -> int:
    """How many relations these profiles say they have, without the one to `other` (which may be renewed)."""
    row = connection.execute(
        "SELECT count(*) FROM profiles_relation WHERE profile_id = ANY(%s) AND NOT removed"
        " AND (type, other_kind, other_value) <> (%s, %s, %s)",
        (list(profiles), type, *other),
    ).fetchone()
    return int(row[0]) if row else 0
