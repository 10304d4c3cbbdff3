"""Who lives in the demo world: each is drawn from the seed and a number, so a larger world contains a smaller."""

from random import Random
from typing import Final, NamedTuple

from tessera.project.demo.brands import BRANDS, Brand
from tessera.project.demo.devices import Browser, Phone, a_desktop, a_mobile, a_phone
from tessera.project.demo.names import LANGUAGES, MAIL_DOMAINS, SHARES, City, Language, family_of, phone_of

VISITOR, SHOPPER, APP_SHOPPER, REGULAR = "visitor", "shopper", "app shopper", "regular at the till"
_HABITS: Final = ((VISITOR, 25), (SHOPPER, 40), (APP_SHOPPER, 22), (REGULAR, 13))
_SHARES_A_TABLET: Final = 0.08
_HAS_SECOND_DEVICE: Final = 0.45


class Person(NamedTuple):
    number: int
    habit: str
    language: Language
    city: City
    first_name: str
    last_name: str
    woman: bool
    user_id: str
    email: str
    phone: str | None
    brands: tuple[Brand, ...]
    browsers: tuple[Browser, ...]
    app: Phone | None
    address: str
    """The IPv4 address of their home."""


class Population:
    """Draws people one after the other; some borrow the tablet of the one before."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._numbers_given: dict[str, int] = {}
        self._last_tablet: Browser | None = None

    def next(self, number: int) -> tuple[Person, Random]:
        """The person of this number (ask in order, from 0) and the dice for the rest of their life."""
        rnd = Random(f"{self._seed}:{number}")  # noqa: S311 -- a toy world
        (language,) = rnd.choices(LANGUAGES, SHARES)
        (habit,) = rnd.choices([name for name, _ in _HABITS], [share for _, share in _HABITS])
        city, woman = rnd.choice(language.cities), rnd.random() < 0.5
        first = rnd.choice(language.women if woman else language.men)
        last = family_of(rnd.choice(language.families), woman=woman, language=language)
        person = Person(
            number=number,
            habit=habit,
            language=language,
            city=city,
            first_name=first[0],
            last_name=last[0],
            woman=woman,
            user_id=f"customer-{self._seed}-{number:05d}",
            email=_email(rnd, first[1], last[1], number),
            phone=self._phone(city.country) if habit != VISITOR else None,
            brands=_brands(rnd),
            browsers=self._browsers(rnd, habit),
            app=a_phone(rnd, owner=first[0]) if habit == APP_SHOPPER else None,
            address=f"{city.network}.{rnd.randrange(256)}.{rnd.randrange(1, 255)}",
        )
        return person, rnd

    def _phone(self, country: str) -> str | None:
        given = self._numbers_given.get(country, 0)
        self._numbers_given[country] = given + 1
        return phone_of(country, given)

    def _browsers(self, rnd: Random, habit: str) -> tuple[Browser, ...]:
        if habit == REGULAR:
            return ()
        browsers = [a_desktop(rnd) if rnd.random() < 0.55 else a_mobile(rnd)]
        if habit != VISITOR and rnd.random() < _HAS_SECOND_DEVICE:
            browsers.append(a_mobile(rnd))
        if habit != VISITOR and self._last_tablet is not None and rnd.random() < _SHARES_A_TABLET:
            browsers.append(self._last_tablet)
        self._last_tablet = browsers[0] if habit != VISITOR else self._last_tablet
        return tuple(browsers)


def _email(rnd: Random, first: str, last: str, number: int) -> str:
    """The number keeps addresses apart; people with the same name exist."""
    return f"{first}.{last}{number}@{rnd.choice(MAIL_DOMAINS)}".lower()


def _brands(rnd: Random) -> tuple[Brand, ...]:
    both = rnd.random() < 0.3
    return BRANDS if both else (rnd.choice(BRANDS),)
