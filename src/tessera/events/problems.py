"""Data quality: values that did not fit and names beyond the limits, counted where they happened.

A row per name, code and source, with a few events to look at: written with the tallies, so intake never waits for one.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
import psycopg
from msgspec import Struct

from tessera.access.audit import record_audit_on
from tessera.events.dictionary import InvalidCursor, target_of
from tessera.events.event import Field
from tessera.foundation.clock import to_datetime
from tessera.foundation.errors import NotFound

Connection = psycopg.Connection[Any]
CODES: Final = ("does_not_fit", "wrong_type", "not_allowed", "too_many_names", "name_too_long")
"""Does not fit its standard attribute · its declared type · the allowed values · beyond a limit · longer than 255."""


class ProblemExample(Struct, frozen=True):
    """An event with the problem; it is in the history of the profile."""

    event_id: UUID
    profile_id: UUID
    at: datetime


class QualityProblem(Struct, frozen=True):
    """One kind of trouble with one name from one source. `name` is empty where the trouble is about new names.

    `source_id` is 0 for what came from no source (a clerk, an import). It is open until somebody acknowledges it, and
    again when it happens afterwards.
    """

    kind: str
    parent: str
    name: str
    code: str
    source_id: int
    count: int
    first_seen: datetime
    last_seen: datetime
    examples: list[ProblemExample]
    acknowledged_at: datetime | None
    acknowledged_by: str
    open: bool


class ProblemPage(Struct, frozen=True):
    """What went wrong with names and values; `next` leads to the following page."""

    problems: list[QualityProblem]
    next: str | None


class Wanted(Struct, frozen=True):
    """Which problems to find; what is None does not narrow."""

    field: Field | None = None
    code: str | None = None
    source_id: int | None = None
    open: bool | None = None
    sort: Literal["newest", "count"] = "newest"


_OPEN: Final = "(acknowledged_at IS NULL OR last_seen > acknowledged_at)"
_SORTS: Final = {"newest": "(extract(epoch FROM last_seen) * 1000000)::bigint", "count": "count"}
_FIND: Final = """
SELECT kind, parent, name, code, source_id, count, first_seen, last_seen, examples, acknowledged_at, acknowledged_by,
       {open}, {sort}
  FROM events_problem
 WHERE workspace_id = %(workspace)s
   AND (%(kind)s::text IS NULL OR (kind, parent, name) = (%(kind)s, %(parent)s, %(name)s))
   AND (%(code)s::text IS NULL OR code = %(code)s)
   AND (%(source)s::integer IS NULL OR source_id = %(source)s)
   AND (%(open)s::boolean IS NULL OR {open} = %(open)s)
   AND (%(value)s::bigint IS NULL OR {sort} < %(value)s
        OR ({sort} = %(value)s AND (kind, parent, name, code, source_id)
            > (%(k)s::text, %(p)s::text, %(n)s::text, %(c)s::text, %(s)s::integer)))
 ORDER BY {sort} DESC, kind, parent, name, code, source_id LIMIT %(limit)s
"""
_Cursor = tuple[int, str, str, str, str, int]


def find(
    connection: Connection, workspace_id: int, wanted: Wanted, *, after: str | None = None, limit: int = 50
) -> ProblemPage:
    """A page of problems, by key and not by offset. Raises `InvalidCursor`."""
    cursor = _position(after)
    kind, parent, name = wanted.field or (None, None, None)
    parameters = {
        "workspace": workspace_id,
        "kind": kind,
        "parent": parent,
        "name": name,
        "code": wanted.code,
        "source": wanted.source_id,
        "open": wanted.open,
        "limit": limit + 1,
        **dict(zip(("value", "k", "p", "n", "c", "s"), cursor or (None, "", "", "", "", 0), strict=True)),
    }
    statement = _FIND.format(open=_OPEN, sort=_SORTS[wanted.sort])
    rows = connection.execute(statement, parameters).fetchall()
    page = [_problem(row) for row in rows[:limit]]
    more = len(rows) > limit
    return ProblemPage(page, _encoded((rows[limit - 1][-1], *rows[limit - 1][:5])) if more else None)


def _problem(row: Sequence[Any]) -> QualityProblem:
    examples = [ProblemExample(UUID(event), UUID(profile), to_datetime(at)) for event, profile, at in row[8]]
    return QualityProblem(*(*row[:8], examples, *row[9:12]))


def _encoded(position: _Cursor) -> str:
    return urlsafe_b64encode(msgspec.json.encode(position)).rstrip(b"=").decode()


def _position(cursor: str | None) -> _Cursor | None:
    if cursor is None:
        return None
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        position: _Cursor = msgspec.json.decode(urlsafe_b64decode(padded), type=_Cursor)
    except (ValueError, msgspec.MsgspecError):
        raise InvalidCursor("the cursor is not one we gave") from None
    return position


def count_open(connection: Connection, workspace_id: int) -> int:
    """How many problems wait to be looked at."""
    row = connection.execute(
        f"SELECT count(*) FROM events_problem WHERE workspace_id = %s AND {_OPEN}",  # noqa: S608 -- constants
        (workspace_id,),
    ).fetchone()
    return int(row[0]) if row else 0


def acknowledge(
    connection: Connection,
    *,
    workspace_id: int,
    field: Field,
    code: str,
    source_id: int,
    actor: str,
    now: datetime | None,
) -> None:
    """Say that the problem is known, or (`now` None) that it is not; it opens again when it happens afterwards.

    Raises `NotFound`. Call it in a transaction: an audit entry is left.
    """
    changed = connection.execute(
        "UPDATE events_problem SET acknowledged_at = greatest(%s, last_seen), acknowledged_by = %s"
        " WHERE workspace_id = %s AND (kind, parent, name) = (%s, %s, %s) AND code = %s AND source_id = %s"
        if now is not None
        else "UPDATE events_problem SET acknowledged_at = %s, acknowledged_by = %s"
        " WHERE workspace_id = %s AND (kind, parent, name) = (%s, %s, %s) AND code = %s AND source_id = %s",
        (now, actor if now is not None else "", workspace_id, *field, code, source_id),
    ).rowcount
    if not changed:
        raise NotFound("there is no such problem")
    record_audit_on(
        connection,
        workspace_id=workspace_id,
        actor=actor,
        action="acknowledge_problem" if now is not None else "reopen_problem",
        target=target_of(field),
        detail={"code": code, "source_id": source_id},
    )


def forget_profiles(connection: Connection, workspace_id: int, profiles: Collection[UUID]) -> int:
    """Forget the examples that are events of these profiles, as their people are erased; returns how many rows changed.

    Tallies that wait hold the profiles' ids at most, and are added up within a second.
    """
    return connection.execute(
        "UPDATE events_problem SET examples ="
        " (SELECT coalesce(jsonb_agg(one), '[]') FROM jsonb_array_elements(examples) AS one"
        "   WHERE NOT (one ->> 1) = ANY(%(profiles)s::text[]))"
        " WHERE workspace_id = %(workspace)s AND EXISTS (SELECT 1 FROM jsonb_array_elements(examples) AS one"
        "   WHERE (one ->> 1) = ANY(%(profiles)s::text[]))",
        {"workspace": workspace_id, "profiles": [str(profile) for profile in profiles]},
    ).rowcount
