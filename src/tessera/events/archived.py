"""What of history is kept elsewhere too, and what is kept only there: retention drops nothing that is not archived.

Whoever keeps the archive says how far it is, after it is on disk there; until somebody has said so, nothing is dropped.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql

Connection = psycopg.Connection[Any]


def note(connection: Connection, positions: Mapping[int, int]) -> None:
    """Rows up to these positions are in the archive now; also where that is less than was said before."""
    connection.execute(
        "INSERT INTO events_archived (lane, position) SELECT * FROM unnest(%s::smallint[], %s::bigint[])"
        " ON CONFLICT (lane) DO UPDATE SET position = excluded.position",
        (list(positions), list(positions.values())),
    )


def forget(connection: Connection) -> None:
    """Nobody keeps an archive now: nothing is dropped until somebody does."""
    connection.execute("DELETE FROM events_archived")


def exists(connection: Connection) -> bool:
    """Whether any of history is kept in an archive."""
    row = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM events_archived) OR EXISTS (SELECT 1 FROM events_dropped)"
    ).fetchone()
    return bool(row and row[0])


def lacks(connection: Connection, partition: str) -> bool:
    """Whether the partition has rows that the archive has not."""
    row = connection.execute(
        sql.SQL(
            "SELECT EXISTS (SELECT 1 FROM events_lane l LEFT JOIN events_archived a USING (lane) WHERE EXISTS"
            " (SELECT 1 FROM {} h WHERE h.lane = l.lane AND h.position > coalesce(a.position, 0)))"
        ).format(sql.Identifier(partition))
    ).fetchone()
    return bool(row and row[0])


def note_dropped(connection: Connection, partition: str) -> None:
    """The rows of this partition are about to be in the archive only. In the transaction that drops it."""
    connection.execute(
        sql.SQL(
            "INSERT INTO events_dropped AS d (lane, position, newest)"
            " SELECT lane, max(position), max(occurred_at) FROM {} GROUP BY lane ON CONFLICT (lane) DO UPDATE"
            " SET position = greatest(d.position, excluded.position), newest = greatest(d.newest, excluded.newest)"
        ).format(sql.Identifier(partition))
    )


def dropped_up_to(connection: Connection) -> dict[int, int]:
    """The last position of each lane that retention dropped."""
    return dict(connection.execute("SELECT lane, position FROM events_dropped").fetchall())


def newest_dropped(connection: Connection) -> datetime | None:
    """When the newest happened of what is in the archive only; None where nothing was dropped."""
    row = connection.execute("SELECT max(newest) FROM events_dropped").fetchone()
    return row[0] if row else None
