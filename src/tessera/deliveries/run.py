"""What the job of an export does: cut a delivery, decide its content, carry it away, note that it arrived.

Each of the four commits before the next begins, and the next begins from what is written: a process that is killed
between any two leaves nothing undone and nothing twice, but for a delivery that arrived and was not noted. That goes
out again, with the same content under the same name and id.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg
import structlog

from tessera.audience.segments import moves
from tessera.audience.segments.queries import segment_by_id
from tessera.audience.segments.records import NoSuchSegment
from tessera.deliveries import content, store
from tessera.deliveries.carrying import carry
from tessera.deliveries.records import SegmentExport, Webhook
from tessera.deliveries.schedules import ON_CHANGE, next_after
from tessera.deliveries.store import Waiting
from tessera.exports.wanted import SUFFIXES
from tessera.foundation.database import connect, may_pass
from tessera.foundation.errors import TesseraError
from tessera.foundation.ids import uuid7
from tessera.jobs import OUTSIDE, AlreadyWaiting, defer
from tessera.workspaces.store import time_zone_of

log = structlog.get_logger("deliveries")
Connection = psycopg.Connection[Any]
RUN: Final = "deliveries.run"
MOST_MOVES: Final = 50_000
"""In one delivery; what is more follows in the next."""
MOST_CALLED: Final = 5_000
"""In one delivery by webhook."""
FIRST_PAUSE: Final = 10.0
LONGEST_PAUSE: Final = 3600.0
"""Seconds before a delivery that did not arrive is tried again: doubled each time, for ever."""
TURN: Final = 120.0
"""Seconds that a job works before it makes room for others."""
BUSY: Final = 10.0
"""Seconds until it is looked again, where another process does the job already."""
_ALONE: Final = "SELECT pg_advisory_lock(7316002, hashtext(%s))"


def run(export_id: UUID, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
    """Do everything that is due for this export; one at a time, however many are started.

    Nobody waits long for the one that is at it: a slow receiver must not take all places in the queue.
    """
    with connect(autocommit=True, application="tessera deliveries") as connection:
        if not _is_alone(connection, export_id):
            look_again(connection, export_id, after=BUSY)
            return
        began = time.monotonic()
        while step(connection, export_id, clock):
            if time.monotonic() - began > TURN:
                look_again(connection, export_id, after=0.0)
                return


def _is_alone(connection: Connection, export_id: UUID) -> bool:
    """Whether nobody else does the job; a moment is left for one that has just ended or was killed to be gone."""
    connection.execute("SET lock_timeout = '2s'")
    try:
        connection.execute(_ALONE, (str(export_id),))
    except psycopg.errors.LockNotAvailable:
        return False
    connection.execute("SET lock_timeout = '30s'")
    return True


def step(connection: Connection, export_id: UUID, clock: Callable[[], datetime]) -> bool:
    """One of the four; false where nothing is due. The caller works on this export alone."""
    export = store.find(connection, export_id)
    if export is None or export.state != "active":
        return False
    delivery = store.waiting(connection, export_id)
    if delivery is None:
        return _cut(connection, export, clock())
    if delivery.next_try_at is not None and delivery.next_try_at > clock():
        return False
    try:
        (_decide if delivery.content == "wanted" else _carry)(connection, export, delivery, clock)
    except TesseraError as error:
        _fail(connection, export, delivery, clock(), error.code, str(error))
        return False
    except Exception as error:
        if may_pass(error):
            raise
        log.exception("a delivery failed", export=str(export.id), delivery=str(delivery.id))
        _fail(connection, export, delivery, clock(), "internal_error", type(error).__name__)
        return False
    return True


def look_again(connection: Connection, export_id: UUID, *, after: float, why: str = "") -> None:
    """Have the job done then; one job waits for each reason."""
    try:
        defer(connection, RUN, queue=OUTSIDE, once=f"{RUN}:{export_id}{why}", after=after, listener=str(export_id))
    except AlreadyWaiting:
        return


def look_again_at(connection: Connection, export_id: UUID, due_at: datetime, now: datetime) -> None:
    """Have the job done when the clock says so; one job waits for each moment."""
    after = max((due_at - now).total_seconds(), 0.1)
    look_again(connection, export_id, after=after, why=f":{int(due_at.timestamp())}")


def _cut(connection: Connection, export: SegmentExport, now: datetime) -> bool:
    with connection.transaction():
        export = store.read(connection, export.workspace_id, export.id, lock=True)
        if export.state != "active" or not _is_due(export, now):
            return False
        most = MOST_CALLED if isinstance(export.destination, Webhook) else MOST_MOVES
        start = moves.started_with(connection, export.id)
        begins = export.taken < start
        found = moves.pending(connection, export.id, after=export.taken, most=most, upto=start if begins else None)
        if begins and not found:  # who was in then has been erased since
            begins, found = False, moves.pending(connection, export.id, after=export.taken, most=most)
        if not found:
            _rest(connection, export, now)
            return False
        number, upto = export.number + 1, found[-1].number
        kind = "everybody" if begins else "changes"
        store.cut(
            connection,
            export,
            {
                "id": uuid7(),
                "number": number,
                "file_name": f"{export.slug}/{number:06d}-{kind}{SUFFIXES[export.format]}",
                "format": export.format,
                "after": export.taken,
                "upto": upto,
                "now": now,
            },
        )
        store.change(connection, export, {"number": number, "taken": upto})
    return True


def _is_due(export: SegmentExport, now: datetime) -> bool:
    return export.asked or export.schedule == ON_CHANGE or (export.due_at is not None and export.due_at <= now)


def _rest(connection: Connection, export: SegmentExport, now: datetime) -> None:
    """Everything is delivered: until people move, or the clock says so, or for good where the segment is gone."""
    try:
        segment_by_id(connection, export.workspace_id, export.segment_id)
    except NoSuchSegment:
        moves.stop_listening(connection, export.id)
        store.change(connection, export, {"state": "ended", "asked": False, "due_at": None})
        return
    due_at = next_after(export.schedule, now, time_zone_of(connection, export.workspace_id))
    store.change(connection, export, {"asked": False, "due_at": due_at})
    if due_at is not None:
        look_again_at(connection, export.id, due_at, now)


def _decide(connection: Connection, export: SegmentExport, delivery: Waiting, clock: Callable[[], datetime]) -> None:
    """What it holds, from now on. Where an erasure ended while we read, it is read again."""
    seen = store.erasures(connection, export.workspace_id)
    found = moves.pending(connection, export.id, after=delivery.after_move, most=MOST_MOVES, upto=delivery.upto_move)
    body = content.written(
        connection,
        export.workspace_id,
        found,
        format=delivery.format,
        identifiers=export.identifiers,
        attributes=export.attributes,
        now=clock(),
    )
    with connection.transaction():
        if store.erasures(connection, export.workspace_id, hold=True) == seen:
            entered = sum(each.entered for each in found)
            store.keep_content(connection, export, delivery, body, entered=entered, left=len(found) - entered)


def _carry(connection: Connection, export: SegmentExport, delivery: Waiting, clock: Callable[[], datetime]) -> None:
    body = store.content_of(connection, export.id, delivery.number, delivery.revision)
    if body is None:
        return  # an erasure came in between: it is decided anew, or the export is gone
    carry(export, store.sealed_secret(connection, export), delivery, body, now=clock())
    with connection.transaction():
        if store.note_sent(connection, export, delivery, clock()):
            moves.forget_taken(connection, export.id, upto=delivery.upto_move)


def _fail(
    connection: Connection, export: SegmentExport, delivery: Waiting, now: datetime, problem: str, detail: str
) -> None:
    pause = min(FIRST_PAUSE * 2 ** min(delivery.attempts, 20), LONGEST_PAUSE)
    log.warning("a delivery did not arrive", export=str(export.id), number=delivery.number, problem=problem)
    next_try_at = now + timedelta(seconds=pause)
    store.note_failed(connection, export, delivery, next_try_at=next_try_at, problem=problem, detail=detail)
    look_again_at(connection, export.id, next_try_at, now)
