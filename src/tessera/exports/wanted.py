"""What an export is asked for: which people or events, which columns, which kind of file."""

from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Struct

from tessera.foundation.errors import TesseraError
from tessera.profiles.attributes import Misfit, normal_email, normal_phone

What = Literal["people", "history"]
Format = Literal["csv", "ndjson", "parquet"]
MOST_NAMED: Final = 10_000
"""People, attributes, event names or sources that one export may name."""

LONGEST_NAME: Final = 600
SUFFIXES: Final[dict[Format, str]] = {"csv": ".csv", "ndjson": ".ndjson", "parquet": ".parquet"}
CONTENT_TYPES: Final[dict[Format, str]] = {
    "csv": "text/csv; charset=utf-8",
    "ndjson": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}


class UnknownExport(TesseraError):
    """What was asked for cannot be exported; the message says which part of it."""

    code = "invalid_export"


class Wanted(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One row per person (`people`) or per event (`history`).

    `None` stands for all. Ranges include their beginning and not their end. `people` names them by profile id or by
    `kind:value`. `created_*` and `seen_*` choose people; `occurred_*`, `events` and `sources` choose events.
    """

    what: What
    format: Format = "csv"
    gzip: bool = False
    byte_order_mark: bool = False
    attributes: tuple[str, ...] | None = None
    people: tuple[str, ...] | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    seen_from: datetime | None = None
    seen_to: datetime | None = None
    occurred_from: datetime | None = None
    occurred_to: datetime | None = None
    events: tuple[str, ...] | None = None
    sources: tuple[int, ...] | None = None

    @property
    def suffix(self) -> str:
        """How the file's name ends."""
        return SUFFIXES[self.format] + (".gz" if self.gzip else "")

    @property
    def content_type(self) -> str:
        return "application/gzip" if self.gzip else CONTENT_TYPES[self.format]


_PEOPLE_ONLY: Final = ("attributes", "created_from", "created_to", "seen_from", "seen_to")
_HISTORY_ONLY: Final = ("occurred_from", "occurred_to", "events", "sources")
_RANGES: Final = (("created_from", "created_to"), ("seen_from", "seen_to"), ("occurred_from", "occurred_to"))


def checked(wanted: Wanted) -> Wanted:
    """The same, when it makes sense. Raises `UnknownExport`: a filter that does not apply must not filter nothing."""
    for name in _HISTORY_ONLY if wanted.what == "people" else _PEOPLE_ONLY:
        if getattr(wanted, name) is not None:
            raise UnknownExport(f"{name} does not apply to {wanted.what}")
    for first, last in _RANGES:
        _check_range(first, getattr(wanted, first), last, getattr(wanted, last))
    for name in ("attributes", "people", "events", "sources"):
        _check_names(name, getattr(wanted, name))
    if wanted.gzip and wanted.format == "parquet":
        raise UnknownExport("gzip does not apply to parquet, which is compressed already")
    if wanted.byte_order_mark and wanted.format != "csv":
        raise UnknownExport("byte_order_mark applies to csv only")
    for reference in wanted.people or ():
        read_reference(reference)
    return wanted


def _check_range(first: str, begin: datetime | None, last: str, end: datetime | None) -> None:
    for name, moment in ((first, begin), (last, end)):
        if moment is not None and moment.tzinfo is None:
            raise UnknownExport(f"{name} needs a time zone")
    if begin is not None and end is not None and begin >= end:
        raise UnknownExport(f"{first} must be before {last}")


def _check_names(field: str, names: tuple[Any, ...] | None) -> None:
    if names is None:
        return
    if not 0 < len(names) <= MOST_NAMED:
        raise UnknownExport(f"{field} names 1 to {MOST_NAMED} things; leave it out for all")
    for name in names:
        if isinstance(name, str) and (not name.strip() or len(name) > LONGEST_NAME or "\0" in name):
            raise UnknownExport(f"{field} holds something that is no name")
        if isinstance(name, int) and not 0 < name < 2**31:
            raise UnknownExport(f"{field} holds something that is no number of a source")


def read_reference(text: str) -> UUID | tuple[str, str]:
    """A person named by a profile id, an e-mail or `kind:value` (`external:crm:4711`). Raises `UnknownExport`."""
    text = text.strip()
    try:
        return UUID(text)
    except ValueError:
        pass
    kind, colon, value = text.partition(":")
    if kind == "external":
        system, colon, value = value.partition(":")
        kind = f"external:{system}"
    elif not colon and "@" in text:
        kind, colon, value = "email", ":", text
    if not colon or not kind.strip() or not value.strip() or kind == "external:":
        raise UnknownExport(f"{text[:60]} names nobody: write a profile id, an e-mail or kind:value")
    return kind, value.strip()


def normal_reference(text: str, *, region: str) -> str:
    """The same reference as identifiers are kept: no two spellings of an e-mail or phone. Raises `UnknownExport`.

    `region` is the country of phone numbers without one.
    """
    named = read_reference(text)
    if isinstance(named, UUID):
        return str(named)
    kind, value = named
    try:
        if kind == "email":
            value = normal_email(value)
        elif kind == "phone":
            value = normal_phone(value, region)
    except Misfit:
        raise UnknownExport(f"{text.strip()[:60]} names nobody: that is no {kind}") from None
    return f"{kind}:{value}"


def read_wanted(document: dict[str, Any]) -> Wanted:
    """What plain values ask for, as a form or a program sends them. Raises `UnknownExport`."""
    try:
        return checked(msgspec.convert(document, Wanted, strict=False))
    except msgspec.ValidationError as error:
        raise UnknownExport(str(error)) from None


def encode(wanted: Wanted) -> str:
    return msgspec.json.encode(wanted).decode()


def decode(document: str | bytes) -> Wanted:
    return msgspec.json.decode(document, type=Wanted)
