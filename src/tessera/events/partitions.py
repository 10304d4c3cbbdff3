"""Monthly partitions of history: made ahead, dropped by retention once the archive of the warehouse has them."""

import re
from datetime import UTC, date, datetime
from typing import Any, Final

import psycopg
from psycopg import sql

from tessera.events import archived

MONTHS_AHEAD: Final = 3
_LOCK: Final = 7_265_111_001
_NAME = re.compile(r"events_history_(\d{4})_(\d{2})")


def first_of_month(day: date, months: int = 0) -> date:
    """The first day of the month `months` after the day's own."""
    index = day.year * 12 + day.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def ensure(connection: psycopg.Connection[Any], *, now: datetime) -> list[str]:
    """Make last month's, this month's and the next months' partitions where missing; returns the names made.

    Last month's, because a clock set back must not stop intake.
    """
    today = now.astimezone(UTC).date()
    made = []
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        existing = set(names(connection))
        for ahead in range(-1, MONTHS_AHEAD + 1):
            month = first_of_month(today, ahead)
            name = f"events_history_{month:%Y_%m}"
            if name not in existing:
                _create(connection, name, month)
                made.append(name)
    return made


def _create(connection: psycopg.Connection[Any], name: str, month: date) -> None:
    end = first_of_month(month, 1)
    connection.execute(
        sql.SQL("CREATE TABLE {} PARTITION OF events_history FOR VALUES FROM ({}) TO ({})").format(
            sql.Identifier(name), sql.Literal(f"{month}T00:00:00Z"), sql.Literal(f"{end}T00:00:00Z")
        )
    )


def names(connection: psycopg.Connection[Any]) -> list[str]:
    """The partitions there are, oldest first."""
    rows = connection.execute(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = 'events_history'::regclass ORDER BY c.relname"
    )
    return [row[0] for row in rows]


def older_than(connection: psycopg.Connection[Any], *, months: int, now: datetime) -> list[str]:
    """The partitions that hold only rows older than `months` whole months, oldest first."""
    oldest = first_of_month(now.astimezone(UTC).date(), -months)
    found = [(name, _NAME.fullmatch(name)) for name in names(connection)]
    return [name for name, parts in found if parts and date(int(parts[1]), int(parts[2]), 1) < oldest]


def drop_older_than(connection: psycopg.Connection[Any], *, months: int, now: datetime) -> list[str]:
    """Drop the partitions that hold only rows older than `months` whole months; returns their names.

    A partition that some follower has not finished reading is kept, and so is one that the archive has not whole.
    """
    dropped = []
    for name in older_than(connection, months=months, now=now):
        with connection.transaction():
            if _awaited(connection, name) or archived.lacks(connection, name):
                continue
            archived.note_dropped(connection, name)
            connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))
        dropped.append(name)
    return dropped


def _awaited(connection: psycopg.Connection[Any], name: str) -> bool:
    row = connection.execute(
        sql.SQL(
            "SELECT EXISTS (SELECT 1 FROM events_cursor c WHERE EXISTS"
            " (SELECT 1 FROM {} h WHERE h.lane = c.lane AND h.position > c.position))"
        ).format(sql.Identifier(name))
    ).fetchone()
    return bool(row and row[0])
