"""How the queue and the log are doing, in a few cheap numbers: what `tessera doctor` and the metrics ask. No Django."""

from datetime import datetime
from typing import Any

import psycopg
from msgspec import Struct


class QueueFigures(Struct, frozen=True):
    waiting: int
    oldest_waiting_seconds: float
    """How long the oldest acknowledged message has been waiting; 0 when none is."""
    quarantined: int
    rejected_last_hour: int
    last_received: datetime | None
    """When the newest event still in the inbox or in the last two months of history was received."""


_FIGURES = """
SELECT (SELECT count(*) FROM events_inbox),
       coalesce((SELECT extract(epoch FROM now() - min(received_at)) FROM events_inbox), 0)::float8,
       (SELECT count(*) FROM events_quarantine),
       (SELECT count(*) FROM events_rejection WHERE at > now() - interval '1 hour'),
       greatest((SELECT max(received_at) FROM events_inbox), (SELECT max(newest) FROM (
           SELECT (SELECT recorded_at FROM events_history h
                    WHERE h.lane = l.lane AND h.position = l.position
                      AND h.recorded_at > now() - interval '2 months') AS newest
             FROM events_lane l WHERE l.position > 0) AS lanes))
"""


def queue_figures(connection: psycopg.Connection[Any]) -> QueueFigures:
    """Reads the newest row of each lane by its key, so its cost does not grow with the history."""
    row = connection.execute(_FIGURES).fetchone()
    assert row is not None
    return QueueFigures(*row)
