"""The SQL of people's pictures: one row per profile, beside the register in its state that says which one counts."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import psycopg
from psycopg import sql

from tessera.profiles.pictures import Picture

Connection = psycopg.Connection[Any]
Size = Literal["large", "small"]

_PUT = """
INSERT INTO profiles_avatar AS mine (profile_id, workspace_id, digest, large, small, changed_at)
VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (profile_id) DO UPDATE
   SET digest = excluded.digest, large = excluded.large, small = excluded.small, changed_at = excluded.changed_at
 WHERE mine.changed_at <= excluded.changed_at
"""


def put_avatar(connection: Connection, workspace_id: int, profile_id: UUID, picture: Picture, *, now: datetime) -> None:
    """Keep the profile's picture in place of the one before. The caller records the fact in the same transaction."""
    connection.execute(_PUT, (profile_id, workspace_id, picture.digest, picture.large, picture.small, now))


def drop_avatars(connection: Connection, profiles: list[UUID]) -> int:
    """Delete the pictures of these profiles and return how many there were."""
    return connection.execute("DELETE FROM profiles_avatar WHERE profile_id = ANY(%s)", (profiles,)).rowcount


def avatar_of(
    connection: Connection, workspace_id: int, profile_id: UUID, *, size: Size = "large"
) -> tuple[str, bytes] | None:
    """The digest and the WebP of the profile's picture, or None."""
    statement = sql.SQL("SELECT digest, {} FROM profiles_avatar WHERE profile_id = %s AND workspace_id = %s")
    row = connection.execute(statement.format(sql.Identifier(size)), (profile_id, workspace_id)).fetchone()
    return (row[0], bytes(row[1])) if row else None
