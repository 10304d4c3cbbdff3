"""Every change to exports. Each leaves an entry in the audit trail, in its own transaction."""

from collections.abc import Collection
from contextlib import suppress
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
import psycopg
import structlog

from tessera.access.audit import record_audit_on
from tessera.exports import produce, store
from tessera.exports.queries import ExportView, FoundFile, export_by_id, finished_file
from tessera.exports.wanted import UnknownExport, Wanted, checked, encode, normal_reference, read_reference
from tessera.foundation.database import connect
from tessera.foundation.errors import NotFound, TesseraError, TooManyFiles
from tessera.foundation.ids import uuid7
from tessera.foundation.settings import settings
from tessera.jobs import LONG, defer
from tessera.profiles.queries import look_of

log = structlog.get_logger("exports")
Connection = psycopg.Connection[Any]
RUN: Final = "exports.run"
MOST_AT_ONCE: Final = 20
"""Exports of one workspace that wait or run."""

KEPT_DAYS: Final = 365
"""How long an export that is over stays in the list."""

SILENT_MINUTES: Final = 60
"""After so long without a sign of life a running export counts as failed: its job was given up."""


class TooManyExports(TesseraError):
    """So many wait or run already."""

    code = "too_many_exports"


_ADD: Final = """
INSERT INTO exports_export (id, workspace_id, what, wanted, state, actor, created_at)
VALUES (%s, %s, %s, %s, 'waiting', %s, %s)
"""
_GOING: Final = "SELECT count(*) FROM exports_export WHERE workspace_id = %s AND state IN ('waiting', 'running')"


def request_export(
    connection: Connection, *, workspace_id: int, wanted: Wanted, actor: str, now: datetime
) -> ExportView:
    """Ask for a file; a job writes it. In the caller's transaction.

    Raises `UnknownExport`, `TooManyExports`, `TooManyFiles`.
    """
    wanted = _in_normal_form(connection, workspace_id, checked(wanted))
    going = connection.execute(_GOING, (workspace_id,)).fetchone()
    if going is not None and going[0] >= MOST_AT_ONCE:
        raise TooManyExports(f"{MOST_AT_ONCE} exports wait or run already; try again when some are done")
    if store.bytes_kept(connection, workspace_id) >= settings().files_max:
        raise TooManyFiles(f"the files of a workspace's exports may come to {settings().files_max_mb} MB")
    export_id = uuid7()
    connection.execute(_ADD, (export_id, workspace_id, wanted.what, encode(wanted), actor[:300], now))
    defer(connection, RUN, queue=LONG, export_id=str(export_id))
    about = {"what": wanted.what, "format": wanted.format, "people": len(wanted.people) if wanted.people else "all"}
    _note(connection, workspace_id, actor, "request_export", export_id, **about)
    return export_by_id(connection, workspace_id, export_id)


def _in_normal_form(connection: Connection, workspace_id: int, wanted: Wanted) -> Wanted:
    """People named as identifiers are kept: an erasure finds them by that. Raises `UnknownExport`."""
    if wanted.people is None:
        return wanted
    region = look_of(connection, workspace_id).region
    people = dict.fromkeys(normal_reference(text, region=region) for text in wanted.people)
    return msgspec.structs.replace(wanted, people=tuple(people))


def cancel_export(connection: Connection, *, workspace_id: int, export_id: UUID, actor: str) -> ExportView:
    """Stop it, whether it waits or runs; one that is over stays as it is. In the caller's transaction.

    Raises `NotFound`.
    """
    stopped = connection.execute(
        "UPDATE exports_export SET state = 'cancelled', finished_at = now()"
        " WHERE id = %s AND workspace_id = %s AND state IN ('waiting', 'running')",
        (export_id, workspace_id),
    )
    if stopped.rowcount:
        store.forget_file(connection, export_id)
        _note(connection, workspace_id, actor, "cancel_export", export_id)
    return export_by_id(connection, workspace_id, export_id)


def delete_export(connection: Connection, *, workspace_id: int, export_id: UUID, actor: str) -> None:
    """Remove it and its file for good; a running one stops. In the caller's transaction. Raises `NotFound`."""
    gone = connection.execute(
        "DELETE FROM exports_export WHERE id = %s AND workspace_id = %s", (export_id, workspace_id)
    )
    if not gone.rowcount:
        raise NotFound(f"there is no export {export_id}")
    store.forget_file(connection, export_id)
    _note(connection, workspace_id, actor, "delete_export", export_id)


def open_file(connection: Connection, *, workspace_id: int, export_id: UUID, actor: str) -> FoundFile:
    """The finished file, for somebody who takes it away; `queries.body_of` reads it.

    In the caller's transaction. Raises `NotFound`, `NotReady`.
    """
    found = finished_file(connection, workspace_id, export_id)
    _note(connection, workspace_id, actor, "download_export", export_id, rows=found.export.rows)
    return found


def note_taken_out(*, workspace_id: int, wanted: Wanted, rows: int, whole: bool, actor: str) -> None:
    """An export that was written straight into somebody's file, without a job.

    Where it was broken off, `rows` are those known to be written, and there may be more.
    """
    with connect() as connection:
        record_audit_on(
            connection,
            workspace_id=workspace_id,
            actor=actor,
            action="export_to_file",
            target=f"workspace:{workspace_id}",
            detail={"what": wanted.what, "format": wanted.format, "rows": rows}
            | ({} if whole else {"broken_off": True}),
        )


def run_export(export_id: UUID) -> None:
    """Write the file: what the job does. From nothing each time; repeating it after the end changes nothing."""
    with connect(autocommit=True, application="tessera export") as ledger:
        trial = store.begin(ledger, export_id)
        if trial is None:
            return
        try:
            _write(ledger, trial)
        except store.Superseded:
            log.info("export stopped", export=str(export_id))
        except TesseraError as refusal:
            store.fail(ledger, trial, refusal.code)
        except Exception:
            store.fail(ledger, trial, "export_broke")
            raise


def _write(ledger: Connection, trial: store.Try) -> None:
    most = settings().export_max_mb * 1_000_000
    file = store.ChunkedFile(ledger, trial, most_bytes=most, most_kept=settings().files_max)

    def progress(looked_at: int, total: int, rows: int) -> None:
        store.move(ledger, trial, looked_at=looked_at, total=total, rows=rows)

    with produce.picture() as reading:
        now = produce.moment_of(reading)
        rows = produce.write_all(reading, trial.workspace_id, trial.wanted, file, now=now, progress=progress)
    file.finish()
    store.finish(ledger, trial, rows=rows, size=file.size, pictured_at=now)


_DROP: Final = """
UPDATE exports_export SET state = 'dropped', reason = %(reason)s, finished_at = coalesce(finished_at, now())
 WHERE state = 'done' AND finished_at < %(before)s RETURNING id
"""
_FORGET: Final = """
DELETE FROM exports_export
 WHERE state IN ('failed', 'cancelled', 'dropped') AND finished_at < now() - make_interval(days => %s)
"""
_GIVE_UP: Final = """
UPDATE exports_export SET state = 'failed', reason = 'export_broke', finished_at = now()
 WHERE state = 'running' AND alive_at < now() - make_interval(mins => %s) RETURNING id
"""


def drop_old_files(connection: Connection, *, before: datetime) -> int:
    """Drop the files finished before this moment and give up what shows no sign of life; returns how many files.

    What is over for a year is forgotten altogether; the audit trail keeps that somebody asked for it.
    """
    with connection.transaction():
        old = connection.execute(_DROP, {"reason": "kept_long_enough", "before": before}).fetchall()
        dead = connection.execute(_GIVE_UP, (SILENT_MINUTES,)).fetchall()
        for (export_id,) in (*old, *dead):
            store.forget_file(connection, export_id)
        connection.execute(_FORGET, (KEPT_DAYS,))
    return len(old)


_ERASE_FILES: Final = """
UPDATE exports_export
   SET state = CASE state WHEN 'done' THEN 'dropped' ELSE 'failed' END, reason = 'person_erased',
       finished_at = coalesce(finished_at, now())
 WHERE workspace_id = %s AND state IN ('done', 'running') RETURNING id
"""


def erase_traces(
    connection: Connection, workspace_id: int, identifiers: Collection[tuple[str, str]], profile_ids: Collection[UUID]
) -> dict[str, int]:
    """Take an erased person out of exports, in the erasure's transaction; returns how many of what were changed.

    Nobody can say which files hold the person, so every file of the workspace that is done is dropped, and what runs is
    stopped: its picture is of before. Where an export names people, the person is taken out of the names.
    """
    store.close_gate(connection, workspace_id)
    files = connection.execute(_ERASE_FILES, (workspace_id,)).fetchall()
    for (export_id,) in files:
        store.forget_file(connection, export_id)
    gone = {*profile_ids, *((kind, value.lower()) for kind, value in identifiers)}
    region, named = look_of(connection, workspace_id).region, 0
    for export_id, wanted in store.those_that_name_people(connection, workspace_id):
        kept = tuple(text for text in wanted.people or () if _names(text, region) not in gone)
        if len(kept) < len(wanted.people or ()):
            store.rename_people(connection, export_id, wanted, kept)
            named += 1
    return {"exports_export": named, "exports_files": len(files)}


def _names(text: str, region: str) -> UUID | tuple[str, str]:
    """Whom it names; of exports asked for before references were kept in their normal form, too."""
    with suppress(UnknownExport):
        text = normal_reference(text, region=region)
    named = read_reference(text)
    return named if isinstance(named, UUID) else (named[0], named[1].lower())


def _note(
    connection: Connection, workspace_id: int, actor: str, action: str, export_id: UUID, **detail: object
) -> None:
    target = f"export:{export_id}"
    record_audit_on(connection, workspace_id=workspace_id, actor=actor, action=action, target=target, detail=detail)
