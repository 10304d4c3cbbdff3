"""Time as the house keeps it: UTC, whole microseconds since 1970 where it is hot, `datetime` at the doors."""

import time
from datetime import UTC, datetime, timedelta

Micros = int
"""Microseconds since 1970-01-01T00:00:00Z."""

SECOND: Micros = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST: Micros = -62_135_596_800_000_000
"""Year 1, the first that `datetime` knows."""

_ONE = timedelta(microseconds=1)


def now_micros() -> Micros:
    return time.time_ns() // 1000


def to_micros(moment: datetime) -> Micros:
    """Exact for every aware `datetime`; naive ones are taken as UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - EPOCH) // _ONE


def in_utc(moment: datetime | None) -> datetime | None:
    """The same moment in UTC; a naive one is taken as UTC. Where UTC is outside the years 1 to 9999, their edge.

    What strangers name goes through here before Django writes it into a statement: `datetime` knows zones up to 23:59
    hours away, PostgreSQL reads zones up to 15:59.
    """
    if moment is None or moment.tzinfo is None:
        return moment and moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return (datetime.min if moment.year == 1 else datetime.max).replace(tzinfo=UTC)


def to_datetime(micros: Micros) -> datetime:
    """Exact, also before 1970 (no float on the way)."""
    return EPOCH + timedelta(microseconds=micros)


def iso(micros: Micros) -> str:
    """`2026-11-21T22:20:30.000123Z`, the form every document of ours carries."""
    return to_datetime(micros).isoformat(timespec="microseconds").replace("+00:00", "Z")


def day_of(micros: Micros) -> int:
    """Days since 1970-01-01, UTC."""
    return micros // DAY
