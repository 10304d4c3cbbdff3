"""People who are in the base twice: about three in a hundred were met again under another spelling.

No rule may join them (nothing they gave is equal), so they wait for the search for duplicates and for a reviewer.
"""

from collections.abc import Callable, Iterator
from random import Random
from typing import Any, Final, NamedTuple

from tessera.foundation.clock import MINUTE, Micros
from tessera.project.demo.brands import Brand
from tessera.project.demo.calls import Call, Clerk, order_properties, page_of
from tessera.project.demo.devices import a_mobile, random_id
from tessera.project.demo.names import MAIL_DOMAINS, NICKNAMES
from tessera.project.demo.people import APP_SHOPPER, REGULAR, SHOPPER, Person
from tessera.project.demo.seasons import moments

_SHARE: Final = 0.042
"""Of those who could have a twin; about 3 % of everybody."""


class Twin(NamedTuple):
    """The same human twice: the account, and who came by without saying so."""

    user_id: str
    anonymous_id: str


def twin_of(person: Person, seed: int) -> Twin | None:
    """Decided by the seed and the number alone."""
    rnd = _dice(person, seed)
    if person.habit not in (SHOPPER, APP_SHOPPER, REGULAR) or person.is_test or rnd.random() >= _SHARE:
        return None
    return Twin(person.user_id, f"again-{random_id(rnd)}")


def _dice(person: Person, seed: int) -> Random:
    return Random(f"twin:{seed}:{person.number}")  # noqa: S311 -- a toy world


def calls_of_twin(person: Person, twin: Twin, seed: int, *, since: Micros, until: Micros) -> list[Call]:
    """What they did under the other spelling."""
    rnd = Random(f"{_dice(person, seed).random()}:life")  # noqa: S311
    clerk = Clerk(person, marked="demo-again")
    (at,) = moments(rnd, 1, since + (until - since) // 3, until, person.city.time_zone)
    rnd.choice(_WAYS)(clerk, rnd, at, twin, rnd.choice(person.brands))
    return [call for call in clerk.calls if call.at < until]


def _newsletter(clerk: Clerk, rnd: Random, at: Micros, twin: Twin, brand: Brand) -> None:
    """Another mailbox for the newsletter, the name as always."""
    person, browser = clerk.person, a_mobile(rnd)._replace(anonymous_id=twin.anonymous_id)
    page = page_of(brand, "/newsletter", "Newsletter")
    traits = _names(person, rnd) | {"email": _other_domain(person, rnd), "birthday": person.born}
    traits |= {"country": person.city.country, "home_city": person.city.name, "newsletter": True}
    clerk.web(at, brand, browser, type="page", name="Newsletter", page=page)
    clerk.web(at + MINUTE, brand, browser, type="identify", traits=traits, page=page)
    about = {"list": f"{brand.slug}-news"}
    clerk.web(at + MINUTE, brand, browser, type="track", event="Newsletter Subscribed", properties=about, page=page)


def _till(clerk: Clerk, rnd: Random, at: Micros, twin: Twin, brand: Brand) -> None:
    """No loyalty card with them; the cashier types what is said."""
    person = clerk.person
    contact = _names(person, rnd, typo=0.5) | _as_dialled(person) | {"email": _mistyped(person.email, rnd)}
    contact |= {"country": person.city.country, "home_city": person.city.name, "birthday": person.born}
    product = rnd.choice(brand.products)
    order = order_properties(rnd, brand, [(product, 1)], number=f"{brand.slug[0].upper()}-again-{person.number}")
    order |= {"shop": person.city.name, "shipping": 0, "total": order["revenue"]}
    clerk.till(
        at, brand, contact, type="track", event="Order Completed", properties=order, anonymousId=twin.anonymous_id
    )


def _caller(clerk: Clerk, rnd: Random, at: Micros, twin: Twin, brand: Brand) -> None:
    """Rang up from another telephone; the clerk writes the name by ear."""
    person = clerk.person
    contact = _names(person, rnd, typo=0.8) | {"birthday": person.born, "country": person.city.country}
    contact |= {"home_city": person.city.name, "address": _address(person)}
    about = {"brand": brand.slug, "about": "where is my order", "seconds": rnd.randint(60, 600)}
    clerk.call_centre(at, contact, type="track", event="Call Answered", properties=about, anonymousId=twin.anonymous_id)


def _guest(clerk: Clerk, rnd: Random, at: Micros, twin: Twin, brand: Brand) -> None:
    """A checkout as a guest, in a hurry."""
    person, browser = clerk.person, a_mobile(rnd)._replace(anonymous_id=twin.anonymous_id)
    page = page_of(brand, "/checkout", "Checkout")
    traits = _names(person, rnd, typo=0.4) | {"email": _mistyped(person.email, rnd), "country": person.city.country}
    traits |= {"home_city": person.city.name, "address": _address(person)}
    order = order_properties(
        rnd, brand, [(rnd.choice(brand.products), 1)], number=f"{brand.slug[0].upper()}-guest-{person.number}"
    )
    clerk.web(at, brand, browser, type="page", name="Checkout", page=page)
    clerk.web(at + MINUTE, brand, browser, type="identify", traits=traits, page=page)
    clerk.web(at + MINUTE, brand, browser, type="track", event="Order Completed", properties=order, page=page)


_WAYS: Final[tuple[Callable[[Clerk, Random, Micros, Twin, Brand], None], ...]] = (_newsletter, _till, _caller, _guest)


def _names(person: Person, rnd: Random, *, typo: float = 0.0) -> dict[str, Any]:
    first, last = person.first_name, person.last_name
    if rnd.random() < 0.4:
        first = NICKNAMES.get(first, first)
    if rnd.random() < typo:
        last = mistype(last, rnd)
    return {"firstName": first, "lastName": last}


def mistype(word: str, rnd: Random) -> str:
    """One slip of the hand: two letters change places, one is doubled or left out. Never the first letter."""
    if len(word) < 4:
        return word + word[-1]
    place = rnd.randrange(1, len(word) - 2)
    match rnd.randrange(3):
        case 0 if word[place] != word[place + 1]:
            return word[:place] + word[place + 1] + word[place] + word[place + 2 :]
        case 1:
            return word[:place] + word[place] + word[place:]
        case _:
            return word[:place] + word[place + 1 :]


def _mistyped(email: str, rnd: Random) -> str:
    local, _, domain = email.partition("@")
    return f"{mistype(local, rnd)}@{domain}"


def _other_domain(person: Person, rnd: Random) -> str:
    local, _, domain = person.email.partition("@")
    return f"{local}@{rnd.choice([other for other in MAIL_DOMAINS if other != domain])}"


_CODES: Final = {"GB": "+44", "ES": "+34", "RU": "+7", "TH": "+66"}


def _as_dialled(person: Person) -> dict[str, str]:
    """As one says it at home, without the code of the country; what reads it elsewhere finds another number.

    Not in America, whose numbers are read rightly without it.
    """
    code = _CODES.get(person.city.country)
    return {"phone": person.phone.removeprefix(code)} if person.phone and code else {}


def _address(person: Person) -> dict[str, str]:
    return {"city": person.city.name, "country": person.city.country, "postalCode": person.postcode}


def twins_among(people: Iterator[Person], seed: int) -> list[Twin]:
    """Everybody who is in the world twice."""
    return [twin for person in people if (twin := twin_of(person, seed)) is not None]
