"""What was refused, and why: the other half of the live debugger. Also where unprocessable rows are kept whole."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import psycopg
from msgspec import Struct

from tessera.events.bodies import text_without_write_key
from tessera.events.inbox import InboxRow
from tessera.foundation.clock import EPOCH

Connection = psycopg.Connection[Any]
EXCERPT = 500


class Rejection(NamedTuple):
    workspace_id: int
    source_id: int | None
    stage: str
    code: str
    detail: str
    excerpt: str


class StoredRejection(Struct, frozen=True):
    id: int
    source_id: int
    at: datetime
    stage: str
    code: str
    detail: str
    excerpt: str


def rejection_of(row: InboxRow, *, code: str, detail: str) -> Rejection:
    return Rejection(row.workspace_id, row.source_id, "intake", code, detail[:EXCERPT], excerpt(row.body))


def excerpt(body: bytes) -> str:
    """The beginning of a message as text that PostgreSQL can hold, without its write key."""
    text = body[: 2 * EXCERPT].decode("utf-8", "replace").replace("\0", "�")
    return text_without_write_key(text)[:EXCERPT]


def store(connection: Connection, rejections: Sequence[Rejection]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO events_rejection (workspace_id, source_id, at, stage, code, detail, excerpt)"
            " VALUES (%s, %s, now(), %s, %s, %s, %s)",
            rejections,
        )


def quarantine(connection: Connection, row: InboxRow, *, error: str) -> None:
    """Keep a row that intake could not act on, whole, so that nothing acknowledged is lost."""
    connection.execute(
        "INSERT INTO events_quarantine"
        " (lane, seq, workspace_id, source_id, received_at, message_key, envelope, body, error)"
        " VALUES (%s, %s, %s, %s, to_timestamp(%s / 1000000.0), %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (
            row.lane,
            row.seq,
            row.workspace_id,
            row.source_id,
            row.received_at,
            row.message_key,
            row.envelope,
            row.body,
            error,
        ),
    )


class SetAside(Struct, frozen=True):
    """A message that intake could not act on."""

    source_id: int
    received_at: datetime
    error: str


def set_aside(connection: Connection, *, limit: int = 100) -> list[SetAside]:
    """The newest messages that were set aside."""
    rows = connection.execute(
        "SELECT source_id, received_at, error FROM events_quarantine ORDER BY received_at DESC LIMIT %s", (limit,)
    )
    return [SetAside(*row) for row in rows]


def put_back(connection: Connection) -> int:
    """Put everything that was set aside into the inbox again, for another try; returns how many."""
    cursor = connection.execute(
        "WITH back AS (DELETE FROM events_quarantine RETURNING *)"
        " INSERT INTO events_inbox (lane, workspace_id, source_id, received_at, message_key, envelope, body)"
        " SELECT lane, workspace_id, source_id, received_at, message_key, envelope, body FROM back"
    )
    return cursor.rowcount


def of_source(connection: Connection, source_id: int, *, after: datetime | None, limit: int) -> list[StoredRejection]:
    """The newest rejections of one source, newest first, after `after`."""
    rows = connection.execute(
        "SELECT id, source_id, at, stage, code, detail, excerpt FROM events_rejection"
        " WHERE source_id = %s AND at > %s ORDER BY at DESC, id DESC LIMIT %s",
        (source_id, after or EPOCH, limit),
    )
    return [StoredRejection(*row) for row in rows]


_LATEST = """
SELECT latest.id, latest.source_id, at, stage, code, detail, excerpt
  FROM unnest(%(sources)s::int[]) AS source (id) CROSS JOIN LATERAL (
       SELECT * FROM events_rejection r
        WHERE r.source_id = source.id AND r.at > %(after)s
          AND (%(text)s = '' OR strpos(lower(code || ' ' || detail || ' ' || excerpt), lower(%(text)s)) > 0)
        ORDER BY r.at DESC LIMIT %(limit)s
  ) AS latest
 ORDER BY at DESC, latest.id DESC LIMIT %(limit)s
"""


def latest(
    connection: Connection, sources: Sequence[int], *, after: datetime | None, limit: int, text: str = ""
) -> list[StoredRejection]:
    """The newest rejections of these sources that speak of `text`, newest first, after `after`."""
    parameters = {"sources": list(sources), "after": after or EPOCH, "limit": limit, "text": text}
    return [StoredRejection(*row) for row in connection.execute(_LATEST, parameters)]


def last_of(connection: Connection, sources: Sequence[int]) -> dict[int, tuple[datetime, str]]:
    """When something of each source was last refused, and the code; sources without refusals are left out."""
    rows = connection.execute(
        "SELECT source.id, last.at, last.code FROM unnest(%s::int[]) AS source (id) CROSS JOIN LATERAL ("
        " SELECT at, code FROM events_rejection WHERE source_id = source.id ORDER BY at DESC LIMIT 1) AS last",
        (list(sources),),
    )
    return {row[0]: (row[1], row[2]) for row in rows}


def forget_older_than(connection: Connection, *, days: int) -> int:
    return connection.execute(
        "DELETE FROM events_rejection WHERE at < now() - make_interval(days => %s)", (days,)
    ).rowcount
