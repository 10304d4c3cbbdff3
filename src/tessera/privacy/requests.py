"""Erasing many: a list of names is kept with the job that goes through it, each name in a transaction of its own.

A job that dies goes on with the next name that waits; a request that lost its job gets another. What a person was named
by is forgotten with the outcome, unless the fault was ours: then it is kept, and whoever does the request again tries
that name again.
"""

import contextlib
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import psycopg
import structlog

from tessera.access.audit import record_audit_on
from tessera.foundation.database import connect
from tessera.foundation.errors import NotFound, TesseraError
from tessera.foundation.ids import uuid7
from tessera.intake.one_by_one import is_passing
from tessera.jobs import AlreadyWaiting, defer, task
from tessera.jobs.queue import arguments_under_way
from tessera.privacy.actions import LONGEST_REASON, as_json, erase_whole_person, take_turn
from tessera.privacy.queries import Erasure, erasure, to_try_again
from tessera.profiles.references import profile_named

log = structlog.get_logger("privacy")
Connection = psycopg.Connection[Any]
MOST_AT_ONCE: Final = 5_000
"""Names in one request (reference semantics §6.2)."""
TASK: Final = "privacy.erase"
RESUME: Final = "privacy.resume"
MOST_TRIES: Final = 10
PAUSE: Final = 0.05
"""Seconds before a person whose erasure met a rival is tried again; longer each time."""


class InvalidErasure(TesseraError):
    """The request will not do; the message says why."""

    code = "invalid_erasure"


def ask_to_erase(
    connection: Connection,
    *,
    workspace_id: int,
    references: Sequence[str],
    actor: str,
    reason: str,
    suppress: bool,
    now: datetime,
) -> Erasure:
    """Keep the names and put the job into the queue, in the caller's transaction. Raises `InvalidErasure`."""
    if not 0 < len(references) <= MOST_AT_ONCE:
        raise InvalidErasure(f"name 1 to {MOST_AT_ONCE} people")
    erasure_id = uuid7()
    with connection.transaction():
        connection.execute(
            "INSERT INTO privacy_erasure (workspace_id, id, asked_at, asked_by, reason, suppress, status, total)"
            " VALUES (%s, %s, %s, %s, %s, %s, 'waiting', %s)",
            (workspace_id, erasure_id, now, actor, reason[:LONGEST_REASON], suppress, len(references)),
        )
        connection.execute(
            "INSERT INTO privacy_erased (erasure_id, number, reference, status)"
            " SELECT %s, said.number, said.name, 'waiting'"
            "   FROM unnest(%s::text[]) WITH ORDINALITY AS said (name, number)",
            (erasure_id, list(references)),
        )
        record_audit_on(
            connection,
            workspace_id=workspace_id,
            actor=actor,
            action="ask_to_erase",
            target=f"erasure:{erasure_id}",
            detail={"people": len(references), "suppress": suppress},
        )
        _put_in_queue(connection, workspace_id, erasure_id)
    return erasure(connection, workspace_id, erasure_id).erasure


def try_again(connection: Connection, *, workspace_id: int, erasure_id: UUID, actor: str) -> int:
    """Have what failed on our side tried again, in the caller's transaction; returns how many names that are.

    Raises `NotFound` where there is no such request or nothing of it is to be tried again.
    """
    with connection.transaction():
        connection.execute(
            "SELECT 1 FROM privacy_erasure WHERE workspace_id = %s AND id = %s FOR UPDATE", (workspace_id, erasure_id)
        )
        names = to_try_again(connection, workspace_id, erasure_id)
        if not names:
            raise NotFound(f"nothing of the erasure {erasure_id} is to be tried again")
        _set_status(connection, workspace_id, erasure_id, "waiting")
        record_audit_on(
            connection,
            workspace_id=workspace_id,
            actor=actor,
            action="retry_erasure",
            target=f"erasure:{erasure_id}",
            detail={"people": names},
        )
        with contextlib.suppress(AlreadyWaiting):
            _put_in_queue(connection, workspace_id, erasure_id)
    return names


def _put_in_queue(connection: Connection, workspace_id: int, erasure_id: UUID) -> None:
    defer(
        connection,
        TASK,
        lock="privacy",
        once=f"{TASK}:{erasure_id}",
        workspace_id=workspace_id,
        erasure_id=str(erasure_id),
    )


@task(RESUME)
def do_resume() -> None:
    """By the clock: no request is left lying because its job was killed or hindered too often."""
    with connect(autocommit=True, application="tessera erasure") as connection:
        resume_erasures(connection)


def resume_erasures(connection: Connection) -> int:
    """Put those that are not over and have no job into the queue again; returns how many."""
    unfinished = connection.execute(
        "SELECT workspace_id, id FROM privacy_erasure WHERE status IN ('waiting', 'running')"
    ).fetchall()
    # asked second: what was asked for meanwhile is not among the first
    cared_for = {given["erasure_id"] for given in arguments_under_way(connection, TASK)} if unfinished else set()
    return sum(
        _resume(connection, workspace_id, erasure_id)
        for workspace_id, erasure_id in unfinished
        if str(erasure_id) not in cared_for
    )


def _resume(connection: Connection, workspace_id: int, erasure_id: UUID) -> bool:
    """False where it came to its end since we looked, or a rival was quicker."""
    with connection.transaction():
        row = connection.execute(
            "SELECT 1 FROM privacy_erasure"
            " WHERE workspace_id = %s AND id = %s AND status IN ('waiting', 'running') FOR UPDATE",
            (workspace_id, erasure_id),
        ).fetchone()
        if row is None:
            return False
        try:
            _put_in_queue(connection, workspace_id, erasure_id)
        except AlreadyWaiting:
            return False
    log.warning("erasure goes on", erasure=str(erasure_id))
    return True


@task(TASK)
def do_erasure(workspace_id: int, erasure_id: str) -> None:
    """Go through what waits of one request."""
    with connect(autocommit=True, application="tessera erasure") as connection:
        run_erasure(connection, workspace_id=workspace_id, erasure_id=UUID(erasure_id))


def run_erasure(connection: Connection, *, workspace_id: int, erasure_id: UUID) -> None:
    """Erase whoever waits, then say that it is done; started again, it goes on where it was.

    Where the database goes away, so does the exception; the request stays as it is for the next try.
    """
    _set_status(connection, workspace_id, erasure_id, "running")
    _let_failures_wait_again(connection, erasure_id)
    while (number := _next_waiting(connection, erasure_id)) is not None:
        try:
            _erase_against_rivals(connection, workspace_id, erasure_id, number)
        except TesseraError as error:
            _fail_one(connection, erasure_id, number, error.code)
        except psycopg.OperationalError:
            raise
        except Exception:
            log.exception("erasure failed", erasure=str(erasure_id), number=number)
            _fail_one(connection, erasure_id, number, "internal_error")
    _set_status(connection, workspace_id, erasure_id, "done")


def _set_status(connection: Connection, workspace_id: int, erasure_id: UUID, status: str) -> None:
    """A request in which every single name failed on our side has failed as a whole."""
    connection.execute(
        "UPDATE privacy_erasure e SET status = CASE WHEN %(status)s = 'done' AND NOT EXISTS (SELECT 1"
        "        FROM privacy_erased i WHERE i.erasure_id = e.id AND i.code <> 'internal_error')"
        "   THEN 'failed' ELSE %(status)s END,"
        "   finished_at = CASE WHEN %(status)s = 'done' THEN now() END"
        " WHERE workspace_id = %(workspace)s AND id = %(id)s",
        {"status": status, "workspace": workspace_id, "id": erasure_id},
    )


def _let_failures_wait_again(connection: Connection, erasure_id: UUID) -> None:
    """Those that failed on our side, in a run before this one."""
    connection.execute(
        "UPDATE privacy_erased SET status = 'waiting', code = ''"
        " WHERE erasure_id = %s AND status = 'failed' AND code = 'internal_error' AND reference IS NOT NULL",
        (erasure_id,),
    )


def _next_waiting(connection: Connection, erasure_id: UUID) -> int | None:
    row = connection.execute(
        "SELECT number FROM privacy_erased WHERE erasure_id = %s AND status = 'waiting' ORDER BY number LIMIT 1",
        (erasure_id,),
    ).fetchone()
    return row[0] if row else None


def _erase_against_rivals(connection: Connection, workspace_id: int, erasure_id: UUID, number: int) -> None:
    """As `_erase_one`, again where a rival made the database give up on us (a deadlock, `RivalsTooFast`)."""
    for tries in range(1, MOST_TRIES + 1):
        try:
            _erase_one(connection, workspace_id, erasure_id, number)
            return
        except psycopg.Error as error:
            if connection.closed or not is_passing(error) or tries == MOST_TRIES:
                raise
            log.warning("erasure met a rival", erasure=str(erasure_id), number=number, error=type(error).__name__)
            time.sleep(PAUSE * tries)


def _erase_one(connection: Connection, workspace_id: int, erasure_id: UUID, number: int) -> None:
    """One name: the erasure and its outcome commit together. Raises `TesseraError` where it names nobody."""
    with connection.transaction():
        take_turn(connection)
        row = connection.execute(
            "SELECT i.reference, e.asked_by, e.reason, e.suppress FROM privacy_erased i"
            " JOIN privacy_erasure e ON e.id = i.erasure_id AND e.workspace_id = %s"
            " WHERE i.erasure_id = %s AND i.number = %s AND i.status = 'waiting' FOR UPDATE OF i",
            (workspace_id, erasure_id, number),
        ).fetchone()
        if row is None:
            return  # a rival did it
        reference, actor, reason, suppress = row
        profile = profile_named(connection, workspace_id, reference)
        if profile is None:
            raise TesseraError("nobody of that name", code="not_found")
        report, said = erase_whole_person(
            connection,
            workspace_id=workspace_id,
            profile_id=profile,
            erasure_id=erasure_id,
            actor=actor,
            reason=reason,
            suppress=suppress,
            now=datetime.now(UTC),
        )
        connection.execute(
            "UPDATE privacy_erased SET status = 'done', reference = NULL, profile_ids = %s, counts = %s,"
            " suppressed = %s, erased_at = %s WHERE erasure_id = %s AND number = %s",
            (report.profile_ids, as_json(report.counts), report.suppressed, report.erased_at, erasure_id, number),
        )
        connection.execute(
            "UPDATE privacy_erasure SET reason = %s WHERE workspace_id = %s AND id = %s",
            (said, workspace_id, erasure_id),
        )


def _fail_one(connection: Connection, erasure_id: UUID, number: int, code: str) -> None:
    connection.execute(
        "UPDATE privacy_erased SET status = 'failed', code = %(code)s,"
        " reference = CASE WHEN %(code)s = 'internal_error' THEN reference END"
        " WHERE erasure_id = %(erasure)s AND number = %(number)s AND status = 'waiting'",
        {"code": code, "erasure": erasure_id, "number": number},
    )
