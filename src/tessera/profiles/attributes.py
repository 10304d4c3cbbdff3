"""The attributes every profile may have, by their standard names, and how a trait of a message becomes one.

Standard fields and their forms: reference semantics §1.3 (Braze), names of traits: §5.1 (Segment). Everything else is
a custom attribute and keeps its name and value.
"""

import re
from collections.abc import Callable
from datetime import date
from functools import lru_cache
from typing import Any, Final

from email_validator import EmailNotValidError, validate_email

from tessera.events.event import MERGE_OBJECTS
from tessera.events.messages import Json
from tessera.events.vocabulary import STANDARD_NAMES
from tessera.profiles.countries import country_code
from tessera.profiles.phone_numbers import NotANumber, e164

MAX_ATTRIBUTES: Final = 300
"""Per profile (reference semantics §5.4); what comes beyond is kept in history only."""

MAX_NAME: Final = 255
MAX_EMAIL: Final = 254
MAX_PHONE: Final = 40
MAX_DEPTH: Final = 32
MAX_OPERAND: Final = 100
MAX_WHOLE: Final = 2**63 - 1
OPERATORS: Final = frozenset({"inc", "add", "remove"})

_PLAIN_EMAIL = re.compile(r"[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,24}")
_GENDERS: Final = {
    "m": "M",
    "male": "M",
    "f": "F",
    "female": "F",
    "o": "O",
    "other": "O",
    "n": "N",
    "not applicable": "N",
    "p": "P",
    "prefer not to say": "P",
}


class Misfit(ValueError):
    """The value does not fit the attribute; it stays in history and is counted as a data-quality problem."""


def normal_email(text: str) -> str:
    """The one way to write this address. Raises `Misfit`.

    The whole address is lower-cased: no provider of note tells `Ana@` from `ana@`, and people type both. Addresses
    `…@localhost` are ours (a profile without an e-mail) and are never taken from outside.
    """
    address = text.strip().lower()
    if len(address) > MAX_EMAIL:
        raise Misfit(f"an address has at most {MAX_EMAIL} characters")
    if _PLAIN_EMAIL.fullmatch(address) and address.index("@") <= 64:
        return address
    return _email_by_the_library(address)


@lru_cache(maxsize=50_000)
def _email_by_the_library(address: str) -> str:
    try:
        found = validate_email(address, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise Misfit(str(error)) from None
    if "." not in found.domain:
        raise Misfit("the domain of an address needs a dot")
    return found.normalized.lower()


def normal_phone(text: str, region: str) -> str:
    """E.164. `region` (ISO 3166-1) is assumed for a number without a country code. Raises `Misfit`."""
    if len(text) > MAX_PHONE:
        raise Misfit(f"a phone number has at most {MAX_PHONE} characters")
    try:
        return e164(text, region)
    except NotANumber as error:
        raise Misfit(str(error)) from None


def _text(value: Any) -> str:
    if type(value) is str:
        return value.strip()
    if type(value) in (int, float):
        return str(value)
    raise Misfit("text is expected")


def _email(value: Any) -> str:
    if type(value) is not str:
        raise Misfit("text is expected")
    return normal_email(value)


def _gender(value: Any) -> str:
    known = _GENDERS.get(_text(value).lower())
    if known is None:
        raise Misfit("gender is one of M, F, O, N, P")
    return known


def _country(value: Any) -> str:
    code = country_code(_text(value))
    if code is None:
        raise Misfit("country is an ISO 3166-1 alpha-2 code or an English name")
    return code


def _language(value: Any) -> str:
    code = re.split(r"[-_]", _text(value).lower(), maxsplit=1)[0]
    if not re.fullmatch(r"[a-z]{2,3}", code):
        raise Misfit("language is an ISO 639-1 code")
    return code


def _day(value: Any) -> str:
    try:
        return date.fromisoformat(_text(value)[:10]).isoformat()
    except ValueError:
        raise Misfit("a date is written YYYY-MM-DD") from None


def _time_zone(value: Any) -> str:
    name = _text(value)
    if not re.fullmatch(r"[A-Za-z_]+(?:/[A-Za-z0-9_+-]+)*", name) or len(name) > 64:
        raise Misfit("a time zone is an IANA name such as Europe/Madrid")
    return name


def _location(value: Any) -> dict[str, float]:
    if type(value) is not dict:
        raise Misfit("a location has longitude and latitude")
    return {"longitude": _degrees(value.get("longitude"), 180), "latitude": _degrees(value.get("latitude"), 90)}


def _degrees(value: Any, most: int) -> float:
    if type(value) not in (int, float) or not -most <= value <= most:
        raise Misfit("longitude is within ±180 degrees, latitude within ±90")
    return float(value)


def _object(value: Any) -> dict[str, Any]:
    if type(value) is not dict:
        raise Misfit("an object is expected")
    return value


_READ: Final[dict[str, Callable[[Any], Any]]] = {
    "address": _object,
    "avatar": _text,
    "country": _country,
    "current_location": _location,
    "description": _text,
    "dob": _day,
    "email": _email,
    "first_name": _text,
    "gender": _gender,
    "home_city": _text,
    "language": _language,
    "last_name": _text,
    "name": _text,
    "time_zone": _time_zone,
    "title": _text,
    "username": _text,
    "website": _text,
}
STANDARD: Final = frozenset(_READ) | {"phone", "age", "company", "created_at"}


def read_traits(traits: Json, *, region: str) -> tuple[dict[str, Any], list[str]]:
    """Traits as attribute changes by standard name, and the names of those that do not fit.

    A value of None removes; `{"inc": n}`, `{"add": […]}`, `{"remove": […]}` operate; with `_merge_objects: true`
    objects are merged into what is there instead of replacing it.
    """
    changes: dict[str, Any] = {}
    misfits: list[str] = []
    for given, value in traits.items():
        name = STANDARD_NAMES.get(given, given)
        if name == MERGE_OBJECTS or not name:
            continue
        if len(name) > MAX_NAME:
            misfits.append(name[:MAX_NAME])
            continue
        try:
            fitting = _fit(name, value, region)
        except Misfit:
            misfits.append(name)
            continue
        if fitting != "" or name not in STANDARD:
            changes[name] = fitting
    if traits.get(MERGE_OBJECTS) is True:
        changes[MERGE_OBJECTS] = True
    return changes, misfits


def _fit(name: str, value: Any, region: str) -> Any:
    if value is None:
        return None
    if type(value) is str and name != "phone":
        reader = _READ.get(name)
        return reader(value) if reader else value
    if is_operation(value):
        if name in _READ or name == "phone":
            raise Misfit("a standard attribute is set as a whole")
        return _sound(value)
    if name == "phone":
        return normal_phone(_text(value), region)
    reader = _READ.get(name)
    return tame(reader(value) if reader else value)


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        raise Misfit("a number has at most 308 digits") from None


def tame(value: Any, depth: int = 0) -> Any:
    """The value with whole numbers that JSON readers elsewhere cannot hold as floats. Raises `Misfit` when too deep."""
    kind = type(value)
    if kind is int:
        return value if -MAX_WHOLE <= value <= MAX_WHOLE else _as_float(value)
    if kind is dict:
        if depth >= MAX_DEPTH:
            raise Misfit(f"objects nest at most {MAX_DEPTH} deep")
        return {key: tame(part, depth + 1) for key, part in value.items()}
    if kind is list:
        if depth >= MAX_DEPTH:
            raise Misfit(f"lists nest at most {MAX_DEPTH} deep")
        return [tame(part, depth + 1) for part in value]
    return value


def is_operation(value: Any) -> bool:
    return type(value) is dict and len(value) == 1 and next(iter(value)) in OPERATORS


def _sound(operation: Json) -> Json:
    ((name, argument),) = operation.items()
    if name == "inc":
        if type(argument) not in (int, float):
            raise Misfit("inc takes a number")
    elif type(argument) is not list or not 0 < len(argument) <= MAX_OPERAND:
        raise Misfit(f"{name} takes a list of 1 to {MAX_OPERAND} values")
    return {name: tame(argument)}
