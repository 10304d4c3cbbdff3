"""The way to PostgreSQL: where it is, and a plain connection to it. Knows no Django."""

from typing import Any, Final

import psycopg

from tessera.foundation.embedded import embedded_dsn
from tessera.foundation.settings import settings

_PASSING: Final = frozenset({"08", "40", "53", "55", "57", "58"})
"""Classes of SQLSTATE: connection lost, rolled back for a rival, out of room, locked, stopped by hand, system error."""


def dsn() -> str:
    """The address of this installation's database, as libpq takes it."""
    return settings().database_url or embedded_dsn(settings().home)


def connect(*, autocommit: bool = False, application: str = "tessera") -> psycopg.Connection[Any]:
    """A connection in UTC. Raises `psycopg.OperationalError` while the server is away."""
    return psycopg.connect(dsn(), autocommit=autocommit, application_name=application, options="-c timezone=UTC")


def plan_once(connection: psycopg.Connection[Any]) -> None:
    """For a worker, whose statements are short and alike: plan them once, never in parallel, never compiled."""
    connection.prepare_threshold = 3
    connection.execute("SET jit = off")
    connection.execute("SET max_parallel_workers_per_gather = 0")
    connection.execute("SET plan_cache_mode = force_generic_plan")


def may_pass(error: BaseException | None) -> bool:
    """Whether the same again may do later: the database is away or busy, or a rival was quicker (deadlock, …).

    Also where another error (Django's, a room's) was raised from it.
    """
    while error is not None:
        if isinstance(error, psycopg.Error):
            state = error.sqlstate
            return isinstance(error, psycopg.OperationalError) if state is None else state[:2] in _PASSING
        error = error.__cause__
    return False


def is_lost(error: Exception) -> bool:
    """Whether a connection is gone, or the server is: a statement that PostgreSQL does not like is no reason to end."""
    if not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return False
    return error.sqlstate is None or error.sqlstate.startswith(("08", "57P"))
