"""What must be done now and then, by whichever worker gets to it: nothing here needs a cron job."""

from datetime import UTC, datetime
from typing import Any, Final

import psycopg
import structlog

from tessera.access import ledgers
from tessera.events import catalogue, pace, partitions, rejections, seen
from tessera.foundation.settings import settings

log = structlog.get_logger("chores")
Connection = psycopg.Connection[Any]
REJECTION_DAYS: Final = 7


def add_up_tallies(connection: Connection) -> None:
    while catalogue.add_up(connection) == catalogue.MOST_AT_ONCE:
        pass


def do_all(connection: Connection) -> None:
    """Partitions, retention and forgetting; each safe to do twice and at the same time."""
    now = datetime.now(UTC)
    for name in partitions.ensure(connection, now=now):
        log.info("partition made", name=name)
    months = settings().history_months
    if months is not None:
        for name in partitions.drop_older_than(connection, months=months, now=now):
            log.info("partition dropped", name=name)
        if waiting := partitions.older_than(connection, months=months, now=now):
            log.warning("partitions kept: not all of them is in the warehouse; is the analyst running?", names=waiting)
    seen.forget_older_than(connection, days=settings().dedupe_days)
    rejections.forget_older_than(connection, days=REJECTION_DAYS)
    pace.forget_old(connection)
    ledgers.forget_old(connection)
