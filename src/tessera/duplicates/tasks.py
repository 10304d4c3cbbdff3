"""The background doors."""

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from tessera.duplicates import actions
from tessera.foundation.database import connect
from tessera.jobs import task

NIGHTLY: Final = "duplicates.nightly"


@task(actions.FIND)
def find(workspace_id: int, run_id: str) -> None:
    with connect(autocommit=True, application="tessera duplicates") as connection:
        actions.carry_out_run(connection, workspace_id=workspace_id, run_id=UUID(run_id))


@task(NIGHTLY)
def nightly() -> None:
    """Where somebody has looked once, we look every night."""
    with connect(autocommit=True, application="tessera duplicates") as connection:
        actions.ask_for_nightly_runs(connection, now=datetime.now(UTC))
