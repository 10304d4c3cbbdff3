"""What is worth looking at is found, and nothing is said when all is well."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from factories.people import ingest, message, put_in_inbox
from tessera.events import rejections
from tessera.events.alarms import Alarm, alarms
from tessera.events.rejections import Rejection
from tessera.foundation.database import connect

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def live(database: str) -> Any:
    with connect(autocommit=True) as opened:
        yield opened


def history_of(live: psycopg.Connection[Any], workspace_id: int, source: int, ages: list[timedelta]) -> None:
    """Events of a source, recorded so long before `NOW`."""
    for number in range(len(ages)):
        ingest(live, workspace_id, [message(userId=f"u-{source}-{number}")], source_id=source)
    rows = live.execute("SELECT lane, position FROM events_history WHERE source_id = %s", (source,)).fetchall()
    for (lane, position), age in zip(rows, ages, strict=True):
        live.execute(
            "UPDATE events_history SET recorded_at = %s WHERE lane = %s AND position = %s", (NOW - age, lane, position)
        )


def test_nothing_is_wrong_with_a_new_workspace(live: psycopg.Connection[Any], workspace_id: int) -> None:
    assert alarms(live, workspace_id, [1, 2], now=NOW) == []


def test_a_source_is_silent_by_its_own_pace(live: psycopg.Connection[Any], workspace_id: int) -> None:
    busy = [timedelta(hours=2, minutes=minute) for minute in range(12)]
    slow = [timedelta(hours=2 + 3 * turn) for turn in range(12)]
    young = [timedelta(hours=50)] * 3
    for source, ages in ((1, busy), (2, slow), (3, young)):
        history_of(live, workspace_id, source, ages)

    found = alarms(live, workspace_id, [1, 2, 3], now=NOW)

    assert found == [Alarm("source_silent", number=7200, source_id=1, since=NOW - timedelta(hours=2))]


def test_refusals_of_the_last_day_by_reason(live: psycopg.Connection[Any], workspace_id: int) -> None:
    refused = [Rejection(workspace_id, 7, "collect", "no_identifier", "", "")] * 3
    rejections.store(live, [*refused, Rejection(workspace_id, 8, "collect", "malformed_json", "", "")])

    found = alarms(live, workspace_id, [7], now=datetime.now(UTC))

    assert [(one.code, one.number, one.name, one.source_id) for one in found] == [("refused", 3, "no_identifier", 7)]


def test_work_that_waits_too_long(live: psycopg.Connection[Any], workspace_id: int) -> None:
    put_in_inbox(live, workspace_id, [message(userId="ana"), message(userId="bo")])
    assert alarms(live, workspace_id, [], now=NOW) == []

    live.execute("UPDATE events_inbox SET received_at = received_at - interval '31 seconds'")

    assert alarms(live, workspace_id, [], now=NOW) == [Alarm("inbox_waits", number=2)]
