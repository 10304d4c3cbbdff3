"""Where a benchmark takes place: a database of its own beside ours, gone afterwards."""

import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from secrets import token_hex
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tessera.foundation.database import dsn
from tessera.foundation.errors import SetupError
from tessera.foundation.settings import settings


@contextmanager
def throw_away_database() -> Iterator[str]:
    """A new, migrated database; gives its address. The server must run."""
    name = f"tessera_bench_{token_hex(4)}"
    with psycopg.connect(dsn(), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    address = make_conninfo(dsn(), dbname=name)
    try:
        tessera(address, "migrate")
        yield address
    finally:
        with psycopg.connect(dsn(), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def tessera(address: str, *words: str) -> str:
    """What a `tessera` command on that database prints. Raises `SetupError` when it fails."""
    command = [sys.executable, "-m", "tessera", *words]
    done = subprocess.run(command, env=environment(address), capture_output=True, check=False, text=True)
    if done.returncode:
        raise SetupError(f"tessera {' '.join(words)} failed: {done.stderr[-500:]}")
    return done.stdout


def environment(address: str) -> dict[str, str]:
    """For a process of ours that is to work on that database."""
    return os.environ | {"TESSERA_DATABASE_URL": address, "TESSERA_HOME": str(settings().home)}


def machine() -> dict[str, Any]:
    """What every figure depends on."""
    return {"cpus": os.cpu_count(), "python": platform.python_version()}
