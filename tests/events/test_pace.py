"""Events per minute are counted exactly, whatever happens between the batch and the adding up."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from factories.people import ingest, message
from tessera.events import catalogue, pace
from tessera.foundation.database import connect


def test_each_event_counts_once_in_its_minute(database: str, workspace_id: int) -> None:
    with connect(autocommit=True) as live:
        ingest(live, workspace_id, [message(userId="ana"), message("identify", userId="ana", traits={"plan": "pro"})])
        ingest(live, workspace_id, [message(userId="ana", messageId="twice"), message(userId="ana", messageId="twice")])
        while catalogue.add_up(live):
            pass
        now = datetime.now(UTC)
        minutes = pace.last_hour(live, workspace_id, now=now)

        assert len(minutes) == 60
        assert sum(events for _, events in minutes) == 3
        assert sum(events for _, events in minutes[-3:]) == 3
        assert pace.last_hour(live, workspace_id + 1, now=now) == [(minute, 0) for minute, _ in minutes]


def test_a_tally_that_was_taken_back_counts_nothing(database: str, workspace_id: int) -> None:
    with connect(autocommit=True) as live:
        ingest(live, workspace_id, [message(userId="ana")])
        with live.transaction():
            catalogue.add_up(live)
            raise psycopg.Rollback
        catalogue.add_up(live)

        assert sum(events for _, events in pace.last_hour(live, workspace_id, now=datetime.now(UTC))) == 1


def test_old_minutes_are_forgotten(connection: psycopg.Connection[Any], workspace_id: int) -> None:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    for hours in (1, 47, 49):
        at = int((now - timedelta(hours=hours)).timestamp() * 1_000_000)
        pace.add(connection, [{"at": at, "seen": {str(workspace_id): hours}}])

    pace.forget_old(connection)

    assert {row[0] for row in connection.execute("SELECT events FROM events_minute")} == {1, 47}
