"""How often something happens, and how many do it: by hour, day, week or month, in UTC.

Each bucket that the period touches has a value; what the period does not cover of its first and last bucket is not
counted. Where nothing happened the times, the people and the sum are 0, and the average is not known. A sum is of
those events that have the number, added in whole millionths as conditions add them. Somebody with events in two
slices is one of the people of each, and one of all.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Annotated, Final, Literal, TypeAlias

import ibis.expr.types as ir
from msgspec import Meta, Struct

from tessera.audience.conditions.doings import MILLIONTHS, sum_of
from tessera.audience.insight.asking import InvalidReport, Request, Step, between, of_people, span_of, written
from tessera.audience.insight.buckets import Unit, bucket_column, buckets_within, start_of_bucket
from tessera.audience.insight.numbers import millionths_at
from tessera.audience.insight.slices import ALL, Breakdown, Slice, cut, slice_cells
from tessera.audience.leaves import ELEMENTS, Path
from tessera.audience.warehouse.engine import Engine
from tessera.audience.world import PERSON, World
from tessera.foundation.clock import Micros

MOST_BUCKETS: Final = 1_500
"""Two months of hours, four years of days."""
Number: TypeAlias = int | float


class Trend(Request, frozen=True, kw_only=True, tag="trend"):
    """`of` names the number that `sum` and `average` are of."""

    step: Step
    every: Unit = "day"
    measure: Literal["times", "people", "sum", "average"] = "times"
    of: Annotated[Path, Meta(max_length=10)] = ()
    breakdown: Breakdown | None = None

    def __post_init__(self) -> None:
        if bool(self.of) is not (self.measure in ("sum", "average")):
            raise ValueError("a sum or an average is of a number; times and people are not")
        if ELEMENTS in self.of:
            raise ValueError("a sum is of one number per event")


class Line(Struct, frozen=True):
    """One slice: a value for each bucket; `total` is of the whole period."""

    slice: Slice
    values: tuple[Number | None, ...]
    total: Number | None


class TrendAnswer(Struct, frozen=True):
    """`starts` are the first moments of the buckets; the line of everything comes first."""

    measure: str
    every: Unit
    starts: tuple[str, ...]
    lines: tuple[Line, ...]


_Place: TypeAlias = tuple[int, int | None]
"""Slot and bucket; the bucket None is the whole period."""


def run(request: Trend, world: World, engine: Engine, now: Micros) -> TrendAnswer:
    """Raises `InvalidReport` where there were too many buckets."""
    first, end = span_of(request.period, now)
    buckets = buckets_within(first, end, request.every)
    if len(buckets) > MOST_BUCKETS:
        raise InvalidReport(f"a trend has at most {MOST_BUCKETS} points; take larger steps or a shorter period")
    rows = of_people(between(world.events, first, end), request.people, world, now)
    rows = rows.filter(request.step.matches(rows, world, now))
    parted = cut(rows, request.breakdown, world, engine)
    rows = parted.rows.mutate(bucket=bucket_column(parted.rows["at"], request.every))
    found = _people(rows, request, engine) if request.measure == "people" else _sums(rows, request, world, engine)
    empty = None if request.measure == "average" else 0
    return TrendAnswer(
        measure=request.measure,
        every=request.every,
        starts=tuple(written(start_of_bucket(number, request.every)) for number in buckets),
        lines=tuple(
            Line(slice_, tuple(found.get((slot, number), empty) for number in buckets), found.get((slot, None), empty))
            for slot, slice_ in ({ALL: Slice()} | parted.slices).items()
            if slot == ALL or (slot, None) in found
        ),
    )


def _people(rows: ir.Table, request: Trend, engine: Engine) -> dict[_Place, Number]:
    """Each once in a bucket of a slice, in a bucket, in a slice, and in all: what is distinct does not add up."""
    found: dict[_Place, Number] = {}
    ways = ((), ("bucket",)) if request.breakdown is None else ((), ("bucket",), ("slot",), ("slot", "bucket"))
    for keys in ways:
        each = rows.select(PERSON, *keys).distinct()
        counted = each.group_by(list(keys)).aggregate(people=each.count()) if keys else each.aggregate(each.count())
        for *key, people in engine.fetch(counted):
            at = dict(zip(keys, key, strict=True))
            if people:
                found[at.get("slot", ALL), at.get("bucket")] = people
    return found


def _sums(rows: ir.Table, request: Trend, world: World, engine: Engine) -> dict[_Place, Number]:
    """Everything else adds up: a slice and all are added from their parts."""
    rows = rows.mutate(millionths=millionths_at(rows, world, request.of))
    counted = rows.group_by(["slot", "bucket"]).aggregate(
        times=rows.count(), total=sum_of(rows["millionths"]), numbers=rows["millionths"].count()
    )
    tallies: defaultdict[_Place, list[int]] = defaultdict(lambda: [0, 0, 0])
    for slot, bucket, *tally in engine.fetch(counted.select("slot", "bucket", "times", "total", "numbers")):
        for place in {(slot, bucket), (slot, None), (ALL, bucket), (ALL, None)}:
            for part, value in enumerate(tally):
                tallies[place][part] += int(value or 0)
    values = {place: _value(request.measure, *tally) for place, tally in tallies.items()}
    return {place: value for place, value in values.items() if value is not None}


def _value(measure: str, times: int, total: int, numbers: int) -> Number | None:
    if measure == "times":
        return times
    if measure == "sum":
        return total / MILLIONTHS
    return total / numbers / MILLIONTHS if numbers else None


def to_csv_rows(answer: TrendAnswer) -> Iterator[tuple[str, ...]]:
    """A row for each slice and bucket."""
    yield ("slice", "value", "start", answer.measure)
    for line in answer.lines:
        for start, value in zip(answer.starts, line.values, strict=True):
            yield (*slice_cells(line.slice), start, "" if value is None else str(value))
