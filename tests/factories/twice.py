"""A base of people with known truth, after the manner of FEBRL: some are there a second time, with slips."""

from collections.abc import Callable
from datetime import date, timedelta
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

from tessera.duplicates.records import Record, record_from
from tessera.project.demo.names import LANGUAGES, MAIL_DOMAINS, SHARES, Language, family_of
from tessera.project.demo.twins import mistype

Attributes = dict[str, Any]
Pair = tuple[UUID, UUID]


class Base(NamedTuple):
    records: list[Record]
    truth: set[Pair]


def base(*, people: int, seed: int, twice: float = 0.05) -> Base:
    """So many different people, of whom this share is there a second time."""
    rnd = Random(seed)
    records, truth = [], set()
    for number in range(people):
        one = UUID(int=rnd.getrandbits(128))
        attributes, language = _somebody(rnd, number)
        records.append(record_from(one, attributes, known=False))
        if rnd.random() < twice:
            other = UUID(int=rnd.getrandbits(128))
            records.append(record_from(other, _again(rnd, attributes, language), known=False))
            truth.add((min(one, other), max(one, other)))
    rnd.shuffle(records)
    return Base(records, truth)


def _somebody(rnd: Random, number: int) -> tuple[Attributes, Language]:
    (language,) = rnd.choices(LANGUAGES, SHARES)
    woman = rnd.random() < 0.5
    first = rnd.choice(language.women if woman else language.men)
    last, second = (family_of(rnd.choice(language.families), woman=woman, language=language) for _ in range(2))
    city = rnd.choice(language.cities)
    attributes: Attributes = {
        "first_name": first[0],
        "last_name": last[0] if rnd.random() < 0.6 else f"{last[0]}-{second[0]}",
        "email": f"{first[1]}.{last[1]}{number if rnd.random() < 0.5 else second[1]}@{rnd.choice(MAIL_DOMAINS)}",
        "dob": (date(1950, 1, 1) + timedelta(days=rnd.randrange(20_000))).isoformat(),
        "home_city": city.name,
        "country": city.country,
        "address": {"postalCode": f"{rnd.randrange(10_000, 99_999)}"},
    }
    if rnd.random() < 0.7:
        attributes["phone"] = f"+{rnd.randrange(10**10, 10**11)}"
    for field in ("dob", "address", "email"):
        if rnd.random() < 0.12:
            attributes.pop(field)
    return attributes, language


def _again(rnd: Random, attributes: Attributes, language: Language) -> Attributes:
    """One to three things are otherwise."""
    other = dict(attributes)
    for change in rnd.sample(_CHANGES, rnd.choice((1, 1, 2, 2, 3))):
        change(rnd, other)
    return other


def _slip_in(field: str) -> Callable[[Random, Attributes], None]:
    def slip(rnd: Random, other: Attributes) -> None:
        if field in other:
            local, at, domain = other[field].partition("@")
            other[field] = mistype(local, rnd) + at + domain

    return slip


def _without(field: str) -> Callable[[Random, Attributes], None]:
    return lambda rnd, other: other.pop(field, None)


def _moved(rnd: Random, other: Attributes) -> None:
    other["address"] = {"postalCode": f"{rnd.randrange(10_000, 99_999)}"}


def _new_mailbox(rnd: Random, other: Attributes) -> None:
    if "email" in other:
        other["email"] = f"box{rnd.randrange(10**6)}@{rnd.choice(MAIL_DOMAINS)}"


def _birthday_slip(rnd: Random, other: Attributes) -> None:
    if "dob" in other:
        year, month, day = other["dob"].split("-")
        other["dob"] = f"{year}-{month}-{int(day) % 28 + 1:02d}"


def _new_phone(rnd: Random, other: Attributes) -> None:
    other["phone"] = f"+{rnd.randrange(10**10, 10**11)}"


_CHANGES: list[Callable[[Random, Attributes], None]] = [
    _slip_in("first_name"),
    _slip_in("last_name"),
    _slip_in("email"),
    _without("phone"),
    _without("dob"),
    _moved,
    _new_mailbox,
    _birthday_slip,
    _new_phone,
]
