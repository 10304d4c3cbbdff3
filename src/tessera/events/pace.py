"""How many events were recorded in each minute: a row per workspace and minute, added up from the batches' tallies.

Reading it costs the same however many events there are; counting history would not.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg

from tessera.foundation.clock import SECOND, to_datetime

Connection = psycopg.Connection[Any]
KEPT_HOURS: Final = 48
MINUTE: Final = timedelta(minutes=1)

_ADD = """
INSERT INTO events_minute AS known (workspace_id, minute, events)
SELECT * FROM unnest(%s::int[], %s::timestamptz[], %s::bigint[])
ON CONFLICT (workspace_id, minute) DO UPDATE SET events = known.events + excluded.events
"""


def add(connection: Connection, tallies: Iterable[Mapping[str, Any]]) -> None:
    """Add what these tallies saw (`at` in microseconds, `seen` by workspace), in the transaction that takes them."""
    sums: Counter[tuple[int, int]] = Counter()
    for tally in tallies:
        minute = tally["at"] // (60 * SECOND)
        for workspace, events in tally.get("seen", {}).items():
            sums[int(workspace), minute] += events
    if sums:
        rows = sorted(sums.items())
        workspaces = [workspace for (workspace, _), _ in rows]
        minutes = [to_datetime(minute * 60 * SECOND) for (_, minute), _ in rows]
        connection.execute(_ADD, (workspaces, minutes, [events for _, events in rows]))


def last_hour(connection: Connection, workspace_id: int, *, now: datetime) -> list[tuple[datetime, int]]:
    """The sixty minutes up to and with the one `now` is in: (its beginning in UTC, events), oldest first."""
    newest = now.replace(second=0, microsecond=0)
    minutes = [newest - MINUTE * back for back in range(59, -1, -1)]
    rows = connection.execute(
        "SELECT minute, events FROM events_minute WHERE workspace_id = %s AND minute >= %s AND minute <= %s",
        (workspace_id, minutes[0], newest),
    ).fetchall()
    known = dict(rows)
    return [(minute, known.get(minute, 0)) for minute in minutes]


def forget_old(connection: Connection) -> None:
    """Drop what is older than `KEPT_HOURS`."""
    connection.execute("DELETE FROM events_minute WHERE minute < now() - make_interval(hours => %s)", (KEPT_HOURS,))
