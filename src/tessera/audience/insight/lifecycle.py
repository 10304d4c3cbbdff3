"""Who is new, who stays, who comes back after a pause, and who stops: by day, week or month, in UTC.

Active are those with such an event in the unit. Of these *new* are those whose first ever it is, *returning* those
who were active in the unit before, too, and *resurrected* all others: active before, but not in the unit before.
*Dormant* are those who were active in the unit before and are not in this one; None while it is not over.

Units are whole: the period says which, and each that it touches is taken from its first moment to its last, as
far as it has passed.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final, Literal

import ibis
import ibis.expr.types as ir
from msgspec import Struct

from tessera.audience.insight.asking import InvalidReport, Request, Step, between, of_people, span_of, written
from tessera.audience.insight.buckets import bucket_column, buckets_within, start_of_bucket
from tessera.audience.warehouse.engine import Engine
from tessera.audience.world import PERSON, World
from tessera.foundation.clock import Micros

MOST_POINTS: Final = 400


class Lifecycle(Request, frozen=True, kw_only=True, tag="lifecycle"):
    """`step` is what makes active: any event at all where it is None."""

    step: Step | None = None
    every: Literal["day", "week", "month"] = "week"


class Stage(Struct, frozen=True):
    """One unit: `active` are the new, the returning and the resurrected together."""

    start: str
    active: int
    new: int
    returning: int
    resurrected: int
    dormant: int | None


class LifecycleAnswer(Struct, frozen=True):
    every: str
    stages: tuple[Stage, ...]


def run(request: Lifecycle, world: World, engine: Engine, now: Micros) -> LifecycleAnswer:
    """Raises `InvalidReport` where there were too many units."""
    first, end = span_of(request.period, now)
    units = buckets_within(first, end, request.every)
    if len(units) > MOST_POINTS:
        raise InvalidReport(f"a lifecycle has at most {MOST_POINTS} points; take larger steps or a shorter period")
    began = dict(engine.fetch(_new(request, world, now, units)))
    present = _present(engine.fetch(_active(request, world, now, units)), units)
    stages = []
    for unit in units:
        active, stayed = present[unit]
        before, _ = present[unit - 1]
        new = began.get(unit, 0)
        over = start_of_bucket(unit + 1, request.every) <= now
        stages.append(
            Stage(
                start=written(start_of_bucket(unit, request.every)),
                active=active,
                new=new,
                returning=stayed,
                resurrected=active - new - stayed,
                dormant=before - stayed if over else None,
            )
        )
    return LifecycleAnswer(request.every, tuple(stages))


def _rows(request: Lifecycle, world: World, now: Micros, first: Micros, units: range) -> ir.Table:
    end = min(start_of_bucket(units[-1] + 1, request.every), now + 1)
    rows = of_people(between(world.events, first, end), request.people, world, now)
    return rows if request.step is None else rows.filter(request.step.matches(rows, world, now))


def _new(request: Lifecycle, world: World, now: Micros, units: range) -> ir.Table:
    """How many began in each unit, of all time."""
    rows = _rows(request, world, now, 0, units)
    first = rows.group_by(PERSON).aggregate(at=rows["at"].min())
    first = first.select(unit=bucket_column(first["at"], request.every))
    first = first.filter(first["unit"] >= units[0])
    return first.group_by("unit").aggregate(people=first.count()).select("unit", "people")


def _active(request: Lifecycle, world: World, now: Micros, units: range) -> ir.Table:
    """Runs of units in which somebody was active without a gap, from the unit before the first: how many of each.

    In a run the unit less its place is always the same. (Who was there in two units is also found by joining them, for
    which an engine reads all events twice and keeps them: more than a laptop has for twenty million.)
    """
    rows = _rows(request, world, now, max(0, start_of_bucket(units[0] - 1, request.every)), units)
    each = rows.select(PERSON, unit=bucket_column(rows["at"], request.every)).distinct()
    place = ibis.row_number().over(ibis.window(group_by=PERSON, order_by=each["unit"])).cast("int64")
    placed = each.select(PERSON, "unit", run=each["unit"] - place)
    runs = placed.group_by([PERSON, "run"]).aggregate(first=placed["unit"].min(), last=placed["unit"].max())
    return runs.group_by(["first", "last"]).aggregate(people=runs.count()).select("first", "last", "people")


def _present(runs: Iterable[tuple[int, int, int]], units: range) -> dict[int, tuple[int, int]]:
    """Of each unit how many were active, and how many of these in the unit before, too."""
    began, ended = Counter[int](), Counter[int]()
    for first, last, people in runs:
        began[first] += people
        ended[last] += people
    present: dict[int, tuple[int, int]] = {}
    active = 0
    for unit in range(units[0] - 1, units[-1] + 1):
        stayed = active - ended[unit - 1]
        active = stayed + began[unit]
        present[unit] = (active, stayed)
    return present


def to_csv_rows(answer: LifecycleAnswer) -> Iterator[tuple[str, ...]]:
    """A row for each unit."""
    yield (answer.every, "active", "new", "returning", "resurrected", "dormant")
    for stage in answer.stages:
        dormant = "" if stage.dormant is None else str(stage.dormant)
        numbers = (stage.active, stage.new, stage.returning, stage.resurrected)
        yield (stage.start, *(str(number) for number in numbers), dormant)
