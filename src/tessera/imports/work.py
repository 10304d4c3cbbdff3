"""The jobs of this room: what `tessera jobs` does for an import. Each finds out itself how far it came."""

from datetime import UTC, datetime
from uuid import UUID

from tessera.foundation.database import connect
from tessera.imports import actions, engine, traces, undoing
from tessera.jobs import task


@task("imports.tidy")
def tidy() -> None:
    with connect(autocommit=True, application="tessera import") as connection:
        traces.forget_old(connection, now=datetime.now(UTC))


@task(actions.RUN)
def run(import_id: str) -> None:
    engine.run_import(UUID(import_id))


@task(actions.CHECK)
def check(import_id: str) -> None:
    engine.check_import(UUID(import_id))


@task(actions.UNDO)
def undo(import_id: str) -> None:
    undoing.undo_import(UUID(import_id))
