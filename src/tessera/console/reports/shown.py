"""Answers as the page shows them: what is told first, a chart, and tables with the same figures."""

from collections.abc import Sequence
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from msgspec import Struct

from tessera.audience.conditions.registry import to_json
from tessera.audience.insight.buyers import NOBODY, SCORES
from tessera.audience.insight.funnel import FunnelAnswer
from tessera.audience.insight.lifecycle import LifecycleAnswer
from tessera.audience.insight.registry import Answer
from tessera.audience.insight.retention import Cohort, Kept, RetentionAnswer
from tessera.audience.insight.rfm import Buyers, Cell, RfmAnswer, Score
from tessera.audience.insight.trend import TrendAnswer
from tessera.console.reports.figures import (
    NOTHING,
    Names,
    Table,
    chart,
    median,
    middle_half,
    number,
    percent,
    share,
    slice_called,
    start_called,
)
from tessera.console.reports.words import GROUPS, MEASURES, STAGES

HEATS: Final = 10
"""Steps of colour in tables of heat."""


class Figure(Struct, frozen=True):
    """One number that is told before everything else."""

    label: str
    value: str


def shown(answer: Answer, names: Names) -> dict[str, Any]:
    """The context of the answer's template. `empty` where there is nothing to show."""
    match answer:
        case FunnelAnswer():
            return _funnel(answer, names)
        case TrendAnswer():
            return _trend(answer, names)
        case RetentionAnswer():
            return _retention(answer)
        case LifecycleAnswer():
            return _lifecycle(answer)
        case RfmAnswer():
            return _buyers(answer)
    raise TypeError(f"{type(answer).__name__} is not shown")


def _funnel(answer: FunnelAnswer, names: Names) -> dict[str, Any]:
    everybody, *slices = answer.lines
    first, last = everybody.steps[0].people, everybody.steps[-1].people
    labels = [f"{place}. {event}" for place, event in enumerate(answer.events, start=1)]
    rows, before = [], None
    for label, step in zip(labels, everybody.steps, strict=True):
        ways = (percent(step.people, first), percent(step.people, before), median(step.took), middle_half(step.took))
        rows.append((label, number(step.people), *ways))
        before = step.people
    columns = (
        _("Step"), _("People"), _("Of the first step"), _("Of the step before"), _("Median time"),
        _("Middle half of times"),
    )  # fmt: skip
    tables = [Table(_("Steps"), columns, rows)]
    lines = slices or [everybody]
    if slices:
        heads = (_("Slice"), *labels, _("All the way"), _("Median time"))
        cells = [
            (
                slice_called(line.slice, names),
                *(number(step.people) for step in line.steps),
                percent(line.steps[-1].people, line.steps[0].people),
                median(line.took),
            )
            for line in answer.lines
        ]
        tables.append(Table(_("Slices"), heads, cells))
    sets = [
        {"label": slice_called(line.slice, names), "values": [step.people for step in line.steps]} for line in lines
    ]
    return {
        "empty": not first,
        "figures": [
            Figure(_("Began"), number(first)),
            Figure(_("All the way"), number(last)),
            Figure(_("Conversion"), percent(last, first)),
            Figure(_("Median time"), median(everybody.took)),
        ],
        "chart": chart("bar", labels, sets),
        "tables": tables,
    }


def _trend(answer: TrendAnswer, names: Names) -> dict[str, Any]:
    everything, *slices = answer.lines
    labels = [start_called(start, answer.every) for start in answer.starts]
    lines = slices or [everything]
    called = [slice_called(line.slice, names) for line in answer.lines]
    measure = str(MEASURES[answer.measure])
    starts = [start_called(start, answer.every, whole=True) for start in answer.starts]
    figured = [[number(value) for value in line.values] for line in answer.lines]
    each = Table(measure, (_("Begins"), *(called if slices else (measure,))), list(zip(starts, *figured, strict=True)))
    totals = [(name, number(line.total)) for name, line in zip(called, answer.lines, strict=True)]
    sets = [{"label": slice_called(line.slice, names) if slices else measure, "values": line.values} for line in lines]
    return {
        "empty": not any(everything.values),
        "figures": [Figure(measure, number(everything.total))],
        "chart": chart("line", labels, sets),
        "tables": [Table(_("Slices"), (_("Slice"), measure), totals)] if slices else [],
        "long": each,
    }


class Heat(Struct, frozen=True):
    """A cell of a table of heat: the colour goes from 0 to `HEATS`, None where its time is not over."""

    text: str
    note: str
    heat: int | None


class HeatRow(Struct, frozen=True):
    head: str
    people: str
    cells: Sequence[Heat]


def _retention(answer: RetentionAnswer) -> dict[str, Any]:
    heads = [str(begin) if end == begin + 1 else f"{begin}–{end - 1}" for begin, end in answer.columns]
    overall = [_kept(kept) for kept in answer.overall]
    people = sum(cohort.people for cohort in answer.cohorts)
    first = list(zip(heads, overall, strict=True))[:3]
    shares = [share(kept.returned, kept.people) if kept else None for kept in answer.overall]
    return {
        "empty": not people,
        "figures": [
            Figure(_("People"), number(people)),
            *(Figure(_after(answer.every, head), cell.text) for head, cell in first if cell.text),
        ],
        "chart": chart("line", heads, [{"label": _("Came back"), "values": shares}], percent=True),
        "heads": heads,
        "unit": _in_units(answer.every),
        "overall": HeatRow(_("All"), number(people), overall),
        "rows": [
            HeatRow(start_called(each.start, answer.every, whole=True), number(each.people), _cohort(each))
            for each in answer.cohorts
        ],
        "tables": [],
    }


def _after(unit: str, head: str) -> str:
    said = {"day": _("On day %(number)s"), "week": _("In week %(number)s"), "month": _("In month %(number)s")}
    return said[unit] % {"number": head}


def _in_units(unit: str) -> str:
    return {"day": _("Days after"), "week": _("Weeks after"), "month": _("Months after")}[unit]


def _cohort(cohort: Cohort) -> list[Heat]:
    return [_kept(None if back is None else Kept(back, cohort.people)) for back in cohort.returned]


def _kept(kept: Kept | None) -> Heat:
    if kept is None:
        return Heat("", "", None)
    part = kept.returned / kept.people if kept.people else 0
    heat = 0 if not kept.returned else max(1, round(part * HEATS))
    return Heat(percent(kept.returned, kept.people), number(kept.returned), heat)


def _lifecycle(answer: LifecycleAnswer) -> dict[str, Any]:
    labels = [start_called(stage.start, answer.every) for stage in answer.stages]
    sets: list[dict[str, Any]] = [
        {"label": str(STAGES[name]), "values": [getattr(stage, name) for stage in answer.stages]}
        for name in ("returning", "resurrected", "new")
    ]
    gone = [None if stage.dormant is None else -stage.dormant for stage in answer.stages]
    sets.append({"label": str(STAGES["dormant"]), "values": gone, "below": True})
    rows = [
        (
            start_called(stage.start, answer.every, whole=True),
            *(number(each) for each in (stage.active, stage.new, stage.returning, stage.resurrected, stage.dormant)),
        )
        for stage in answer.stages
    ]
    stages = [str(STAGES[name]) for name in ("new", "returning", "resurrected", "dormant")]
    latest = answer.stages[-1] if answer.stages else None
    return {
        "empty": not any(stage.active for stage in answer.stages),
        "figures": [
            Figure(_("Active now"), number(latest.active if latest else None)),
            Figure(stages[0], number(latest.new if latest else None)),
            Figure(stages[1], number(latest.returning if latest else None)),
            Figure(stages[2], number(latest.resurrected if latest else None)),
        ],
        "chart": chart("bar", labels, sets, stacked=True),
        "tables": [Table(_("Lifecycle"), (_("Begins"), pgettext("people", "Active"), *stages), rows)],
    }


class Part(Struct, frozen=True):
    """Some of the buyers, with the segment that is suggested of them (none where they are nobody)."""

    people: str
    money: str
    name: str
    suggested: str
    condition: str
    heat: int = 0


def _buyers(answer: RfmAnswer) -> dict[str, Any]:
    most = max((cell.people for cell in answer.cells), default=0)
    at = {(cell.recency, cell.frequency): cell for cell in answer.cells}
    grid = [(recency, [_cell(at[recency, times], most) for times in SCORES]) for recency in reversed(SCORES)]
    groups = [_part(group, str(GROUPS[group.name]), str(GROUPS[group.name])) for group in answer.groups]
    sizes = [group.people for group in answer.groups]
    names = [group.name for group in groups]
    return {
        "empty": not answer.people,
        "figures": [Figure(_("Buyers"), number(answer.people))],
        "chart": chart("bar", names, [{"label": _("Buyers"), "values": sizes}], sideways=True),
        "grid": grid,
        "scores": list(SCORES),
        "groups": groups,
        "tables": [_scores(answer)],
    }


def _cell(cell: Cell, most: int) -> Part:
    group = str(GROUPS[cell.group])
    suggested = _("%(group)s, recency %(recency)d, frequency %(frequency)d") % {
        "group": group, "recency": cell.recency, "frequency": cell.frequency
    }  # fmt: skip
    heat = max(1, round(HEATS * cell.people / most)) if cell.people else 0
    return _part(cell, group, suggested, heat)


def _part(buyers: Buyers, name: str, suggested: str, heat: int = 0) -> Part:
    nobody = not buyers.people or buyers.condition == NOBODY
    condition = "" if nobody else to_json(buyers.condition).decode()
    return Part(number(buyers.people), number(_rounded(buyers.money)), name, suggested, condition, heat)


def _rounded(money: float | None) -> float | None:
    return None if money is None else round(money, 2)


def _scores(answer: RfmAnswer) -> Table:
    """What each score means: the last day of orders, how many orders, how much money."""
    rows = [
        (str(score), _border(recency), _border(times), _border(money))
        for score, recency, times, money in zip(SCORES, answer.recency, answer.frequency, answer.money, strict=True)
    ]
    columns = (_("Score"), _("Last order, until"), _("Orders, up to"), _("Money, up to"))
    return Table(_("What the scores mean"), columns, rows)


def _border(score: Score) -> str:
    """The largest value with this score; of the highest what it is above."""
    if score.until is not None:
        return _value(score.until)
    return NOTHING if score.above is None else f"> {_value(score.above)}"


def _value(border: str | float) -> str:
    return start_called(border, "day", whole=True) if isinstance(border, str) else number(border)
