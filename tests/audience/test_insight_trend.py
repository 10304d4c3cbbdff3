"""Trends: numbers worked out by hand, and a plain reading of the same question."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from factories.insight import NOW, Deed, at, deeds, world_of
from tessera.audience.conditions.comparisons import Ask, Equals, More
from tessera.audience.conditions.known import Attribute
from tessera.audience.conditions.times import During, InLast
from tessera.audience.insight import trend
from tessera.audience.insight.asking import InvalidReport, Step, span_of
from tessera.audience.insight.buckets import bucket_of, start_of_bucket
from tessera.audience.insight.slices import Breakdown
from tessera.audience.insight.trend import Trend
from tessera.audience.warehouse.engine import Engine
from tessera.audience.warehouse.engines.duck import DuckEngine
from tessera.foundation.clock import DAY

WEEK = During(first="2026-02-02", last="2026-02-05")
ORDERS = [
    Deed(1, "Order Completed", at("2026-02-02 00:00"), {"total": 10, "plan": "pro"}, 1),
    Deed(1, "Order Completed", at("2026-02-02 23:59:59.999999"), {"total": 0.5, "plan": "free"}, 1),
    Deed(2, "Order Completed", at("2026-02-02 12:00"), {"total": "much", "plan": "pro"}, 2),
    Deed(2, "Order Completed", at("2026-02-05 12:00"), {"total": 4, "plan": 7}, 2),
    Deed(3, "Order Completed", at("2026-02-05 12:00"), {}),
    Deed(3, "Order Completed", at("2026-02-06 00:00"), {"total": 1000}),
    Deed(3, "Order Completed", at("2026-02-01 23:59:59.999999"), {"total": 1000}),
    Deed(3, "Other", at("2026-02-03 12:00"), {"total": 1000}),
]


def lines_of(answer: trend.TrendAnswer) -> dict[Any, tuple[Any, Any]]:
    return {(line.slice.kind, line.slice.value): (line.values, line.total) for line in answer.lines}


@pytest.mark.parametrize(
    ("measure", "of", "values", "total"),
    [
        ("times", (), (3, 0, 0, 2), 5),
        ("people", (), (2, 0, 0, 2), 3),
        ("sum", ("total",), (10.5, 0, 0, 4), 14.5),
        ("average", ("total",), (5.25, None, None, 4), 14.5 / 3),
    ],
)
def test_days_of_a_period_with_nothing_in_between(engine: Engine, measure, of, values, total) -> None:
    world = world_of(engine, ORDERS)
    asked = Trend(period=WEEK, step=Step(event="Order Completed"), measure=measure, of=of)

    answer = trend.run(asked, world, engine, NOW)

    assert answer.starts == ("2026-02-02", "2026-02-03", "2026-02-04", "2026-02-05")
    assert lines_of(answer) == {("all", None): (values, total)}


def test_what_nobody_ever_sent_is_nowhere(engine: Engine) -> None:
    world = world_of(engine, ORDERS)
    step, nowhere = Step(event="Order Completed"), Breakdown(by="attribute", path=("nowhere",))

    def asked(**more: Any) -> dict[Any, tuple[Any, Any]]:
        return lines_of(trend.run(Trend(period=WEEK, step=step, **more), world, engine, NOW))

    assert asked(measure="sum", of=("nowhere",)) == {("all", None): ((0, 0, 0, 0), 0)}
    assert asked(measure="average", of=("nowhere",)) == {("all", None): ((None,) * 4, None)}
    assert asked(breakdown=nowhere) == {("all", None): ((3, 0, 0, 2), 5), ("none", None): ((3, 0, 0, 2), 5)}


def test_hours_weeks_and_months_begin_where_calendars_say(engine: Engine) -> None:
    world = world_of(engine, ORDERS)
    period = During(first="2026-01-31", last="2026-02-08")

    def asked(every: Any, period: During = period) -> trend.TrendAnswer:
        return trend.run(Trend(period=period, step=Step(event="Order Completed"), every=every), world, engine, NOW)

    weeks, months = asked("week"), asked("month")
    hours = asked("hour", During(first="2026-02-02T22:30:00Z", last="2026-02-03T00:30:00Z"))

    assert (weeks.starts, weeks.lines[0].values) == (("2026-01-26", "2026-02-02"), (1, 6))
    assert (months.starts, months.lines[0].values) == (("2026-01-01", "2026-02-01"), (0, 7))
    assert hours.starts == ("2026-02-02T22:00:00.000000Z", "2026-02-02T23:00:00.000000Z", "2026-02-03")
    assert hours.lines[0].values == (0, 1, 0)


def test_slices_by_property_source_and_attribute(engine: Engine) -> None:
    world = world_of(engine, ORDERS, {1: {"country": "ES"}, 2: {"country": "FR"}, 3: {"country": 5}})

    def asked(breakdown: Breakdown, measure: Any = "people") -> dict[Any, tuple[Any, Any]]:
        step = Step(event="Order Completed")
        return lines_of(
            trend.run(Trend(period=WEEK, step=step, measure=measure, breakdown=breakdown), world, engine, NOW)
        )

    assert asked(Breakdown(by="property", path=("plan",))) == {
        ("all", None): ((2, 0, 0, 2), 3),
        ("value", "pro"): ((2, 0, 0, 0), 2),
        ("value", "free"): ((1, 0, 0, 0), 1),
        ("value", 7): ((0, 0, 0, 1), 1),
        ("none", None): ((0, 0, 0, 1), 1),
    }
    assert asked(Breakdown(by="source"), "times") == {
        ("all", None): ((3, 0, 0, 2), 5),
        ("value", 1): ((2, 0, 0, 0), 2),
        ("value", 2): ((1, 0, 0, 1), 2),
        ("none", None): ((0, 0, 0, 1), 1),
    }
    assert asked(Breakdown(by="attribute", path=("country",)), "times") == {
        ("all", None): ((3, 0, 0, 2), 5),
        ("value", "ES"): ((2, 0, 0, 0), 2),
        ("value", "FR"): ((1, 0, 0, 1), 2),
        ("value", 5): ((0, 0, 0, 1), 1),
    }


def test_ten_values_have_a_slice_and_the_rest_are_one(engine: Engine) -> None:
    many = [
        Deed(number, "A", NOW - DAY, {"shop": f"shop {value:02}"})
        for value in range(13)
        for number in range(13 - value)
    ]
    world = world_of(engine, many)
    asked = Trend(period=InLast(days=1), step=Step(event="A"), breakdown=Breakdown(by="property", path=("shop",)))

    answer = trend.run(asked, world, engine, NOW)

    assert [line.slice.value for line in answer.lines[1:11]] == [f"shop {value:02}" for value in range(10)]
    assert [line.total for line in answer.lines] == [91, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3 + 2 + 1]
    assert answer.lines[11].slice.kind == "other"


def test_only_events_that_pass_and_people_who_are_meant_are_counted(engine: Engine) -> None:
    world = world_of(engine, ORDERS, {1: {"country": "ES"}, 2: {"country": "ES"}, 3: {"country": "FR"}})
    spanish = Attribute(path=("country",), test=Equals(value="ES"))
    step = Step(event="Order Completed", where=(Ask(path=("total",), test=More(value=1)),))

    answer = trend.run(Trend(period=WEEK, step=step, people=spanish), world, engine, NOW)

    assert lines_of(answer) == {("all", None): ((1, 0, 0, 1), 2)}


def test_a_file_has_a_row_for_each_point_and_no_formulas(engine: Engine) -> None:
    world = world_of(engine, [Deed(1, "A", at("2026-02-02 01:00"), {"plan": "=1+1"})])
    asked = Trend(
        period=During(first="2026-02-02", last="2026-02-03"),
        step=Step(event="A"),
        breakdown=Breakdown(by="property", path=("plan",)),
    )

    assert list(trend.to_csv_rows(trend.run(asked, world, engine, NOW))) == [
        ("slice", "value", "start", "times"),
        ("all", "", "2026-02-02", "1"),
        ("all", "", "2026-02-03", "0"),
        ("value", "'=1+1", "2026-02-02", "1"),
        ("value", "'=1+1", "2026-02-03", "0"),
    ]


def test_what_cannot_be_asked() -> None:
    engine = DuckEngine(None)
    world = world_of(engine, [])
    with pytest.raises(InvalidReport, match="at most 1500 points"):
        trend.run(Trend(period=InLast(days=3_000), step=Step(event="A")), world, engine, NOW)
    with pytest.raises(InvalidReport, match="between 1970 and 2100"):
        trend.run(Trend(period=During(first="1969-12-31", last="1970-01-01"), step=Step(event="A")), world, engine, NOW)


def naively(asked: Trend, done: Sequence[Deed]) -> dict[tuple[Any, str], Any]:
    """The same question put to a list."""
    first, end = span_of(asked.period, NOW)
    found: dict[tuple[Any, str], list[Deed]] = {}
    for deed in done:
        if deed.name == asked.step.event and first <= deed.at < end:
            start = start_of_bucket(bucket_of(deed.at, asked.every), asked.every)
            key = deed.source_id if asked.breakdown and asked.breakdown.by == "source" else deed.properties.get("plan")
            for part in {("all", None), ("none" if key is None else "value", type(key), key)}:
                if asked.breakdown is not None or part == ("all", None):
                    found.setdefault((part, start), []).append(deed)
    return {key: _measured(asked.measure, each) for key, each in found.items()}


def _measured(measure: str, done: list[Deed]) -> Any:
    numbers = [round(deed.properties["total"] * 1e6) for deed in done if _is_number(deed.properties.get("total"))]
    return {
        "times": len(done),
        "people": len({deed.person for deed in done}),
        "sum": sum(numbers) / 1e6,
        "average": sum(numbers) / len(numbers) / 1e6 if numbers else None,
    }[measure]


def _is_number(value: Any) -> bool:
    return isinstance(value, float)


breakdowns = st.sampled_from((None, Breakdown(by="source"), Breakdown(by="property", path=("plan",))))


def test_it_is_what_a_plain_count_finds(engine: Engine) -> None:
    @settings(max_examples=60 if isinstance(engine, DuckEngine) else 8, suppress_health_check=list(HealthCheck))
    @given(
        done=deeds,
        every=st.sampled_from(("hour", "day", "week", "month")),
        measure=st.sampled_from(("times", "people", "sum", "average")),
        breakdown=breakdowns,
        days=st.sampled_from((0, 1, 7, 31)),
    )
    def check(done: list[Deed], every: Any, measure: Any, breakdown: Breakdown | None, days: int) -> None:
        of = ("total",) if measure in ("sum", "average") else ()
        asked = Trend(
            period=InLast(days=days), step=Step(event="A"), every=every, measure=measure, of=of, breakdown=breakdown
        )

        answer = trend.run(asked, world_of(engine, done), engine, NOW)

        said = {
            (_part(line), at(start.rstrip("Z"))): value
            for line in answer.lines
            for start, value in zip(answer.starts, line.values, strict=True)
            if value
        }
        assert said == {key: value for key, value in naively(asked, done).items() if value}

    check()


def _part(line: trend.Line) -> Any:
    if line.slice.kind == "all":
        return ("all", None)
    return (line.slice.kind, type(line.slice.value), line.slice.value)
