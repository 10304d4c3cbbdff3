"""Which messages were taken in already: the memory behind "exactly once"."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

import psycopg

from tessera.foundation.arrays import uuids
from tessera.foundation.ids import in_order

_REMEMBER = """
INSERT INTO events_seen (message_key, seen_at)
SELECT key, now() FROM unnest(%b::uuid[]) AS new (key)
ON CONFLICT (message_key) DO NOTHING
RETURNING message_key
"""


def remember(connection: psycopg.Connection[Any], keys: Collection[UUID]) -> set[UUID]:
    """Remember these messages; returns those that are new. Waits for a rival who is taking the same one in."""
    cursor = connection.execute(_REMEMBER, (uuids(in_order(keys)),), binary=True)
    return {row[0] for row in cursor.fetchall()}


def forget(connection: psycopg.Connection[Any], keys: Collection[UUID]) -> None:
    """Forget these messages, whose effects were taken back: they may come again."""
    connection.execute("DELETE FROM events_seen WHERE message_key = ANY(%b::uuid[])", (uuids(in_order(keys)),))


def forget_older_than(connection: psycopg.Connection[Any], *, days: int) -> int:
    """Forget the messages seen more than `days` ago; returns how many. Done every minute, it is a minute's worth."""
    cursor = connection.execute("DELETE FROM events_seen WHERE seen_at < now() - make_interval(days => %s)", (days,))
    return cursor.rowcount
