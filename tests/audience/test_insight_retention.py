"""Retention: numbers worked out by hand, and a plain reading of the same question."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from factories.insight import NOW, Deed, at, deeds, world_of
from tessera.audience.conditions.comparisons import Ask, Equals
from tessera.audience.conditions.known import Attribute
from tessera.audience.conditions.times import During, InLast
from tessera.audience.insight import retention
from tessera.audience.insight.asking import InvalidReport, Step, span_of
from tessera.audience.insight.buckets import bucket_of, buckets_within, start_of_bucket
from tessera.audience.insight.retention import Cohort, Kept, Retention, RetentionAnswer, nth
from tessera.audience.warehouse.engine import Engine
from tessera.audience.warehouse.engines.duck import DuckEngine

TODAY = at("2026-02-06 18:00")
THREE_DAYS = During(first="2026-02-02", last="2026-02-04")
STORY = [
    # 1 begins on the 2nd and comes back that evening, the next day and on day 3
    Deed(1, "Seen", at("2026-02-02 08:00")),
    Deed(1, "Seen", at("2026-02-02 20:00")),
    Deed(1, "Seen", at("2026-02-03 23:59:59.999999")),
    Deed(1, "Seen", at("2026-02-05 00:00")),
    # 2 begins on the 2nd at midnight and comes back on day 2 only
    Deed(2, "Seen", at("2026-02-02 00:00")),
    Deed(2, "Seen", at("2026-02-04 12:00")),
    # 3 began long ago
    Deed(3, "Seen", at("2026-01-01 12:00")),
    Deed(3, "Seen", at("2026-02-02 12:00")),
    # 4 begins on the 3rd, twice in one moment, and never comes back
    Deed(4, "Seen", at("2026-02-03 12:00")),
    Deed(4, "Seen", at("2026-02-03 12:00")),
    # 5 begins on the 4th and comes back today
    Deed(5, "Seen", at("2026-02-04 23:00")),
    Deed(5, "Seen", at("2026-02-06 01:00")),
]
SEEN = Step(event="Seen")


def cells(answer: RetentionAnswer) -> dict[str, tuple[int, tuple[int | None, ...]]]:
    return {cohort.start: (cohort.people, cohort.returned) for cohort in answer.cohorts}


def test_on_day_n_of_those_who_began_that_day(engine: Engine) -> None:
    asked = Retention(period=THREE_DAYS, start=SEEN, back=SEEN, every="day", columns=nth(4))

    answer = retention.run(asked, world_of(engine, STORY), engine, TODAY)

    assert answer.cohorts == (
        Cohort("2026-02-02", 2, (1, 1, 1, 1, None)),
        Cohort("2026-02-03", 1, (0, 0, 0, None, None)),
        Cohort("2026-02-04", 1, (0, 0, None, None, None)),
    )
    assert answer.overall == (Kept(1, 4), Kept(1, 4), Kept(1, 3), Kept(1, 2), None)


def test_within_days_of_each_start(engine: Engine) -> None:
    asked = Retention(
        period=THREE_DAYS, start=SEEN, back=SEEN, cohort="each", every="day", columns=((0, 2), (1, 4), (2, 3))
    )

    answer = retention.run(asked, world_of(engine, STORY), engine, TODAY)

    assert cells(answer) == {
        "2026-02-02": (3, (1, 2, 1)),  # 1 on the same day and the next; 2 on day 2; 3 not at all
        "2026-02-03": (2, (0, None, 1)),  # 1, and 4
        "2026-02-04": (2, (0, None, None)),  # 2, and 5
    }


def test_another_event_brings_back_and_tests_and_people_narrow(engine: Engine) -> None:
    done = [
        *(Deed(person, "Seen", at("2026-01-26 12:00"), {"page": "home"}) for person in (1, 2, 3)),
        Deed(4, "Seen", at("2026-01-26 12:00"), {"page": "help"}),
        *(Deed(person, "Ordered", at("2026-02-08 12:00")) for person in (1, 3, 4)),
        Deed(1, "Ordered", at("2026-01-26 11:00")),
        Deed(2, "Other", at("2026-02-01 12:00")),
    ]
    world = world_of(engine, done, {1: {"country": "ES"}, 2: {"country": "ES"}})
    home = Step(event="Seen", where=(Ask(path=("page",), test=Equals(value="home")),))
    spanish = Attribute(path=("country",), test=Equals(value="ES"))
    period = During(first="2026-01-28", last="2026-01-28")  # the week is taken whole

    def asked(**more: Any) -> list[Cohort]:
        request = Retention(period=period, start=home, every="week", columns=nth(1), **more)
        return list(retention.run(request, world, engine, NOW).cohorts)

    assert asked(back=Step(event="Ordered")) == [Cohort("2026-01-26", 3, (0, 2))]
    assert asked(back=Step(event="Ordered"), people=spanish) == [Cohort("2026-01-26", 2, (0, 1))]
    assert asked() == [Cohort("2026-01-26", 3, (1, 2))]


def test_a_file_has_a_row_for_each_cohort(engine: Engine) -> None:
    asked = Retention(period=THREE_DAYS, start=SEEN, back=SEEN, every="day", columns=((0, 1), (1, 4)))

    rows = list(retention.to_csv_rows(retention.run(asked, world_of(engine, STORY), engine, TODAY)))

    assert rows == [
        ("day", "people", "0", "1-3"),
        ("2026-02-02", "2", "1", "2"),
        ("2026-02-03", "1", "0", ""),
        ("2026-02-04", "1", "0", ""),
    ]


def test_what_cannot_be_asked() -> None:
    engine = DuckEngine(None)
    with pytest.raises(InvalidReport, match="at most 400 cohorts"):
        retention.run(Retention(period=InLast(days=500), start=SEEN, every="day"), world_of(engine, []), engine, NOW)
    with pytest.raises(ValueError, match="ends after it begins"):
        Retention(period=InLast(days=5), start=SEEN, columns=((3, 3),))


def naively(asked: Retention, done: Sequence[Deed]) -> dict[str, tuple[int, tuple[int | None, ...]]]:
    """The same question put to a list, person by person."""
    first, end = span_of(asked.period, NOW)
    found = {}
    done = [deed for deed in done if deed.at <= NOW]
    for number in buckets_within(first, end, asked.every):
        members = {
            person: moments[0]
            for person in {deed.person for deed in done}
            if (moments := _moments(asked, done, person, number))
        }
        counts = tuple(
            None
            if start_of_bucket(number + after, asked.every) > NOW
            else sum(
                any(
                    deed.person == person
                    and (asked.back is None or deed.name == asked.back.event)
                    and deed.at > moment
                    and begin <= bucket_of(deed.at, asked.every) - number < after
                    for deed in done
                )
                for person, moment in members.items()
            )
            for begin, after in asked.columns
        )
        found[at_day(start_of_bucket(number, asked.every))] = (len(members), counts)
    return found


def _moments(asked: Retention, done: Sequence[Deed], person: int, number: int) -> list[int]:
    """When they did the first event in that unit, where that makes them members."""
    all_of_them = sorted(deed.at for deed in done if deed.person == person and deed.name == asked.start.event)
    within = [moment for moment in all_of_them if bucket_of(moment, asked.every) == number]
    return within if asked.cohort == "each" or within[:1] == all_of_them[:1] else []


def at_day(micros: int) -> str:
    return retention.written(micros)


@st.composite
def asked_of(draw: st.DrawFn) -> Retention:
    ranges = st.tuples(st.integers(0, 6), st.integers(1, 5)).map(lambda pair: (pair[0], pair[0] + pair[1]))
    return Retention(
        period=InLast(days=draw(st.sampled_from((1, 8, 31)))),
        start=Step(event="A"),
        back=draw(st.sampled_from((None, Step(event="A"), Step(event="B")))),
        cohort=draw(st.sampled_from(("first", "each"))),
        every=draw(st.sampled_from(("day", "week", "month"))),
        columns=draw(st.one_of(st.just(nth(4)), st.lists(ranges, min_size=1, max_size=3).map(tuple))),
    )


def test_it_is_what_a_plain_count_finds(engine: Engine) -> None:
    @settings(max_examples=80 if isinstance(engine, DuckEngine) else 10, suppress_health_check=list(HealthCheck))
    @given(done=deeds, asked=asked_of())
    def check(done: list[Deed], asked: Retention) -> None:
        assert cells(retention.run(asked, world_of(engine, done), engine, NOW)) == naively(asked, done)

    check()
