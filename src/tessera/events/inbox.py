"""The inbox: what was acknowledged and not yet acted on. The edge copies rows in, intake takes them out.

Knows no Django. Rows are written with COPY in PostgreSQL's binary form, built here by hand because the edge's
budget is a ratio against a bare COPY.
"""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from struct import Struct as Packer
from typing import Any, Final, NamedTuple
from uuid import UUID

import psycopg

from tessera.events.lanes import lane_of
from tessera.events.messages import Message
from tessera.foundation.arrays import postgres_micros
from tessera.foundation.clock import Micros

COPY_INBOX: Final = (
    "COPY events_inbox (lane, workspace_id, source_id, received_at, message_key, envelope, body)"
    " FROM STDIN (FORMAT BINARY)"
)
COPY_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_TRAILER: Final = b"\xff\xff"

_ROW = Packer(">hihiiiiiqi16si")  # 7 fields: lane, workspace, source, received_at, key, then the envelope's length
_LENGTH = Packer(">i")


class InboxRow(NamedTuple):
    """One acknowledged message as intake takes it out."""

    lane: int
    seq: int
    workspace_id: int
    source_id: int | None
    received_at: Micros
    message_key: UUID
    envelope: bytes
    body: bytes


def message_key(source_id: int, message_id: str) -> bytes:
    """16 bytes that stand for this message of this source: the key it is deduplicated by, and its event's id."""
    return blake2b(b"%d:%s" % (source_id, message_id.encode()), digest_size=16).digest()


def lane_of_message(message: Message) -> int:
    """By the strongest identifier every call of one client repeats, so that one person's calls share a lane."""
    return lane_of(str(message.user_id or message.anonymous_id or message.previous_id or message.group_id or ""))


def copy_row(
    *, lane: int, workspace_id: int, source_id: int, received_at: Micros, key: bytes, envelope: bytes, body: bytes
) -> bytes:
    """One row of `COPY_INBOX`. Send `COPY_HEADER`, the rows, `COPY_TRAILER`."""
    head = _ROW.pack(7, 2, lane, 4, workspace_id, 4, source_id, 8, postgres_micros(received_at), 16, key, len(envelope))
    return b"".join((head, envelope, _LENGTH.pack(len(body)), body))


_TAKE: Final = """
DELETE FROM events_inbox
 WHERE lane = %(lane)s
   AND seq IN (SELECT seq FROM events_inbox WHERE lane = %(lane)s AND seq > %(after)s ORDER BY seq LIMIT %(most)s)
RETURNING lane, seq, workspace_id, source_id,
          (extract(epoch FROM received_at) * 1000000)::bigint, message_key, envelope, body
"""

_WITH_WORK: Final = """
SELECT lane FROM events_lane l WHERE EXISTS (SELECT 1 FROM events_inbox i WHERE i.lane = l.lane)
 ORDER BY lane <= %(after)s, lane
"""


def claim_lanes(connection: psycopg.Connection[Any], *, after: int, most: int) -> dict[int, int]:
    """Lock up to `most` lanes that have work and no holder, going round from `after`.

    Gives each lane's last position in history. The lanes are held until the transaction ends.
    """
    rows = connection.execute(_WITH_WORK, {"after": after}).fetchall()
    for start in range(0, len(rows), most):
        positions: dict[int, int] = {}
        with connection.pipeline():
            for cursor in [connection.execute(_CLAIM_FREE, (lane,)) for (lane,) in rows[start : start + most]]:
                positions.update(cursor.fetchall())
        if positions:
            return positions
    return {}


_CLAIM_FREE: Final = "SELECT lane, position FROM events_lane WHERE lane = %s FOR UPDATE SKIP LOCKED"
_CLAIM_WAITING: Final = "SELECT lane, position FROM events_lane WHERE lane = %s FOR UPDATE"


def claim_lane(connection: psycopg.Connection[Any], lane: int, *, wait: bool = False) -> dict[int, int]:
    """Lock one lane, with its last position; nothing where a rival holds it, unless we are to `wait` for it."""
    return dict(connection.execute(_CLAIM_WAITING if wait else _CLAIM_FREE, (lane,)).fetchall())


def claim_all_lanes(connection: psycopg.Connection[Any]) -> dict[int, int]:
    """Lock every lane, in order, with its last position: nothing is taken in, merged or split meanwhile."""
    return dict(connection.execute("SELECT lane, position FROM events_lane ORDER BY lane FOR UPDATE").fetchall())


def take(
    connection: psycopg.Connection[Any], lanes: Iterable[int], *, most: int, after: int = -1
) -> Iterator[InboxRow]:
    """Remove and hand out the oldest rows after `after`, up to `most` of each lane. The caller holds the lanes.

    Lane after lane, so that the caller reads one while the database takes out the next; to be used up at once.
    """
    with connection.pipeline():
        cursors = [
            connection.cursor(binary=True).execute(_TAKE, {"lane": lane, "most": most, "after": after})
            for lane in lanes
        ]
        for cursor in cursors:
            yield from sorted(map(InboxRow._make, cursor.fetchall()))  # by lane and number


def remove(connection: psycopg.Connection[Any], row: InboxRow) -> bool:
    """Remove one row; false where it is gone already."""
    statement = "DELETE FROM events_inbox WHERE lane = %s AND seq = %s"
    return connection.execute(statement, (row.lane, row.seq)).rowcount == 1


def waiting(cursor: psycopg.Cursor[Any]) -> int:
    """How many acknowledged messages intake has not acted on yet."""
    cursor.execute("SELECT count(*) FROM events_inbox")
    row = cursor.fetchone()
    return int(row[0]) if row else 0


def waiting_of(connection: psycopg.Connection[Any], sources: Sequence[int]) -> int:
    """As `waiting`, for these sources."""
    row = connection.execute("SELECT count(*) FROM events_inbox WHERE source_id = ANY(%s)", (list(sources),)).fetchone()
    return int(row[0]) if row else 0
