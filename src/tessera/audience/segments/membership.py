"""Who enters and who leaves: members and the record of it in history, in one transaction, exactly once.

A member row stays with the profile it was made for. Whoever that profile stands with now is in: so a merge brings
nobody in and throws nobody out, and a split parts what it joined.

The warehouse is a little behind, so whoever is evaluated may be erased by now: only who is known still enters. An
erasure holds every lane, and here one is held before anybody is let in, so nobody is erased in between.
"""

import random
from collections.abc import Collection
from datetime import datetime
from struct import Struct as Packer
from typing import Any, Final
from uuid import UUID

import psycopg
from msgspec import Struct

from tessera.audience.segments import moves
from tessera.audience.segments.records import Segment
from tessera.events import history, inbox
from tessera.events.history import SystemRecord
from tessera.events.lanes import LANES
from tessera.events.vocabulary import SEGMENT_ENTERED, SEGMENT_LEFT
from tessera.foundation.arrays import postgres_micros, uuids
from tessera.foundation.clock import now_micros, to_micros
from tessera.foundation.ids import uuid7s

Connection = psycopg.Connection[Any]

_ENTER: Final = """
INSERT INTO audience_member (segment_id, profile_id, entered_at)
SELECT %(segment)s, wanted.id, %(now)s FROM unnest(%(ids)b::uuid[]) AS wanted (id)
 WHERE EXISTS (SELECT FROM identity_profile k WHERE k.id = wanted.id)
   AND NOT EXISTS (SELECT FROM audience_member m JOIN identity_profile p ON p.id = m.profile_id
                    WHERE m.segment_id = %(segment)s AND p.root_id = wanted.id)
ON CONFLICT DO NOTHING
RETURNING profile_id
"""
_ROOTS: Final = """
SELECT m.profile_id, p.root_id FROM audience_member m LEFT JOIN identity_profile p ON p.id = m.profile_id
 WHERE m.segment_id = %(segment)s AND m.profile_id = ANY(%(ids)b::uuid[])
"""
_OTHERS: Final = """
SELECT profile_id FROM audience_member
 WHERE segment_id = %(segment)s AND profile_id NOT IN (SELECT unnest(%(ids)b::uuid[]))
"""
_NEW: Final = """
SELECT wanted.id FROM unnest(%(ids)b::uuid[]) AS wanted (id)
 WHERE wanted.id NOT IN (SELECT profile_id FROM audience_member WHERE segment_id = %(segment)s)
   AND (SELECT true FROM identity_profile k WHERE k.id = wanted.id)
"""
"""Not EXISTS: that would read every profile there is, where mostly nobody is new."""
_DROP: Final = "DELETE FROM audience_member WHERE segment_id = %(segment)s AND profile_id = ANY(%(ids)b::uuid[])"
_COPY: Final = "COPY audience_member (segment_id, profile_id, entered_at) FROM STDIN (FORMAT BINARY)"
_ROW: Final = Packer(">hi16si16siq")
_LEAVE: Final = """
DELETE FROM audience_member m USING identity_profile p
 WHERE m.segment_id = %(segment)s AND p.id = m.profile_id AND p.root_id = ANY(%(ids)b::uuid[])
RETURNING p.root_id, m.profile_id
"""
_COUNT: Final = """
SELECT count(DISTINCT p.root_id) FROM audience_member m JOIN identity_profile p ON p.id = m.profile_id
 WHERE m.segment_id = %s
"""


class Moved(Struct, frozen=True):
    """People who came in and people who went out."""

    entered: tuple[UUID, ...] = ()
    left: tuple[UUID, ...] = ()


def become(connection: Connection, segment: Segment, people: Collection[UUID], *, now: datetime) -> Moved:
    """These people (roots), and nobody else, are the segment. The caller holds its row (`store.read(lock)`)."""
    lane = _Lane(connection)
    asked = {"segment": segment.id, "ids": uuids(people)}
    others = [row[0] for row in connection.execute(_OTHERS, asked)]
    wanted = set(people) if others else set()
    staying, left, dropped = set(), set(), []
    for profile, root in connection.execute(_ROOTS, {"segment": segment.id, "ids": uuids(others)}):
        if root in wanted:
            staying.add(root)
            continue
        dropped.append(profile)
        if root is not None:
            left.add(root)
    if dropped:
        connection.execute(_DROP, {"segment": segment.id, "ids": uuids(dropped)})
    entered = [row[0] for row in connection.execute(_NEW, asked) if row[0] not in staying]
    _let_in(connection, segment.id, entered, now)
    moves.note(connection, segment.id, entered=entered, left=dropped, at=now)
    return lane.record(segment, entered, left, now)


def _let_in(connection: Connection, segment_id: UUID, people: Collection[UUID], now: datetime) -> None:
    if people:
        key, at = segment_id.bytes, postgres_micros(to_micros(now))
        rows = [_ROW.pack(3, 16, key, 16, person.bytes, 8, at) for person in people]
        with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
            copy.write(b"".join((inbox.COPY_HEADER, *rows, inbox.COPY_TRAILER)))


def change(
    connection: Connection, segment: Segment, *, inside: Collection[UUID], outside: Collection[UUID], now: datetime
) -> Moved:
    """Of these people (roots), some are in and the others are not; of everybody else nothing is said.

    The caller holds the segment's row.
    """
    lane = _Lane(connection)
    asked = {"segment": segment.id, "now": now}
    left: list[tuple[UUID, UUID]] = []
    if outside:
        left = connection.execute(_LEAVE, {**asked, "ids": uuids(outside)}).fetchall()
    entered: list[UUID] = []
    if inside:
        entered = [row[0] for row in connection.execute(_ENTER, {**asked, "ids": uuids(inside)})]
    moves.note(connection, segment.id, entered=entered, left=[row[1] for row in left], at=now)
    return lane.record(segment, entered, {row[0] for row in left}, now)


def count(connection: Connection, segment_id: UUID) -> int:
    """People in a segment whose members are stored."""
    row = connection.execute(_COUNT, (segment_id,)).fetchone()
    assert row is not None
    return int(row[0])


def profiles_in(connection: Connection, segment_id: UUID) -> list[UUID]:
    """The profiles that were made members, as they were named."""
    rows = connection.execute("SELECT profile_id FROM audience_member WHERE segment_id = %s", (segment_id,))
    return [row[0] for row in rows]


def static_segments(connection: Connection) -> list[tuple[int, UUID]]:
    """Every static segment, with its workspace before it."""
    return connection.execute(
        "SELECT workspace_id, id FROM audience_segment WHERE kind = 'static' ORDER BY workspace_id, id"
    ).fetchall()


def forget_people(connection: Connection, profiles: Collection[UUID]) -> int:
    """Take erased people out of every segment, without a word in anybody's history; returns how many rows went.

    Those who follow a segment from outside are not told either: the house no longer knows the id.
    """
    moves.forget_people(connection, profiles)
    cursor = connection.execute("DELETE FROM audience_member WHERE profile_id = ANY(%b::uuid[])", (uuids(profiles),))
    return cursor.rowcount


class _Lane:
    """The lane that what happens is recorded in, held from before anything is changed: as everybody else does it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.number = random.randrange(LANES)  # noqa: S311 -- any will do
        self._position = inbox.claim_lane(connection, self.number, wait=True)[self.number]

    def record(self, segment: Segment, entered: Collection[UUID], left: Collection[UUID], now: datetime) -> Moved:
        """Write down who left and who entered, in one lane: it is held until the transaction ends anyway."""
        rows = [(SEGMENT_LEFT, person) for person in sorted(left)] + [(SEGMENT_ENTERED, person) for person in entered]
        body = {"segment_id": str(segment.id), "kind": segment.kind}
        at = to_micros(now)
        packed = [
            history.packed(SystemRecord(self.number, event_id, segment.workspace_id, person, name, at, body))
            for (name, person), event_id in zip(rows, uuid7s(len(rows)), strict=False)
        ]
        if packed:
            history.append_packed(self._connection, packed, lane=self.number, position=self._position, now=now_micros())
        return Moved(tuple(entered), tuple(sorted(left)))
