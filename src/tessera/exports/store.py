"""The SQL of exports and their files. Takes a connection that commits as it goes, unless it says otherwise."""

import io
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
import psycopg
from msgspec import Struct

from tessera.exports.wanted import Wanted, decode, encode
from tessera.foundation.errors import TesseraError, TooManyFiles

Connection = psycopg.Connection[Any]
CHUNK: Final = 1_000_000
"""Bytes of one row of a file."""


class Superseded(Exception):
    """The export was cancelled or removed, or another try of it began: this one must stop and offer nothing."""


class ExportTooLarge(TesseraError):
    """The file would be larger than `TESSERA_EXPORT_MAX_MB`."""

    code = "export_too_large"


class Try(Struct, frozen=True):
    """One try at an export."""

    export_id: UUID
    workspace_id: int
    attempt: int
    wanted: Wanted


_OPEN_GATE: Final = """
INSERT INTO exports_gate (workspace_id) SELECT workspace_id FROM exports_export WHERE id = %s ON CONFLICT DO NOTHING
"""
_AT_GATE: Final = """
SELECT 1 FROM exports_gate WHERE workspace_id = (SELECT workspace_id FROM exports_export WHERE id = %s) FOR SHARE
"""
_CLOSE_GATE: Final = """
INSERT INTO exports_gate AS gate (workspace_id, erasures) VALUES (%s, 1)
ON CONFLICT (workspace_id) DO UPDATE SET erasures = gate.erasures + 1
"""
_BEGIN: Final = """
UPDATE exports_export
   SET state = 'running', attempt = attempt + 1, started_at = now(), alive_at = now(), reason = '',
       looked_at = 0, total = 0, rows = 0, bytes = 0
 WHERE id = %s AND state IN ('waiting', 'running')
RETURNING id, workspace_id, attempt, wanted::text
"""
_STILL: Final = "WHERE id = %(export_id)s AND attempt = %(attempt)s AND state = 'running'"
_MOVE: Final = f"""
UPDATE exports_export SET looked_at = %(looked_at)s, total = %(total)s, rows = %(rows)s, alive_at = now() {_STILL}
"""  # noqa: S608 -- constants
_GROW: Final = f"UPDATE exports_export SET bytes = %(bytes)s, alive_at = now() {_STILL}"  # noqa: S608
_END: Final = f"""
UPDATE exports_export
   SET state = 'done', rows = %(rows)s, bytes = %(bytes)s, looked_at = total, pictured_at = %(pictured_at)s,
       finished_at = now()
 {_STILL}
"""  # noqa: S608 -- constants
_FAIL: Final = f"""
UPDATE exports_export SET state = 'failed', reason = %(reason)s, finished_at = now() {_STILL}
"""  # noqa: S608 -- constants
_PART: Final = "SELECT body FROM exports_chunk WHERE export_id = %s AND attempt = %s AND number = %s"


def begin(connection: Connection, export_id: UUID) -> Try | None:
    """Begin another try, from nothing; None where there is nothing to do any more. Waits for an erasure to end."""
    connection.execute(_OPEN_GATE, (export_id,))
    with connection.transaction():
        connection.execute(_AT_GATE, (export_id,))
        row = connection.execute(_BEGIN, (export_id,)).fetchone()
        if row is None:
            return None
        forget_file(connection, export_id)
    return Try(row[0], row[1], row[2], decode(row[3]))


def move(connection: Connection, trial: Try, *, looked_at: int, total: int, rows: int) -> None:
    """Say how far it is. Raises `Superseded`."""
    _only_mine(connection.execute(_MOVE, _of(trial) | {"looked_at": looked_at, "total": total, "rows": rows}))


def finish(connection: Connection, trial: Try, *, rows: int, size: int, pictured_at: datetime) -> None:
    """From now on the file is offered. Raises `Superseded`."""
    _only_mine(connection.execute(_END, _of(trial) | {"rows": rows, "bytes": size, "pictured_at": pictured_at}))


def fail(connection: Connection, trial: Try, reason: str) -> None:
    """Keep the reason, not the pieces."""
    with connection.transaction():
        if connection.execute(_FAIL, _of(trial) | {"reason": reason}).rowcount:
            forget_file(connection, trial.export_id)


def forget_file(connection: Connection, export_id: UUID) -> None:
    connection.execute("DELETE FROM exports_chunk WHERE export_id = %s", (export_id,))


def bytes_kept(connection: Connection, workspace_id: int) -> int:
    """What the workspace's files come to, those that are being written too."""
    row = connection.execute(
        "SELECT coalesce(sum(bytes), 0)::bigint FROM exports_export"
        " WHERE workspace_id = %s AND state IN ('done', 'running')",
        (workspace_id,),
    ).fetchone()
    return int(row[0]) if row else 0


def parts_of(connection: Connection, export_id: UUID, attempt: int, number: int) -> bytes | None:
    """One piece of the file, counted from 0; None after the last."""
    row = connection.execute(_PART, (export_id, attempt, number)).fetchone()
    return bytes(row[0]) if row else None


class ChunkedFile(io.RawIOBase):
    """A file that is written into the table piece by piece, each in the transaction that finds the try still wanted."""

    def __init__(self, connection: Connection, trial: Try, *, most_bytes: int, most_kept: int = 2**62) -> None:
        """`most_kept` is what all files of the workspace may come to."""
        self._connection = connection
        self._trial = trial
        self._most = most_bytes
        self._most_kept = most_kept
        self._buffer = bytearray()
        self._number = 0
        self.size = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.size

    def write(self, data: Any, /) -> int:
        length = memoryview(data).nbytes
        self._buffer += memoryview(data)
        self.size += length
        if self.size > self._most:
            raise ExportTooLarge(f"the file would be larger than {self._most // 1_000_000} MB")
        while len(self._buffer) >= CHUNK:
            self._put(bytes(self._buffer[:CHUNK]))
            del self._buffer[:CHUNK]
        return length

    def finish(self) -> None:
        """Write what is left."""
        if self._buffer:
            self._put(bytes(self._buffer))
            self._buffer.clear()

    def _put(self, body: bytes) -> None:
        trial = self._trial
        with self._connection.transaction():
            _only_mine(self._connection.execute(_GROW, _of(trial) | {"bytes": self.size}))
            if bytes_kept(self._connection, trial.workspace_id) > self._most_kept:
                raise TooManyFiles(f"the files of a workspace's exports may come to {self._most_kept // 1_000_000} MB")
            self._connection.execute(
                "INSERT INTO exports_chunk (export_id, attempt, number, body) VALUES (%s, %s, %s, %b)",
                (trial.export_id, trial.attempt, self._number, body),
            )
        self._number += 1


def close_gate(connection: Connection, workspace_id: int) -> None:
    """Until the caller's transaction ends, no export of the workspace begins; those that began are seen by now."""
    connection.execute(_CLOSE_GATE, (workspace_id,))


def rename_people(connection: Connection, export_id: UUID, wanted: Wanted, people: tuple[str, ...]) -> None:
    """Let the export name these people instead (none is none, not all)."""
    changed = encode(msgspec.structs.replace(wanted, people=people))
    connection.execute("UPDATE exports_export SET wanted = %s WHERE id = %s", (changed, export_id))


def those_that_name_people(connection: Connection, workspace_id: int) -> Iterator[tuple[UUID, Wanted]]:
    """Every export of the workspace that names people, locked, in the order of ids."""
    rows = connection.execute(
        "SELECT id, wanted::text FROM exports_export WHERE workspace_id = %s AND wanted -> 'people' IS NOT NULL"
        " ORDER BY id FOR UPDATE",
        (workspace_id,),
    )
    return ((row[0], decode(row[1])) for row in rows.fetchall())


def _of(trial: Try) -> dict[str, Any]:
    return {"export_id": trial.export_id, "attempt": trial.attempt}


def _only_mine(cursor: psycopg.Cursor[Any]) -> None:
    if not cursor.rowcount:
        raise Superseded
