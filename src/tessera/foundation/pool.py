"""Connections to PostgreSQL for web processes: `with pool().connection() as c`, shared by the process's threads."""

import atexit
import logging
from threading import Lock
from typing import Any, Final

import psycopg
from psycopg_pool import ConnectionPool

from tessera.foundation.database import dsn

Connection = psycopg.Connection[Any]
Pool = ConnectionPool[Connection]

MOST: Final = 8
PATIENCE: Final = 5.0
"""Seconds a request waits for a connection before it fails with `psycopg_pool.PoolTimeout`, an `OperationalError`."""

GIVE_UP: Final = 2.0
"""Seconds the pool itself goes on trying to connect; the next request makes it try again at once, not by a back-off."""

LONGEST_STATEMENT: Final = "30s"

_lock = Lock()
_pools: dict[str, Pool] = {}

logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # its warnings repeat what every request is told


def pool() -> Pool:
    """The process's pool for the database the settings name, opened when it is first asked for.

    Its connections are in UTC and autocommit, so `connection.transaction()` is a real one. Each is tried before it is
    handed out: a restart of PostgreSQL costs nobody a request that begins after it.
    """
    address = dsn()
    with _lock:
        if address not in _pools:
            close_pools()  # there is one address in a process's life; only tests move to another
            _pools[address] = _opened(address)
        return _pools[address]


def close_pools() -> None:
    """End every connection. Whoever asks for a pool afterwards gets a new one."""
    while _pools:
        _, old = _pools.popitem()
        old.close(timeout=1)


def _opened(address: str) -> Pool:
    return ConnectionPool(
        address,
        min_size=1,
        max_size=MOST,
        timeout=PATIENCE,
        reconnect_timeout=GIVE_UP,
        open=True,
        check=_check,
        kwargs={
            "autocommit": True,
            "application_name": "tessera console",
            "options": f"-c timezone=UTC -c statement_timeout={LONGEST_STATEMENT}",
        },
        name="tessera",
    )


def _check(connection: Connection) -> None:
    """Raises where the connection is dead. Its idle siblings died with it, so all are replaced.

    Otherwise each would be found out on its own, with a growing pause after each, and requests would give up meanwhile.
    """
    try:
        ConnectionPool.check_connection(connection)
    except psycopg.Error:
        for opened in list(_pools.values()):
            opened.drain()
        raise


atexit.register(close_pools)
