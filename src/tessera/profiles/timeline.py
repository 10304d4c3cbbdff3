"""What happened to a person, newest first, page by page; and where their identifiers were first seen."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from msgspec import Struct

from tessera.events import history
from tessera.events.event import SYSTEM
from tessera.events.history import EVERYTHING, Recorded, Wanted
from tessera.events.messages import Json
from tessera.foundation.clock import to_datetime, to_micros
from tessera.identity import queries as identity
from tessera.profiles.person import IdentifierView
from tessera.profiles.queries import InvalidCursor

Connection = psycopg.Connection[Any]


class TimelineEvent(Struct, frozen=True):
    """Something that happened to the person. `body` is the message as it was sent (or the house's own record)."""

    event_id: UUID
    profile_id: UUID
    source_id: int | None
    type: str
    name: str
    occurred_at: datetime
    received_at: datetime
    recorded_at: datetime
    body: Json
    envelope: Json


class TimelinePage(Struct, frozen=True):
    """`incomplete`: some of it is kept in the warehouse only, which could not be asked; it is not among the events."""

    events: list[TimelineEvent]
    next: str | None
    incomplete: bool = False


def timeline(
    connection: Connection,
    workspace_id: int,
    profile_id: UUID,
    *,
    before: str | None = None,
    limit: int = 50,
    wanted: Wanted = EVERYTHING,
) -> TimelinePage | None:
    """What happened to the person, newest first; None where there is no such person. Raises `InvalidCursor`."""
    root = identity.root_of(connection, workspace_id, profile_id)
    if root is None:
        return None
    ids = [member.profile_id for member in identity.members_of(connection, [root])]
    return timeline_of(connection, ids, before=before, limit=limit, wanted=wanted)


def timeline_of(
    connection: Connection,
    members: Sequence[UUID],
    *,
    before: str | None = None,
    limit: int = 50,
    wanted: Wanted = EVERYTHING,
) -> TimelinePage:
    """As `timeline`, of a person whose profiles are known already. Raises `InvalidCursor`."""
    rows = history.of_profiles(connection, members, before=read_cursor(before), limit=limit + 1, wanted=wanted)
    return page_of(rows, limit)


def page_of(rows: Sequence[Recorded], limit: int, *, incomplete: bool = False) -> TimelinePage:
    """A page of rows that were read, newest first; one more than `limit` says that there are others."""
    page = rows[:limit]
    following = _cursor_of(page[-1]) if len(rows) > limit else None
    return TimelinePage([_timeline_event(row) for row in page], following, incomplete)


MOST_SOURCED = 60
"""Identifiers of which the source is looked up: more than a screen shows at once."""


def sources_of_identifiers(connection: Connection, identifiers: Sequence[IdentifierView]) -> dict[tuple[str, str], int]:
    """The source that each identifier was first seen at, by kind and value, where the history still tells."""
    asked = sorted(identifiers, key=lambda one: (_KINDS.get(one.kind, 3), one.kind, one.first_seen))[:MOST_SOURCED]
    moments = {(one.profile_id, one.first_seen) for one in asked}
    found = history.sources_at(connection, sorted(moments, key=lambda pair: (pair[0].int, pair[1])))
    return {
        (one.kind, one.value): found[one.profile_id, one.first_seen]
        for one in asked
        if (one.profile_id, one.first_seen) in found
    }


_KINDS = {"user_id": 0, "email": 1, "phone": 2}


def _cursor_of(row: Recorded) -> str:
    return f"{to_micros(row.occurred_at)}.{row.lane}.{row.position}"


def read_cursor(cursor: str | None) -> tuple[datetime, int, int] | None:
    """The place that a cursor names: (occurred_at, lane, position). Raises `InvalidCursor`."""
    if cursor is None:
        return None
    try:
        at, lane, position = (int(part) for part in cursor.split("."))
        return to_datetime(at), lane % 32_768, min(position, 2**62)
    except (ValueError, OverflowError):
        raise InvalidCursor("the cursor is not one we gave") from None


def _timeline_event(row: Recorded) -> TimelineEvent:
    return TimelineEvent(
        event_id=row.event_id,
        profile_id=row.profile_id,
        source_id=row.source_id,
        type=row.kind,
        name=row.name,
        occurred_at=row.occurred_at,
        received_at=row.received_at,
        recorded_at=row.recorded_at,
        body=_readable(row.body),
        envelope={} if row.kind == SYSTEM else msgspec.json.decode(row.envelope),
    )


def _readable(body: bytes) -> Json:
    """The document; or, where a number in it is beyond any reader, its text: one message must not hide the others."""
    try:
        document: Json = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return {"unreadable": body.decode()}
    return document
