"""What was erased, what would be, and who is kept out; for screens and the API."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import psycopg
from msgspec import Struct

from tessera.events.erasure import count_history
from tessera.foundation.errors import NotFound
from tessera.identity import queries as identity
from tessera.identity.erasure import count_identity
from tessera.profiles.erasure import count_profiles_of

Connection = psycopg.Connection[Any]


class Erasure(Struct, frozen=True):
    """One request to erase a person or many, without personal data. `status`: waiting, running, done or failed."""

    id: UUID
    asked_at: datetime
    asked_by: str
    reason: str
    suppress: bool
    status: str
    total: int
    done: int
    failed: int
    finished_at: datetime | None


class ErasedItem(Struct, frozen=True):
    """What came of one name of the request, by its place there from 1. `code` says why it failed."""

    number: int
    status: str
    code: str
    profile_ids: list[UUID]
    counts: dict[str, int]
    suppressed: int
    erased_at: datetime | None


class ErasureDetail(Struct, frozen=True):
    """One request with what came of each name; `items` has those after `after`, `next` leads on."""

    erasure: Erasure
    items: list[ErasedItem]
    next: int | None


class ErasurePage(Struct, frozen=True):
    """`next` is the cursor of the following page, or None."""

    erasures: list[Erasure]
    next: str | None


_ERASURES: Final = """
SELECT e.id, e.asked_at, e.asked_by, e.reason, e.suppress, e.status, e.total, came.done, came.failed, e.finished_at
  FROM privacy_erasure e CROSS JOIN LATERAL (
       SELECT count(*) FILTER (WHERE i.status = 'done')::int AS done,
              count(*) FILTER (WHERE i.status = 'failed')::int AS failed
         FROM privacy_erased i WHERE i.erasure_id = e.id) AS came
"""


def erasures(connection: Connection, workspace_id: int, *, before: UUID | None = None, limit: int = 50) -> ErasurePage:
    """The workspace's erasures, newest first, older than `before`."""
    rows = connection.execute(
        f"{_ERASURES} WHERE e.workspace_id = %s AND e.id < coalesce(%s, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)"
        " ORDER BY e.id DESC LIMIT %s",
        (workspace_id, before, limit + 1),
    )
    found = [Erasure(*row) for row in rows]
    page = found[:limit]
    return ErasurePage(page, str(page[-1].id) if len(found) > limit else None)


def erasure(
    connection: Connection, workspace_id: int, erasure_id: UUID, *, after: int = 0, limit: int = 200
) -> ErasureDetail:
    """One erasure with what came of its names. Raises `NotFound`."""
    row = connection.execute(
        f"{_ERASURES} WHERE e.workspace_id = %s AND e.id = %s", (workspace_id, erasure_id)
    ).fetchone()
    if row is None:
        raise NotFound(f"there is no erasure {erasure_id}")
    rows = connection.execute(
        "SELECT number, status, code, profile_ids, counts, suppressed, erased_at FROM privacy_erased"
        " WHERE erasure_id = %s AND number > %s ORDER BY number LIMIT %s",
        (erasure_id, after, limit + 1),
    )
    items = [ErasedItem(*item) for item in rows]
    page = items[:limit]
    return ErasureDetail(Erasure(*row), page, page[-1].number if len(items) > limit else None)


def to_try_again(connection: Connection, workspace_id: int, erasure_id: UUID) -> int:
    """How many names of a request that is over failed on our side: they are still known, and can be tried again."""
    row = connection.execute(
        "SELECT count(*) FROM privacy_erased i JOIN privacy_erasure e ON e.id = i.erasure_id"
        " WHERE e.workspace_id = %s AND e.id = %s AND e.status IN ('done', 'failed')"
        "   AND i.status = 'failed' AND i.code = 'internal_error' AND i.reference IS NOT NULL",
        (workspace_id, erasure_id),
    ).fetchone()
    assert row is not None
    return int(row[0])


class ErasurePreview(Struct, frozen=True):
    """What an erasure would remove, in rows per table; waiting messages and other people's papers are found then."""

    profiles: int
    counts: dict[str, int]


def preview(connection: Connection, workspace_id: int, profile_id: UUID) -> ErasurePreview:
    """Raises `NotFound`."""
    root = identity.root_of(connection, workspace_id, profile_id)
    if root is None:
        raise NotFound(f"there is no profile {profile_id}")
    members = [member.profile_id for member in identity.members_of(connection, [root])]
    counts = {"events_history": count_history(connection, members)}
    counts |= count_identity(connection, members) | {"identity_profile": len(members)}
    return ErasurePreview(len(members), counts | count_profiles_of(connection, members))
