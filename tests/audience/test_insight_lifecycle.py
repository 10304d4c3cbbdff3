"""The life of people: numbers worked out by hand, and a plain reading of the same question."""

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from factories.insight import NOW, Deed, at, deeds, world_of
from tessera.audience.conditions.comparisons import Equals
from tessera.audience.conditions.known import Attribute
from tessera.audience.conditions.times import During, InLast
from tessera.audience.insight import lifecycle
from tessera.audience.insight.asking import InvalidReport, Step, span_of, written
from tessera.audience.insight.buckets import bucket_of, buckets_within, start_of_bucket
from tessera.audience.insight.lifecycle import Lifecycle, Stage
from tessera.audience.warehouse.engine import Engine
from tessera.audience.warehouse.engines.duck import DuckEngine

TODAY = at("2026-02-05 18:00")
STORY = [
    *(Deed(1, "Seen", at(f"2026-02-{day:02} 12:00")) for day in (1, 2, 3, 5)),  # before the period, too
    *(Deed(2, "Seen", at(f"2026-02-{day:02} 23:59:59.999999")) for day in (2, 4)),
    Deed(3, "Seen", at("2026-02-03 00:00")),
    Deed(3, "Other", at("2026-02-04 00:00")),
    Deed(4, "Seen", at("2025-01-01 00:00")),
    Deed(4, "Seen", at("2026-02-04 00:00")),
    Deed(4, "Seen", at("2026-02-04 00:01")),
]


def test_four_days(engine: Engine) -> None:
    asked = Lifecycle(period=During(first="2026-02-02", last="2026-02-05"), step=Step(event="Seen"), every="day")

    answer = lifecycle.run(asked, world_of(engine, STORY), engine, TODAY)

    assert answer.stages == (
        Stage("2026-02-02", active=2, new=1, returning=1, resurrected=0, dormant=0),  # 1 stays, 2 is new
        Stage("2026-02-03", active=2, new=1, returning=1, resurrected=0, dormant=1),  # 1 stays, 3 is new, 2 stops
        Stage("2026-02-04", active=2, new=0, returning=0, resurrected=2, dormant=2),  # 2 and 4 come back
        Stage("2026-02-05", active=1, new=0, returning=0, resurrected=1, dormant=None),  # 1; the day is not over
    )


def test_any_event_makes_active_and_only_those_who_are_meant_count(engine: Engine) -> None:
    period = During(first="2026-02-04", last="2026-02-04")
    world = world_of(engine, STORY, {2: {"vip": True}, 3: {"vip": True}})
    vip = Attribute(path=("vip",), test=Equals(value=True))

    [day] = lifecycle.run(Lifecycle(period=period, every="day"), world, engine, NOW).stages
    [theirs] = lifecycle.run(Lifecycle(period=period, every="day", people=vip), world, engine, NOW).stages
    [month] = lifecycle.run(Lifecycle(period=period, every="month"), world, engine, NOW).stages

    assert day == Stage("2026-02-04", active=3, new=0, returning=1, resurrected=2, dormant=1)
    assert theirs == Stage("2026-02-04", active=2, new=0, returning=1, resurrected=1, dormant=0)
    assert month == Stage("2026-02-01", active=4, new=3, returning=0, resurrected=1, dormant=0)


def test_a_file_has_a_row_for_each_unit(engine: Engine) -> None:
    asked = Lifecycle(period=During(first="2026-02-04", last="2026-02-05"), step=Step(event="Seen"), every="day")

    assert list(lifecycle.to_csv_rows(lifecycle.run(asked, world_of(engine, STORY), engine, TODAY))) == [
        ("day", "active", "new", "returning", "resurrected", "dormant"),
        ("2026-02-04", "2", "0", "0", "2", "2"),
        ("2026-02-05", "1", "0", "0", "1", ""),
    ]


def test_what_cannot_be_asked() -> None:
    engine = DuckEngine(None)
    with pytest.raises(InvalidReport, match="at most 400 points"):
        lifecycle.run(Lifecycle(period=InLast(days=500), every="day"), world_of(engine, []), engine, NOW)


def naively(asked: Lifecycle, done: Sequence[Deed]) -> tuple[Stage, ...]:
    """The same question put to a list, unit by unit."""
    counted = [deed for deed in done if deed.at <= NOW and (asked.step is None or deed.name == asked.step.event)]
    present: dict[int, set[int]] = {}
    for deed in counted:
        present.setdefault(bucket_of(deed.at, asked.every), set()).add(deed.person)
    found = []
    for unit in buckets_within(*span_of(asked.period, NOW), asked.every):
        here, before = present.get(unit, set()), present.get(unit - 1, set())
        ever: set[int] = set().union(*(people for number, people in present.items() if number < unit))
        stage = Stage(
            start=written(start_of_bucket(unit, asked.every)),
            active=len(here),
            new=len(here - ever),
            returning=len(here & before),
            resurrected=len((here & ever) - before),
            dormant=len(before - here) if start_of_bucket(unit + 1, asked.every) <= NOW else None,
        )
        found.append(stage)
    return tuple(found)


def test_it_is_what_a_plain_count_finds(engine: Engine) -> None:
    @settings(max_examples=80 if isinstance(engine, DuckEngine) else 10, suppress_health_check=list(HealthCheck))
    @given(
        done=deeds,
        every=st.sampled_from(("day", "week", "month")),
        step=st.sampled_from((None, Step(event="A"))),
        days=st.sampled_from((0, 8, 31)),
    )
    def check(done: list[Deed], every: str, step: Step | None, days: int) -> None:
        asked = Lifecycle(period=InLast(days=days), step=step, every=every)  # type: ignore[arg-type]

        assert lifecycle.run(asked, world_of(engine, done), engine, NOW).stages == naively(asked, done)

    check()
