"""What is asked of one value: a small class per comparison, each with both readings.

A value that is not there passes no test but `IsNotSet`; what is negative is said by `Not` around a condition, and so
holds for those without a value, too.
"""

import calendar
import re
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from typing import Annotated, Any, ClassVar, Final, TypeAlias

import ibis
import ibis.expr.types as ir
import re2
from msgspec import Meta, Struct

from tessera.audience.conditions.patterns import InvalidPattern, portable
from tessera.audience.leaves import LONGEST_TEXT, SEPARATOR, Leaf, Path, Type, element_text
from tessera.events.messages import Rejected, parse_time
from tessera.foundation.clock import DAY, Micros, to_datetime

Text = Annotated[str, Meta(max_length=LONGEST_TEXT)]
Moment = Annotated[str, Meta(min_length=10, max_length=40)]
"""A day (`2026-01-31`) or a moment in ISO 8601; UTC where it names no zone."""
Days = Annotated[int, Meta(ge=0, le=3_660)]
MOST_VALUES: Final = 1_000
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
Values: TypeAlias = Mapping[Type, Any]
"""The leaves of one path by type: of a person, or columns of a table."""
Boolean: TypeAlias = ir.BooleanValue


class Comparison(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="op"):
    """`types` are those it looks at. `passes` is given leaves, `column_passes` columns; neither sees a missing one.

    `moves` is true where the answer for the same value changes as time passes.
    """

    types: ClassVar[tuple[Type, ...]] = ()
    moves: ClassVar[bool] = False

    def holds(self, values: Values, now: Micros) -> bool:
        return any(self.passes(kind, values[kind], now) for kind in self.looks_at() if kind in values)

    def column_holds(self, columns: Values, now: Micros) -> Boolean:
        """Null where a value is missing, which counts as false: left so, engines look at the fewest rows."""
        found = [self.column_passes(kind, columns[kind], now) for kind in self.looks_at() if kind in columns]
        if not found:
            return ibis.literal(False)
        whole = found[0]
        for each in found[1:]:
            whole = whole | each
        return whole

    def looks_at(self) -> tuple[Type, ...]:
        return self.types

    def passes(self, kind: Type, value: Leaf, now: Micros) -> bool:
        raise NotImplementedError

    def column_passes(self, kind: Type, column: Any, now: Micros) -> Boolean:
        raise NotImplementedError


Scalar: TypeAlias = bool | float | Text


def _type_of(value: Scalar) -> Type:
    return "boolean" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"


class Equals(Comparison, frozen=True, kw_only=True, tag="equals"):
    """The very value: text by its letters, capitals and all."""

    value: Scalar

    def looks_at(self) -> tuple[Type, ...]:
        return (_type_of(self.value),)

    def passes(self, kind: Type, value: Leaf, now: Micros) -> bool:
        return bool(value == self.value)

    def column_passes(self, kind: Type, column: Any, now: Micros) -> Boolean:
        return column == (float(self.value) if kind == "number" else self.value)


class OneOf(Comparison, frozen=True, kw_only=True, tag="one_of"):
    values: Annotated[tuple[Scalar, ...], Meta(min_length=1, max_length=MOST_VALUES)]

    def looks_at(self) -> tuple[Type, ...]:
        return tuple(dict.fromkeys(_type_of(value) for value in self.values))

    def passes(self, kind: Type, value: Leaf, now: Micros) -> bool:
        return value in self._of(kind)

    def column_passes(self, kind: Type, column: Any, now: Micros) -> Boolean:
        return column.isin(self._of(kind))

    def _of(self, kind: Type) -> list[Any]:
        mine = [value for value in self.values if _type_of(value) == kind]
        return [float(value) for value in mine] if kind == "number" else mine


class _InText(Comparison, frozen=True, kw_only=True):
    value: Annotated[str, Meta(min_length=1, max_length=LONGEST_TEXT)]
    types: ClassVar[tuple[Type, ...]] = ("text",)


class Contains(_InText, frozen=True, kw_only=True, tag="contains"):
    def passes(self, kind: Type, value: Leaf, now: Micros) -> bool:
        return self.value in str(value)

    def column_passes(self, kind: Type, column: Any, now: Micros) -> Boolean:
        return column.contains(self.value)


class StartsWith(_InText, frozen=True, kw_only=True, tag="starts_with"):
    def passes(self, kind: Type, value: Leaf, now: Micros) -> bool:
        return str(value).startswith(self.value)

    def column_passes(self, kind: Type, column: Any, now: Micros) -> Boolean:
        return column.startswith(self.value)


class EndsWith(_InText, frozen=True, kw_only=True, tag="ends_with"):
    def passes(self, kind: Type, value: Leaf, now: Micros) -> bool:
        return str(value).endswith(self.value)

    def column_passes(self, kind: Type, column: Any, now: Micros) -> Boolean:
        return column.endswith(self.value)


class Matches(Comparison, frozen=True, kw_only=True, tag="matches"):
    """A pattern of the part of RE2's syntax that every engine reads alike (`patterns.py`); found anywhere."""

    pattern: Annotated[str, Meta(min_length=1, max_length=500)]
    types: ClassVar[tuple[Type, ...]] = ("text",)

    def __post_init__(self) -> None:
        portable(self.pattern)

    def passes(self, kind: Type, value: Leaf, now: Micros) -> bool:
        return _compiled(self.pattern).search(str(value)) is not None

    def column_passes(self, kind: Type, column: Any, now: Micros) -> Boolean:
        return column.re_search(portable(self.pattern))


@cache
def _compiled(pattern: str) -> Any:
    try:
        return re2.compile(portable(pattern))
    except re2.error as error:
        raise InvalidPattern(str(error)) from None


class Has(Comparison, frozen=True, kw_only=True, tag="has"):
    """The list has this element."""

    value: Scalar
    types: ClassVar[tuple[Type, ...]] = ("list",)

    @property
    def element(self) -> str:
        return element_text(self.value) or ""

    def passes(self, kind: Type, value: Leaf, now: Micros) -> bool:
        return isinstance(value, tuple) and self.element in value

    def column_passes(self, kind: Type, column: Any, now: Micros) -> Boolean:
        return column.contains(f"{SEPARATOR}{self.element}{SEPARATOR}")


class _Number(Comparison, frozen=True, kw_only=True):
    value: float
    types: ClassVar[tuple[Type, ...]] = ("number",)


class Less(_Number, frozen=True, kw_only=True, tag="less"):
    def passes(self, kind: Type, value: Leaf, now: Micros) -> bool:
        return float(value) < self.value  # type: ignore[arg-type]

    def column_passes(self, kind: Type, column: Any, now: Micros) -> Boolean:
        return column < self.value


class AtMost(_Number, frozen=True, kw_only=True, tag="at_most"):
    def passes(self, kind: Type, value: Leaf, now: Micros) -> bool:
        return float(value) <= self.value  # type: ignore[arg-type]

    def column_passes(self, kind: Type, column: Any, now: Micros) -> Boolean:
        return column <= self.value


class More(_Number, frozen=True, kw_only=True, tag="more"):
    def passes(self, kind: Type, value: Leaf, now: Micros) -> bool:
        return float(value) > self.value  # type: ignore[arg-type]

    def column_passes(self, kind: Type, column: Any, now: Micros) -> Boolean:
        return column > self.value


class AtLeast(_Number, frozen=True, kw_only=True, tag="at_least"):
    def passes(self, kind: Type, value: Leaf, now: Micros) -> bool:
        return float(value) >= self.value  # type: ignore[arg-type]

    def column_passes(self, kind: Type, column: Any, now: Micros) -> Boolean:
        return column >= self.value


class Between(Comparison, frozen=True, kw_only=True, tag="between"):
    """Both ends belong to it."""

    low: float
    high: float
    types: ClassVar[tuple[Type, ...]] = ("number",)

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("the low end is above the high end")

    def passes(self, kind: Type, value: Leaf, now: Micros) -> bool:
        return self.low <= float(value) <= self.high  # type: ignore[arg-type]

    def column_passes(self, kind: Type, column: Any, now: Micros) -> Boolean:
        return (column >= self.low) & (column <= self.high)


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
        parts = [column >= moment(first)] if first is not None else []
        if end is not None:
            parts.append(column < moment(end))
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


class IsSet(Comparison, frozen=True, kw_only=True, tag="is_set"):
    """There is a value, of whatever type; an empty list is one, too."""

    types: ClassVar[tuple[Type, ...]] = ("text", "number", "boolean", "time", "list")

    def passes(self, kind: Type, value: Leaf, now: Micros) -> bool:
        return True

    def column_passes(self, kind: Type, column: Any, now: Micros) -> Boolean:
        return column.notnull()


AnyComparison: TypeAlias = (
    Equals | OneOf | Contains | StartsWith | EndsWith | Matches | Has | Less | AtMost | More | AtLeast | Between
    | Before | After | During | InLast | InNext | Anniversary | IsSet
)  # fmt: skip


class Ask(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A test of the value at a path, or, `negated`, that the value does not pass it (nor does a missing one)."""

    path: Annotated[Path, Meta(min_length=1, max_length=10)]
    test: AnyComparison
    negated: bool = False

    def holds(self, values: Values, now: Micros) -> bool:
        return self.test.holds(values, now) != self.negated

    def column_holds(self, columns: Values, now: Micros) -> Boolean:
        found = self.test.column_holds(columns, now)
        return ~found.fill_null(False) if self.negated else found
