"""Who comes back: of those who began in the same day, week or month (UTC), how many did something later, and how late.

A cohort are the people whose *first* such event ever was in that unit, or, with `each`, all who did it in that unit, so
that somebody may be in several. A column is a range of units after the cohort's own, from `n` to before `m`: `[3, 4]`
is on day 3 (the calendar's, not the 72nd hour), `[0, 4]` within the first four days. A person is counted where they
did the return event in one of these units and later than they began: within unit 0 the event they began with is
not a return, nor is another of the same moment.

Units are whole: the period says which, and each that it touches is taken from its first moment to its last, as
far as it has passed. A cell whose last unit is not over yet is None, and is left out of `overall`.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal, TypeAlias

import ibis
import ibis.expr.types as ir
from msgspec import Meta, Struct

from tessera.audience.insight.asking import (
    LATEST,
    InvalidReport,
    Request,
    Step,
    between,
    micros_of,
    of_people,
    span_of,
    written,
)
from tessera.audience.insight.buckets import bucket_column, buckets_within, start_of_bucket
from tessera.audience.warehouse.engine import Engine
from tessera.audience.world import PERSON, World
from tessera.foundation.clock import Micros

MOST_COHORTS: Final = 400
MOST_COLUMNS: Final = 60
FARTHEST: Final = 400
Column: TypeAlias = tuple[Annotated[int, Meta(ge=0, le=FARTHEST)], Annotated[int, Meta(ge=1, le=FARTHEST + 1)]]
"""Units after the cohort's own: from, to before."""


def nth(last: int) -> tuple[Column, ...]:
    """A column for each unit, from 0 to `last`."""
    return tuple((number, number + 1) for number in range(last + 1))


class Retention(Request, frozen=True, kw_only=True, tag="retention"):
    """`back` is any event at all where it is None."""

    start: Step
    back: Step | None = None
    cohort: Literal["first", "each"] = "first"
    every: Literal["day", "week", "month"] = "week"
    columns: Annotated[tuple[Column, ...], Meta(min_length=1, max_length=MOST_COLUMNS)] = nth(8)

    def __post_init__(self) -> None:
        if any(begin >= end for begin, end in self.columns):
            raise ValueError("a column ends after it begins")


class Cohort(Struct, frozen=True):
    """`returned` has a number for each column, None where that time is not over."""

    start: str
    people: int
    returned: tuple[int | None, ...]


class Kept(Struct, frozen=True):
    """A column of all cohorts whose time is over: how many returned of how many."""

    returned: int
    people: int


class RetentionAnswer(Struct, frozen=True):
    every: str
    columns: tuple[tuple[int, int], ...]
    cohorts: tuple[Cohort, ...]
    overall: tuple[Kept | None, ...]


def run(request: Retention, world: World, engine: Engine, now: Micros) -> RetentionAnswer:
    """Raises `InvalidReport` where there were too many cohorts."""
    first, end = span_of(request.period, now)
    numbers = buckets_within(first, end, request.every)
    if len(numbers) > MOST_COHORTS:
        raise InvalidReport(f"there are at most {MOST_COHORTS} cohorts; take larger steps or a shorter period")
    began = _began(request, world, now, numbers)
    sized = began.group_by("cohort").aggregate(people=began.count())
    sizes = dict(engine.fetch(sized.select("cohort", "people")))
    returned = {cohort: counts for cohort, *counts in engine.fetch(_returned(request, world, now, numbers, began))}
    nobody = [0] * len(request.columns)
    cohorts = tuple(
        Cohort(
            start=written(start_of_bucket(number, request.every)),
            people=sizes.get(number, 0),
            returned=tuple(
                int(count or 0) if start_of_bucket(number + after, request.every) <= now else None
                for (_, after), count in zip(request.columns, returned.get(number, nobody), strict=True)
            ),
        )
        for number in numbers
    )
    return RetentionAnswer(request.every, request.columns, cohorts, _overall(cohorts, len(request.columns)))


def _began(request: Retention, world: World, now: Micros, numbers: range) -> ir.Table:
    """Whose cohort is which, and when they began."""
    first = start_of_bucket(numbers[0], request.every)
    end = min(start_of_bucket(numbers[-1] + 1, request.every), now + 1)
    earliest = 0 if request.cohort == "first" else first
    rows = of_people(between(world.events, earliest, end), request.people, world, now)
    rows = rows.filter(request.start.matches(rows, world, now))
    if request.cohort == "each":
        rows = rows.select(PERSON, "at", cohort=bucket_column(rows["at"], request.every))
        found = rows.group_by([PERSON, "cohort"]).aggregate(first=rows["at"].min())
        return found.select(PERSON, "cohort", began=micros_of(found["first"]))
    found = rows.group_by(PERSON).aggregate(first=rows["at"].min())
    found = found.select(PERSON, cohort=bucket_column(found["first"], request.every), began=micros_of(found["first"]))
    return found.filter(found["cohort"] >= numbers[0])


def _returned(request: Retention, world: World, now: Micros, numbers: range, began: ir.Table) -> ir.Table:
    """A row for each cohort: how many came back in each column.

    What somebody did in a unit is one row before it meets their cohorts: rows are as many as units, not as events.
    """
    nearest, farthest = min(begin for begin, _ in request.columns), max(end for _, end in request.columns)
    end = min(start_of_bucket(numbers[-1] + farthest, request.every), now + 1, LATEST)
    rows = of_people(
        between(world.events, start_of_bucket(numbers[0] + nearest, request.every), end), request.people, world, now
    )
    if request.back is not None:
        rows = rows.filter(request.back.matches(rows, world, now))
    rows = rows.select(who=rows[PERSON], at=rows["at"], unit=bucket_column(rows["at"], request.every))
    back = rows.group_by(["who", "unit"]).aggregate(last=rows["at"].max())
    back = back.select("who", "unit", last=micros_of(back["last"]))
    met = began.inner_join(back, began[PERSON] == back["who"])
    met = met.select(PERSON, "cohort", "began", "last", after=met["unit"] - met["cohort"])
    met = met.filter((met["after"] >= nearest) & (met["after"] < farthest) & (met["last"] > met["began"]))
    in_column = {
        f"column_{place}": ibis.cases(((met["after"] >= begin) & (met["after"] < end_), 1), else_=0).cast("int64")
        for place, (begin, end_) in enumerate(request.columns)
    }
    met = met.select(PERSON, "cohort", **in_column)
    if any(end_ - begin > 1 for begin, end_ in request.columns):  # else a person is in a column once already
        met = met.group_by([PERSON, "cohort"]).aggregate(**{name: met[name].max() for name in in_column})
    counted = met.group_by("cohort").aggregate(**{name: met[name].sum() for name in in_column})
    return counted.select("cohort", *in_column)


def _overall(cohorts: tuple[Cohort, ...], columns: int) -> tuple[Kept | None, ...]:
    found: list[Kept | None] = []
    for place in range(columns):
        over: list[Any] = [(each.returned[place], each.people) for each in cohorts if each.returned[place] is not None]
        found.append(Kept(sum(back for back, _ in over), sum(people for _, people in over)) if over else None)
    return tuple(found)


def to_csv_rows(answer: RetentionAnswer) -> Iterator[tuple[str, ...]]:
    """A row for each cohort; a column `3` is the third unit after, `0-3` are the units from 0 to 3."""
    names = (str(begin) if end == begin + 1 else f"{begin}-{end - 1}" for begin, end in answer.columns)
    yield (answer.every, "people", *names)
    for cohort in answer.cohorts:
        cells = ("" if count is None else str(count) for count in cohort.returned)
        yield (cohort.start, str(cohort.people), *cells)
