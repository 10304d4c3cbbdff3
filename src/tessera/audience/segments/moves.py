"""Moves: who entered and who left, kept for each of those who follow a segment until they have taken them.

A move speaks of a member row, by the profile that row is kept under: whoever entered under an id leaves under it, once,
whatever was merged or split meanwhile. Moves are written in the transaction that changes the members and numbered while
the segment's row is held, so whoever takes them in the order of their numbers misses none that commits late.
"""

from collections.abc import Collection
from contextlib import suppress
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import psycopg
from msgspec import Struct

from tessera.audience.segments import store
from tessera.audience.segments.records import Segment, SegmentInUse, WrongSegment
from tessera.foundation.arrays import uuids
from tessera.jobs import AlreadyWaiting, defer

Connection = psycopg.Connection[Any]
BATCHED: Final = 2.0
"""Seconds between a move and the job that looks at it: what happens within them goes out together."""

_LISTEN: Final = """
INSERT INTO audience_listener (id, workspace_id, segment_id, task) VALUES (%s, %s, %s, %s)
"""
_EVERYBODY: Final = """
INSERT INTO audience_move (listener_id, number, profile_id, entered, at)
SELECT %(listener)s, row_number() OVER (ORDER BY m.entered_at, m.profile_id), m.profile_id, true, m.entered_at
  FROM audience_member m WHERE m.segment_id = %(segment)s
"""
_LISTENERS: Final = """
UPDATE audience_listener SET last = last + %s WHERE segment_id = %s RETURNING id, task, last
"""
_NOTE: Final = """
INSERT INTO audience_move (listener_id, number, profile_id, entered, at)
SELECT %(listener)s, %(before)s + wanted.place, wanted.id, %(entered)s, %(at)s
  FROM unnest(%(ids)b::uuid[]) WITH ORDINALITY AS wanted (id, place)
"""
_PENDING: Final = """
SELECT number, profile_id, entered, at FROM audience_move WHERE listener_id = %s AND number > %s AND number <= %s
 ORDER BY number LIMIT %s
"""


class Move(Struct, frozen=True):
    """Somebody entered or left. `profile_id` is the id they entered under."""

    number: int
    profile_id: UUID
    entered: bool
    at: datetime


def listen(
    connection: Connection, *, workspace_id: int, segment_id: UUID, listener: UUID, task: str, everybody: bool
) -> None:
    """From now on keep the segment's moves for this listener; `everybody` who is in now comes first, as entered.

    `task` is the job put into the queue (with `listener`) when somebody moves; empty for none. In the caller's
    transaction. Raises `NoSuchSegment`, and `WrongSegment` for one whose members are not stored.
    """
    segment = store.read(connection, workspace_id, segment_id, lock=True)
    if not segment.stored:
        raise WrongSegment("who enters and leaves is known only of static segments and of those kept fresh")
    connection.execute(_LISTEN, (listener, workspace_id, segment_id, task))
    if everybody:
        found = connection.execute(_EVERYBODY, {"listener": listener, "segment": segment_id}).rowcount
        connection.execute(
            "UPDATE audience_listener SET last = %s, starting = %s WHERE id = %s", (found, found, listener)
        )


def tell(connection: Connection, listener: UUID, task: str) -> None:
    """Change the job that is put into the queue for this listener."""
    connection.execute("UPDATE audience_listener SET task = %s WHERE id = %s", (task, listener))


def stop_listening(connection: Connection, listener: UUID) -> None:
    """Forget the listener and what it has not taken."""
    connection.execute("DELETE FROM audience_listener WHERE id = %s", (listener,))
    connection.execute("DELETE FROM audience_move WHERE listener_id = %s", (listener,))


def note(
    connection: Connection, segment_id: UUID, *, entered: Collection[UUID], left: Collection[UUID], at: datetime
) -> None:
    """Write the moves down for each listener and wake it. The caller holds the segment's row."""
    moved = len(entered) + len(left)
    if not moved:
        return
    for listener, task, last in connection.execute(_LISTENERS, (moved, segment_id)).fetchall():
        asked = {"listener": listener, "at": at}
        before = last - moved
        connection.execute(_NOTE, {**asked, "before": before, "entered": False, "ids": uuids(left)})
        connection.execute(_NOTE, {**asked, "before": before + len(left), "entered": True, "ids": uuids(entered)})
        if task:
            wake(connection, listener, task)


def wake(connection: Connection, listener: UUID, task: str, *, after: float = BATCHED) -> None:
    """Put the listener's job into the queue, where none waits to begin."""
    with suppress(AlreadyWaiting):
        defer(connection, task, once=f"{task}:{listener}", after=after, listener=str(listener))


def pending(connection: Connection, listener: UUID, *, after: int, most: int, upto: int | None = None) -> list[Move]:
    """The oldest moves behind this number, in order."""
    rows = connection.execute(_PENDING, (listener, after, 2**62 if upto is None else upto, most))
    return [Move(*row) for row in rows]


def forget_taken(connection: Connection, listener: UUID, *, upto: int) -> None:
    """Drop the moves up to this number: they have arrived."""
    connection.execute("DELETE FROM audience_move WHERE listener_id = %s AND number <= %s", (listener, upto))


def forget_people(connection: Connection, profiles: Collection[UUID]) -> int:
    """Take erased people out of what was not yet taken; returns how many rows went."""
    return connection.execute(
        "DELETE FROM audience_move WHERE profile_id = ANY(%b::uuid[])", (uuids(profiles),)
    ).rowcount


def started_with(connection: Connection, listener: UUID) -> int:
    """Moves up to this number are those who were in when it began to listen."""
    row = connection.execute("SELECT starting FROM audience_listener WHERE id = %s", (listener,)).fetchone()
    return int(row[0]) if row else 0


def refuse_listened(connection: Connection, segment: Segment) -> None:
    """Raises `SegmentInUse` where somebody follows who enters and leaves."""
    if connection.execute("SELECT 1 FROM audience_listener WHERE segment_id = %s LIMIT 1", (segment.id,)).fetchone():
        raise SegmentInUse("automatic exports follow who enters and leaves it; delete these first")
