"""The SQL of segments and of their sizes."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg import sql

from tessera.audience.segments.records import NoSuchSegment, Segment, SizeAt

Connection = psycopg.Connection[Any]

_FIELDS: Final = """
id, workspace_id, name, description, folder, tags, kind, condition::text, freshness, every_minutes, version, created_at,
created_by, changed_at, archived_at, size, counted_at, refreshed_at, refreshed_version, problem
"""
_READ: Final = f"SELECT {_FIELDS} FROM audience_segment "  # noqa: S608 -- ours
_ADD: Final = """
INSERT INTO audience_segment (workspace_id, id, name, description, folder, tags, kind, condition, freshness,
                              every_minutes, created_at, created_by, changed_at)
VALUES (%(workspace_id)s, %(id)s, %(name)s, %(description)s, %(folder)s, %(tags)s, %(kind)s, %(condition)s,
        %(freshness)s, %(every_minutes)s, %(now)s, %(created_by)s, %(now)s)
"""
_FILTERS: Final = {
    "folder": "folder = %(folder)s",
    "tag": "%(tag)s = ANY(tags)",
    "kind": "kind = %(kind)s",
    "archived": "(archived_at IS NOT NULL) = %(archived)s",
}
_SIZE: Final = """
INSERT INTO audience_size (segment_id, hour, size) VALUES (%s, date_trunc('hour', %s, 'UTC'), %s)
ON CONFLICT (segment_id, hour) DO UPDATE SET size = excluded.size
"""


def segment_of(row: Sequence[Any]) -> Segment:
    fields = dict(zip(Segment.__struct_fields__, row, strict=True))
    condition = fields["condition"]
    return Segment(
        **{**fields, "tags": tuple(fields["tags"]), "condition": condition.encode() if condition is not None else None}
    )


def read(connection: Connection, workspace_id: int, segment_id: UUID, *, lock: bool = False) -> Segment:
    """Raises `NoSuchSegment`. With `lock`, nobody changes it or its members until the transaction ends."""
    ending = "WHERE workspace_id = %s AND id = %s" + (" FOR UPDATE" if lock else "")
    row = connection.execute(_READ + ending, (workspace_id, segment_id)).fetchone()
    if row is None:
        raise NoSuchSegment(f"there is no segment {segment_id}")
    return segment_of(row)


def hold(connection: Connection, workspace_id: int, segment_ids: Sequence[UUID]) -> None:
    """As `read` with `lock`, of several: in one order."""
    connection.execute(
        "SELECT id FROM audience_segment WHERE workspace_id = %s AND id = ANY(%s) ORDER BY id FOR UPDATE",
        (workspace_id, list(segment_ids)),
    )


def of_workspace(connection: Connection, workspace_id: int, *, archived: bool | None = False) -> list[Segment]:
    """By folder and name; `archived` None for all."""
    which = {None: "", True: "AND archived_at IS NOT NULL ", False: "AND archived_at IS NULL "}[archived]
    rows = connection.execute(
        _READ + f"WHERE workspace_id = %s {which}ORDER BY lower(folder), lower(name), id",
        (workspace_id,),
    )
    return [segment_of(row) for row in rows]


def page(
    connection: Connection, workspace_id: int, filters: Mapping[str, Any], *, after: UUID | None, limit: int
) -> list[Segment]:
    """The newest first, those before `after`. `filters` are by the keys of `_FILTERS`; None in one filters nothing."""
    wanted = {name: value for name, value in filters.items() if value is not None}
    which = "".join(f" AND {_FILTERS[name]}" for name in wanted)
    statement = f"{_READ}WHERE workspace_id = %(workspace)s AND id < %(after)s{which} ORDER BY id DESC LIMIT %(limit)s"
    asked = {**wanted, "workspace": workspace_id, "after": after or UUID(int=2**128 - 1), "limit": limit}
    return [segment_of(row) for row in connection.execute(statement, asked)]


def in_use(connection: Connection) -> list[Segment]:
    """Every segment of every workspace that is not archived."""
    return [segment_of(row) for row in connection.execute(_READ + "WHERE archived_at IS NULL ORDER BY id")]


def add(connection: Connection, fields: Mapping[str, Any]) -> None:
    connection.execute(_ADD, fields)


def change(connection: Connection, workspace_id: int, segment_id: UUID, fields: Mapping[str, Any]) -> None:
    """Set these columns."""
    assignments = sql.SQL(", ").join(
        sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in fields
    )
    statement = sql.SQL(
        "UPDATE audience_segment SET {} WHERE workspace_id = %(of_workspace)s AND id = %(of_id)s"
    ).format(assignments)
    connection.execute(statement, {**fields, "of_workspace": workspace_id, "of_id": segment_id})


def remove(connection: Connection, workspace_id: int, segment_id: UUID) -> None:
    connection.execute("DELETE FROM audience_member WHERE segment_id = %s", (segment_id,))
    connection.execute("DELETE FROM audience_size WHERE segment_id = %s", (segment_id,))
    connection.execute("DELETE FROM audience_segment WHERE workspace_id = %s AND id = %s", (workspace_id, segment_id))


def note_size(connection: Connection, segment: Segment, size: int, now: datetime) -> None:
    """Keep the size as the newest, and in the line of sizes."""
    change(connection, segment.workspace_id, segment.id, {"size": size, "counted_at": now})
    connection.execute(_SIZE, (segment.id, now, size))


def sizes(connection: Connection, segment_id: UUID, *, days: int, now: datetime) -> list[SizeAt]:
    """Oldest first."""
    rows = connection.execute(
        "SELECT hour, size FROM audience_size WHERE segment_id = %s AND hour >= %s ORDER BY hour",
        (segment_id, now - timedelta(days=days)),
    )
    return [SizeAt(*row) for row in rows]
