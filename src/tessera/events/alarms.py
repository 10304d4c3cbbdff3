"""What somebody should look at: sources gone silent, refusals, messages set aside, work that waits, names running out.

Each is found by an index over a bounded number of rows, so asking costs the same at any size.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import psycopg
from msgspec import Struct

from tessera.events import figures, followers
from tessera.events.catalogue import LIMITS

Connection = psycopg.Connection[Any]
PATIENCE_SECONDS: Final = 30.0
"""An acknowledged message that waits longer says that no worker keeps up."""
MOST_BEHIND: Final = 10_000
"""Records a follower may be behind before it is worth a word."""
LEAST_SILENCE: Final = 3_600.0
TIMES_THE_PACE: Final = 5
"""A source is silent after five times the longest pause among its last events, and an hour at least."""
SAMPLE: Final = 100
NEARLY: Final = 0.9


class Alarm(Struct, frozen=True):
    """One thing to look at. `number` is a count, or seconds; `name` a code, a follower or a kind of name."""

    code: str
    number: int = 0
    name: str = ""
    source_id: int | None = None
    since: datetime | None = None


_REFUSED = """
SELECT code, source_id, count(*), max(at) FROM (
    SELECT r.code, r.source_id, r.at FROM unnest(%s::int[]) AS s (id) CROSS JOIN LATERAL (
        SELECT code, source_id, at FROM events_rejection WHERE source_id = s.id AND at > %s - interval '1 day'
         ORDER BY at DESC LIMIT 1000) AS r) AS latest
 GROUP BY code, source_id ORDER BY count(*) DESC LIMIT 10
"""
_PAUSES = """
SELECT s.id, max(h.recorded_at),
       extract(epoch FROM max(h.pause))::float8, extract(epoch FROM %s - max(h.recorded_at))::float8
  FROM unnest(%s::int[]) AS s (id) CROSS JOIN LATERAL (
       SELECT recorded_at, recorded_at - lead(recorded_at) OVER (ORDER BY recorded_at DESC) AS pause
         FROM (SELECT recorded_at FROM events_history WHERE source_id = s.id
                ORDER BY recorded_at DESC LIMIT %s) AS newest) AS h
 GROUP BY s.id HAVING count(*) >= 10
"""
_NAMES = "SELECT kind, count(*) FROM events_catalogue WHERE workspace_id = %s GROUP BY kind"
_SET_ASIDE = "SELECT count(*), min(received_at) FROM events_quarantine WHERE workspace_id = %s"


def alarms(connection: Connection, workspace_id: int, sources: Sequence[int], *, now: datetime) -> list[Alarm]:
    """What is wrong with the workspace's events, the gravest first. `sources` are those in use."""
    return [
        *_waiting(connection),
        *_set_aside(connection, workspace_id),
        *_behind(connection),
        *_silent(connection, sources, now),
        *_refused(connection, sources, now),
        *_running_out(connection, workspace_id),
    ]


def _waiting(connection: Connection) -> list[Alarm]:
    queue = figures.queue_figures(connection)
    if queue.oldest_waiting_seconds <= PATIENCE_SECONDS:
        return []
    return [Alarm("inbox_waits", number=queue.waiting)]


def _set_aside(connection: Connection, workspace_id: int) -> list[Alarm]:
    row = connection.execute(_SET_ASIDE, (workspace_id,)).fetchone()
    return [Alarm("set_aside", number=row[0], since=row[1])] if row and row[0] else []


def _behind(connection: Connection) -> list[Alarm]:
    lag = followers.lag(connection)
    return [Alarm("follower_behind", number=behind, name=name) for name, behind in lag.items() if behind > MOST_BEHIND]


def _silent(connection: Connection, sources: Sequence[int], now: datetime) -> list[Alarm]:
    rows = connection.execute(_PAUSES, (now, list(sources), SAMPLE)).fetchall()
    return [
        Alarm("source_silent", number=int(silence), source_id=source, since=newest)
        for source, newest, longest, silence in rows
        if silence > max(LEAST_SILENCE, TIMES_THE_PACE * longest)
    ]


def _refused(connection: Connection, sources: Sequence[int], now: datetime) -> list[Alarm]:
    rows = connection.execute(_REFUSED, (list(sources), now)).fetchall()
    return [Alarm("refused", number=count, name=code, source_id=source, since=at) for code, source, count, at in rows]


def _running_out(connection: Connection, workspace_id: int) -> list[Alarm]:
    rows = connection.execute(_NAMES, (workspace_id,)).fetchall()
    return [Alarm("names_run_out", number=count, name=kind) for kind, count in rows if count >= LIMITS[kind] * NEARLY]
