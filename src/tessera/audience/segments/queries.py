"""Reading segments, their members, and where somebody is in."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import psycopg
from msgspec import Struct

from tessera.audience.segments import store
from tessera.audience.segments.circles import uses_of
from tessera.audience.segments.records import Kind, Member, MembersPage, NoSuchSegment, Segment, SizeAt, WrongSegment
from tessera.foundation.arrays import uuids

Connection = psycopg.Connection[Any]
MOST_MEMBERS: Final = 1_000
"""On one page."""

# One row for a person: that of the smallest of their profiles, where several of them were made members.
_MEMBERS: Final = """
SELECT m.profile_id, p.root_id, m.entered_at
  FROM audience_member m JOIN identity_profile p ON p.id = m.profile_id
 WHERE m.segment_id = %(segment)s AND m.profile_id > %(after)s
   AND NOT EXISTS (
       SELECT FROM identity_profile q JOIN audience_member o ON o.profile_id = q.id AND o.segment_id = m.segment_id
        WHERE q.root_id = p.root_id AND q.id < m.profile_id)
 ORDER BY m.profile_id LIMIT %(limit)s
"""
_OF_PERSON: Final = """
SELECT m.segment_id, min(m.entered_at) FROM audience_member m JOIN identity_profile p ON p.id = m.profile_id
 WHERE m.profile_id IN (SELECT id FROM identity_profile WHERE root_id = %s) GROUP BY 1
"""
_ARE_IN: Final = """
SELECT DISTINCT p.root_id FROM audience_member m JOIN identity_profile p ON p.id = m.profile_id
 WHERE m.segment_id = %s AND m.profile_id IN (SELECT id FROM identity_profile WHERE root_id = ANY(%b::uuid[]))
"""
_NOWHERE: Final = UUID(int=0)


class Folder(Struct, frozen=True):
    """A folder and how many segments are in it."""

    name: str
    segments: int


def segment_by_id(connection: Connection, workspace_id: int, segment_id: UUID) -> Segment:
    """Raises `NoSuchSegment`."""
    return store.read(connection, workspace_id, segment_id)


def all_segments(connection: Connection, workspace_id: int, *, archived: bool | None = False) -> list[Segment]:
    """By folder and name; `archived` None for all."""
    return store.of_workspace(connection, workspace_id, archived=archived)


def names(connection: Connection, workspace_id: int) -> dict[str, str]:
    """The name of every segment, by its id as text."""
    rows = connection.execute("SELECT id::text, name FROM audience_segment WHERE workspace_id = %s", (workspace_id,))
    return dict(rows.fetchall())


def segments_page(
    connection: Connection,
    workspace_id: int,
    *,
    folder: str | None = None,
    tag: str | None = None,
    kind: Kind | None = None,
    archived: bool = False,
    after: UUID | None = None,
    limit: int = 50,
) -> list[Segment]:
    """Newest first; pass the last one's id as `after` for those that follow. `folder` "" means those in none."""
    filters = {"folder": folder, "tag": tag, "kind": kind, "archived": archived}
    return store.page(connection, workspace_id, filters, after=after, limit=limit)


def folders(segments: Sequence[Segment]) -> list[Folder]:
    """The folders these are in, by name."""
    names = sorted({each.folder for each in segments}, key=str.lower)
    return [Folder(name, sum(each.folder == name for each in segments)) for name in names]


def used_by(connection: Connection, segment: Segment) -> list[Segment]:
    """The segments whose condition asks about this one, archived ones too."""
    return uses_of(store.of_workspace(connection, segment.workspace_id, archived=None), segment.id)


def sizes(connection: Connection, segment: Segment, *, days: int, now: datetime) -> list[SizeAt]:
    """The line of sizes, oldest first, one a hour at most."""
    return store.sizes(connection, segment.id, days=days, now=now)


def members_page(
    connection: Connection, segment: Segment, *, after: UUID | None = None, limit: int = 100
) -> MembersPage:
    """Members that are stored, by the profile they came in with; each person once. Raises `WrongSegment` for one that
    is only evaluated when asked (the analyst has its members).
    """
    if not segment.stored:
        raise WrongSegment("the members of this segment are not stored; ask the analyst")
    limit = max(1, min(limit, MOST_MEMBERS))
    asked = {"segment": segment.id, "after": after or _NOWHERE, "limit": limit + 1}
    rows = connection.execute(_MEMBERS, asked).fetchall()
    found = [Member(root, entered) for _, root, entered in rows[:limit]]
    return MembersPage(found, rows[limit - 1][0] if len(rows) > limit else None)


def memberships(connection: Connection, root: UUID) -> dict[UUID, datetime]:
    """The segments this person is a stored member of, with since when."""
    return dict(connection.execute(_OF_PERSON, (root,)).fetchall())


def are_in(connection: Connection, segment_id: UUID, roots: Collection[UUID]) -> set[UUID]:
    """Those of these people who are stored members of the segment."""
    return {row[0] for row in connection.execute(_ARE_IN, (segment_id, uuids(roots)))}


def find_by_name(connection: Connection, workspace_id: int, name: str) -> Segment:
    """The segment of this name (in any capitals), or with this id. Raises `NoSuchSegment`."""
    for each in store.of_workspace(connection, workspace_id):
        if each.name.lower() == name.strip().lower() or str(each.id) == name.strip():
            return each
    raise NoSuchSegment(f"there is no segment named {name}")
