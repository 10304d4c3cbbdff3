"""The queue: procrastinate's tables in our database, so that a job is there if and only if its cause committed.

One procrastinate task stands for all of ours: who defers and who watches need to know names only, not code.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg
from procrastinate import App, PsycopgConnector, SyncPsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.types import JSONValue

from tessera.foundation.database import dsn
from tessera.foundation.errors import TesseraError

Connection = psycopg.Connection[Any]
RUN: Final = "tessera.run"
"""The name procrastinate knows our tasks by; its arguments are `task` and `arguments`."""
LONG: Final = "long"
"""For what may take minutes or hours: it has slots of its own, so that nothing urgent waits behind it."""
OUTSIDE: Final = "outside"
"""For what waits for others' machines, which may be slow or down."""
SHORT: Final = "jobs"
"""For all else. Called as the only queue was before there were two: what waited there then is still done."""

_deferring: Final = App(connector=SyncPsycopgConnector())  # never opened: every call brings its own connection


class AlreadyWaiting(TesseraError):
    """A job with the same `once` waits in the queue already."""

    code = "already_waiting"


def defer(
    connection: Connection,
    name: str,
    *,
    queue: str = SHORT,
    lock: str | None = None,
    once: str | None = None,
    after: float = 0.0,
    **arguments: JSONValue,
) -> int:
    """Put a job into the queue in the caller's transaction; returns its number.

    `queue` is `LONG`, `SHORT` or `OUTSIDE`: whose slots it takes. Jobs with the same `lock` are done one after the
    other. Raises `AlreadyWaiting` when one with the same `once` waits to begin (the caller's transaction stays usable).
    It begins `after` so many seconds at the earliest.
    """
    wanted = _deferring.configure_task(
        RUN,
        allow_unknown=True,
        lock=lock,
        queueing_lock=once,
        queue=queue,
        connection=connection,
        schedule_at=datetime.now(UTC) + timedelta(seconds=after) if after else None,
    )
    try:
        with connection.transaction():
            return wanted.defer(task=name, arguments=arguments)
    except AlreadyEnqueued:
        raise AlreadyWaiting(f"{name} waits already: {once}") from None
    except ConnectorException as error:
        raise error.__cause__ or error from None


def working_app() -> App:
    """The app of a process that does the jobs."""
    options = "-c timezone=UTC"
    connector = PsycopgConnector(conninfo=dsn(), kwargs={"application_name": "tessera jobs", "options": options})
    return App(connector=connector)


def waiting(connection: Connection) -> int:
    """How many jobs wait or are being done."""
    row = connection.execute("SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')").fetchone()
    return int(row[0]) if row else 0


def arguments_under_way(connection: Connection, name: str) -> list[dict[str, Any]]:
    """What each job of this task that waits or is being done was deferred with."""
    rows = connection.execute(
        "SELECT args->'arguments' FROM procrastinate_jobs WHERE status IN ('todo', 'doing') AND args->>'task' = %s",
        (name,),
    )
    return [row[0] for row in rows]


def failed_since(connection: Connection, *, days: int = 7) -> int:
    """How many jobs failed for good lately."""
    row = connection.execute(
        "SELECT count(DISTINCT j.id) FROM procrastinate_jobs j JOIN procrastinate_events e ON e.job_id = j.id"
        " WHERE j.status = 'failed' AND e.at > now() - make_interval(days => %s)",
        (days,),
    ).fetchone()
    return int(row[0]) if row else 0
