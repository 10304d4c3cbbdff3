"""What other rooms may ask about who is who. Everything takes a psycopg connection and returns frozen values."""

from collections.abc import Container, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import psycopg
from msgspec import Struct

from tessera.events.event import Identifier
from tessera.foundation.arrays import uuids
from tessera.foundation.ids import first_id_of, time_of
from tessera.identity.rules import Link, is_blocked, roots_after

Connection = psycopg.Connection[Any]


class HeldIdentifier(Struct, frozen=True):
    """An identifier with the profile it was first seen on."""

    kind: str
    value: str
    profile_id: UUID
    first_seen: datetime
    verified: bool


class Member(Struct, frozen=True):
    """A profile of a person."""

    profile_id: UUID
    root_id: UUID
    created_at: datetime


class MergeRecord(Struct, frozen=True):
    """A merge as it is remembered, with what it was decided on."""

    merge_id: UUID
    kept: UUID
    absorbed: UUID
    kept_link: UUID
    absorbed_link: UUID
    reason: str
    evidence: dict[str, Any]
    at: datetime
    undone_at: datetime | None
    undone_by: str | None


class RefusalRecord(Struct, frozen=True):
    """A union that a rule forbade, how often, and the identifier that was left out because of it."""

    profile_id: UUID
    other_id: UUID | None
    rule: str
    dropped_kind: str
    dropped_value: str
    times: int
    first_at: datetime
    last_at: datetime
    evidence: dict[str, Any]


def blocked_values(connection: Connection) -> dict[int, frozenset[Identifier]]:
    """The workspaces' own blocked values."""
    found: dict[int, set[Identifier]] = {}
    for workspace, kind, value in connection.execute("SELECT workspace_id, kind, value FROM identity_blocked_value"):
        found.setdefault(workspace, set()).add((kind, value))
    return {workspace: frozenset(values) for workspace, values in found.items()}


def root_of(connection: Connection, workspace_id: int, profile_id: UUID) -> UUID | None:
    """The profile that stands for the person this one belongs to."""
    row = connection.execute(
        "SELECT root_id FROM identity_profile WHERE id = %s AND workspace_id = %s", (profile_id, workspace_id)
    ).fetchone()
    return row[0] if row else None


def roots_by_identifier(connection: Connection, workspace_id: int, kind: str, value: str) -> list[UUID]:
    """The person with this identifier (at most one); `md5` and `xxh` are the hashes of a profile's id."""
    match kind:
        case "profile_id":
            clause, parameter = "p.id::text = %s", value.lower()
            statement = "SELECT root_id FROM identity_profile p WHERE p.id = %s AND p.workspace_id = %s"
            try:
                rows = connection.execute(statement, (UUID(value), workspace_id))
            except ValueError:
                return []
            return [row[0] for row in rows]
        case "md5":
            clause, parameter = "md5(p.id::text) = %s", value.lower()
        case "xxh":
            clause, parameter = "p.xxh = decode(%s, 'hex')", value.lower()
            if len(value) != 16 or not all(char in "0123456789abcdef" for char in parameter):
                return []
        case _:
            row = connection.execute(
                "SELECT profile_id FROM identity_identifier WHERE workspace_id = %s AND kind = %s AND value = %s",
                (workspace_id, kind, value),
            ).fetchone()
            root = root_of(connection, workspace_id, row[0]) if row else None
            return [root] if root else []
    rows = connection.execute(
        f"SELECT DISTINCT root_id FROM identity_profile p WHERE {clause} AND p.workspace_id = %s",  # noqa: S608
        (parameter, workspace_id),
    )
    return [row[0] for row in rows]


def people_after(connection: Connection, after: tuple[int, UUID] | None, limit: int) -> list[tuple[int, UUID]]:
    """The next people of all workspaces, as (workspace, id of the profile that stands for them), in that order."""
    return connection.execute(
        "SELECT workspace_id, id FROM identity_profile WHERE id = root_id AND (workspace_id, id) > (%s, %s)"
        " ORDER BY workspace_id, id LIMIT %s",
        (*(after or (-1, UUID(int=0))), limit),
    ).fetchall()


def workspaces(connection: Connection) -> list[int]:
    """The workspaces that have people."""
    rows = connection.execute("SELECT DISTINCT workspace_id FROM identity_profile ORDER BY workspace_id")
    return [workspace_id for (workspace_id,) in rows]


def members_of(connection: Connection, roots: Sequence[UUID]) -> list[Member]:
    """All profiles of these people, oldest first."""
    rows = connection.execute(
        "SELECT id, root_id, created_at FROM identity_profile WHERE root_id = ANY(%s) ORDER BY created_at, id",
        (list(roots),),
    )
    return [Member(*row) for row in rows]


def identifiers_of(connection: Connection, profiles: Sequence[UUID]) -> list[HeldIdentifier]:
    """The identifiers of these profiles, by kind and first sight."""
    rows = connection.execute(
        "SELECT kind, value, profile_id, first_seen, verified FROM identity_identifier"
        " WHERE profile_id = ANY(%s) ORDER BY kind, first_seen, value",
        (list(profiles),),
    )
    return [HeldIdentifier(*row) for row in rows]


_MERGE_COLUMNS = """
merge_id, kept_id, absorbed_id, kept_link, absorbed_link, reason, evidence, at, undone_at, undone_by
"""


def merges_of(connection: Connection, profiles: Sequence[UUID]) -> list[MergeRecord]:
    """Every merge, standing or undone, that touched one of these profiles; oldest first."""
    rows = connection.execute(
        f"SELECT {_MERGE_COLUMNS} FROM identity_merge"  # noqa: S608 -- constants
        " WHERE kept_id = ANY(%(ids)s) OR absorbed_id = ANY(%(ids)s) ORDER BY seq",
        {"ids": list(profiles)},
    )
    return [MergeRecord(*row) for row in rows]


def merge_by_id(connection: Connection, workspace_id: int, merge_id: UUID) -> MergeRecord | None:
    row = connection.execute(
        f"SELECT {_MERGE_COLUMNS} FROM identity_merge WHERE merge_id = %s AND workspace_id = %s",  # noqa: S608
        (merge_id, workspace_id),
    ).fetchone()
    return MergeRecord(*row) if row else None


def standing_links(merges: Sequence[MergeRecord], members: Container[UUID]) -> list[Link]:
    """What ties these members together: the merges that nobody undid, oldest first."""
    return [
        Link(merge.kept_link, merge.absorbed_link)
        for merge in merges
        if merge.undone_at is None and merge.kept_link in members and merge.absorbed_link in members
    ]


def roots_after_split(connection: Connection, workspace_id: int, merge_id: UUID) -> dict[UUID, UUID] | None:
    """What a split would do, without doing it: each profile of the person, and who would stand for it then.

    None where there is no such merge in force.
    """
    merge = merge_by_id(connection, workspace_id, merge_id)
    if merge is None or merge.undone_at is not None:
        return None
    root = root_of(connection, workspace_id, merge.kept_link)
    members = [member.profile_id for member in members_of(connection, [root] if root else [])]
    others = [one for one in merges_of(connection, members) if one.merge_id != merge_id]
    return roots_after(members, standing_links(others, members))


def refusals_of(connection: Connection, profiles: Sequence[UUID]) -> list[RefusalRecord]:
    """The unions that rules forbade for these profiles, latest first."""
    rows = connection.execute(
        "SELECT profile_id, other_id, rule, dropped_kind, dropped_value, times, first_at, last_at, evidence"
        " FROM identity_refusal WHERE profile_id = ANY(%s) ORDER BY last_at DESC",
        (list(profiles),),
    )
    return [RefusalRecord(*row) for row in rows]


def page_of_people(connection: Connection, workspace_id: int, *, before: UUID | None, limit: int) -> list[UUID]:
    """Roots of the workspace, newest first; `before` is the last one seen."""
    rows = connection.execute(
        "SELECT id FROM identity_profile WHERE workspace_id = %s AND id = root_id"
        " AND id < coalesce(%s, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid) ORDER BY id DESC LIMIT %s",
        (workspace_id, before, limit),
    )
    return [row[0] for row in rows]


def profiles_by_prefix(connection: Connection, workspace_id: int, prefix: str, *, limit: int) -> list[UUID]:
    """Profiles with an identifier that begins so."""
    if is_blocked(prefix):
        return []
    rows = connection.execute(
        "SELECT DISTINCT profile_id FROM (SELECT profile_id FROM identity_identifier"
        " WHERE workspace_id = %s AND value >= %s AND value < %s ORDER BY value LIMIT %s) found",
        (workspace_id, prefix, prefix + "\U0010ffff", limit),
    )
    return [row[0] for row in rows]


def profiles_by_value(connection: Connection, workspace_id: int, value: str) -> list[UUID]:
    """Profiles with an identifier of exactly this value, whatever its kind."""
    if is_blocked(value):
        return []
    rows = connection.execute(
        "SELECT DISTINCT profile_id FROM identity_identifier WHERE workspace_id = %s AND value = %s",
        (workspace_id, value),
    )
    return [row[0] for row in rows]


def roots_of(connection: Connection, profiles: Sequence[UUID], *, workspace_id: int | None = None) -> dict[UUID, UUID]:
    """Each profile's root; of one workspace where it is named."""
    rows = connection.execute(
        "SELECT id, root_id FROM identity_profile"
        " WHERE id = ANY(%(ids)b) AND (%(w)s::int IS NULL OR workspace_id = %(w)s)",
        {"ids": uuids(profiles), "w": workspace_id},
        binary=True,
    )
    return dict(rows.fetchall())


def roots_in(connection: Connection, workspace_id: int, profiles: Sequence[UUID]) -> dict[UUID, UUID]:
    """Each profile's root; profiles of other workspaces are left out."""
    rows = connection.execute(
        "SELECT id, root_id FROM identity_profile WHERE id = ANY(%s) AND workspace_id = %s",
        (list(profiles), workspace_id),
    )
    return dict(rows.fetchall())


def workspaces_of(connection: Connection, profiles: Sequence[UUID]) -> dict[UUID, int]:
    """Which workspace each of these profiles is of."""
    rows = connection.execute("SELECT id, workspace_id FROM identity_profile WHERE id = ANY(%s)", (list(profiles),))
    return dict(rows.fetchall())


def owners_of(connection: Connection, workspace_id: int, identifiers: Sequence[Identifier]) -> dict[Identifier, UUID]:
    """The profile each identifier was first seen on; unknown ones are left out."""
    rows = connection.execute(
        "SELECT i.kind, i.value, i.profile_id FROM unnest(%s::text[], %s::text[]) AS named (kind, value)"
        " JOIN identity_identifier i ON i.workspace_id = %s AND i.value = named.value AND i.kind = named.kind",
        ([kind for kind, _ in identifiers], [value for _, value in identifiers], workspace_id),
    )
    return {(kind, value): profile for kind, value, profile in rows}


def kinds_of(connection: Connection, workspace_id: int) -> list[str]:
    """The kinds of identifiers that people of the workspace have. Reads them all: for jobs, not for screens."""
    rows = connection.execute(
        "SELECT DISTINCT kind FROM identity_identifier WHERE workspace_id = %s ORDER BY kind", (workspace_id,)
    )
    return [row[0] for row in rows]


def count_profiles(connection: Connection) -> int:
    row = connection.execute("SELECT count(*) FROM identity_profile").fetchone()
    return int(row[0]) if row else 0


def count_people(connection: Connection, workspace_id: int | None = None) -> int:
    row = connection.execute(
        "SELECT count(*) FROM identity_profile WHERE id = root_id AND (%(w)s::int IS NULL OR workspace_id = %(w)s)",
        {"w": workspace_id},
    ).fetchone()
    return int(row[0]) if row else 0


class NewPeople(Struct, frozen=True):
    """People by the day they were first met. Days before `whole_since` have more than were counted."""

    days: dict[date, int]
    whole_since: datetime | None


def count_new_people(
    connection: Connection, workspace_id: int, since: datetime, *, most: int, zone: str = "UTC"
) -> NewPeople:
    """The people of the workspace first met since then, by days of `zone`; it costs the same at any size.

    Found by key: ids carry the time they were made at, and nobody is met after that. Only the newest `most` are read.
    """
    newest = (
        "SELECT id, created_at FROM identity_profile"
        " WHERE workspace_id = %s AND id = root_id AND id >= %s ORDER BY id DESC"
    )
    about = (workspace_id, first_id_of(since))
    by_day = (
        "SELECT (created_at AT TIME ZONE %s)::date AS day,"  # noqa: S608 -- constants
        "       count(*), count(*) FILTER (WHERE created_at >= %s)"
        f" FROM ({newest} LIMIT %s) AS newest GROUP BY day"
    )
    rows = connection.execute(by_day, (zone, since, *about, most)).fetchall()
    whole_since = None
    if sum(read for _day, read, _met in rows) >= most:
        last = connection.execute(f"{newest} OFFSET %s LIMIT 1", (*about, most - 1)).fetchone()
        whole_since = time_of(last[0]) if last else None
    return NewPeople({day: met for day, _read, met in rows if met}, whole_since)
