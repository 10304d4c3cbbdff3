"""Bringing a database to this version: the checks before, Django's migrations, and what must exist afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg

from tessera.foundation.database import connect
from tessera.foundation.errors import SetupError

OLDEST_POSTGRES = 160_000
MAIN_WORKSPACE = "main"
_ONE_AT_A_TIME = 0x7E55E7A
"""The advisory lock that keeps two machines from migrating one database at once."""


def migrate() -> list[str]:
    """Bring the database up to date and return the names of the migrations that ran.

    Django must be loaded. Raises `SetupError` when the server is too old or refuses us the right to make tables.
    """
    with _alone() as connection:
        check_server(connection)
        applied = _run_migrations()
        _ensure_main_workspace()
        _ensure_partitions(connection)
    return applied


def check_server(connection: psycopg.Connection[Any]) -> None:
    """Raises `SetupError` unless the server is PostgreSQL ≥ 16 and lets us make tables."""
    version = connection.info.server_version
    if version < OLDEST_POSTGRES:
        raise SetupError(f"PostgreSQL 16 or newer is needed, this server is {version // 10_000}")
    row = connection.execute(
        "SELECT current_user, current_schema(),"
        " coalesce(has_schema_privilege(current_schema(), 'CREATE'), false), current_setting('server_encoding')"
    ).fetchone()
    assert row is not None
    user, schema, may_create, encoding = row
    if not may_create:
        raise SetupError(f"the database user {user} may not make tables in schema {schema}: GRANT CREATE ON SCHEMA it")
    if encoding != "UTF8":
        raise SetupError(f"the database must be encoded in UTF8, this one is in {encoding}")


def pending_migrations() -> list[str]:
    """The migrations this version has and the database has not, in the order they would run."""
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]


def require_migrated() -> None:
    """Raises `SetupError` when the database is not of this version."""
    pending = pending_migrations()
    if pending:
        raise SetupError(f"the database is not up to date ({len(pending)} migrations to go); run tessera migrate")


def _run_migrations() -> list[str]:
    from django.core.management import call_command

    pending = pending_migrations()
    if pending:
        call_command("migrate", interactive=False, verbosity=0)
    return pending


@contextmanager
def _alone() -> Iterator[psycopg.Connection[Any]]:
    with connect(autocommit=True, application="tessera migrate") as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [_ONE_AT_A_TIME])
        yield connection


def _ensure_partitions(connection: psycopg.Connection[Any]) -> None:
    from tessera.events import partitions

    partitions.ensure(connection, now=datetime.now(UTC))


def _ensure_main_workspace() -> None:
    from tessera.workspaces import actions, queries

    if queries.workspace_by_slug(MAIN_WORKSPACE) is None:
        actions.create_workspace(slug=MAIN_WORKSPACE, name="Demo")
