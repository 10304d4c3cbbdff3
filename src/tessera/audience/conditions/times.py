"""What is asked of a moment: dates, windows that move with time, days that come again every year."""

import calendar
import re
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Final

import ibis
from msgspec import Meta

from tessera.audience.conditions.comparison import Boolean, Comparison
from tessera.audience.leaves import Leaf, Type
from tessera.events.messages import Rejected, parse_time
from tessera.foundation.clock import DAY, HOUR, Micros, to_datetime, to_micros

Moment = Annotated[str, Meta(min_length=10, max_length=40)]
"""A day (`2026-01-31`) or a moment in ISO 8601; UTC where it names no zone."""
Days = Annotated[int, Meta(ge=0, le=3_660)]
LAST: Final = to_micros(datetime.max)
"""There is no moment behind it: `after 9999-12-31` is never, and until then is for ever."""
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


class _Time(Comparison, frozen=True, kw_only=True):
    types: ClassVar[tuple[Type, ...]] = ("time",)

    def span(self, now: Micros) -> tuple[Micros | None, Micros | None]:
        """From (included) and to (not included)."""
        raise NotImplementedError

    def passes(self, kind: Type, value: Leaf, now: Micros) -> bool:
        first, end = self.span(now)
        at = int(value)  # type: ignore[arg-type]
        return (first is None or at >= first) and (end is None or at < end)

    def column_passes(self, kind: Type, column: Any, now: Micros) -> Boolean:
        first, end = self.span(now)
        if first is not None and first > LAST:
            return ibis.literal(False)
        parts = [column >= moment(first)] if first is not None else []
        if end is not None and end <= LAST:
            parts.append(column < moment(end))
        if not parts:
            parts.append(column.notnull())
        return parts[0] if len(parts) == 1 else parts[0] & parts[1]


def moment(micros: Micros) -> Any:
    """A literal of the warehouse's time: UTC, microseconds, without a zone."""
    return ibis.literal(to_datetime(micros).replace(tzinfo=None), type="timestamp(6)")


class Before(_Time, frozen=True, kw_only=True, tag="before"):
    """Before that moment; a date is its first moment, in UTC."""

    moment: Moment

    def __post_init__(self) -> None:
        start_of(self.moment)

    def span(self, now: Micros) -> tuple[Micros | None, Micros | None]:
        return None, start_of(self.moment)


class After(_Time, frozen=True, kw_only=True, tag="after"):
    """After that moment; after a date is from the day after on."""

    moment: Moment

    def __post_init__(self) -> None:
        start_of(self.moment)

    def span(self, now: Micros) -> tuple[Micros | None, Micros | None]:
        return end_of(self.moment), None


class During(_Time, frozen=True, kw_only=True, tag="during"):
    """From the first moment to the last, both included; a date is the whole day, in UTC."""

    first: Moment
    last: Moment

    def __post_init__(self) -> None:
        if start_of(self.first) >= end_of(self.last):
            raise ValueError("the first day is after the last")

    def span(self, now: Micros) -> tuple[Micros | None, Micros | None]:
        return start_of(self.first), end_of(self.last)


class InLast(_Time, frozen=True, kw_only=True, tag="in_last"):
    """From 00:00 UTC so many days ago until now: today is day 0 (reference semantics §1.5, X in Y)."""

    days: Days
    moves: ClassVar[bool] = True

    def span(self, now: Micros) -> tuple[Micros | None, Micros | None]:
        return window(self.days, now)


class InLastHours(_Time, frozen=True, kw_only=True, tag="in_last_hours"):
    """From so many hours ago until now, to the microsecond."""

    hours: Annotated[int, Meta(ge=1, le=8_784)]
    moves: ClassVar[bool] = True

    def span(self, now: Micros) -> tuple[Micros | None, Micros | None]:
        return now - self.hours * HOUR, now + 1


class InNext(_Time, frozen=True, kw_only=True, tag="in_next"):
    """From now until the end of the day so many days ahead, in UTC."""

    days: Days
    moves: ClassVar[bool] = True

    def span(self, now: Micros) -> tuple[Micros | None, Micros | None]:
        return now, (now // DAY + self.days + 1) * DAY


def window(days: int, now: Micros) -> tuple[Micros, Micros]:
    """The last so many days: from 00:00 UTC of (today - days) to now, now included."""
    return (now // DAY - days) * DAY, now + 1


def start_of(text: str) -> Micros:
    """The moment, or the first of a day in UTC. Raises ValueError."""
    try:
        return parse_time(text)
    except Rejected as error:
        raise ValueError(str(error)) from None


def end_of(text: str) -> Micros:
    """The first moment after: of a moment the next microsecond, of a day the next day."""
    return start_of(text) + (DAY if _DAY.fullmatch(text) else 1)


class Anniversary(Comparison, frozen=True, kw_only=True, tag="anniversary"):
    """The day comes again within so many days, today included; 29 February counts on 1 March of common years."""

    days: Annotated[int, Meta(ge=0, le=365)]
    types: ClassVar[tuple[Type, ...]] = ("time",)
    moves: ClassVar[bool] = True

    def passes(self, kind: Type, value: Leaf, now: Micros) -> bool:
        at = to_datetime(int(value))  # type: ignore[arg-type]
        return at.month * 100 + at.day in self._days(now)

    def column_passes(self, kind: Type, column: Any, now: Micros) -> Boolean:
        return (column.month().cast("int64") * 100 + column.day().cast("int64")).isin(sorted(self._days(now)))

    def _days(self, now: Micros) -> frozenset[int]:
        today = to_datetime(now).date()
        found = set()
        for ahead in range(self.days + 1):
            day = today + timedelta(days=ahead)
            found.add(day.month * 100 + day.day)
            if (day.month, day.day) == (3, 1) and not calendar.isleap(day.year):
                found.add(229)
        return frozenset(found)
