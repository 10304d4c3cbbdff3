"""The way to PostgreSQL: where it is, and a plain connection to it. Knows no Django."""

from typing import Any

import psycopg

from tessera.foundation.embedded import embedded_dsn
from tessera.foundation.settings import settings


def dsn() -> str:
    """The address of this installation's database, as libpq takes it."""
    return settings().database_url or embedded_dsn(settings().home)


def connect(*, autocommit: bool = False, application: str = "tessera") -> psycopg.Connection[Any]:
    """A connection in UTC. Raises `psycopg.OperationalError` while the server is away."""
    return psycopg.connect(dsn(), autocommit=autocommit, application_name=application, options="-c timezone=UTC")
