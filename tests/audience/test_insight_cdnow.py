"""A real shop (CDNOW, 1997 and 1998): reports say what is known of it, and what plain Python counts in the file."""

import calendar
import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import NamedTuple

import pytest

from factories.insight import Deed, at, world_of
from tessera.audience.conditions.times import During
from tessera.audience.insight import funnel, lifecycle, retention, rfm, trend
from tessera.audience.insight.asking import Step
from tessera.audience.insight.funnel import Funnel
from tessera.audience.insight.lifecycle import Lifecycle
from tessera.audience.insight.retention import Kept, Retention, nth
from tessera.audience.insight.rfm import Rfm
from tessera.audience.insight.trend import Trend
from tessera.audience.text.reader import from_text
from tessera.audience.warehouse.engines.duck import DuckEngine
from tessera.audience.world import PERSON, World
from tessera.foundation.clock import to_micros

FILE = Path(os.environ.get("TESSERA_SHARED") or Path(__file__).parents[3] / "shared") / "data" / "cdnow_master.txt"
NOW = at("1998-07-01 00:00")
ALL_TIME = During(first="1997-01-01", last="1998-06-30")
MONTHS = [(1997 + number // 12, number % 12 + 1) for number in range(18)]
ORDER = Step(event="Order Completed")


class Purchase(NamedTuple):
    customer: int
    day: date
    cents: int


@pytest.fixture(scope="module")
def purchases() -> list[Purchase]:
    if not FILE.exists():
        pytest.skip("the CDNOW file is not here: put it at data/cdnow_master.txt in the folder TESSERA_SHARED names")
    lines = (line.split() for line in FILE.read_text().splitlines()[1:])
    return [
        Purchase(int(customer), datetime.strptime(day, "%Y%m%d").date(), int(Decimal(dollars) * 100))
        for customer, day, _, dollars in lines
    ]


@pytest.fixture(scope="module")
def shop(purchases: list[Purchase]) -> Iterator[tuple[World, DuckEngine]]:
    engine = DuckEngine(None)
    deeds = [
        Deed(each.customer, "Order Completed", moment(each.day), {"total": each.cents / 100}) for each in purchases
    ]
    yield world_of(engine, deeds), engine
    engine.close()


def moment(day: date) -> int:
    return to_micros(datetime(day.year, day.month, day.day, tzinfo=UTC))


def month_of(day: date) -> tuple[int, int]:
    return day.year, day.month


def months_by_customer(purchases: list[Purchase]) -> dict[int, set[int]]:
    """The months (0 is January 1997) in which each customer bought."""
    found: defaultdict[int, set[int]] = defaultdict(set)
    for each in purchases:
        found[each.customer].add(MONTHS.index(month_of(each.day)))
    return found


def test_purchases_and_dollars_of_each_month(purchases, shop) -> None:
    world, engine = shop

    def asked(measure, of=()) -> trend.Line:
        request = Trend(period=ALL_TIME, step=ORDER, every="month", measure=measure, of=of)
        return trend.run(request, world, engine, NOW).lines[0]

    times, dollars, people = asked("times"), asked("sum", ("total",)), asked("people")

    assert (times.total, dollars.total, people.total) == (69_659, 2_500_315.63, 23_570)
    by_month = Counter(month_of(each.day) for each in purchases)
    cents = Counter(dict.fromkeys(MONTHS, 0))
    for each in purchases:
        cents[month_of(each.day)] += each.cents
    assert times.values == tuple(by_month[month] for month in MONTHS)
    assert dollars.values == tuple(cents[month] / 100 for month in MONTHS)
    assert people.values == tuple(
        len({each.customer for each in purchases if month_of(each.day) == month}) for month in MONTHS
    )


def test_everybody_is_new_in_the_first_quarter_and_then_stays_stops_or_comes_back(purchases, shop) -> None:
    world, engine = shop

    stages = lifecycle.run(Lifecycle(period=ALL_TIME, step=ORDER, every="month"), world, engine, NOW).stages

    assert [stage.new for stage in stages] == [7_846, 8_476, 7_248, *[0] * 15]
    active = months_by_customer(purchases)
    here = [{customer for customer, months in active.items() if number in months} for number in range(18)]
    for number in range(1, 18):
        stage, ever = stages[number], set().union(*here[:number])
        assert (stage.active, stage.returning, stage.resurrected, stage.dormant) == (
            len(here[number]),
            len(here[number] & here[number - 1]),
            len((here[number] & ever) - here[number - 1]),
            len(here[number - 1] - here[number]),
        )


def test_cohorts_of_first_months_and_who_buys_again(purchases, shop) -> None:
    world, engine = shop
    days = defaultdict(set)
    for each in purchases:
        days[each.customer].add(each.day)
    period = During(first="1997-01-01", last="1997-03-31")

    def asked(columns, now) -> retention.RetentionAnswer:
        request = Retention(period=period, start=ORDER, back=ORDER, every="month", columns=columns)
        return retention.run(request, world, engine, now)

    by_month, ever = asked(nth(17), NOW), asked(((0, 18),), at("1999-01-01 00:00"))

    assert [cohort.people for cohort in by_month.cohorts] == [7_846, 8_476, 7_248]
    active = months_by_customer(purchases)
    for number, cohort in enumerate(by_month.cohorts):
        members = [customer for customer, months in active.items() if min(months) == number]
        same_month = sum(
            any(month_of(day) == MONTHS[number] for day in days[one] - {min(days[one])}) for one in members
        )
        later = [sum(number + after in active[one] for one in members) for after in range(1, 18 - number)]
        assert cohort.returned == (same_month, *later, *[None] * number)
    # half of them never come back on another day
    again = sum(len(each) > 1 for each in days.values())
    assert ever.overall == (Kept(again, 23_570),)
    assert 0.45 < again / 23_570 < 0.55


def test_the_second_purchase_and_how_long_it_takes(purchases, shop) -> None:
    world, engine = shop
    days: dict[int, list[date]] = defaultdict(list)
    for each in sorted(purchases, key=lambda purchase: purchase.day):
        if each.day not in days[each.customer]:
            days[each.customer].append(each.day)
    month = timedelta(days=30)
    waits = []
    for moments in days.values():  # the first purchase that another follows within a month
        good = [(later - sooner) for sooner, later in pairwise(moments) if later - sooner <= month]
        waits += good[:1]

    request = Funnel(period=ALL_TIME, steps=(ORDER, ORDER), within=30 * 86_400)
    [line] = funnel.run(request, world, engine, NOW).lines

    waits.sort()
    expected = [waits[ceil(len(waits) * part / 4) - 1].total_seconds() for part in (1, 2, 3)]
    assert [step.people for step in line.steps] == [23_570, len(waits)]
    assert line.took == funnel.Quartiles(*expected)


def test_the_grid_of_its_buyers(purchases, shop) -> None:
    world, engine = shop
    last, times, cents = {}, Counter(), Counter()
    for each in purchases:
        last[each.customer] = max(each.day, last.get(each.customer, each.day))
        times[each.customer] += 1
        cents[each.customer] += each.cents
    scores = [fifths(last), fifths(times)]
    grid = Counter(zip(*([score[one] for one in last] for score in scores), strict=True))

    answer = rfm.run(Rfm(period=ALL_TIME), world, engine, NOW)

    assert {(cell.recency, cell.frequency): cell.people for cell in answer.cells if cell.people} == dict(grid)
    spent = fifths(cents)
    assert [score.people for score in answer.money] == [Counter(spent.values())[number] for number in range(1, 6)]
    champions = answer.groups[0]
    theirs = [one for one in last if scores[0][one] == 5 and scores[1][one] >= 4]
    assert (champions.name, champions.people) == ("champions", len(theirs))
    assert champions.money == sum(cents[one] for one in theirs) / 100 / len(theirs)
    found = engine.fetch(champions.condition.narrow(world.people, world, NOW).select("person_id"))
    assert {one.int - 1 for (one,) in found} == set(theirs)


def fifths(values):
    """One more for each border that a value exceeds; the borders are values by nearest rank."""
    ordered = sorted(values.values())
    borders = [ordered[ceil(len(ordered) * part / 5) - 1] for part in (1, 2, 3, 4)]
    return {one: 1 + sum(value > border for border in borders) for one, value in values.items()}


def test_asked_in_conditions_the_same_people_come_back(purchases, shop) -> None:
    world, engine = shop

    def found(text: str) -> set[int]:
        people = from_text(text).narrow(world.people, world, NOW).select(PERSON)
        return {row[0].int for row in engine.fetch(people)}

    by_customer = Counter(each.customer for each in purchases)
    spent: Counter[int] = Counter()
    for each in purchases:
        spent[each.customer] += each.cents
    times = sorted(by_customer.values())

    assert len(found('did("Order Completed")')) == 23_570
    assert len(found('did("Order Completed") >= 2')) == sum(count >= 2 for count in times) == 11_662
    assert len(found('did("Order Completed") = 1')) == times.count(1)
    assert len(found('sum("Order Completed", total) > 1000')) == sum(cents > 100_000 for cents in spent.values())
    for year, month in MONTHS[:4]:
        last = calendar.monthrange(year, month)[1]
        window = f"from {year}-{month:02}-01 to {year}-{month:02}-{last}"
        bought = {each.customer for each in purchases if month_of(each.day) == (year, month)}
        assert len(found(f'did("Order Completed") {window}')) == len(bought)
        first = {customer for customer, day in firsts_of(purchases).items() if month_of(day) == (year, month)}
        assert len(found(f'first("Order Completed") {window}')) == len(first)


def firsts_of(purchases: list[Purchase]) -> dict[int, date]:
    firsts: dict[int, date] = {}
    for each in purchases:
        firsts[each.customer] = min(firsts.get(each.customer, each.day), each.day)
    return firsts
