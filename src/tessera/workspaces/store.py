"""The rows of brands, sources and write keys, written on a psycopg connection: the console's own or the API's."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

import psycopg
from django.db import connection as django_connection
from django.db import transaction

from tessera.workspaces.queries import BrandFacts, SourceFacts, WriteKeyFacts

Connection = psycopg.Connection[Any]


@contextmanager
def writing(connection: Connection | None) -> Iterator[Connection]:
    """The caller's connection, which is in a transaction; or Django's, in a transaction of its own."""
    if connection is not None:
        yield connection
        return
    with transaction.atomic():
        yield django_connection.connection


_BRAND: Final = "SELECT id, name, slug FROM workspaces_brand WHERE workspace_id = %s"
_SOURCE: Final = """
SELECT s.id, s.workspace_id, s.name, s.kind, s.allowed_origins, s.created_at, s.disabled_at, s.brand_id, b.name
  FROM workspaces_source s LEFT JOIN workspaces_brand b ON b.id = s.brand_id
 WHERE s.workspace_id = %s AND s.id = %s
"""
_KEY: Final = """
SELECT k.id, k.source_id, s.name, k.name, k.key, k.created_at, k.revoked_at
  FROM workspaces_writekey k JOIN workspaces_source s ON s.id = k.source_id
 WHERE s.workspace_id = %s
"""


def read_brand(connection: Connection, workspace_id: int, brand_id: int) -> BrandFacts | None:
    row = connection.execute(_BRAND + " AND id = %s", (workspace_id, brand_id)).fetchone()
    return BrandFacts(*row) if row else None


def add_brand(connection: Connection, workspace_id: int, *, slug: str, name: str) -> int:
    """Raises `psycopg.errors.UniqueViolation` where the slug is taken."""
    row = connection.execute(
        "INSERT INTO workspaces_brand (workspace_id, slug, name) VALUES (%s, %s, %s) RETURNING id",
        (workspace_id, slug, name),
    ).fetchone()
    assert row is not None
    return int(row[0])


def slugs_of_brands(connection: Connection, workspace_id: int) -> set[str]:
    return {row[2] for row in connection.execute(_BRAND, (workspace_id,))}


def brand_of_name(connection: Connection, workspace_id: int, name: str) -> int | None:
    row = connection.execute(
        "SELECT id FROM workspaces_brand WHERE workspace_id = %s AND lower(name) = lower(%s)", (workspace_id, name)
    ).fetchone()
    return row[0] if row else None


def read_source(connection: Connection, workspace_id: int, source_id: int, *, lock: bool = False) -> SourceFacts | None:
    row = connection.execute(_SOURCE + ("FOR UPDATE OF s" if lock else ""), (workspace_id, source_id)).fetchone()
    return SourceFacts(*(*row[:4], tuple(row[4]), *row[5:])) if row else None


def read_keys(connection: Connection, workspace_id: int, *, source_id: int) -> list[WriteKeyFacts]:
    rows = connection.execute(_KEY + " AND k.source_id = %s ORDER BY k.id", (workspace_id, source_id))
    return [WriteKeyFacts(*row) for row in rows]


def read_key(connection: Connection, workspace_id: int, key_id: int) -> WriteKeyFacts | None:
    row = connection.execute(_KEY + " AND k.id = %s", (workspace_id, key_id)).fetchone()
    return WriteKeyFacts(*row) if row else None


def add_source(
    connection: Connection, workspace_id: int, *, name: str, kind: str, origins: list[str], brand_id: int | None
) -> int:
    """Raises `psycopg.errors.UniqueViolation` where the name is taken."""
    row = connection.execute(
        "INSERT INTO workspaces_source (workspace_id, brand_id, name, kind, allowed_origins)"
        " VALUES (%s, %s, %s, %s, %s) RETURNING id",
        (workspace_id, brand_id, name, kind, origins),
    ).fetchone()
    assert row is not None
    return int(row[0])


def write_source(
    connection: Connection, source_id: int, *, name: str, kind: str, origins: list[str], brand_id: int | None
) -> None:
    """Raises `psycopg.errors.UniqueViolation` where the name is taken."""
    connection.execute(
        "UPDATE workspaces_source SET name = %s, kind = %s, allowed_origins = %s, brand_id = %s WHERE id = %s",
        (name, kind, origins, brand_id, source_id),
    )


def set_disabled(connection: Connection, source_id: int, disabled_at: datetime | None) -> None:
    connection.execute("UPDATE workspaces_source SET disabled_at = %s WHERE id = %s", (disabled_at, source_id))


def add_key(connection: Connection, source_id: int, *, name: str, key: str) -> int:
    row = connection.execute(
        "INSERT INTO workspaces_writekey (source_id, name, key) VALUES (%s, %s, %s) RETURNING id",
        (source_id, name, key),
    ).fetchone()
    assert row is not None
    return int(row[0])


def end_key(connection: Connection, key_id: int, now: datetime) -> bool:
    """False where it was revoked before."""
    statement = "UPDATE workspaces_writekey SET revoked_at = %s WHERE id = %s AND revoked_at IS NULL"
    return connection.execute(statement, (now, key_id)).rowcount == 1


def time_zone_of(connection: Connection, workspace_id: int) -> str:
    """The zone that wall times are in where nobody says another."""
    row = connection.execute("SELECT time_zone FROM workspaces_workspace WHERE id = %s", (workspace_id,)).fetchone()
    return str(row[0]) if row else "UTC"
