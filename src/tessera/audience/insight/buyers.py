"""Scores of buyers as conditions, and the names that marketers have for parts of the grid."""

from typing import Final, NamedTuple

from msgspec import Struct

from tessera.audience.conditions.comparisons import Ask, AtMost, More
from tessera.audience.conditions.condition import Condition
from tessera.audience.conditions.doings import Did, Times, Total
from tessera.audience.conditions.groups import All, AnyOf, Not
from tessera.audience.conditions.times import During, InLast
from tessera.audience.insight.asking import Period, span_of, written
from tessera.audience.leaves import Path
from tessera.foundation.clock import DAY, Micros

SCORES: Final = range(1, 6)
NOBODY: Final[Condition] = AnyOf(of=())


class Part(NamedTuple):
    """A rectangle of the grid: recency and frequency, from and to, both included."""

    recency: tuple[int, int]
    frequency: tuple[int, int]


GROUPS: Final[dict[str, Part]] = {
    "champions": Part((5, 5), (4, 5)),
    "loyal": Part((3, 4), (4, 5)),
    "potential_loyalists": Part((4, 5), (2, 3)),
    "new": Part((5, 5), (1, 1)),
    "promising": Part((4, 4), (1, 1)),
    "need_attention": Part((3, 3), (3, 3)),
    "about_to_sleep": Part((3, 3), (1, 2)),
    "at_risk": Part((1, 2), (3, 4)),
    "cannot_lose": Part((1, 2), (5, 5)),
    "hibernating": Part((1, 2), (1, 2)),
}
"""Every cell is in one of these."""


def group_of(recency: int, frequency: int) -> str:
    """The group that a cell belongs to."""
    return next(
        name
        for name, ((latest, newest), (fewest, most)) in GROUPS.items()
        if latest <= recency <= newest and fewest <= frequency <= most
    )


class Orders(Struct, frozen=True):
    """Which orders count: the event, its tests, the period, and the number that is money."""

    event: str
    where: tuple[Ask, ...]
    period: Period
    of: Path

    def bought(self, times: Times, when: Period | None = None) -> Did:
        return Did(event=self.event, where=self.where, when=when or self.period, times=times)

    def spent(self, test: More | AtMost) -> Total:
        return Total(event=self.event, where=self.where, when=self.period, measure="sum", of=self.of, test=test)


class Borders(Struct, frozen=True):
    """Four borders each, smallest first, none where nobody has a value: days since 1970, orders, money."""

    recency: tuple[int, ...]
    frequency: tuple[int, ...]
    money: tuple[float, ...]


def beyond_and_until(borders: tuple[int, ...], low: int, high: int) -> tuple[int | None, int | None]:
    """The values with these scores are above the first and not above the second; None where there is no border."""
    return (borders[low - 2] if low > 1 else None), (borders[high - 1] if high < len(SCORES) else None)


def people_within(orders: Orders, borders: Borders, part: Part, now: Micros) -> Condition:
    """Those whose recency and frequency have scores of this part of the grid."""
    lately, often = of_recency(orders, borders, part.recency, now), of_frequency(orders, borders, part.frequency)
    if NOBODY in (lately, often):
        return NOBODY
    return All(of=tuple(_parts(lately) + _parts(often)))


def _parts(condition: Condition) -> list[Condition]:
    return list(condition.of) if isinstance(condition, All) else [condition]


def of_frequency(orders: Orders, borders: Borders, scores: tuple[int, int]) -> Condition:
    """Those with so many orders."""
    if not borders.frequency:
        return NOBODY
    beyond, until = beyond_and_until(borders.frequency, *scores)
    fewest = 1 if beyond is None else beyond + 1
    if until is None:
        return orders.bought(Times("at_least", fewest))
    if fewest >= until:
        return orders.bought(Times("exactly", until)) if fewest == until else NOBODY
    return All(of=(orders.bought(Times("at_least", fewest)), orders.bought(Times("at_most", until))))


def of_money(orders: Orders, borders: Borders, score: int) -> Condition:
    """Those who spent so much in all."""
    if not borders.money:
        return NOBODY
    low = borders.money[score - 2] if score > 1 else None
    high = borders.money[score - 1] if score < len(SCORES) else None
    if low is not None and low == high:
        return NOBODY
    parts: list[Condition] = [] if low is None else [orders.spent(More(value=low))]
    if high is not None:
        parts.append(orders.spent(AtMost(value=high)))
    return parts[0] if len(parts) == 1 else All(of=tuple(parts))


def of_recency(orders: Orders, borders: Borders, scores: tuple[int, int], now: Micros) -> Condition:
    """Those who bought on the first of these days or later, and not after the last."""
    if not borders.recency:
        return NOBODY
    beyond, until = beyond_and_until(borders.recency, *scores)
    if beyond is not None and beyond == until:
        return NOBODY
    since = orders.period if beyond is None else _from_day(orders.period, beyond + 1, now)
    if since is None:
        return NOBODY
    bought = orders.bought(Times(), since)
    later = None if until is None else _from_day(orders.period, until + 1, now)
    return bought if later is None else All(of=(bought, Not(of=orders.bought(Times(), later))))


def _from_day(period: Period, day: int, now: Micros) -> Period | None:
    """What of the period is from that day on; None where nothing is."""
    if isinstance(period, InLast):
        ago = now // DAY - day
        return InLast(days=ago) if ago >= 0 else None
    _, end = span_of(period, now)
    return During(first=written(day * DAY), last=period.last) if day * DAY < end else None
