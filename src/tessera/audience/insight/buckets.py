"""Hours, days, weeks and months, numbered from 1970 in UTC: whole numbers, on which all engines agree.

Weeks begin on Mondays. A day's number is what engines make of the seconds; a month's is told by the date.
"""

from datetime import UTC, datetime
from typing import Any, Final, Literal, TypeAlias

from tessera.foundation.clock import DAY, HOUR, Micros, to_datetime, to_micros

Unit: TypeAlias = Literal["hour", "day", "week", "month"]
_SECONDS: Final = {"hour": 3_600, "day": 86_400}
_MONDAY: Final = 3
"""1970 began on a Thursday, three days after a Monday."""


def bucket_column(column: Any, unit: Unit) -> Any:
    """The number of the bucket that a moment of the warehouse is in; for moments from 1970 on."""
    if unit == "month":
        return (column.year().cast("int64") - 1970) * 12 + column.month().cast("int64") - 1
    seconds = column.epoch_seconds().cast("float64")
    if unit == "week":
        days = (seconds / float(_SECONDS["day"])).floor()
        return ((days + float(_MONDAY)) / 7.0).floor().cast("int64")
    return (seconds / float(_SECONDS[unit])).floor().cast("int64")


def bucket_of(at: Micros, unit: Unit) -> int:
    """The number of the bucket that this moment is in."""
    if unit == "month":
        date = to_datetime(at)
        return (date.year - 1970) * 12 + date.month - 1
    if unit == "week":
        return (at // DAY + _MONDAY) // 7
    return at // (HOUR if unit == "hour" else DAY)


def start_of_bucket(number: int, unit: Unit) -> Micros:
    """The first moment of the bucket."""
    if unit == "month":
        return to_micros(datetime(1970 + number // 12, number % 12 + 1, 1, tzinfo=UTC))
    if unit == "week":
        return (number * 7 - _MONDAY) * DAY
    return number * (HOUR if unit == "hour" else DAY)


def buckets_within(first: Micros, end: Micros, unit: Unit) -> range:
    """The numbers of all buckets that have a moment from `first` to before `end`."""
    return range(bucket_of(first, unit), bucket_of(end - 1, unit) + 1)
