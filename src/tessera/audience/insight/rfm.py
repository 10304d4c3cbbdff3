"""Buyers by how lately, how often and for how much they bought: scores from 1 to 5, and a grid of the first two.

Only orders of the period count: `step`, in one `currency` where it is given. A buyer's recency is the day of their
last order (UTC), their frequency the number of orders, their money the sum of `of`; without a number nobody has one.

Scores are by fifths: the borders are the values that one, two, three and four fifths of buyers do not exceed (nearest
rank), and a score is 1, and 1 more for each border that the value exceeds. So equal values have equal scores,
whoever comes first, and where very many are equal a score may be nobody's.

Each score, cell and group has its people as a condition of the language: at the same moment it gives exactly these.
Where the period is "in the last n days" so are its conditions, and a segment made of one goes on with time.
"""

from collections.abc import Iterable, Iterator
from functools import reduce
from operator import add
from typing import Annotated, Any, Final

import ibis
import ibis.expr.types as ir
from msgspec import Meta, Struct

from tessera.audience.conditions.comparisons import Ask, Equals
from tessera.audience.conditions.condition import Condition
from tessera.audience.conditions.doings import MILLIONTHS, sum_of
from tessera.audience.conditions.groups import All
from tessera.audience.insight.asking import AnyCondition, Request, Step, between, of_people, span_of, written
from tessera.audience.insight.buckets import bucket_column
from tessera.audience.insight.buyers import (
    GROUPS,
    NOBODY,
    SCORES,
    Borders,
    Orders,
    Part,
    group_of,
    of_frequency,
    of_money,
    of_recency,
    people_within,
)
from tessera.audience.insight.numbers import millionths_at
from tessera.audience.insight.ranks import at_part, ranked
from tessera.audience.leaves import ELEMENTS, Path
from tessera.audience.warehouse.engine import Engine
from tessera.audience.world import PERSON, World
from tessera.foundation.clock import DAY, Micros

ORDER: Final = "Order Completed"
_MEASURES: Final = ("day", "times", "money")
_FIFTHS: Final = (1, 2, 3, 4)


class Rfm(Request, frozen=True, kw_only=True, tag="rfm"):
    """`of` is the number of an order that is money; orders in other currencies than `currency` do not count."""

    step: Step = Step(event=ORDER)
    of: Annotated[Path, Meta(min_length=1, max_length=10)] = ("total",)
    currency: Annotated[str, Meta(min_length=1, max_length=20)] | None = None

    def __post_init__(self) -> None:
        if ELEMENTS in self.of:
            raise ValueError("money is one number per order")

    def orders(self) -> Orders:
        paid_in = () if self.currency is None else (Ask(path=("currency",), test=Equals(value=self.currency)),)
        return Orders(self.step.event, (*self.step.where, *paid_in), self.period, self.of)


class Buyers(Struct, frozen=True):
    """Some of the buyers; `money` is the average of those who have any, `condition` gives exactly them."""

    people: int
    money: float | None
    condition: "AnyCondition"


class Cell(Buyers, frozen=True):
    """One cell of the grid, with the name of its group."""

    recency: int
    frequency: int
    group: str


class Group(Buyers, frozen=True):
    name: str


class Score(Buyers, frozen=True):
    """`above` and `until` are the borders: days, numbers of orders, or money; None at the ends of the scale."""

    score: int
    above: str | int | float | None
    until: str | int | float | None


class RfmAnswer(Struct, frozen=True):
    """`cells` are all 25, the lowest recency first; `groups` are in the order of `buyers.GROUPS`."""

    people: int
    cells: tuple[Cell, ...]
    groups: tuple[Group, ...]
    recency: tuple[Score, ...]
    frequency: tuple[Score, ...]
    money: tuple[Score, ...]


class _Tally(Struct):
    """How many buyers, how many of these with money, and their millionths."""

    recency: int
    frequency: int
    spent: int
    people: int
    payers: int
    total: int


def run(request: Rfm, world: World, engine: Engine, now: Micros) -> RfmAnswer:
    """Raises `InvalidReport` for a period beyond the years that reports know."""
    buyers = _buyers(request, world, now)
    borders = _borders(buyers, engine)
    tallies = [_Tally(*(int(value or 0) for value in row)) for row in engine.fetch(_grid(buyers, borders))]
    meant = _Meant(request, borders, now)
    return RfmAnswer(
        people=sum(tally.people for tally in tallies),
        cells=tuple(_cell(tallies, recency, frequency, meant) for recency in SCORES for frequency in SCORES),
        groups=tuple(
            Group(*_summed(_within(tallies, part)), meant.within(part), name) for name, part in GROUPS.items()
        ),
        **_scores(tallies, meant),
    )


def _buyers(request: Rfm, world: World, now: Micros) -> ir.Table:
    """A row for each buyer: the day of the last order, how many orders, the sum of money."""
    orders = request.orders()
    rows = of_people(between(world.events, *span_of(request.period, now)), request.people, world, now)
    rows = rows.filter(Step(event=orders.event, where=orders.where).matches(rows, world, now))
    rows = rows.select(PERSON, "at", millionths=millionths_at(rows, world, orders.of))
    found = rows.group_by(PERSON).aggregate(last=rows["at"].max(), times=rows.count(), total=sum_of(rows["millionths"]))
    return found.select(
        day=bucket_column(found["last"], "day"),
        times=found["times"].cast("int64"),
        total=found["total"],
        money=found["total"].cast("float64") / float(MILLIONTHS),  # the very number that conditions compare
    )


def _borders(buyers: ir.Table, engine: Engine) -> Borders:
    placed = ranked(buyers, _MEASURES)
    values = {f"{measure}_{part}": at_part(placed, measure, part, 5) for measure in _MEASURES for part in _FIFTHS}
    [(people, *row)] = engine.fetch(placed.aggregate(people=placed.count(), **values).select("people", *values))
    if not people:  # the least of nothing is null on some engines, 0 on others
        return Borders((), (), ())
    money = tuple(float(value) for value in row[8:] if value is not None)
    return Borders(tuple(map(int, row[:4])), tuple(map(int, row[4:8])), money)


def _grid(buyers: ir.Table, borders: Borders) -> ir.Table:
    """Buyers by their three scores; the third is 0 for those without money."""
    spent = _score(buyers["money"], borders.money)
    scored = buyers.mutate(
        recency=_score(buyers["day"], borders.recency),
        frequency=_score(buyers["times"], borders.frequency),
        spent=ibis.cases((buyers["money"].notnull(), spent), else_=0).cast("int64"),
    )
    names = ["recency", "frequency", "spent"]
    counted = scored.group_by(names).aggregate(
        people=scored.count(), payers=scored["total"].count(), total=scored["total"].sum()
    )
    return counted.select(*names, "people", "payers", "total")


def _score(column: Any, borders: Iterable[float]) -> Any:
    above = [ibis.cases((column > border, 1), else_=0).cast("int64") for border in borders]
    return reduce(add, above, ibis.literal(1, type="int64"))


class _Meant(Struct, frozen=True):
    """Parts of the buyers as conditions: of those who are asked about, if not of everybody."""

    request: Rfm
    borders: Borders
    now: Micros

    def within(self, part: Part) -> Condition:
        return self._theirs(people_within(self.request.orders(), self.borders, part, self.now))

    def scores(self, measure: str, score: int) -> Condition:
        orders = self.request.orders()
        if measure == "recency":
            return self._theirs(of_recency(orders, self.borders, (score, score), self.now))
        if measure == "frequency":
            return self._theirs(of_frequency(orders, self.borders, (score, score)))
        return self._theirs(of_money(orders, self.borders, score))

    def _theirs(self, condition: Condition) -> Condition:
        if self.request.people is None or condition == NOBODY:
            return condition
        parts = condition.of if isinstance(condition, All) else (condition,)
        return All(of=(self.request.people, *parts))


def _cell(tallies: list[_Tally], recency: int, frequency: int, meant: _Meant) -> Cell:
    part = Part((recency, recency), (frequency, frequency))
    people, money = _summed(_within(tallies, part))
    return Cell(people, money, meant.within(part), recency, frequency, group_of(recency, frequency))


def _within(tallies: list[_Tally], part: Part) -> list[_Tally]:
    (latest, newest), (fewest, most) = part
    return [each for each in tallies if latest <= each.recency <= newest and fewest <= each.frequency <= most]


def _summed(tallies: list[_Tally]) -> tuple[int, float | None]:
    """How many they are, and the average money of those who have any."""
    payers = sum(each.payers for each in tallies)
    total = sum(each.total for each in tallies)
    return sum(each.people for each in tallies), total / payers / MILLIONTHS if payers else None


def _scores(tallies: list[_Tally], meant: _Meant) -> dict[str, tuple[Score, ...]]:
    days = tuple(written(day * DAY) for day in meant.borders.recency)
    scales: dict[str, tuple[Any, ...]] = {
        "recency": days, "frequency": meant.borders.frequency, "money": meant.borders.money
    }  # fmt: skip
    return {
        measure: tuple(_one_score(tallies, measure, number, borders, meant) for number in SCORES)
        for measure, borders in scales.items()
    }


def _one_score(tallies: list[_Tally], measure: str, number: int, borders: tuple[Any, ...], meant: _Meant) -> Score:
    field = "spent" if measure == "money" else measure
    people, money = _summed([tally for tally in tallies if getattr(tally, field) == number])
    above = borders[number - 2] if borders and number > 1 else None
    until = borders[number - 1] if borders and number < len(SCORES) else None
    return Score(people, money, meant.scores(measure, number), number, above, until)


def to_csv_rows(answer: RfmAnswer) -> Iterator[tuple[str, ...]]:
    """A row for each cell."""
    yield ("recency", "frequency", "group", "people", "average_money")
    for cell in answer.cells:
        money = "" if cell.money is None else str(cell.money)
        yield (str(cell.recency), str(cell.frequency), cell.group, str(cell.people), money)
