"""What screens and the API read about exports."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg
from msgspec import Struct

from tessera.exports import produce
from tessera.exports.columns import Column
from tessera.exports.store import parts_of
from tessera.exports.wanted import Wanted, checked, decode
from tessera.foundation.errors import NotFound, TesseraError
from tessera.foundation.pool import pool
from tessera.foundation.settings import settings

Connection = psycopg.Connection[Any]


class NotReady(TesseraError):
    """There is no file (any more); the message says why."""

    code = "export_not_ready"


class InvalidCursor(TesseraError):
    code = "invalid_cursor"


class ExportView(Struct, frozen=True):
    """One export.

    `state` is waiting, running, done, failed, cancelled or dropped (its file is gone). `looked_at` of `total` is how
    far it is, `rows` what was written. `reason` is the code of why it failed or was dropped. `kept_until` is when the
    file will be dropped.
    """

    export_id: UUID
    what: str
    state: str
    wanted: Wanted
    reason: str
    actor: str
    looked_at: int
    total: int
    rows: int
    bytes: int
    file_name: str
    created_at: datetime
    started_at: datetime | None
    pictured_at: datetime | None
    finished_at: datetime | None
    kept_until: datetime | None

    @property
    def is_over(self) -> bool:
        return self.state not in ("waiting", "running")

    @property
    def percent(self) -> int:
        """How far it is, 0 to 100."""
        return 100 if self.state == "done" else min(99, self.looked_at * 100 // self.total) if self.total else 0


class ExportPage(Struct, frozen=True):
    """`next` is the cursor of the following page, or None."""

    exports: list[ExportView]
    next: str | None


class FoundFile(Struct, frozen=True):
    """A finished file. `attempt` names the try that wrote it."""

    export: ExportView
    attempt: int


class Previewed(Struct, frozen=True):
    """The columns of the file and its first few rows, by the columns' names."""

    columns: list[Column]
    rows: list[dict[str, Any]]


_COLUMNS: Final = """
id, what, state, wanted::text, reason, actor, looked_at, total, rows, bytes, created_at, started_at, pictured_at,
finished_at, attempt
"""


def exports(connection: Connection, workspace_id: int, *, before: str | None = None, limit: int = 50) -> ExportPage:
    """The workspace's exports, newest first. Raises `InvalidCursor`."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM exports_export WHERE workspace_id = %s"  # noqa: S608 -- constants
        " AND id < coalesce(%s, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid) ORDER BY id DESC LIMIT %s",
        (workspace_id, _uuid(before), limit + 1),
    ).fetchall()
    page = [_view(row) for row in rows[:limit]]
    return ExportPage(page, str(page[-1].export_id) if len(rows) > limit else None)


def export_by_id(connection: Connection, workspace_id: int, export_id: UUID) -> ExportView:
    """Raises `NotFound`."""
    return _view(_row(connection, workspace_id, export_id))


def finished_file(connection: Connection, workspace_id: int, export_id: UUID) -> FoundFile:
    """The file, when there is one. Raises `NotFound`, `NotReady`."""
    row = _row(connection, workspace_id, export_id)
    found = FoundFile(_view(row), row[14])
    if found.export.state != "done":
        raise NotReady(f"there is no file: the export is {found.export.state}")
    return found


def body_of(found: FoundFile) -> Iterator[bytes]:
    """The file, piece by piece; a connection is held only while a piece is read.

    Raises `NotReady` in the middle when the file is dropped meanwhile: the reader must not take the half for the whole.
    """
    sent = number = 0
    while sent < found.export.bytes:
        with pool().connection() as connection:
            part = parts_of(connection, found.export.export_id, found.attempt, number)
        if part is None:
            raise NotReady("the file was dropped while it was read")
        yield part
        sent, number = sent + len(part), number + 1


def preview(connection: Connection, workspace_id: int, wanted: Wanted | None, *, now: datetime) -> Previewed:
    """What the file would look like (None: of all people). Raises `UnknownExport`."""
    return Previewed(*produce.preview(connection, workspace_id, checked(wanted or Wanted(what="people")), now=now))


def _row(connection: Connection, workspace_id: int, export_id: UUID) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = connection.execute(
        f"SELECT {_COLUMNS} FROM exports_export WHERE id = %s AND workspace_id = %s",  # noqa: S608 -- constants
        (export_id, workspace_id),
    ).fetchone()
    if row is None:
        raise NotFound(f"there is no export {export_id}")
    return row


def _view(row: tuple[Any, ...]) -> ExportView:
    wanted, finished_at = decode(row[3]), row[13]
    kept = finished_at + timedelta(days=settings().export_days) if row[2] == "done" else None
    return ExportView(
        export_id=row[0],
        what=row[1],
        state=row[2],
        wanted=wanted,
        reason=row[4],
        actor=row[5],
        looked_at=row[6],
        total=row[7],
        rows=row[8],
        bytes=row[9],
        file_name=f"{row[1]}-{row[10]:%Y-%m-%d}-{str(row[0])[-6:]}{wanted.suffix}",
        created_at=row[10],
        started_at=row[11],
        pictured_at=row[12],
        finished_at=finished_at,
        kept_until=kept,
    )


def _uuid(cursor: str | None) -> UUID | None:
    try:
        return UUID(cursor) if cursor is not None else None
    except ValueError:
        raise InvalidCursor("the cursor is not one we gave") from None
