"""Who lives in the demo world: each is drawn from the seed and a number, so a larger world contains a smaller."""

from datetime import date, timedelta
from random import Random
from string import ascii_uppercase, digits
from typing import Final, NamedTuple

from tessera.project.demo.brands import BRANDS, Brand
from tessera.project.demo.devices import Browser, Phone, a_desktop, a_mobile, a_phone
from tessera.project.demo.names import (
    LANGUAGES,
    MAIL_DOMAINS,
    SHARES,
    City,
    Language,
    Spelled,
    family_of,
    phone_of,
)

VISITOR, READER, SHOPPER, APP_SHOPPER, REGULAR = "visitor", "reader", "shopper", "app shopper", "regular at the till"
_HABITS: Final = ((VISITOR, 20), (READER, 7), (SHOPPER, 40), (APP_SHOPPER, 21), (REGULAR, 12))
VIP, STEADY, DORMANT = "vip", "steady", "dormant"
_RHYTHMS: Final = ((VIP, 2), (STEADY, 85), (DORMANT, 13))
_SHARES_A_TABLET: Final = 0.08
_HAS_SECOND_DEVICE: Final = 0.45
_LIVES_WITH_THE_LAST: Final = 0.12
_WAS_INVITED: Final = 0.08
_IS_A_TEST: Final = 0.004


class Person(NamedTuple):
    number: int
    habit: str
    rhythm: str
    language: Language
    city: City
    postcode: str
    first_name: str
    last_name: str
    latin: tuple[str, str]
    """First and family name in Latin letters, as an address is made of them."""
    woman: bool
    born: str
    user_id: str
    email: str
    phone: str | None
    brands: tuple[Brand, ...]
    browsers: tuple[Browser, ...]
    app: Phone | None
    address: str
    """The IPv4 address of their home."""
    lives_with: str | None
    """The user id of somebody of the same household."""
    invited_by: str | None
    is_test: bool


class _Home(NamedTuple):
    """What people under one roof share."""

    user_id: str
    language: Language
    city: City
    postcode: str
    family: Spelled
    address: str


class Population:
    """Draws people one after the other; some borrow the tablet of the one before, or live with them."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._numbers_given: dict[str, int] = {}
        self._addresses_given: set[str] = set()
        self._last_tablet: Browser | None = None
        self._last_home: _Home | None = None
        self._known: list[str] = []

    def next(self, number: int) -> tuple[Person, Random]:
        """The person of this number (ask in order, from 0) and the dice for the rest of their life."""
        rnd = Random(f"{self._seed}:{number}")  # noqa: S311 -- a toy world
        user_id = f"customer-{self._seed}-{number:05d}"
        (habit,) = rnd.choices([name for name, _ in _HABITS], [share for _, share in _HABITS])
        (rhythm,) = rnd.choices([name for name, _ in _RHYTHMS], [share for _, share in _RHYTHMS])
        home, lives_with = self._home(rnd, habit, user_id)
        woman, born = rnd.random() < 0.5, _born(rnd)
        first = rnd.choice(home.language.women if woman else home.language.men)
        last = family_of(home.family, woman=woman, language=home.language)
        person = Person(
            number=number,
            habit=habit,
            rhythm=rhythm,
            language=home.language,
            city=home.city,
            postcode=home.postcode,
            first_name=first[0],
            last_name=last[0],
            latin=(first[1], last[1]),
            woman=woman,
            born=born,
            user_id=user_id,
            email=self._email(rnd, first[1], last[1], born),
            phone=self._phone(home.city.country) if habit not in (VISITOR, READER) else None,
            brands=_brands(rnd),
            browsers=self._browsers(rnd, habit),
            app=a_phone(rnd, owner=first[0]) if habit == APP_SHOPPER else None,
            address=home.address,
            lives_with=lives_with,
            invited_by=self._inviter(rnd, habit),
            is_test=habit == SHOPPER and rnd.random() < _IS_A_TEST,
        )
        self._remember(person, home)
        return person, rnd

    def _home(self, rnd: Random, habit: str, user_id: str) -> tuple[_Home, str | None]:
        (language,) = rnd.choices(LANGUAGES, SHARES)
        city = rnd.choice(language.cities)
        address = f"{city.network}.{rnd.randrange(256)}.{rnd.randrange(1, 255)}"
        own = _Home(user_id, language, city, _postcode(rnd, city), rnd.choice(language.families), address)
        together = habit in (SHOPPER, APP_SHOPPER) and rnd.random() < _LIVES_WITH_THE_LAST
        if together and self._last_home is not None:
            return self._last_home, self._last_home.user_id
        return own, None

    def _inviter(self, rnd: Random, habit: str) -> str | None:
        invited = habit in (SHOPPER, APP_SHOPPER) and rnd.random() < _WAS_INVITED
        return rnd.choice(self._known) if invited and self._known else None

    def _remember(self, person: Person, home: _Home) -> None:
        if person.habit in (SHOPPER, APP_SHOPPER):
            self._last_home = home._replace(user_id=person.user_id)
            self._known.append(person.user_id)

    def _phone(self, country: str) -> str | None:
        given = self._numbers_given.get(country, 0)
        self._numbers_given[country] = given + 1
        return phone_of(country, given)

    def _email(self, rnd: Random, first: str, last: str, born: str) -> str:
        """As people choose them; what is taken gets a number."""
        year = born[2:4]
        forms = (
            f"{first}.{last}",
            f"{first[0]}{last}",
            f"{first}{last[0]}{year}",
            f"{last}.{first}",
            f"{first}_{last}",
        )
        local, domain = rnd.choice(forms).lower(), rnd.choice(MAIL_DOMAINS)
        address, turn = f"{local}@{domain}", 0
        while address in self._addresses_given:
            turn += 1
            address = f"{local}{year if turn == 1 else rnd.randrange(100, 10_000)}@{domain}"
        self._addresses_given.add(address)
        return address

    def _browsers(self, rnd: Random, habit: str) -> tuple[Browser, ...]:
        if habit == REGULAR:
            return ()
        browsers = [a_desktop(rnd) if rnd.random() < 0.55 else a_mobile(rnd)]
        member = habit in (SHOPPER, APP_SHOPPER)
        if member and rnd.random() < _HAS_SECOND_DEVICE:
            browsers.append(a_mobile(rnd))
        if member and self._last_tablet is not None and rnd.random() < _SHARES_A_TABLET:
            browsers.append(self._last_tablet)
        self._last_tablet = browsers[0] if member else self._last_tablet
        return tuple(browsers)


def _born(rnd: Random) -> str:
    """A birthday of somebody who was 18 to about 80 in 2026; most are younger than 50."""
    return (date(2008, 1, 1) - timedelta(days=int(rnd.betavariate(1.6, 3) * 62 * 365))).isoformat()


def _postcode(rnd: Random, city: City) -> str:
    kinds = {"#": digits, "@": ascii_uppercase}
    return "".join(rnd.choice(kinds[sign]) if sign in kinds else sign for sign in city.postcode)


def _brands(rnd: Random) -> tuple[Brand, ...]:
    both = rnd.random() < 0.3
    return BRANDS if both else (rnd.choice(BRANDS),)
