"""What all reports are asked with: a period, events that pass tests, the people who are meant."""

from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import ibis.expr.types as ir
from msgspec import Meta, Struct

from tessera.audience.conditions import groups, registry
from tessera.audience.conditions.comparisons import Ask
from tessera.audience.conditions.condition import Condition, conjunction
from tessera.audience.conditions.times import During, InLast, moment
from tessera.audience.world import PERSON, World, columns_at
from tessera.foundation.clock import SECOND, Micros, iso
from tessera.foundation.errors import TesseraError

assert registry.KINDS, "the registry tells the groups which kinds there are"
if TYPE_CHECKING:
    AnyCondition = Condition
else:
    AnyCondition = groups.AnyCondition

Period: TypeAlias = InLast | During
"""Days are UTC: the last so many days until now, or from a day (or moment) to another, both included."""
Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=255)]
EARLIEST: Final = 0
"""1970: buckets are numbered from there."""
LATEST: Final[Micros] = 4_102_444_800 * SECOND
"""2100: so that a moment fits beside the number of a step in 64 bits."""


class InvalidReport(TesseraError):
    """The report cannot be made; the message says why."""

    code = "invalid_report"


class Step(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An event, and tests of its properties, all of which it passes."""

    event: Name
    where: Annotated[tuple[Ask, ...], Meta(max_length=20)] = ()

    def matches(self, events: ir.Table, world: World, now: Micros) -> ir.BooleanValue:
        """As a column of `events`; null counts as false."""
        asked: list[Any] = [events["name"] == self.event]
        asked += [ask.column_holds(columns_at(events, world.properties, ask.path), now) for ask in self.where]
        return conjunction(asked)


class Request(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="report"):
    """What every report is asked; `people` is a condition, everybody where there is none."""

    period: Period
    people: "AnyCondition | None" = None


def span_of(period: Period, now: Micros) -> tuple[Micros, Micros]:
    """From (included) and to (not included). Raises `InvalidReport` beyond the years that reports know."""
    first, end = period.span(now)
    if first is None or end is None or first < EARLIEST or end > LATEST:
        raise InvalidReport("a report's period is between 1970 and 2100")
    return first, end


def between(events: ir.Table, first: Micros, end: Micros) -> ir.Table:
    """The events from `first` to before `end`."""
    return events.filter((events["at"] >= moment(first)) & (events["at"] < moment(end)))


def of_people(events: ir.Table, people: Condition | None, world: World, now: Micros) -> ir.Table:
    """The events of the people for whom the condition holds now."""
    if people is None:
        return events
    return events.semi_join(people.narrow(world.people, world, now).select(PERSON), PERSON)


def micros_of(column: Any) -> Any:
    """A moment of the warehouse as microseconds since 1970: exact on every engine, floor and all.

    Engines give the seconds with their fraction, without it, or as a decimal number; each knows the microseconds.
    """
    seconds = column.epoch_seconds().cast("float64").floor().cast("int64")
    return seconds * SECOND + column.microsecond().cast("int64")


def written(at: Micros) -> str:
    """A day where it is the first moment of one, else the moment."""
    text = iso(at)
    return text[:10] if text[10:] == "T00:00:00.000000Z" else text
