"""Everybody who is wanted, a page at a time, and the columns a table of people has."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import psycopg
from msgspec import Struct

from tessera.events import catalogue
from tessera.exports.columns import OTHER_VALUES, Column, Kind
from tessera.exports.wanted import Wanted, read_reference
from tessera.identity import queries as identity
from tessera.profiles.person import PersonView
from tessera.profiles.queries import root_by_identifier
from tessera.profiles.whole import whole_people

Connection = psycopg.Connection[Any]
PAGE: Final = 500
_KINDS: Final[dict[str, Kind]] = {
    "number": "number",
    "boolean": "boolean",
    "date": "moment",
    "list": "list",
    "object": "json",
}
"""How the catalogue's types stand in a file; every other one is text."""

_BEFORE: Final = (Column("profile_id", "text"), Column("status", "text"), Column("name_shown", "text"))
_ALWAYS: Final = ("email", "phone")
_AFTER: Final = (
    Column("inferred_country", "text"),
    Column("inferred_language", "text"),
    Column("inferred_time_zone", "text"),
    Column("orders", "whole"),
    Column("revenue", "number"),
    Column("currency", "text"),
    Column("revenue_by_currency", "json"),
    Column("sessions", "whole"),
    Column("events", "json"),
    Column("first_seen_at", "moment"),
    Column("last_seen_at", "moment"),
    Column("profile_created_at", "moment"),
    Column("profiles", "list"),
    Column("identifiers", "json"),
    Column(OTHER_VALUES, "json"),
)
_FIXED: Final = frozenset(column.name for column in (*_BEFORE, *_AFTER))
_OWN_COLUMNS: Final = ("email", "phone", "anonymous_id", "device_token", "profile_id")
"""Kinds of identifiers that get no column of their own: attributes already, or too many per person to stand in one."""


class PeopleTable(Struct, frozen=True):
    """The columns, and which of them come from an attribute or a kind of identifier, by that one's name."""

    columns: list[Column]
    attributes: dict[str, str]
    kinds: dict[str, str]
    every_attribute: bool


def people_table(connection: Connection, workspace_id: int, wanted: Wanted) -> PeopleTable:
    """The columns of an export of people: what is chosen, or all that the catalogue knows."""
    types = {
        entry.name: entry.type for entry in catalogue.entries(connection, workspace_id) if entry.kind == "attribute"
    }
    chosen = wanted.attributes if wanted.attributes is not None else (*_ALWAYS, *types)
    kinds = [kind for kind in identity.kinds_of(connection, workspace_id) if kind not in _OWN_COLUMNS]
    attributes = {name: _free(name, kinds) for name in dict.fromkeys(chosen)}
    columns = [
        *_BEFORE,
        *(Column(kind, "text") for kind in kinds),
        *(Column(column, kind_of(name, types.get(name, ""))) for name, column in attributes.items()),
        *_AFTER,
    ]
    return PeopleTable(columns, attributes, {kind: kind for kind in kinds}, wanted.attributes is None)


def kind_of(attribute: str, type_in_catalogue: str) -> Kind:
    """How an attribute's values stand in a typed file."""
    return "day" if attribute == "dob" else _KINDS.get(type_in_catalogue, "text")


def _free(name: str, kinds: list[str]) -> str:
    return f"attribute.{name}" if name in _FIXED or name in kinds else name


class PersonRecord(Struct, frozen=True):
    """One person as a row or as a document."""

    view: PersonView
    table: PeopleTable

    def row(self) -> dict[str, Any]:
        view, table = self.view, self.table
        said = view.attributes
        row: dict[str, Any] = {column: said.get(name) for name, column in table.attributes.items()}
        for kind in ("email", "phone"):
            if kind in table.attributes and row.get(kind) is None:
                row[kind] = self._last(kind)
        row.update({column: self._first(kind) for kind, column in table.kinds.items()})
        if table.every_attribute:
            row.update({name: value for name, value in said.items() if name not in table.attributes})
        return row | self._facts()

    def _facts(self) -> dict[str, Any]:
        view = self.view
        bought = view.purchases
        return {
            "profile_id": str(view.profile_id),
            "status": view.status,
            "name_shown": view.name,
            "inferred_country": view.inferred.get("country"),
            "inferred_language": view.inferred.get("language"),
            "inferred_time_zone": view.inferred.get("time_zone"),
            "orders": bought.count,
            "revenue": bought.revenue,
            "currency": bought.currency if bought.count else None,
            "revenue_by_currency": bought.revenue_by_currency or None,
            "sessions": view.sessions.count,
            "events": view.events or None,
            "first_seen_at": view.first_seen_at,
            "last_seen_at": view.last_seen_at,
            "profile_created_at": view.created_at,
            "profiles": [str(member.profile_id) for member in view.members],
            "identifiers": view.identifiers or None,
        }

    def document(self) -> object:
        """The person as the API has it, with the attributes that are wanted."""
        document = {name: getattr(self.view, name) for name in _TOLD}
        if not self.table.every_attribute:
            document["attributes"] = {
                name: value for name, value in self.view.attributes.items() if name in self.table.attributes
            }
        return document

    def _first(self, kind: str) -> str | None:
        return next((one.value for one in self.view.identifiers if one.kind == kind), None)

    def _last(self, kind: str) -> str | None:
        return next((one.value for one in reversed(self.view.identifiers) if one.kind == kind), None)


_TOLD: Final = tuple(name for name in PersonView.__struct_fields__ if name not in ("person_id", "merges"))


class Page(Struct, frozen=True):
    """Some of those wanted. `looked_at` counts the people of the page before the filters."""

    records: list[PersonRecord]
    looked_at: int


def pages(connection: Connection, workspace_id: int, wanted: Wanted, *, now: datetime) -> Iterator[Page]:
    """Everybody who is wanted: newest first, or in the order they were named (each once)."""
    table = people_table(connection, workspace_id, wanted)
    for roots in _roots(connection, workspace_id, wanted):
        found = whole_people(connection, workspace_id, roots, now=now)
        yield Page([PersonRecord(view, table) for view in found if _is_wanted(view, wanted)], len(roots))


def total(connection: Connection, workspace_id: int, wanted: Wanted) -> int:
    """How many people there are to look at."""
    return identity.count_people(connection, workspace_id) if wanted.people is None else len(wanted.people)


def _roots(connection: Connection, workspace_id: int, wanted: Wanted) -> Iterator[list[UUID]]:
    if wanted.people is not None:
        named = chosen_roots(connection, workspace_id, wanted.people)
        yield from (named[start : start + PAGE] for start in range(0, len(named), PAGE))
        return
    before: UUID | None = None
    while page := identity.page_of_people(connection, workspace_id, before=before, limit=PAGE):
        yield page
        before = page[-1]


def chosen_roots(connection: Connection, workspace_id: int, references: tuple[str, ...]) -> list[UUID]:
    """The people these references name, each once; those that name nobody are left out."""
    roots: dict[UUID, None] = {}
    for reference in references:
        named = read_reference(reference)
        if isinstance(named, UUID):
            root = identity.root_of(connection, workspace_id, named)
        else:
            root = root_by_identifier(connection, workspace_id, *named)
        if root is not None:
            roots[root] = None
    return list(roots)


def _is_wanted(view: PersonView, wanted: Wanted) -> bool:
    return _within(view.created_at, wanted.created_from, wanted.created_to) and _within(
        view.last_seen_at, wanted.seen_from, wanted.seen_to
    )


def _within(moment: datetime | None, begin: datetime | None, end: datetime | None) -> bool:
    if begin is None and end is None:
        return True
    return moment is not None and (begin is None or moment >= begin) and (end is None or moment < end)
