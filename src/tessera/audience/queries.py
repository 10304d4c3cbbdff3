"""How far the analyst is, for whoever shows it or waits for it."""

from datetime import datetime
from typing import Any, Final

import psycopg
from msgspec import Struct

Connection = psycopg.Connection[Any]
SILENT: Final = 60
"""Seconds after which an analyst that says nothing is taken for gone: it speaks every second, a long step apart."""
_STATE: Final = """
SELECT engine, behind, lag_ms, seen_at, now() - seen_at < make_interval(secs => %s)
  FROM audience_analyst WHERE leads ORDER BY seen_at DESC LIMIT 1
"""
_CALLED: Final = {"duck": "duckdb"}


class AnalystState(Struct, frozen=True):
    """What the analyst said of itself, the last time it did.

    `behind` counts the rows of history that are not in the warehouse, the oldest of which is `lag_ms` milliseconds old.
    `running` is false where nobody has said anything for a minute; without any analyst ever, all else is None.
    """

    running: bool
    engine: str | None
    behind: int | None
    lag_ms: int | None
    seen_at: datetime | None


def analyst_state(connection: Connection) -> AnalystState:
    """Of the analyst that follows history, or did so last."""
    row = connection.execute(_STATE, (SILENT,)).fetchone()
    if row is None:
        return AnalystState(running=False, engine=None, behind=None, lag_ms=None, seen_at=None)
    engine, behind, lag, seen, running = row
    name = engine.removesuffix("Engine").lower()
    return AnalystState(running=running, engine=_CALLED.get(name, name), behind=behind, lag_ms=lag, seen_at=seen)
