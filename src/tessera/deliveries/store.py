"""The SQL of automatic exports, their deliveries and what these hold."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
import psycopg
from msgspec import Struct
from psycopg import sql

from tessera.deliveries.records import Delivery, Destination, Format, NoSuchSegmentExport, SegmentExport

Connection = psycopg.Connection[Any]
CHUNK: Final = 1_000_000
"""Bytes of one row of a delivery's content."""

_EXPORT: Final = f"SELECT {', '.join(SegmentExport.__struct_fields__)} FROM deliveries_export "  # noqa: S608 -- ours
_DELIVERED: Final = """
id, number, state, file_name, format, entered, "left", bytes, attempts, next_try_at, problem, detail, cut_at, sent_at,
content = 'kept'
"""
_DELIVERY: Final = f"SELECT {_DELIVERED} FROM deliveries_delivery "  # noqa: S608 -- constants
_NEWEST: Final = f"""
SELECT DISTINCT ON (export_id) export_id, {_DELIVERED} FROM deliveries_delivery WHERE export_id = ANY(%s)
 ORDER BY export_id, state = 'waiting' DESC, CASE state WHEN 'waiting' THEN number ELSE -number END
"""  # noqa: S608 -- constants
_FORGET_CONTENT: Final = """
DELETE FROM deliveries_chunk c USING deliveries_delivery d WHERE c.delivery_id = d.id AND d.export_id = %s
"""
_WAITING: Final = """
SELECT id, number, file_name, format, after_move, upto_move, content, revision, attempts, next_try_at
  FROM deliveries_delivery WHERE export_id = %s AND state = 'waiting' ORDER BY number LIMIT 1
"""
_CUT: Final = """
INSERT INTO deliveries_delivery (export_id, number, id, workspace_id, file_name, format, after_move, upto_move, state,
                                 content, cut_at)
VALUES (%(export_id)s, %(number)s, %(id)s, %(workspace_id)s, %(file_name)s, %(format)s, %(after)s, %(upto)s, 'waiting',
        'wanted', %(now)s)
"""
_CONTENT: Final = """
SELECT c.body FROM deliveries_delivery d LEFT JOIN deliveries_chunk c ON c.delivery_id = d.id
 WHERE d.export_id = %s AND d.number = %s AND d.content = 'kept' AND d.revision = coalesce(%s, d.revision)
 ORDER BY c.number
"""
_KEEP: Final = """
UPDATE deliveries_delivery SET content = 'kept', entered = %(entered)s, "left" = %(left)s, bytes = %(bytes)s
 WHERE id = %(id)s AND export_id = %(export_id)s AND revision = %(revision)s AND content = 'wanted'
"""
_SENT: Final = """
UPDATE deliveries_delivery
   SET state = 'sent', sent_at = %(now)s, attempts = attempts + 1, next_try_at = NULL, problem = '', detail = ''
 WHERE id = %(id)s AND export_id = %(export_id)s AND revision = %(revision)s AND state = 'waiting'
"""
_FAILED: Final = """
UPDATE deliveries_delivery
   SET attempts = attempts + 1, next_try_at = %(next)s, problem = %(problem)s, detail = %(detail)s
 WHERE id = %(id)s AND export_id = %(export_id)s AND state = 'waiting'
"""
_OPEN_GATE: Final = "INSERT INTO deliveries_gate (workspace_id) VALUES (%s) ON CONFLICT DO NOTHING"
_AT_GATE: Final = "SELECT erasures FROM deliveries_gate WHERE workspace_id = %s"
_CLOSE_GATE: Final = """
INSERT INTO deliveries_gate AS gate (workspace_id, erasures) VALUES (%s, 1)
ON CONFLICT (workspace_id) DO UPDATE SET erasures = gate.erasures + 1
"""
_DECIDE_ANEW: Final = """
UPDATE deliveries_delivery SET content = 'wanted', revision = revision + 1, detail = ''
 WHERE workspace_id = %s AND state = 'waiting' AND content <> 'dropped' RETURNING id
"""
_DROP: Final = "UPDATE deliveries_delivery SET content = 'dropped' WHERE state = 'sent' AND content <> 'dropped' AND "


class Waiting(Struct, frozen=True):
    """A delivery that has not arrived: the moves behind `after_move` up to `upto_move`."""

    id: UUID
    number: int
    file_name: str
    format: Format
    after_move: int
    upto_move: int
    content: str
    revision: int
    attempts: int
    next_try_at: datetime | None


def export_of(row: Sequence[Any]) -> SegmentExport:
    fields = dict(zip(SegmentExport.__struct_fields__, row, strict=True))
    fields["destination"] = msgspec.convert(fields["destination"], Destination)
    for name in ("attributes", "identifiers"):
        fields[name] = tuple(fields[name])
    return SegmentExport(**fields)


def read(connection: Connection, workspace_id: int, export_id: UUID, *, lock: bool = False) -> SegmentExport:
    """Raises `NoSuchSegmentExport`."""
    ending = "WHERE workspace_id = %s AND id = %s" + (" FOR UPDATE" if lock else "")
    row = connection.execute(_EXPORT + ending, (workspace_id, export_id)).fetchone()
    if row is None:
        raise NoSuchSegmentExport(f"there is no automatic export {export_id}")
    return export_of(row)


def find(connection: Connection, export_id: UUID) -> SegmentExport | None:
    """Of whatever workspace."""
    row = connection.execute(_EXPORT + "WHERE id = %s", (export_id,)).fetchone()
    return export_of(row) if row else None


def of_workspace(connection: Connection, workspace_id: int, segment_id: UUID | None = None) -> list[SegmentExport]:
    """By name; of one segment where it is named."""
    rows = connection.execute(
        _EXPORT + "WHERE workspace_id = %(w)s AND (%(s)s::uuid IS NULL OR segment_id = %(s)s) ORDER BY lower(name), id",
        {"w": workspace_id, "s": segment_id},
    )
    return [export_of(row) for row in rows]


def not_ended(connection: Connection) -> list[SegmentExport]:
    """Every export of every workspace that may still deliver something."""
    return [export_of(row) for row in connection.execute(_EXPORT + "WHERE state <> 'ended' ORDER BY id")]


def add(connection: Connection, fields: Mapping[str, Any]) -> None:
    statement = sql.SQL("INSERT INTO deliveries_export ({}) VALUES ({})").format(
        sql.SQL(", ").join(map(sql.Identifier, fields)), sql.SQL(", ").join(map(sql.Placeholder, fields))
    )
    connection.execute(statement, fields)


def change(connection: Connection, export: SegmentExport, fields: Mapping[str, Any]) -> None:
    """Set these columns."""
    assignments = sql.SQL(", ").join(
        sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in fields
    )
    statement = sql.SQL(
        "UPDATE deliveries_export SET {} WHERE workspace_id = %(of_workspace)s AND id = %(of_id)s"
    ).format(assignments)
    connection.execute(statement, {**fields, "of_workspace": export.workspace_id, "of_id": export.id})


def sealed_secret(connection: Connection, export: SegmentExport) -> bytes | None:
    row = connection.execute("SELECT secret FROM deliveries_export WHERE id = %s", (export.id,)).fetchone()
    return bytes(row[0]) if row and row[0] is not None else None


def remove(connection: Connection, export: SegmentExport) -> None:
    """With everything it delivered or still has to."""
    connection.execute(_FORGET_CONTENT, (export.id,))
    connection.execute("DELETE FROM deliveries_delivery WHERE export_id = %s", (export.id,))
    connection.execute(
        "DELETE FROM deliveries_export WHERE workspace_id = %s AND id = %s", (export.workspace_id, export.id)
    )


def waiting(connection: Connection, export_id: UUID) -> Waiting | None:
    """The oldest delivery that has not arrived."""
    row = connection.execute(_WAITING, (export_id,)).fetchone()
    return Waiting(*row) if row else None


def cut(connection: Connection, export: SegmentExport, fields: Mapping[str, Any]) -> None:
    """A new delivery, whose content is not decided yet."""
    connection.execute(_CUT, {"export_id": export.id, "workspace_id": export.workspace_id, **fields})


def erasures(connection: Connection, workspace_id: int, *, hold: bool = False) -> int:
    """How many there were; with `hold`, none of this workspace ends until the transaction does."""
    if not hold:
        connection.execute(_OPEN_GATE, (workspace_id,))
    row = connection.execute(_AT_GATE + (" FOR SHARE" if hold else ""), (workspace_id,)).fetchone()
    return int(row[0]) if row else 0


def keep_content(
    connection: Connection, export: SegmentExport, delivery: Waiting, body: bytes, *, entered: int, left: int
) -> bool:
    """Decide what it holds; false where that is decided already, or to be decided anew. In the caller's transaction."""
    about = {"id": delivery.id, "export_id": export.id, "revision": delivery.revision}
    counts = {"entered": entered, "left": left, "bytes": len(body)}
    if not connection.execute(_KEEP, {**about, **counts}).rowcount:
        return False
    connection.execute("DELETE FROM deliveries_chunk WHERE delivery_id = %s", (delivery.id,))
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO deliveries_chunk (delivery_id, number, body) VALUES (%s, %s, %b)",
            [(delivery.id, number, body[at : at + CHUNK]) for number, at in enumerate(range(0, len(body), CHUNK))],
        )
    return True


def content_of(connection: Connection, export_id: UUID, number: int, revision: int | None = None) -> bytes | None:
    """All of it; None where it is not kept, or was decided anew since this revision.

    One statement, so that an erasure in between leaves no delivery that looks empty.
    """
    rows = connection.execute(_CONTENT, (export_id, number, revision)).fetchall()
    return b"".join(bytes(row[0] or b"") for row in rows) if rows else None


def note_sent(connection: Connection, export: SegmentExport, delivery: Waiting, now: datetime) -> bool:
    """It arrived. False where an erasure had it decided anew meanwhile: then it goes out again."""
    about = {"id": delivery.id, "export_id": export.id, "revision": delivery.revision, "now": now}
    return bool(connection.execute(_SENT, about).rowcount)


def note_failed(
    connection: Connection,
    export: SegmentExport,
    delivery: Waiting,
    *,
    next_try_at: datetime,
    problem: str,
    detail: str,
) -> None:
    about = {"id": delivery.id, "export_id": export.id, "next": next_try_at}
    connection.execute(_FAILED, {**about, "problem": problem, "detail": _line(detail)})


def _line(said: str) -> str:
    """What a stranger said, as text that can be kept: NULs and the like are blanks."""
    return " ".join("".join(each if each.isprintable() else " " for each in said[:2_000]).split())[:500]


def try_now(connection: Connection, export: SegmentExport) -> None:
    """What waits for its next try waits no longer."""
    connection.execute(
        "UPDATE deliveries_delivery SET next_try_at = NULL WHERE export_id = %s AND state = 'waiting'", (export.id,)
    )


def deliveries(connection: Connection, export_id: UUID, *, before: int | None, limit: int) -> list[Delivery]:
    """Newest first."""
    rows = connection.execute(
        _DELIVERY + "WHERE export_id = %s AND number < %s ORDER BY number DESC LIMIT %s",
        (export_id, 2**62 if before is None else before, limit),
    )
    return [_delivery_of(row) for row in rows]


def delivery(connection: Connection, export_id: UUID, number: int) -> Delivery | None:
    row = connection.execute(_DELIVERY + "WHERE export_id = %s AND number = %s", (export_id, number)).fetchone()
    return _delivery_of(row) if row else None


def last_of(connection: Connection, exports: Sequence[UUID]) -> dict[UUID, Delivery]:
    """The oldest delivery of each that has not arrived, or else its newest."""
    rows = connection.execute(_NEWEST, (list(exports),))
    return {row[0]: _delivery_of(row[1:]) for row in rows}


def _delivery_of(row: Sequence[Any]) -> Delivery:
    return Delivery(**dict(zip(Delivery.__struct_fields__, row, strict=True)))


def forget_for_erasure(connection: Connection, workspace_id: int) -> int:
    """In the erasure's transaction: what is kept of this workspace goes, what has not arrived is decided anew.

    Nobody can say which contents speak of a person, by which of their names. Returns how many contents went.
    """
    connection.execute(_CLOSE_GATE, (workspace_id,))
    anew = [row[0] for row in connection.execute(_DECIDE_ANEW, (workspace_id,))]
    gone = [row[0] for row in connection.execute(_DROP + "workspace_id = %s RETURNING id", (workspace_id,))]
    connection.execute("DELETE FROM deliveries_chunk WHERE delivery_id = ANY(%s)", ([*anew, *gone],))
    return len(anew) + len(gone)


def rename_files(connection: Connection, export: SegmentExport, slug: str) -> None:
    """Let the export's files lie in another folder, those of deliveries of before too."""
    connection.execute(
        "UPDATE deliveries_delivery SET file_name = %s || '/' || split_part(file_name, '/', 2) WHERE export_id = %s",
        (slug, export.id),
    )


def drop_old(connection: Connection, *, before: datetime, forget_before: datetime) -> int:
    """Contents that arrived before the one moment go, and what is told of deliveries from before the other."""
    with connection.transaction():
        gone = connection.execute(_DROP + "sent_at < %s RETURNING id", (before,)).fetchall()
        connection.execute("DELETE FROM deliveries_chunk WHERE delivery_id = ANY(%s)", ([row[0] for row in gone],))
        connection.execute(
            "DELETE FROM deliveries_delivery WHERE state = 'sent' AND content = 'dropped' AND sent_at < %s",
            (forget_before,),
        )
    return len(gone)
