"""Asking for a rebuild of the warehouse, and seeing how far it is: the analyst has the warehouse, others have this."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import psycopg
from msgspec import Struct

from tessera.foundation.ids import uuid7

Connection = psycopg.Connection[Any]
_READ: Final = "SELECT id, asked_at, started_at, done, total, finished_at FROM audience_rebuild "


class RebuildState(Struct, frozen=True):
    """How many rows of history and people of how many are in the new tables."""

    id: UUID
    asked_at: datetime
    started_at: datetime | None
    done: int
    total: int
    finished_at: datetime | None


def ask(connection: Connection) -> RebuildState:
    """Ask for one; where one is asked for already, that is it. One that is broken off begins anew by itself."""
    connection.execute("INSERT INTO audience_rebuild (id) VALUES (%s) ON CONFLICT DO NOTHING", (uuid7(),))
    found = open_one(connection)
    assert found is not None
    return found


def open_one(connection: Connection) -> RebuildState | None:
    """The one that is not over, if there is one."""
    row = connection.execute(_READ + "WHERE finished_at IS NULL").fetchone()
    return RebuildState(*row) if row else None


def state_of(connection: Connection, rebuild_id: UUID) -> RebuildState | None:
    row = connection.execute(_READ + "WHERE id = %s", (rebuild_id,)).fetchone()
    return RebuildState(*row) if row else None


def begin(connection: Connection, rebuild_id: UUID) -> None:
    connection.execute("UPDATE audience_rebuild SET started_at = now(), done = 0 WHERE id = %s", (rebuild_id,))


def note(connection: Connection, rebuild_id: UUID, done: int, total: int) -> None:
    connection.execute("UPDATE audience_rebuild SET done = %s, total = %s WHERE id = %s", (done, total, rebuild_id))


def finish(connection: Connection, rebuild_id: UUID) -> None:
    connection.execute("UPDATE audience_rebuild SET finished_at = now(), done = total WHERE id = %s", (rebuild_id,))
    connection.execute("DELETE FROM audience_rebuild WHERE finished_at < now() - interval '30 days'")
