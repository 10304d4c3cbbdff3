"""The jobs of this room."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from tessera.exports import actions
from tessera.foundation.database import connect
from tessera.foundation.settings import settings
from tessera.jobs import task


@task(actions.RUN)
def run(export_id: str) -> None:
    """Write the file of an export."""
    actions.run_export(UUID(export_id))


@task("exports.sweep")
def sweep() -> None:
    """Drop the files that were kept long enough."""
    before = datetime.now(UTC) - timedelta(days=settings().export_days)
    with connect(autocommit=True) as connection:
        actions.drop_old_files(connection, before=before)
