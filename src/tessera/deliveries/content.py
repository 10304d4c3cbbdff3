"""What a delivery holds: a row for everybody who entered or left, in one of the three kinds of file."""

import io
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import psycopg
from msgspec import Struct

from tessera.audience.segments.moves import Move
from tessera.deliveries.records import Format
from tessera.events import catalogue
from tessera.exports.columns import OTHER_VALUES, Column
from tessera.exports.people import kind_of
from tessera.exports.wanted import Wanted
from tessera.exports.writers import writer_for
from tessera.identity import queries as identity
from tessera.profiles.person import PersonView
from tessera.profiles.whole import whole_people

Connection = psycopg.Connection[Any]
_ALWAYS: Final = (
    Column("change", "text"),
    Column("profile_id", "text"),
    Column("person_id", "text"),
    Column("at", "moment"),
)
_TAKEN: Final = frozenset({*(column.name for column in _ALWAYS), OTHER_VALUES})
_PAGE: Final = 500


class Chosen(Struct, frozen=True):
    """The columns beside who, what and when: identifiers by kind, attributes by name, each with its column."""

    identifiers: dict[str, str]
    attributes: dict[str, str]
    columns: list[Column]


def chosen_columns(
    connection: Connection, workspace_id: int, identifiers: Sequence[str], attributes: Sequence[str]
) -> Chosen:
    """Where an identifier and an attribute have one name (`email`), the attribute's column says that it is one."""
    types = {each.name: each.type for each in catalogue.entries(connection, workspace_id) if each.kind == "attribute"}
    kinds = {kind: f"identifier.{kind}" if kind in _TAKEN else kind for kind in dict.fromkeys(identifiers)}
    named: dict[str, str] = {}
    for name in dict.fromkeys(attributes):
        named[name] = _free(name, {*_TAKEN, *kinds.values(), *named.values()})
    columns = [
        *_ALWAYS,
        *(Column(column, "text") for column in kinds.values()),
        *(Column(column, kind_of(name, types.get(name, ""))) for name, column in named.items()),
        *([Column(OTHER_VALUES, "json")] if named else []),
    ]
    return Chosen(kinds, named, columns)


def _free(name: str, taken: Collection[str]) -> str:
    """A column of its own for an attribute, also for one that is called `attribute.email`."""
    while name in taken:
        name = f"attribute.{name}"
    return name


class MoveRecord(Struct, frozen=True):
    """One move as a row and as a document. `person` is whom the profile stands for now; nobody where it is gone."""

    move: Move
    person_id: UUID | None
    person: PersonView | None
    chosen: Chosen

    def row(self) -> dict[str, Any]:
        found = self._head()
        for kind, column in self.chosen.identifiers.items():
            found[column] = next(iter(self._identifiers(kind)), None)
        if self.person is not None:
            for name, column in self.chosen.attributes.items():
                found[column] = self.person.attributes.get(name)
        return found

    def document(self) -> object:
        found: dict[str, Any] = self._head()
        if self.chosen.identifiers:
            found["identifiers"] = {kind: self._identifiers(kind) for kind in self.chosen.identifiers}
        if self.chosen.attributes:
            said = self.person.attributes if self.person is not None else {}
            found["attributes"] = {name: said[name] for name in self.chosen.attributes if name in said}
        return found

    def _head(self) -> dict[str, Any]:
        return {
            "change": "entered" if self.move.entered else "left",
            "profile_id": str(self.move.profile_id),
            "person_id": str(self.person_id) if self.person_id is not None else None,
            "at": self.move.at,
        }

    def _identifiers(self, kind: str) -> list[str]:
        """The newest first."""
        if self.person is None:
            return []
        return [each.value for each in reversed(self.person.identifiers) if each.kind == kind]


def written(
    connection: Connection,
    workspace_id: int,
    moves: Sequence[Move],
    *,
    format: Format,
    identifiers: Sequence[str],
    attributes: Sequence[str],
    now: datetime,
) -> bytes:
    """The whole content, with what is known of the people at this moment. No cell of a CSV is a formula."""
    chosen = chosen_columns(connection, workspace_id, identifiers, attributes)
    into = io.BytesIO()
    writer = writer_for(Wanted(what="people", format=format), chosen.columns, into)
    for start in range(0, len(moves), _PAGE):
        page = moves[start : start + _PAGE]
        roots = identity.roots_of(connection, [each.profile_id for each in page], workspace_id=workspace_id)
        people = _people(connection, workspace_id, roots, chosen, now)
        writer.write([_record(each, roots, people, chosen) for each in page])
    writer.close()
    return into.getvalue()


def _people(
    connection: Connection, workspace_id: int, roots: dict[UUID, UUID], chosen: Chosen, now: datetime
) -> dict[UUID, PersonView]:
    if not (chosen.identifiers or chosen.attributes):
        return {}
    wanted = list(dict.fromkeys(roots.values()))
    return {each.profile_id: each for each in whole_people(connection, workspace_id, wanted, now=now)}


def _record(move: Move, roots: dict[UUID, UUID], people: dict[UUID, PersonView], chosen: Chosen) -> MoveRecord:
    root = roots.get(move.profile_id)
    return MoveRecord(move, root, people.get(root) if root is not None else None, chosen)
