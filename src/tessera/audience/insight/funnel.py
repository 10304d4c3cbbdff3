"""How many get from one step to the next, and how long it takes them.

A person begins an attempt with each event of the first step in the period. An attempt goes on to the first event of the
second step that is *later* than its beginning, from there to the first of the third that is later still, and so on;
whatever happens in between does not matter. Two events of one moment have no order, so one does not follow the
other, and no event is two steps of an attempt. A step is reached where its event is at most `within` after the
attempt's beginning, be it after the period's end. Going on to the *first* event of each step reaches every step that
any other choice would reach, and as soon.

Each person counts once, by their best attempt: the one that reaches furthest, the earliest of these.

Times are from the step before, and for the whole from the first step to the last: the value that a quarter, half and
three quarters of those who got there did not exceed (nearest rank, so always somebody's own).

The slice of a person is that of their best attempt's first event, or of what is known of the person now. The ten values
shown are those with which most attempts begin.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Final

import ibis
import ibis.expr.types as ir
from msgspec import Meta, Struct

from tessera.audience.insight.asking import Request, Step, between, micros_of, of_people, span_of
from tessera.audience.insight.ranks import at_part, ranked
from tessera.audience.insight.slices import ALL, Breakdown, Slice, cut, slice_cells
from tessera.audience.warehouse.engine import Engine
from tessera.audience.world import PERSON, World
from tessera.foundation.clock import SECOND, Micros
from tessera.foundation.csv_cells import harmless

MOST_STEPS: Final = 10
LONGEST: Final = 366 * 86_400
_ROOM: Final = 2**52
"""More than any moment: `reached * _ROOM - moment` is largest for who reaches furthest, then for the earliest."""
_SLOTS: Final = 16
_QUARTERS: Final = (1, 2, 3)


class Funnel(Request, frozen=True, kw_only=True, tag="funnel"):
    """`within` are seconds from the first step."""

    steps: Annotated[tuple[Step, ...], Meta(min_length=2, max_length=MOST_STEPS)]
    within: Annotated[int, Meta(ge=1, le=LONGEST)] = 7 * 86_400
    breakdown: Breakdown | None = None


class Quartiles(Struct, frozen=True):
    """Seconds that a quarter, half and three quarters of them did not exceed."""

    lower: float
    median: float
    upper: float


class Reached(Struct, frozen=True):
    """One step: who reached it, and how long it took them from the step before (None for the first, or for nobody)."""

    people: int
    took: Quartiles | None


class FunnelLine(Struct, frozen=True):
    """One slice; `took` is from the first step to the last."""

    slice: Slice
    steps: tuple[Reached, ...]
    took: Quartiles | None


class FunnelAnswer(Struct, frozen=True):
    """The line of everybody comes first, then the slices, the largest first."""

    events: tuple[str, ...]
    lines: tuple[FunnelLine, ...]


def run(request: Funnel, world: World, engine: Engine, now: Micros) -> FunnelAnswer:
    """Raises `InvalidReport` for a period beyond the years that reports know."""
    first, end = span_of(request.period, now)
    rows, slices = _steps_taken(request, world, engine, now, (first, end))
    persons = _best(_attempts(rows, len(request.steps), (first, end)), request)
    if request.breakdown is not None:
        persons = persons.union(persons.mutate(slot=ibis.literal(ALL, type="int64")))
    lines = {row[0]: _line(row, slices, len(request.steps)) for row in engine.fetch(_counted(persons, request))}
    nobody = FunnelLine(Slice(), tuple(Reached(0, None) for _ in request.steps), None)
    return FunnelAnswer(
        events=tuple(step.event for step in request.steps),
        lines=(lines.get(ALL, nobody), *(lines[slot] for slot in sorted(lines) if slot != ALL)),
    )


def _steps_taken(
    request: Funnel, world: World, engine: Engine, now: Micros, span: tuple[Micros, Micros]
) -> tuple[ir.Table, dict[int, Slice]]:
    """A row for each event that is a step: whose, when (`moment`), which steps it is (`is_1`, …), and its slot."""
    first, end = span
    names = sorted({step.event for step in request.steps})
    events = world.events.filter(world.events["name"].isin(names))
    rows = of_people(between(events, first, end + request.within * SECOND), request.people, world, now)
    flags = {f"is_{number}": step.matches(rows, world, now) for number, step in enumerate(request.steps, start=1)}
    rows = rows.mutate(moment=micros_of(rows["at"]), **{name: flag.fill_null(False) for name, flag in flags.items()})
    rows = rows.filter(_any_of(rows, len(request.steps)))
    parted = cut(rows, request.breakdown, world, engine, ranked=lambda table: _begins(table, span))
    rows = parted.rows.select(PERSON, "moment", "slot", *flags)
    return rows, parted.slices


def _begins(rows: ir.Table, span: tuple[Micros, Micros]) -> Any:
    """It is a first step in the period."""
    return rows["is_1"] & (rows["moment"] >= span[0]) & (rows["moment"] < span[1])


def _any_of(rows: ir.Table, last: int) -> Any:
    whole = rows["is_1"]
    for number in range(2, last + 1):
        whole = whole | rows[f"is_{number}"]
    return whole


def _attempts(rows: ir.Table, last: int, span: tuple[Micros, Micros]) -> ir.Table:
    """Each beginning of an attempt, with the moments `t_2`, `t_3`, … at which it gets to the other steps.

    From the last step backwards: from an event of step k one gets to each later step as soon as from the best of
    the events of step k + 1 behind it, and what is soonest for one of the steps is soonest for all. So it is the least
    of what comes later: a window for each step, over events of two steps. Events are never joined to events.
    """
    ends = rows.filter(rows[f"is_{last}"])
    found = ends.select(PERSON, "moment", "slot", **{f"t_{last}": ends["moment"]})
    for step in range(last - 1, 0, -1):
        begun = rows.filter(_begins(rows, span) if step == 1 else rows[f"is_{step}"])
        found = _one_step_back(begun, found, range(step + 1, last + 1))
        found = found.mutate(**{f"t_{step}": found["moment"]})
    return found


def _one_step_back(begun: ir.Table, reached: ir.Table, goals: range) -> ir.Table:
    """`begun` are events of a step, `reached` those of the next, with the moments at which one gets to the `goals`.

    Latest first, and of one moment those of the step before those of the next: what stands before a row is later.
    """
    moments = [f"t_{goal}" for goal in goals]
    ours = begun.select(
        PERSON, "moment", "slot", place=begun["moment"] * 2 + 1, **dict.fromkeys(moments, ibis.null("int64"))
    )
    theirs = reached.select(PERSON, "moment", "slot", place=reached["moment"] * 2, **{t: reached[t] for t in moments})
    both = ours.union(theirs)
    later = ibis.window(preceding=(None, 1), group_by=PERSON, order_by=ibis.desc("place"))
    # a row of the next step knows its own moment, one of this step does not yet know any
    is_ours = both[moments[0]].isnull()
    both = both.select(
        PERSON, "moment", "slot", is_ours.name("is_ours"), **{t: both[t].min().over(later) for t in moments}
    )
    return both.filter(both["is_ours"]).drop("is_ours")


def _best(attempts: ir.Table, request: Funnel) -> ir.Table:
    """A row for each person: how far they got (`reached`), and the moments of their best attempt (`t_1`, …).

    Of the attempts that reach furthest the earliest gets everywhere soonest, so its moments are the least of theirs:
    a largest value of `reached * _ROOM - moment` says both, without ordering anything.
    """
    last = len(request.steps)
    until = attempts["moment"] + request.within * SECOND
    got_to = [ibis.cases((attempts[f"t_{goal}"] <= until, 1), else_=0).cast("int64") for goal in range(2, last + 1)]
    attempts = attempts.mutate(reached=sum(got_to, start=ibis.literal(1, type="int64")))
    far = attempts["reached"] * _ROOM
    found = attempts.group_by(PERSON).aggregate(
        reached=attempts["reached"].max(),
        slots=((far - attempts["moment"]) * _SLOTS - attempts["slot"]).max(),
        **{f"far_{goal}": (far - attempts[f"t_{goal}"].fill_null(0)).max() for goal in range(1, last + 1)},
    )
    far = found["reached"] * _ROOM
    return found.select(
        "reached",
        slot=found["far_1"] * _SLOTS - found["slots"],
        **{
            f"t_{goal}": ibis.cases((found["reached"] >= goal, far - found[f"far_{goal}"]))
            for goal in range(1, last + 1)
        },
    )


def _counted(persons: ir.Table, request: Funnel) -> ir.Table:
    """A row for each slot: who got to each step, and the quartiles of each way."""
    last = len(request.steps)
    ways = {f"took_{goal}": persons[f"t_{goal}"] - persons[f"t_{goal - 1}"] for goal in range(2, last + 1)}
    ways["took_all"] = persons[f"t_{last}"] - persons["t_1"]
    timed = ranked(persons.select("slot", "reached", **ways), list(ways), by="slot")
    counts = {f"people_{goal}": timed.count(where=timed["reached"] >= goal) for goal in range(1, last + 1)}
    quartiles = {f"{way}_{part}": at_part(timed, way, part, 4) for way in ways for part in _QUARTERS}
    return timed.group_by("slot").aggregate(**counts, **quartiles).select("slot", *counts, *quartiles)


def _line(row: tuple[Any, ...], slices: dict[int, Slice], last: int) -> FunnelLine:
    slot, people, rest = row[0], row[1 : last + 1], row[last + 1 :]
    took = [_quartiles(rest[start : start + 3]) for start in range(0, len(rest), 3)]
    steps = tuple(Reached(int(count), way) for count, way in zip(people, (None, *took[:-1]), strict=True))
    return FunnelLine(slices.get(slot, Slice()), steps, took[-1])


def _quartiles(micros: tuple[Any, ...]) -> Quartiles | None:
    if micros[0] is None:
        return None
    lower, median, upper = (int(each) / SECOND for each in micros)
    return Quartiles(lower, median, upper)


def to_csv_rows(answer: FunnelAnswer) -> Iterator[tuple[str, ...]]:
    """A row for each slice and step, then one for the whole way; times in seconds."""
    yield ("slice", "value", "step", "event", "people", "lower_quartile", "median", "upper_quartile")
    for line in answer.lines:
        for number, (event, step) in enumerate(zip(answer.events, line.steps, strict=True), start=1):
            yield (*slice_cells(line.slice), str(number), harmless(event), str(step.people), *_cells(step.took))
        yield (*slice_cells(line.slice), "all", "", str(line.steps[-1].people), *_cells(line.took))


def _cells(took: Quartiles | None) -> tuple[str, str, str]:
    return (str(took.lower), str(took.median), str(took.upper)) if took else ("", "", "")
