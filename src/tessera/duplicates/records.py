"""What is compared of a person: a handful of fields in forms that a slip of the pen changes little.

Nothing is transliterated: names are compared within one script, and two scripts say nothing about each other. Letters
of other scripts than Latin are mapped one to one onto ASCII, because DuckDB measures the distance of bytes: two
Cyrillic names would look alike by their first bytes alone.
"""

import hmac
import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import UUID

import pyarrow as pa

from tessera.foundation.secrets import secret
from tessera.foundation.settings import settings
from tessera.identity.queries import HeldIdentifier
from tessera.profiles.person import values_of
from tessera.profiles.state import State

_MARKS: Final = re.compile("[\u0300-\u036f]")
_LETTERS: Final = re.compile(r"[^\W\d_]+|[\u0e01-\u0e5b]+")
_POSTCODES: Final = ("postalCode", "postal_code", "postcode", "zip")
PHONE_TAIL: Final = 8
"""Digits from the end that tell a number whether or not the code of the country was dialled."""
MOST_LETTERS: Final = 100


@cache
def _key_of(home: Path) -> bytes:
    """The installation's secret `duplicates`; machines that share a database must share it."""
    return secret("duplicates").encode()


class Record(NamedTuple):
    """One person as they are compared. Empty fields are None; `known` says that somebody gave them a user id."""

    unique_id: str
    known: bool
    script: str | None
    first_name: str | None
    last_name: str | None
    email_local: str | None
    email_digits: str | None
    email_domain: str | None
    phone: str | None
    dob: str | None
    city: str | None
    postcode: str | None
    country: str | None
    company: str | None

    @property
    def comparable(self) -> bool:
        """Whether there is enough to tell anybody by: a name alone is not."""
        told = (self.last_name, self.email_local, self.phone, self.dob, self.postcode, self.company)
        return sum(field is not None for field in told) >= 2 or self.email_local is not None or self.phone is not None

    @property
    def fingerprint(self) -> bytes:
        """Stands for what is compared: a decision holds until this changes. 16 bytes, keyed: no guess can be tested."""
        text = "\x1f".join(field or "" for field in self[2:])
        return hmac.digest(_key_of(settings().home), text.encode(), "sha256")[:16]


_TEXTS: Final = [name for name in Record._fields if name != "known"]
SCHEMA: Final = pa.schema([pa.field(name, pa.string() if name in _TEXTS else pa.bool_()) for name in Record._fields])


def record_of(profile_id: UUID, state: State, identifiers: Iterable[HeldIdentifier]) -> Record:
    """What is compared of this person; an identifier where no attribute says the e-mail or the phone."""
    held = list(identifiers)
    contacts = {kind: value for kind in ("email", "phone") if (value := _last(held, kind))}
    known = any(one.kind == "user_id" for one in held)
    return record_from(profile_id, contacts | values_of(state.attributes), known=known)


def record_from(profile_id: UUID, attributes: Mapping[str, Any], *, known: bool) -> Record:
    """The record of somebody with these attributes."""
    first, last = _names(attributes)
    email, phone = _text(attributes.get("email")), _text(attributes.get("phone"))
    local, _, domain = (email or "").lower().partition("@")
    address = attributes.get("address")
    address = address if isinstance(address, Mapping) else {}
    city = _text(attributes.get("home_city")) or _text(address.get("city"))
    postcode = next((found for name in _POSTCODES if (found := _text(address.get(name)))), None)
    return Record(
        unique_id=str(profile_id),
        known=known,
        script=script_of(last or first),
        first_name=letters(first),
        last_name=letters(last),
        email_local=re.sub(r"[^a-z]", "", local.partition("+")[0]) or None,
        email_digits="".join(re.findall(r"\d", local.partition("+")[0])) or None,
        email_domain=domain or None,
        phone=_tail(phone),
        dob=_text(attributes.get("dob")),
        city=letters(city),
        postcode=re.sub(r"\W", "", postcode).upper() or None if postcode else None,
        country=_text(attributes.get("country")) or _text(address.get("country")),
        company=letters(_text(attributes.get("company"))),
    )


def table_of(records: Iterable[Record]) -> pa.Table:
    """The records by columns, as DuckDB reads them without a copy."""
    columns = list(zip(*records, strict=True)) or [()] * len(SCHEMA)
    return pa.Table.from_arrays(
        [pa.array(column, type=field.type) for column, field in zip(columns, SCHEMA, strict=True)], schema=SCHEMA
    )


def _text(value: Any) -> str | None:
    return value[:255] if isinstance(value, str) and value.strip() else None


def _last(held: Iterable[HeldIdentifier], kind: str) -> str | None:
    return next((one.value for one in reversed(list(held)) if one.kind == kind), None)


def _names(attributes: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """First and last name; of a name given as a whole, its first and its last word."""
    first, last = _text(attributes.get("first_name")), _text(attributes.get("last_name"))
    whole = _text(attributes.get("name"))
    if first is None and last is None and whole is not None:
        words = whole.split()
        return words[0], words[-1] if len(words) > 1 else None
    return first, last


def _tail(phone: str | None) -> str | None:
    digits = re.sub(r"\D", "", phone or "")
    return digits[-PHONE_TAIL:] if len(digits) >= PHONE_TAIL else None


def script_of(text: str | None) -> str | None:
    """`latin`, `cyrillic`, `thai` …, by the first letter."""
    letter = next((char for char in text or "" if char.isalpha()), None)
    return unicodedata.name(letter, "other").split()[0].lower() if letter else None


@lru_cache(maxsize=50_000)
def letters(text: str | None) -> str | None:
    """The letters alone, without accents and capitals, one ASCII character each (see the module's head)."""
    if text is None:
        return None
    plain = _MARKS.sub("", unicodedata.normalize("NFKD", text.casefold()))
    found = "".join(_LETTERS.findall(plain))[:MOST_LETTERS]
    return "".join(char if char.isascii() else chr(33 + ord(char) % 94) for char in found) or None
