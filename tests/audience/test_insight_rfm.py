"""The grid of buyers: numbers worked out by hand, and conditions that give exactly the people of each cell."""

from collections.abc import Sequence
from math import ceil
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from factories.insight import MOMENTS, NOW, Deed, at, person_of, world_of
from tessera.audience.conditions.comparisons import Ask, Equals, More
from tessera.audience.conditions.condition import Condition
from tessera.audience.conditions.known import Attribute
from tessera.audience.conditions.registry import from_json, to_json
from tessera.audience.conditions.times import During, InLast
from tessera.audience.insight import rfm
from tessera.audience.insight.asking import Period, Step, span_of
from tessera.audience.insight.rfm import Rfm, RfmAnswer
from tessera.audience.text.writer import to_text
from tessera.audience.warehouse.engine import Engine
from tessera.audience.warehouse.engines.duck import DuckEngine
from tessera.audience.world import PERSON, World
from tessera.foundation.clock import DAY

FEBRUARY = During(first="2026-02-01", last="2026-02-28")


def bought(person: int, *days: int, total: Any = 10, currency: str = "EUR") -> list[Deed]:
    said = {"total": total, "currency": currency}
    return [Deed(person, "Order Completed", at(f"2026-02-{day:02} 12:00"), said) for day in days]


STORY = [
    *bought(1, 1, total=5),
    *bought(2, 1, 2, 6),
    *bought(3, 10, total=20),
    *bought(4, 3, 14, 20, 21, total=30),
    *bought(5, 9, 25, total=0.5),
    *bought(6, 20, currency="USD"),
    *(Deed(2, "Order Completed", at("2026-01-31 23:59"), {"total": 999, "currency": "EUR"}) for _ in range(9)),
]


def people_of(engine: Engine, condition: Condition, world: World) -> set[int]:
    rows = engine.fetch(condition.narrow(world.people, world, NOW).select(PERSON))
    return {one.int - 1 for (one,) in rows}


def test_five_buyers_have_a_score_each(engine: Engine) -> None:
    world = world_of(engine, STORY)

    answer = rfm.run(Rfm(period=FEBRUARY, currency="EUR"), world, engine, NOW)

    # last orders on the 1st, 6th, 10th, 21st and 25th; 1, 1, 2, 3 and 4 orders; 1, 5, 20, 30 and 120 spent
    assert answer.people == 5
    cells = {(cell.recency, cell.frequency): (cell.people, cell.money) for cell in answer.cells if cell.people}
    assert cells == {(1, 1): (1, 5), (2, 4): (1, 30), (3, 1): (1, 20), (4, 5): (1, 120), (5, 3): (1, 1)}
    assert [(score.above, score.until) for score in answer.recency] == [
        (None, "2026-02-01"),
        ("2026-02-01", "2026-02-06"),
        ("2026-02-06", "2026-02-10"),
        ("2026-02-10", "2026-02-21"),
        ("2026-02-21", None),
    ]
    assert [(score.above, score.until, score.people) for score in answer.frequency] == [
        (None, 1, 2), (1, 1, 0), (1, 2, 1), (2, 3, 1), (3, None, 1),
    ]  # fmt: skip
    assert [people_of(engine, score.condition, world) for score in answer.money] == [{5}, {1}, {3}, {2}, {4}]
    assert [(group.name, group.people, people_of(engine, group.condition, world)) for group in answer.groups] == [
        ("champions", 0, set()),
        ("loyal", 1, {4}),
        ("potential_loyalists", 1, {5}),
        ("new", 0, set()),
        ("promising", 0, set()),
        ("need_attention", 0, set()),
        ("about_to_sleep", 1, {3}),
        ("at_risk", 1, {2}),
        ("cannot_lose", 0, set()),
        ("hibernating", 1, {1}),
    ]


def test_the_conditions_are_such_as_people_write(engine: Engine) -> None:
    world = world_of(engine, STORY)

    days = rfm.run(Rfm(period=FEBRUARY, currency="EUR"), world, engine, NOW)
    lately = rfm.run(Rfm(period=InLast(days=28)), world, engine, NOW)

    loyal = next(group for group in days.groups if group.name == "loyal")
    assert to_text(loyal.condition) == (
        'did("Order Completed", currency = "EUR") from 2026-02-07 to 2026-02-28'
        ' and not did("Order Completed", currency = "EUR") from 2026-02-22 to 2026-02-28'
        ' and did("Order Completed", currency = "EUR") >= 3 from 2026-02-01 to 2026-02-28'
    )
    # six buyers, who last bought on the 1st, 6th, 10th, 20th, 21st and 25th of February: borders on the 20th and 21st
    assert [to_text(score.condition) for score in lately.recency][3:] == [
        'did("Order Completed") in 8 days and not did("Order Completed") in 7 days',
        'did("Order Completed") in 7 days',
    ]


def test_nobody_bought_and_nothing_was_paid(engine: Engine) -> None:
    nobody = rfm.run(Rfm(period=FEBRUARY), world_of(engine, []), engine, NOW)
    world = world_of(engine, bought(1, 5, total="free"))
    unpaid = rfm.run(Rfm(period=FEBRUARY), world, engine, NOW)
    nowhere = rfm.run(Rfm(period=FEBRUARY, of=("nowhere",)), world, engine, NOW)

    assert (nobody.people, len(nobody.cells), {cell.people for cell in nobody.cells}) == (0, 25, {0})
    assert {to_text(cell.condition) for cell in nobody.cells} == {"nobody"}
    assert (nowhere.cells, nowhere.money[0].people) == (unpaid.cells, 0)
    assert (unpaid.people, [score.people for score in unpaid.money]) == (1, [0, 0, 0, 0, 0])
    [cell] = [cell for cell in unpaid.cells if cell.people]
    assert (cell.recency, cell.frequency, cell.money, people_of(engine, cell.condition, world)) == (1, 1, None, {1})


def test_a_file_has_a_row_for_each_cell(engine: Engine) -> None:
    rows = list(rfm.to_csv_rows(rfm.run(Rfm(period=FEBRUARY), world_of(engine, bought(1, 5)), engine, NOW)))

    assert rows[:3] == [
        ("recency", "frequency", "group", "people", "average_money"),
        ("1", "1", "hibernating", "1", "10.0"),
        ("1", "2", "hibernating", "0", ""),
    ]
    assert len(rows) == 26


def test_every_cell_has_one_group() -> None:
    cells = [(recency, frequency) for recency in range(1, 6) for frequency in range(1, 6)]
    for recency, frequency in cells:
        names = [
            name
            for name, (lately, often) in rfm.GROUPS.items()
            if lately[0] <= recency <= lately[1] and often[0] <= frequency <= often[1]
        ]
        assert len(names) == 1, (recency, frequency)


def scores_of(values: dict[int, Any]) -> dict[int, int]:
    """By the stated rule: one more for each fifth's border that the value exceeds."""
    ordered = sorted(values.values())
    borders = [ordered[ceil(len(ordered) * part / 5) - 1] for part in (1, 2, 3, 4)] if ordered else []
    return {person: 1 + sum(value > border for border in borders) for person, value in values.items()}


def naively(asked: Rfm, done: Sequence[Deed], meant: set[int]) -> tuple[dict[int, int], dict[int, int], dict[int, int]]:
    first, end = span_of(asked.period, NOW)
    orders = [
        deed
        for deed in done
        if first <= deed.at < end
        and deed.person in meant
        and (asked.currency is None or deed.properties.get("currency") == asked.currency)
    ]
    days: dict[int, Any] = {}
    times: dict[int, Any] = {}
    money: dict[int, Any] = {}
    for deed in orders:
        days[deed.person] = max(days.get(deed.person, 0), deed.at // DAY)
        times[deed.person] = times.get(deed.person, 0) + 1
        total = deed.properties.get("total")
        if isinstance(total, float):
            money[deed.person] = money.get(deed.person, 0) + round(total * 1e6)
    return scores_of(days), scores_of(times), scores_of(money)


purchases = st.lists(
    st.builds(
        Deed,
        person=st.integers(0, 9),
        name=st.just("Order Completed"),
        at=st.sampled_from(MOMENTS),
        source_id=st.none(),
        properties=st.fixed_dictionaries(
            {},
            optional={
                "total": st.sampled_from((0.1, 0.2, 0.3, 5.0, 99.99, "7")),
                "currency": st.sampled_from(("EUR", "USD")),
            },
        ),
    ),
    max_size=40,
)
PERIODS: tuple[Period, ...] = (
    InLast(days=0),
    InLast(days=8),
    InLast(days=31),
    During(first="2026-02-01T12:00:00Z", last="2026-03-01T01:29:59Z"),
    FEBRUARY,
)


def parts_of(answer: RfmAnswer, scores: tuple[dict[int, int], ...]) -> list[tuple[rfm.Buyers, set[int]]]:
    """Every cell, group and score of the answer, with the people that the rule puts there."""
    days, times, _ = scores
    found: list[tuple[rfm.Buyers, set[int]]] = []
    by_group: dict[str, set[int]] = {}
    for cell in answer.cells:
        theirs = {person for person in days if (days[person], times[person]) == (cell.recency, cell.frequency)}
        found.append((cell, theirs))
        by_group.setdefault(cell.group, set()).update(theirs)
    found += [(group, by_group[group.name]) for group in answer.groups]
    for numbers, said in zip(scores, (answer.recency, answer.frequency, answer.money), strict=True):
        found += [(each, {person for person, score in numbers.items() if score == each.score}) for each in said]
    return found


def test_every_condition_gives_the_people_of_its_scores(engine: Engine) -> None:
    """All cells, groups and scores of drawn orders, against the rule put to a list; a few of them on the engine."""

    @settings(max_examples=40 if isinstance(engine, DuckEngine) else 5, suppress_health_check=list(HealthCheck))
    @given(
        done=purchases,
        period=st.sampled_from(PERIODS),
        currency=st.sampled_from((None, "EUR")),
        only_some=st.booleans(),
        chosen=st.integers(0, 49),
    )
    def check(done: list[Deed], period: Period, currency: str | None, only_some: bool, chosen: int) -> None:
        ages = {number: {"age": number} for number in range(10)}
        people = [person_of(number, age, done) for number, age in ages.items()]
        world = world_of(engine, done, ages)
        older = Attribute(path=("age",), test=More(value=4)) if only_some else None
        asked = Rfm(period=period, currency=currency, people=older)

        answer = rfm.run(asked, world, engine, NOW)

        scores = naively(asked, done, set(range(5 if only_some else 0, 10)))
        assert answer.people == len(scores[0])
        parts = parts_of(answer, scores)
        for part, theirs in parts:
            held = {number for number, person in enumerate(people) if part.condition.holds_for(person, NOW)}
            assert (part.people, held) == (len(theirs), theirs), to_text(part.condition)
            assert from_json(to_json(part.condition)) == part.condition
        part, theirs = parts[chosen]
        assert people_of(engine, part.condition, world) == theirs, to_text(part.condition)

    check()


def test_orders_that_pass_tests(engine: Engine) -> None:
    large = Step(event="Order Completed", where=(Ask(path=("total",), test=More(value=15)),))
    world = world_of(engine, STORY)

    answer = rfm.run(
        Rfm(period=FEBRUARY, step=large, people=Attribute(path=("x",), test=Equals(value=1))), world, engine, NOW
    )
    everybody = rfm.run(Rfm(period=FEBRUARY, step=large), world, engine, NOW)

    assert (answer.people, everybody.people) == (0, 2)
    cell = next(cell for cell in everybody.cells if cell.recency == 1 and cell.people)
    assert people_of(engine, cell.condition, world) == {3}
