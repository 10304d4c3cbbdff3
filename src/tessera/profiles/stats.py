"""How much there is of a workspace: people, profiles, events, messages that wait."""

from datetime import datetime, timedelta
from typing import Any

import psycopg
from msgspec import Struct

Connection = psycopg.Connection[Any]


class Stats(Struct, frozen=True):
    """`counted_at` says when people and profiles were counted; the other figures are of now."""

    people: int
    profiles: int
    events: int
    waiting: int
    counted_at: datetime


EXACT_UP_TO = 100_000
"""Counting more profiles than these takes a noticeable while, so the number is kept; the longer, the larger it is."""
_KEPT_PER_EXACT = timedelta(minutes=1)
_KEPT_AT_MOST = timedelta(hours=1)
_counts: dict[tuple[str, int], tuple[datetime, int, int]] = {}


def stats(connection: Connection, workspace_id: int, *, now: datetime) -> Stats:
    """How many people and profiles the workspace has, how many events were recorded, how many messages wait."""
    counted_at, people, profiles = _count_people(connection, workspace_id, now)
    volume = connection.execute(
        "SELECT coalesce(sum(volume), 0)::bigint FROM events_catalogue WHERE workspace_id = %s AND kind = 'event'",
        (workspace_id,),
    ).fetchone()
    waiting = connection.execute(
        "SELECT count(*) FROM events_inbox WHERE workspace_id = %s", (workspace_id,)
    ).fetchone()
    assert volume is not None
    assert waiting is not None
    return Stats(people, profiles, events=volume[0], waiting=waiting[0], counted_at=counted_at)


def _count_people(connection: Connection, workspace_id: int, now: datetime) -> tuple[datetime, int, int]:
    key = (connection.info.dbname, workspace_id)
    known = _counts.get(key)
    if known is not None and now - known[0] < _kept(known[2]):
        return known
    row = connection.execute(
        "SELECT count(*) FILTER (WHERE id = root_id), count(*) FROM identity_profile WHERE workspace_id = %s",
        (workspace_id,),
    ).fetchone()
    assert row is not None
    _counts[key] = (now, row[0], row[1])
    return _counts[key]


def _kept(profiles: int) -> timedelta:
    """For how long a count of so many is good: not at all where it is cheap, ten minutes for a million."""
    return min(_KEPT_AT_MOST, _KEPT_PER_EXACT * ((profiles - 1) // EXACT_UP_TO))
