"""What the person did: how often, how much, when first and last; sessions."""

from typing import Annotated, Any, Literal, TypeAlias

import ibis.expr.types as ir
from msgspec import Meta, Struct

from tessera.audience.conditions.comparisons import (
    After,
    Ask,
    AtLeast,
    AtMost,
    Before,
    Comparison,
    During,
    Equals,
    InLast,
    InLastHours,
    InNext,
    Less,
    More,
)
from tessera.audience.conditions.condition import CLOCK, Condition, Found, Reads, conjunction
from tessera.audience.leaves import ELEMENTS, Path
from tessera.audience.person import Happening, Person, at_path
from tessera.audience.world import PERSON, World, columns_at
from tessera.foundation.clock import Micros

When: TypeAlias = InLast | InLastHours | Before | After | During | None
Count: TypeAlias = Annotated[int, Meta(ge=0, le=1_000_000)]
MILLIONTHS = 1_000_000


class Times(Struct, frozen=True, forbid_unknown_fields=True):
    """How often: the relation and the number."""

    relation: Literal["at_least", "at_most", "exactly"] = "at_least"
    number: Count = 1

    def hold(self, count: int) -> bool:
        match self.relation:
            case "at_least":
                return count >= self.number
            case "at_most":
                return count <= self.number
            case _:
                return count == self.number


class _Doing(Condition, frozen=True, kw_only=True):
    """`where` are tests of the event's properties, all of which it passes; `when` narrows the time it happened."""

    event: Annotated[str, Meta(min_length=1, max_length=255)]
    where: Annotated[tuple[Ask, ...], Meta(max_length=20)] = ()
    when: When = None

    def happenings(self, person: Person, now: Micros) -> list[Happening]:
        return [each for each in person.did(self.event) if self._counts(each, now)]

    def _counts(self, happening: Happening, now: Micros) -> bool:
        if self.when is not None and not self.when.holds({"time": happening.at}, now):
            return False
        return all(ask.holds(at_path(happening.properties, ask.path), now) for ask in self.where)

    def reads(self) -> Reads:
        tests = [ask.test for ask in self.where]
        return frozenset({("event", self.event)}) | _moving(self.when, *tests)

    def rows(self, world: World, now: Micros) -> ir.Table:
        found = world.events
        asked: list[Any] = [found["name"] == self.event]
        if self.when is not None:
            asked.append(self.when.column_holds({"time": found["at"]}, now))
        asked += [ask.column_holds(columns_at(found, world.properties, ask.path), now) for ask in self.where]
        return found.filter(conjunction(asked))


def _moving(*tests: Comparison | None) -> Reads:
    return frozenset({CLOCK} if any(test is not None and test.moves for test in tests) else ())


class Did(_Doing, frozen=True, kw_only=True, tag="did"):
    times: Times = Times()

    def holds_for(self, person: Person, now: Micros) -> bool:
        return self.times.hold(len(self.happenings(person, now)))

    def found(self, world: World, now: Micros) -> Found:
        return so_often(self.rows(world, now), self.times)


def so_often(rows: ir.Table, times: Times) -> Found:
    """Who has so many rows. At most n is everyone but those with more: only what is there is ever counted."""
    match times.relation:
        case "at_least" if times.number == 0:
            return Found(rows.limit(0), all_but=True)
        case "at_least":
            return Found(_with_count(rows, at_least=times.number))
        case "at_most":
            return Found(_with_count(rows, at_least=times.number + 1), all_but=True)
        case _ if times.number == 0:
            return Found(rows, all_but=True)
        case _:
            counted = rows.group_by(PERSON).aggregate(times=rows.count())
            return Found(counted.filter(counted["times"] == times.number))


def _with_count(rows: ir.Table, *, at_least: int) -> ir.Table:
    if at_least == 1:
        return rows
    counted = rows.group_by(PERSON).aggregate(times=rows.count())
    return counted.filter(counted["times"] >= at_least)


class Extreme(_Doing, frozen=True, kw_only=True, tag="first_or_last"):
    """When they did it first, or last, of those events that pass: `last("Order Completed") before 2026-01-01`."""

    which: Literal["first", "last"]
    test: Before | After | During | InLast | InLastHours | InNext

    def __post_init__(self) -> None:
        if self.when is not None:
            raise ValueError("the first and the last are of all time; the test says when they may be")

    def holds_for(self, person: Person, now: Micros) -> bool:
        found = [happening.at for happening in self.happenings(person, now)]
        if not found:
            return False
        return self.test.holds({"time": min(found) if self.which == "first" else max(found)}, now)

    def reads(self) -> Reads:
        return super().reads() | _moving(self.test)

    def found(self, world: World, now: Micros) -> Found:
        rows = self.rows(world, now)
        at = rows["at"].min() if self.which == "first" else rows["at"].max()
        found = rows.group_by(PERSON).aggregate(at=at)
        return Found(found.filter(self.test.column_holds({"time": found["at"]}, now)))


class Total(_Doing, frozen=True, kw_only=True, tag="total"):
    """The sum or the average of a number of those events that have it; nobody without one has a total.

    Summed in whole millionths, so that no order of adding gives another sum.
    """

    measure: Literal["sum", "average"]
    of: Annotated[Path, Meta(min_length=1, max_length=10)]
    test: Less | AtMost | More | AtLeast | Equals

    def __post_init__(self) -> None:
        if ELEMENTS in self.of:
            raise ValueError("a total is of one number per event")
        if isinstance(self.test, Equals) and not isinstance(self.test.value, int | float):
            raise ValueError("a total is a number")

    def holds_for(self, person: Person, now: Micros) -> bool:
        numbers = [at_path(each.properties, self.of).get("number") for each in self.happenings(person, now)]
        read = [millionths_of(number) for number in numbers if isinstance(number, float)]
        found = [number for number in read if number is not None]
        if not found:
            return False
        total = float(sum(found))  # a float first, as engines divide: beyond 2**53 that is one rounding more
        value = total / MILLIONTHS if self.measure == "sum" else total / len(found) / MILLIONTHS
        return self.test.holds({"number": value}, now)

    def found(self, world: World, now: Micros) -> Found:
        rows = self.rows(world, now)
        column = columns_at(rows, world.properties, self.of).get("number")
        if column is None:
            return Found(rows.limit(0))
        rows = rows.filter(column.notnull() & (column.abs() <= MOST))
        column = columns_at(rows, world.properties, self.of)["number"]
        rows = rows.mutate(millionths=(column * float(MILLIONTHS) + 0.5).floor().cast("int64"))
        found = rows.group_by(PERSON).aggregate(total=sum_of(rows["millionths"]), times=rows.count())
        value = found["total"].cast("float64") / float(MILLIONTHS)
        if self.measure == "average":
            value = found["total"].cast("float64") / found["times"].cast("float64") / float(MILLIONTHS)
        return Found(found.filter(self.test.column_holds({"number": value}, now)))


MOST: float = 1e12
"""Numbers beyond (and what is none) are left out of totals: their millionths would not fit 64 bits."""


def sum_of(millionths: Any) -> Any:
    """Their sum as an aggregate. Some engines add 64 bits into 64 bits, and say nothing where these are too few."""
    return millionths.cast("decimal(38, 0)").sum()


def millionths_of(number: float) -> int | None:
    """Rounded half up, as the warehouse does it; None beyond `MOST`."""
    if not abs(number) <= MOST:
        return None
    return int((number * float(MILLIONTHS) + 0.5).__floor__())


class Sessions(Condition, frozen=True, kw_only=True, tag="sessions"):
    """How many sessions began within the time; the oldest of very many are not kept one by one and not counted."""

    times: Times = Times()
    when: When = None

    def holds_for(self, person: Person, now: Micros) -> bool:
        began = [first for first, _ in person.sessions]
        return self.times.hold(sum(self.when is None or self.when.holds({"time": at}, now) for at in began))

    def reads(self) -> Reads:
        return frozenset({("session", "")}) | _moving(self.when)

    def found(self, world: World, now: Micros) -> Found:
        rows = world.sessions
        if self.when is not None:
            rows = rows.filter(self.when.column_holds({"time": rows["began"]}, now))
        return so_often(rows, self.times)
