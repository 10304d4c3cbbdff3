"""Followers: whoever reads history after the fact, each at its own pace, with one offset per lane.

A lane's positions have no gaps and commit in order, so "after my offset, in order" never skips a late commit.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import psycopg

from tessera.events import history
from tessera.events.history import Recorded
from tessera.events.lanes import LANES

Connection = psycopg.Connection[Any]


class Follower(Protocol):
    """Something that acts on history. `name` identifies its offsets for ever."""

    name: str

    def follow(self, connection: Connection, records: Sequence[Recorded]) -> None:
        """Act on the next records of one lane, in the transaction that moves the offset."""


def register(connection: Connection, follower: str) -> None:
    """Give the follower its offsets, starting at the beginning of what history holds."""
    connection.execute(
        "INSERT INTO events_cursor (follower, lane) SELECT %s, generate_series(0, %s) ON CONFLICT DO NOTHING",
        (follower, LANES - 1),
    )


def advance(connection: Connection, follower: Follower, *, most: int = 1_000) -> int:
    """Let the follower act on up to `most` records of one lane that has any; returns how many.

    One transaction: the offset moves if and only if the follower's own writes commit. Two processes advancing the
    same follower take different lanes.
    """
    with connection.transaction():
        row = connection.execute(
            "SELECT c.lane, c.position, l.position FROM events_cursor c JOIN events_lane l USING (lane)"
            " WHERE c.follower = %s AND l.position > c.position LIMIT 1 FOR UPDATE OF c SKIP LOCKED",
            (follower.name,),
        ).fetchone()
        if row is None:
            return 0
        lane, position, written = row
        records = history.in_lane(connection, lane, after=position, limit=most)
        end = records[-1].position if records else written  # none left of those: retention dropped them
        if records:
            follower.follow(connection, records)
        connection.execute(
            "UPDATE events_cursor SET position = %s WHERE follower = %s AND lane = %s", (end, follower.name, lane)
        )
        return len(records)


def lag(connection: Connection) -> dict[str, int]:
    """How many records each follower has not read yet."""
    rows = connection.execute(
        "SELECT c.follower, sum(l.position - c.position)::bigint FROM events_cursor c JOIN events_lane l USING (lane)"
        " GROUP BY c.follower"
    )
    return {follower: int(behind) for follower, behind in rows}
