"""Walking through a workspace's whole history, for those who copy it. Take a connection inside one snapshot."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import psycopg
from msgspec import Struct

from tessera.events.history import Recorded
from tessera.foundation.json_columns import verbatim_cursor

Connection = psycopg.Connection[Any]

_COLUMNS: Final = """
lane, position, recorded_at, event_id, workspace_id, source_id, profile_id, kind, name, occurred_at, received_at,
envelope, body
"""
_CHOSEN: Final = """
    workspace_id = %(workspace)s
AND (%(since)s::timestamptz IS NULL OR occurred_at >= %(since)s)
AND (%(until)s::timestamptz IS NULL OR occurred_at < %(until)s)
AND (%(names)s::text[] IS NULL OR name = ANY(%(names)s))
AND (%(sources)s::int[] IS NULL OR source_id = ANY(%(sources)s))
"""
_OF_LANE: Final = f"""
SELECT {_COLUMNS} FROM events_history
 WHERE lane = %(lane)s AND position > %(after)s AND position <= %(up_to)s AND {_CHOSEN} ORDER BY position
"""  # noqa: S608 -- constants
_OF_PROFILE: Final = f"""
SELECT {_COLUMNS} FROM events_history
 WHERE profile_id = %(profile)s AND (occurred_at, lane, position) > (%(at)s, %(lane)s, %(position)s) AND {_CHOSEN}
 ORDER BY occurred_at, lane, position LIMIT %(limit)s
"""  # noqa: S608 -- constants
_BOUNDS: Final = """
SELECT lane, first.position, last.position
  FROM events_lane
 CROSS JOIN LATERAL (SELECT position FROM events_history h WHERE h.lane = events_lane.lane
                      ORDER BY position LIMIT 1) first
 CROSS JOIN LATERAL (SELECT position FROM events_history h WHERE h.lane = events_lane.lane
                      ORDER BY position DESC LIMIT 1) last
 ORDER BY lane
"""

Place = tuple[datetime, int, int]
"""(occurred_at, lane, position) of a row: where a walk through one profile's events stands."""


class Choice(Struct, frozen=True):
    """Which events of a workspace; None stands for all. The range leaves out its end."""

    workspace_id: int
    since: datetime | None = None
    until: datetime | None = None
    names: tuple[str, ...] | None = None
    sources: tuple[int, ...] | None = None


class Stretch(Struct, frozen=True):
    """The positions of one lane that have rows, both ends included."""

    lane: int
    first: int
    last: int


def stretches(connection: Connection) -> list[Stretch]:
    """Where history has rows, by lane; lanes without any are left out."""
    return [Stretch(*row) for row in connection.execute(_BOUNDS)]


def of_lane(connection: Connection, choice: Choice, *, lane: int, after: int, up_to: int) -> list[Recorded]:
    """The chosen rows at the positions (`after`, `up_to`] of a lane, in order."""
    return _read(connection, _OF_LANE, _parameters(choice) | {"lane": lane, "after": after, "up_to": up_to})


def of_profile(
    connection: Connection, choice: Choice, profile: UUID, *, after: Place | None, limit: int
) -> list[Recorded]:
    """The chosen rows of one profile after a place, oldest first."""
    at, lane, position = after or (datetime.fromisoformat("0001-01-01T00:00:00+00:00"), -1, 0)
    place = {"profile": profile, "at": at, "lane": lane, "position": position, "limit": limit}
    return _read(connection, _OF_PROFILE, _parameters(choice) | place)


def _parameters(choice: Choice) -> dict[str, Any]:
    return {
        "workspace": choice.workspace_id,
        "since": choice.since,
        "until": choice.until,
        "names": None if choice.names is None else list(choice.names),
        "sources": None if choice.sources is None else list(choice.sources),
    }


def _read(connection: Connection, statement: str, parameters: dict[str, Any]) -> list[Recorded]:
    return [Recorded(*row) for row in verbatim_cursor(connection).execute(statement, parameters)]
