"""History: the append-only log. Rows are appended by a lane's holder, who numbers them, and never changed.

Partitioned by the month in which a row was recorded; retention drops whole months.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from struct import Struct as Packer
from typing import Any, Final
from uuid import UUID

import msgspec
import psycopg
from msgspec import Struct

from tessera.events.event import SYSTEM, Event
from tessera.events.inbox import COPY_HEADER, COPY_TRAILER
from tessera.foundation.arrays import postgres_micros
from tessera.foundation.clock import EPOCH, Micros, to_micros

Connection = psycopg.Connection[Any]

_COPY: Final = """
COPY events_history (lane, position, recorded_at, event_id, workspace_id, source_id, profile_id, kind, name,
                     occurred_at, received_at, envelope, body) FROM STDIN (FORMAT BINARY)
"""
_COLUMNS: Final = """
lane, position, recorded_at, event_id, workspace_id, source_id, profile_id, kind, name, occurred_at, received_at,
envelope::text, body::text
"""


class Recorded(Struct, frozen=True):
    """One row of history."""

    lane: int
    position: int
    recorded_at: datetime
    event_id: UUID
    workspace_id: int
    source_id: int | None
    profile_id: UUID
    kind: str
    name: str
    occurred_at: datetime
    received_at: datetime
    envelope: bytes
    body: bytes


class SystemRecord(Struct, frozen=True):
    """Something the house itself records about a person: a merge, a split."""

    lane: int
    event_id: UUID
    workspace_id: int
    profile_id: UUID
    name: str
    at: Micros
    body: dict[str, Any]


def system_record_of(row: Recorded) -> SystemRecord:
    """The house's own record as it was appended."""
    body = msgspec.json.decode(row.body)
    return SystemRecord(
        row.lane, row.event_id, row.workspace_id, row.profile_id, row.name, to_micros(row.occurred_at), body
    )


Entry = tuple[Event, UUID] | SystemRecord


def append(connection: Connection, entries: Sequence[Entry], *, positions: dict[int, int], now: Micros) -> None:
    """Append in the given order; see `appending`."""
    with appending(connection, positions=positions, now=now) as write:
        write(entries)


@contextmanager
def appending(
    connection: Connection, *, positions: dict[int, int], now: Micros
) -> Iterator[Callable[[Sequence[Entry]], None]]:
    """Append in the given order, numbering each lane on from `positions` (which learns the new last ones).

    The caller holds the lanes, so positions have no gaps and commit in order. What the caller does inside, after
    writing, it does while the database takes the rows in.
    """
    with connection.cursor() as cursor:
        with cursor.copy(_COPY) as copy:
            copy.write(COPY_HEADER)

            def write(entries: Sequence[Entry]) -> None:
                for start in range(0, len(entries), CHUNK):
                    copy.write(b"".join(_numbered(entries[start : start + CHUNK], positions, now)))

            yield write
            copy.write(COPY_TRAILER)
        cursor.execute(_MOVE_LANES, (list(positions), list(positions.values())))


def append_packed(connection: Connection, rows: Sequence[bytes], *, lane: int, position: int, now: Micros) -> int:
    """Append rows that are `packed` already to a lane that the caller holds, on from `position`; returns the last."""
    place, at = _PLACE.pack, postgres_micros(now)
    placed = [b""] * (2 * len(rows))
    placed[::2] = [place(13, 2, lane, 8, number, 8, at) for number in range(position + 1, position + 1 + len(rows))]
    placed[1::2] = rows
    with connection.cursor() as cursor:
        with cursor.copy(_COPY) as copy:
            copy.write(b"".join((COPY_HEADER, *placed, COPY_TRAILER)))
        cursor.execute(_MOVE_LANES, ([lane], [position + len(rows)]))
    return position + len(rows)


def _numbered(entries: Sequence[Entry], positions: dict[int, int], now: Micros) -> Iterator[bytes]:
    for entry in entries:
        lane = entry.lane if isinstance(entry, SystemRecord) else entry[0].lane
        position = positions[lane] = positions[lane] + 1
        yield _row(entry, lane, position, now)


CHUNK: Final = 128
_MOVE_LANES: Final = """
INSERT INTO events_lane (lane, position) SELECT * FROM unnest(%s::smallint[], %s::bigint[])
ON CONFLICT (lane) DO UPDATE SET position = excluded.position
"""
_encode = msgspec.json.Encoder().encode
_PLACE = Packer(">hihiqiq")  # 13 fields, of which: lane, position, recorded_at
_HEAD = Packer(">i16sii")  # event_id, workspace_id
_SOURCE = Packer(">ii")
_PROFILE = Packer(">i16si")
_TIMES = Packer(">iqiqi")
_LENGTH = Packer(">i")
_NULL: Final = _LENGTH.pack(-1)


def _row(entry: Entry, lane: int, position: int, now: Micros) -> bytes:
    return _PLACE.pack(13, 2, lane, 8, position, 8, postgres_micros(now)) + packed(entry)


def packed(entry: Entry) -> bytes:
    """A row as COPY takes it in binary, but for its place; packed by hand, as it is done for every event."""
    if isinstance(entry, SystemRecord):
        profile_id, source_id, kind, name = entry.profile_id, None, SYSTEM, entry.name
        occurred_at = received_at = entry.at
        envelope, body = b"{}", _encode(entry.body)
        event_id, workspace_id = entry.event_id, entry.workspace_id
    else:
        event, profile_id = entry
        source_id, kind, name = event.source_id, event.kind, event.name
        occurred_at, received_at = event.occurred_at, event.received_at
        envelope, body = event.envelope_json, event.body_json
        event_id, workspace_id = event.event_id, event.workspace_id
    kind_text, name_text = kind.encode(), name.encode()
    return b"".join(
        (
            _HEAD.pack(16, event_id.bytes, 4, workspace_id),
            _NULL if source_id is None else _SOURCE.pack(4, source_id),
            _PROFILE.pack(16, profile_id.bytes, len(kind_text)),
            kind_text,
            _LENGTH.pack(len(name_text)),
            name_text,
            _TIMES.pack(8, postgres_micros(occurred_at), 8, postgres_micros(received_at), len(envelope)),
            envelope,
            _LENGTH.pack(len(body)),
            body,
        )
    )


def _read(row: Sequence[Any]) -> Recorded:
    fields = dict(zip(Recorded.__struct_fields__, row, strict=True))
    return Recorded(**{**fields, "envelope": fields["envelope"].encode(), "body": fields["body"].encode()})


class Wanted(Struct, frozen=True):
    """What of a history is asked for; what is left empty filters nothing.

    `names` are whole names, `text` is any part of one whatever its capitals; `since` is included, `until` is not.
    """

    names: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    sources: tuple[int, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    text: str = ""


EVERYTHING: Final = Wanted()
_FILTERS: Final = {
    "names": "name = ANY(%(names)s)",
    "kinds": "kind = ANY(%(kinds)s)",
    "sources": "source_id = ANY(%(sources)s)",
    "since": "occurred_at >= %(since)s",
    "until": "occurred_at < %(until)s",
    "text": "strpos(lower(name), lower(%(text)s)) > 0",
}


def of_profiles(
    connection: Connection,
    profiles: Sequence[UUID],
    *,
    before: tuple[datetime, int, int] | None,
    limit: int,
    wanted: Wanted = EVERYTHING,
) -> list[Recorded]:
    """What happened to these profiles, newest first; `before` is (occurred_at, lane, position) of the last one seen."""
    at, lane, position = before or (EPOCH, 0, 0)
    parameters: dict[str, Any] = {"at": at, "lane": lane, "position": position, "limit": limit}
    clauses = ["(occurred_at, lane, position) < (%(at)s, %(lane)s, %(position)s)"] if before else []
    for name, clause in _FILTERS.items():
        value = getattr(wanted, name)
        if value:
            clauses.append(clause)
            parameters[name] = list(value) if isinstance(value, tuple) else value
    narrowed = "".join(f" AND {clause}" for clause in clauses)
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM unnest(%(profiles)s::uuid[]) AS wanted (profile) CROSS JOIN LATERAL ("  # noqa: S608
        f" SELECT * FROM events_history WHERE profile_id = wanted.profile{narrowed}"
        "  ORDER BY occurred_at DESC, lane DESC, position DESC LIMIT %(limit)s) AS newest_of_each"
        " ORDER BY occurred_at DESC, lane DESC, position DESC LIMIT %(limit)s",
        parameters | {"profiles": list(profiles)},
    )
    return [_read(row) for row in rows]


def sources_at(connection: Connection, moments: Sequence[tuple[UUID, datetime]]) -> dict[tuple[UUID, datetime], int]:
    """The source of what happened to a profile at a moment, for each of these that history tells of."""
    rows = connection.execute(
        "SELECT wanted.profile, wanted.at, first.source_id"
        "  FROM unnest(%s::uuid[], %s::timestamptz[]) AS wanted (profile, at) CROSS JOIN LATERAL ("
        "       SELECT source_id FROM events_history"
        "        WHERE profile_id = wanted.profile AND occurred_at = wanted.at AND source_id IS NOT NULL"
        "        ORDER BY lane, position LIMIT 1) AS first",
        ([profile for profile, _ in moments], [at for _, at in moments]),
    )
    return {(profile, at): source for profile, at, source in rows}


def of_source(connection: Connection, source_id: int, *, after: datetime | None, limit: int) -> list[Recorded]:
    """The newest rows of one source, newest first, recorded after `after`."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM events_history"  # noqa: S608 -- constants
        " WHERE source_id = %s AND recorded_at > %s ORDER BY recorded_at DESC LIMIT %s",
        (source_id, after or EPOCH, limit),
    )
    return [_read(row) for row in rows]


_LATEST: Final = f"""
SELECT {_COLUMNS}
  FROM unnest(%(sources)s::int[]) AS source (id) CROSS JOIN LATERAL (
       SELECT * FROM (
           SELECT * FROM events_history
            WHERE source_id = source.id AND recorded_at > %(after)s ORDER BY recorded_at DESC LIMIT %(depth)s
       ) AS looked_at
       WHERE %(name)s = '' OR strpos(lower(name), lower(%(name)s)) > 0 ORDER BY recorded_at DESC LIMIT %(limit)s
  ) AS latest
 ORDER BY recorded_at DESC, lane DESC, position DESC LIMIT %(limit)s
"""  # noqa: S608 -- constants
MOST_LOOKED_AT: Final = 5_000
"""How far back a search by name goes in one source's rows; a rare name must not cost a walk through the whole log."""


def latest(
    connection: Connection, sources: Sequence[int], *, after: datetime | None, limit: int, name: str = ""
) -> list[Recorded]:
    """The newest rows of these sources whose name contains `name`, newest first, recorded after `after`."""
    depth = MOST_LOOKED_AT if name else limit
    parameters = {"sources": list(sources), "after": after or EPOCH, "depth": depth, "limit": limit, "name": name}
    return [_read(row) for row in connection.execute(_LATEST, parameters)]


def last_recorded(connection: Connection, sources: Sequence[int]) -> dict[int, datetime]:
    """When each source's newest row was recorded; sources without any are left out."""
    rows = connection.execute(
        "SELECT source.id, last.recorded_at FROM unnest(%s::int[]) AS source (id) CROSS JOIN LATERAL ("
        " SELECT recorded_at FROM events_history WHERE source_id = source.id"
        " ORDER BY recorded_at DESC LIMIT 1) AS last",
        (list(sources),),
    )
    return dict(rows.fetchall())


def in_lane(connection: Connection, lane: int, *, after: int, limit: int) -> list[Recorded]:
    """A lane's rows after a position, in order: what a follower reads next."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM events_history WHERE lane = %s AND position > %s ORDER BY position LIMIT %s",  # noqa: S608
        (lane, after, limit),
    )
    return [_read(row) for row in rows]


def between(connection: Connection, lane: int, first: int, last: int) -> list[Recorded]:
    """A lane's rows from one position to another, both included, in order."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM events_history WHERE lane = %s AND position BETWEEN %s AND %s ORDER BY position",  # noqa: S608
        (lane, first, last),
    )
    return [_read(row) for row in rows]


def at_places(connection: Connection, places: Sequence[tuple[int, int]]) -> list[Recorded]:
    """The rows at these (lane, position), as they are now; those that are gone are left out."""
    lanes, positions = [lane for lane, _ in places], [position for _, position in places]
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM events_history JOIN unnest(%s::smallint[], %s::bigint[]) AS w (lane, position)"  # noqa: S608
        " USING (lane, position) ORDER BY lane, position",
        (lanes, positions),
    )
    return [_read(row) for row in rows]


def everything_of(connection: Connection, profiles: Sequence[UUID]) -> Iterator[Recorded]:
    """All rows of these profiles, one profile after the other, streamed. Inside a transaction only."""
    with connection.cursor(name="everything_of") as rows:
        rows.itersize = 2_000
        rows.execute(
            f"SELECT {_COLUMNS} FROM events_history WHERE profile_id = ANY(%s) ORDER BY profile_id",  # noqa: S608
            (list(profiles),),
        )
        for row in rows:
            yield _read(row)


def sizes_of(connection: Connection, profiles: Sequence[UUID], *, most: int) -> dict[UUID, int]:
    """How many rows each of these profiles has; nobody's are counted beyond `most`."""
    rows = connection.execute(
        "SELECT wanted.profile, (SELECT count(*) FROM (SELECT 1 FROM events_history"
        " WHERE profile_id = wanted.profile LIMIT %s) AS counted) FROM unnest(%s::uuid[]) AS wanted (profile)",
        (most, list(profiles)),
    )
    return dict(rows.fetchall())


def positions(connection: Connection) -> dict[int, int]:
    """The last position of every lane."""
    return dict(connection.execute("SELECT lane, position FROM events_lane ORDER BY lane").fetchall())


def first_positions(connection: Connection) -> dict[int, int]:
    """The first position that each lane still has; a lane of which nothing is kept is left out."""
    rows = connection.execute(
        "SELECT l.lane, first.position FROM events_lane l CROSS JOIN LATERAL ("
        " SELECT position FROM events_history WHERE lane = l.lane ORDER BY position LIMIT 1) AS first"
    )
    return dict(rows.fetchall())


def remove(connection: Connection, lane: int, positions: Sequence[int]) -> int:
    """Take rows back. The caller holds the lane; who follows history learns of it by a record of its own."""
    return connection.execute(
        "DELETE FROM events_history WHERE lane = %s AND position = ANY(%s)", (lane, list(positions))
    ).rowcount


def total(connection: Connection) -> int:
    """How many rows were ever recorded: lanes number them without gaps, so their last positions add up to it."""
    row = connection.execute("SELECT sum(position)::bigint FROM events_lane").fetchone()
    return int(row[0]) if row else 0
