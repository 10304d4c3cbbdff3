"""Which messages were taken in already: the memory behind "exactly once"."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

import psycopg

_REMEMBER = """
INSERT INTO events_seen (message_key, seen_at)
SELECT key, now() FROM unnest(%b::uuid[]) AS new (key)
ON CONFLICT (message_key) DO NOTHING
RETURNING message_key
"""


def remember(connection: psycopg.Connection[Any], keys: Collection[UUID]) -> set[UUID]:
    """Remember these messages; returns those that are new. Waits for a rival who is taking the same one in."""
    cursor = connection.execute(_REMEMBER, (sorted(keys),), binary=True)
    return {row[0] for row in cursor.fetchall()}


def forget_older_than(connection: psycopg.Connection[Any], *, days: int, most: int = 20_000) -> int:
    """Forget up to `most` messages seen more than `days` ago; returns how many."""
    cursor = connection.execute(
        "DELETE FROM events_seen WHERE ctid = ANY(ARRAY("
        " SELECT ctid FROM events_seen WHERE seen_at < now() - make_interval(days => %s) LIMIT %s))",
        (days, most),
    )
    return cursor.rowcount
