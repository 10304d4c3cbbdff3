"""Funnels: numbers worked out by hand, and a plain reading of the same question."""

from collections.abc import Sequence
from math import ceil
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from factories.insight import NOW, Deed, at, deeds, world_of
from tessera.audience.conditions.comparisons import Ask, Equals, More
from tessera.audience.conditions.known import Attribute
from tessera.audience.conditions.times import During, InLast
from tessera.audience.insight import funnel
from tessera.audience.insight.asking import Step, span_of
from tessera.audience.insight.funnel import Funnel, FunnelAnswer, Quartiles
from tessera.audience.insight.slices import Breakdown
from tessera.audience.warehouse.engine import Engine
from tessera.audience.warehouse.engines.duck import DuckEngine
from tessera.foundation.clock import HOUR, MINUTE, SECOND

SHOP = tuple(Step(event=name) for name in ("Viewed", "Added", "Ordered"))
FEBRUARY = During(first="2026-02-01", last="2026-02-28")
DAY_LONG = 86_400


def visit(person: int, day: str, *steps: tuple[str, str], **properties: Any) -> list[Deed]:
    return [Deed(person, name, at(f"{day} {time}"), properties) for time, name in steps]


def people_of(answer: FunnelAnswer) -> dict[Any, tuple[int, ...]]:
    return {(line.slice.kind, line.slice.value): tuple(step.people for step in line.steps) for line in answer.lines}


STORY = [
    # 1 goes all the way in 10 + 20 minutes
    *visit(1, "2026-02-03", ("10:00", "Viewed"), ("10:10", "Added"), ("10:30", "Ordered"), device="phone"),
    # 2 does it in the wrong order, and so gets no further than adding, after 60 minutes
    *visit(2, "2026-02-03", ("10:00", "Ordered"), ("11:00", "Viewed"), ("12:00", "Added"), device="desktop"),
    # 3 is too slow the first time and goes all the way the second time, in 5 + 5 minutes
    *visit(3, "2026-02-05", ("10:00", "Viewed"), device="phone"),
    *visit(3, "2026-02-07", ("09:00", "Viewed"), ("09:05", "Added"), ("09:10", "Ordered"), device="desktop"),
    # 4 views twice and orders once: the earlier of two complete attempts counts, 60 + 30 minutes
    *visit(4, "2026-02-09", ("10:00", "Viewed"), ("10:50", "Viewed"), ("11:00", "Added"), ("11:30", "Ordered")),
    # 5 begins in the period and goes on after it, in 2 hours and 1 hour
    *visit(5, "2026-02-28", ("22:00", "Viewed")),
    *visit(5, "2026-03-01", ("00:00", "Added"), ("01:00", "Ordered")),
    # 6 begins before the period
    *visit(6, "2026-01-31", ("23:59:59.999999", "Viewed")),
    *visit(6, "2026-02-01", ("00:10", "Added"), ("00:20", "Ordered")),
    # 7 only looks, on two days; what is of one moment does not follow
    *visit(7, "2026-02-10", ("10:00", "Viewed"), ("10:00", "Added"), device="phone"),
    *visit(7, "2026-02-11", ("10:00", "Viewed"), device="desktop"),
]


def test_a_story_of_seven_people(engine: Engine) -> None:
    world = world_of(engine, STORY)

    answer = funnel.run(Funnel(period=FEBRUARY, steps=SHOP, within=DAY_LONG), world, engine, NOW)

    [line] = answer.lines
    assert answer.events == ("Viewed", "Added", "Ordered")
    assert [step.people for step in line.steps] == [6, 5, 4]
    # to Added: 5, 10, 60, 60, 120 minutes; to Ordered: 5, 20, 30, 60; in all: 10, 30, 90, 180
    assert line.steps[0].took is None
    assert line.steps[1].took == Quartiles(10 * 60, 60 * 60, 60 * 60)
    assert line.steps[2].took == Quartiles(5 * 60, 20 * 60, 30 * 60)
    assert line.took == Quartiles(10 * 60, 30 * 60, 90 * 60)


def test_the_last_microsecond_of_the_window_counts_and_the_next_does_not(engine: Engine) -> None:
    begun = at("2026-02-03 10:00")
    world = world_of(
        engine,
        [Deed(1, "A", begun), Deed(1, "B", begun + HOUR), Deed(2, "A", begun), Deed(2, "B", begun + HOUR + 1)],
    )

    answer = funnel.run(
        Funnel(period=FEBRUARY, steps=(Step(event="A"), Step(event="B")), within=3600), world, engine, NOW
    )

    assert people_of(answer) == {("all", None): (2, 1)}


def test_one_event_is_not_two_steps(engine: Engine) -> None:
    twice = (Step(event="A"), Step(event="A"), Step(event="A"))
    world = world_of(engine, [Deed(1, "A", NOW - HOUR), Deed(1, "A", NOW - MINUTE), Deed(2, "A", NOW - HOUR)])

    answer = funnel.run(Funnel(period=InLast(days=1), steps=twice), world, engine, NOW)

    assert people_of(answer) == {("all", None): (2, 1, 0)}


def test_slices_of_the_best_attempts_first_event(engine: Engine) -> None:
    world = world_of(engine, STORY)
    by_device = Breakdown(by="property", path=("device",))

    answer = funnel.run(Funnel(period=FEBRUARY, steps=SHOP, within=DAY_LONG, breakdown=by_device), world, engine, NOW)

    assert people_of(answer) == {
        ("all", None): (6, 5, 4),
        ("value", "desktop"): (2, 2, 1),  # 2 and 3
        ("value", "phone"): (2, 1, 1),  # 1 and 7
        ("none", None): (2, 2, 2),  # 4 and 5
    }
    desktop = next(line for line in answer.lines if line.slice.value == "desktop")
    assert desktop.steps[1].took == Quartiles(5 * 60, 5 * 60, 60 * 60)
    assert desktop.took == Quartiles(10 * 60, 10 * 60, 10 * 60)


def test_slices_of_people_and_steps_that_pass_tests_and_people_who_are_meant(engine: Engine) -> None:
    done = [
        *(Deed(person, "Viewed", at("2026-02-03 10:00")) for person in (1, 2, 3, 4)),
        *(Deed(person, "Ordered", at("2026-02-03 11:00"), {"total": person * 10}) for person in (1, 2, 3, 4)),
    ]
    known = {1: {"country": "ES", "age": 20}, 2: {"country": "ES", "age": 20}, 3: {"country": "ES"}, 4: {"age": 20}}
    world = world_of(engine, done, known)
    asked = Funnel(
        period=FEBRUARY,
        steps=(Step(event="Viewed"), Step(event="Ordered", where=(Ask(path=("total",), test=More(value=15)),))),
        people=Attribute(path=("country",), test=Equals(value="ES")),
        breakdown=Breakdown(by="attribute", path=("age",)),
    )

    answer = funnel.run(asked, world, engine, NOW)

    assert people_of(answer) == {("all", None): (3, 2), ("value", 20): (2, 1), ("none", None): (1, 1)}


def test_a_file_has_a_row_for_each_step_and_one_for_the_whole(engine: Engine) -> None:
    world = world_of(engine, STORY)

    rows = list(
        funnel.to_csv_rows(funnel.run(Funnel(period=FEBRUARY, steps=SHOP, within=DAY_LONG), world, engine, NOW))
    )

    assert rows == [
        ("slice", "value", "step", "event", "people", "lower_quartile", "median", "upper_quartile"),
        ("all", "", "1", "Viewed", "6", "", "", ""),
        ("all", "", "2", "Added", "5", "600.0", "3600.0", "3600.0"),
        ("all", "", "3", "Ordered", "4", "300.0", "1200.0", "1800.0"),
        ("all", "", "all", "", "4", "600.0", "1800.0", "5400.0"),
    ]


def test_nobody(engine: Engine) -> None:
    answer = funnel.run(Funnel(period=FEBRUARY, steps=SHOP), world_of(engine, []), engine, NOW)

    assert people_of(answer) == {("all", None): (0, 0, 0)}


def attempts_of(asked: Funnel, mine: Sequence[Deed]) -> list[list[int]]:
    """Every attempt, tried in every way there is: the moments of its steps, in the window."""
    first, end = span_of(asked.period, NOW)
    found = [[deed.at] for deed in mine if deed.name == asked.steps[0].event and first <= deed.at < end]
    longest = list(found)
    for step in asked.steps[1:]:
        found = [
            [*attempt, deed.at]
            for attempt in found
            for deed in mine
            if deed.name == step.event and attempt[-1] < deed.at <= attempt[0] + asked.within * SECOND
        ]
        longest += found
    return longest


def naively(asked: Funnel, done: Sequence[Deed]) -> tuple[list[int], list[list[int]]]:
    """How many reached each step, and how long each way took: by the attempt that is furthest, earliest, soonest."""
    reached = [0] * len(asked.steps)
    took: list[list[int]] = [[] for _ in asked.steps]
    for person in {deed.person for deed in done}:
        attempts = attempts_of(asked, [deed for deed in done if deed.person == person])
        if not attempts:
            continue
        best = min(attempts, key=lambda attempt: (-len(attempt), attempt))
        for place in range(len(best)):
            reached[place] += 1
            if place:
                took[place - 1].append(best[place] - best[place - 1])
        if len(best) == len(asked.steps):
            took[-1].append(best[-1] - best[0])
    return reached, took


def quartiles(micros: list[int]) -> Quartiles | None:
    ordered = sorted(micros)
    if not ordered:
        return None
    return Quartiles(*(ordered[ceil(len(ordered) * part / 4) - 1] / SECOND for part in (1, 2, 3)))


@st.composite
def asked_of(draw: st.DrawFn) -> Funnel:
    return Funnel(
        period=InLast(days=draw(st.sampled_from((0, 3, 31)))),
        steps=tuple(Step(event=name) for name in draw(st.lists(st.sampled_from("ABC"), min_size=2, max_size=4))),
        within=draw(st.sampled_from((1, 3_600, 86_400, 8 * 86_400))),
    )


def test_it_is_what_trying_every_attempt_finds(engine: Engine) -> None:
    @settings(max_examples=80 if isinstance(engine, DuckEngine) else 6, suppress_health_check=list(HealthCheck))
    @given(done=deeds, asked=asked_of())
    def check(done: list[Deed], asked: Funnel) -> None:
        [line] = funnel.run(asked, world_of(engine, done), engine, NOW).lines

        reached, took = naively(asked, done)
        assert [step.people for step in line.steps] == reached
        assert [*(step.took for step in line.steps[1:]), line.took] == [quartiles(each) for each in took]

    check()
