"""The jobs of this room."""

from datetime import UTC, datetime
from uuid import UUID

from tessera.deliveries import actions
from tessera.deliveries import run as running
from tessera.foundation.database import connect
from tessera.jobs import task


@task(running.RUN)
def run(listener: str) -> None:
    """Deliver what is due of one export."""
    running.run(UUID(listener))


@task("deliveries.sweep")
def sweep() -> None:
    """Look after what no job looks after, and drop what was kept long enough."""
    with connect(autocommit=True, application="tessera deliveries") as connection:
        actions.sweep(connection, now=datetime.now(UTC))
