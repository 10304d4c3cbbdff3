"""What people of the demo world do over the weeks: when they come, by which door, and what follows from it."""

from random import Random
from typing import Final, NamedTuple

from tessera.foundation.clock import DAY, HOUR, MINUTE, Micros
from tessera.project.demo import messages, shop
from tessera.project.demo.brands import Brand
from tessera.project.demo.calls import Call, Clerk
from tessera.project.demo.people import APP_SHOPPER, DORMANT, READER, REGULAR, VIP, VISITOR, Person
from tessera.project.demo.seasons import Campaign, moments

_HERE_NOW: Final = 24
"""One in so many is in the shop as the world ends, so that live charts move."""
_NEWSLETTER: Final = Campaign("newsletter", "email", "newsletter")
_CALLS_US: Final = 0.07


class Visit(NamedTuple):
    at: Micros
    brand: Brand
    campaign: Campaign | None = None


def calls_of(person: Person, rnd: Random, *, since: Micros, until: Micros) -> list[Call]:
    """Everything the person causes between two moments, in order of its happening."""
    clerk = Clerk(person)
    last = since + int((until - since) * rnd.uniform(0.25, 0.45)) if person.rhythm == DORMANT else until
    if person.habit == REGULAR:
        _live_at_the_till(clerk, rnd, since, last)
    elif person.habit == VISITOR:
        for at in _visit_times(person, rnd, rnd.randint(1, 3), since, last, until):
            shop.visit(clerk, rnd, at, rnd.choice(person.brands), person.browsers[0])
    elif person.habit == READER:
        _read_only(clerk, rnd, since, last)
    else:
        _live_online(clerk, rnd, since, last, until)
    return sorted((call for call in clerk.calls if call.at < until), key=lambda call: call.at)


def _visit_times(person: Person, rnd: Random, count: int, since: Micros, last: Micros, until: Micros) -> list[Micros]:
    found = moments(rnd, count, since, last, person.city.time_zone)
    if person.number % _HERE_NOW == 0:
        found.append(until - rnd.randrange(2 * MINUTE, 55 * MINUTE))
    return sorted(found)


def _how_often(person: Person, rnd: Random) -> int:
    """Visits in the whole time: few for most, many for some."""
    if person.rhythm == VIP:
        return rnd.randint(28, 60)
    return 3 + min(int(rnd.expovariate(1 / 2.6)), 14)


def _live_online(clerk: Clerk, rnd: Random, since: Micros, last: Micros, until: Micros) -> None:
    person = clerk.person
    times = _visit_times(person, rnd, _how_often(person, rnd), since, last, until)
    signs_up_at = rnd.randint(0, min(2, len(times) - 1))
    reads = rnd.random() < 0.6
    visits = [Visit(at, rnd.choice(person.brands)) for at in times]
    before, after = visits[: signs_up_at + 1], visits[signs_up_at + 1 :]
    for turn, visit in enumerate(before):
        # All on one device, so that what was looked at before signing up belongs to somebody.
        shop.visit(clerk, rnd, visit.at, visit.brand, person.browsers[0], sign_up=turn == signs_up_at, news=reads)
    joined = before[-1].at + 10 * MINUTE
    after += _brought_by_mail(clerk, rnd, reads, since=joined, until=last)
    for visit in sorted(after):
        _come_again(clerk, rnd, visit)
    if person.app is not None:
        messages.pushes(clerk, rnd, person.brands[0], since=joined, until=last)
    if person.phone is not None and rnd.random() < _CALLS_US:
        (at,) = moments(rnd, 1, joined, max(last, joined + DAY), person.city.time_zone)
        shop.call_us(clerk, rnd, max(at, joined), rnd.choice(person.brands))


def _brought_by_mail(clerk: Clerk, rnd: Random, reads: bool, *, since: Micros, until: Micros) -> list[Visit]:
    if not reads:
        return []
    fan = rnd.choice((0.3, 0.7, 1.0, 1.2, 2.0))
    return [
        Visit(at, brand, _NEWSLETTER)
        for brand in clerk.person.brands
        for at in messages.newsletters(clerk, rnd, brand, since=since, until=until, fan=fan)
    ]


def _come_again(clerk: Clerk, rnd: Random, visit: Visit) -> None:
    person, (at, brand, campaign) = clerk.person, visit
    if campaign is None and person.habit == APP_SHOPPER and rnd.random() < 0.6:
        shop.use_app(clerk, rnd, at, brand)
    elif campaign is None and rnd.random() < 0.12:
        shop.buy_at_the_till(clerk, rnd, at, brand)
    else:
        browser = rnd.choice(person.browsers)
        shop.visit(clerk, rnd, at, brand, browser, log_in=True, campaign=campaign)


def _live_at_the_till(clerk: Clerk, rnd: Random, since: Micros, last: Micros) -> None:
    person = clerk.person
    often = rnd.randint(10, 24) if person.rhythm == VIP else 1 + min(int(rnd.expovariate(1 / 2.2)), 9)
    for at in moments(rnd, often, since, last, person.city.time_zone):
        shop.buy_at_the_till(clerk, rnd, at, rnd.choice(person.brands))


def _read_only(clerk: Clerk, rnd: Random, since: Micros, last: Micros) -> None:
    """Gave an address for the newsletter, never an account."""
    person = clerk.person
    brand = person.brands[0]
    (at,) = moments(rnd, 1, since, since + (last - since) // 2, person.city.time_zone)
    shop.subscribe(clerk, rnd, at, brand, person.browsers[0])
    for back in messages.newsletters(clerk, rnd, brand, since=at + HOUR, until=last, fan=1.2):
        shop.visit(clerk, rnd, back, brand, person.browsers[0], campaign=_NEWSLETTER)
