"""The warehouse of one workspace: its tables, which column holds which leaf, and how far history was read.

| table | a row is |
|---|---|
| `people` | a person, with facts and attributes as columns |
| `events` | something somebody did, by the profile it was recorded for |
| `moved` | a profile that another stands for |
| `devices`, `sessions`, `identifiers`, `relations` | of a person |
| `members` | that a profile was made a member of a static segment |
| `columns` | a leaf that was seen, and its column |
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Final
from uuid import UUID

import ibis
import ibis.expr.types as ir
import msgspec
import structlog

from tessera.audience.leaves import Path, Type
from tessera.audience.person import Person
from tessera.audience.warehouse.engine import Engine
from tessera.audience.warehouse.generations import prefix
from tessera.audience.warehouse.layout import Columns
from tessera.audience.warehouse.positions import beyond
from tessera.audience.warehouse.rows import Row, arrow_of, rows_of, schemas
from tessera.audience.world import PERSON, World

log = structlog.get_logger("analyst")
_OF_PEOPLE: Final = ("people", "devices", "sessions", "identifiers", "relations")
_OF_LETTER: Final = {"a": "people", "p": "events"}
_COLUMNS: Final = ibis.schema({"letter": "string", "path": "string", "kind": "string", "name": "string"})
_MOVED: Final = ibis.schema({"profile_id": "uuid", PERSON: "uuid"})
_MEMBERS: Final = ibis.schema({"profile_id": "uuid", "segment_id": "uuid"})


class Warehouse:
    """One workspace's tables on an engine. Not for two writers at once."""

    def __init__(self, engine: Engine, workspace_id: int, generation: int = 0) -> None:
        self._engine = engine
        self._full: set[str] = set()
        self._prefix = f"{prefix(generation)}w{workspace_id}_"
        engine.ensure(self._name("columns"), _COLUMNS)
        engine.ensure(self._name("moved"), _MOVED)
        engine.ensure(self._name("members"), _MEMBERS)
        self.attributes, self.properties = self._columns("a"), self._columns("p")
        self._known = {"a": len(self.attributes.by_leaf), "p": len(self.properties.by_leaf)}
        self._ensure()

    def _name(self, table: str) -> str:
        return self._prefix + table

    def _table(self, table: str, schema: ibis.Schema) -> Any:
        return ibis.table(schema, name=self._name(table))

    def _columns(self, letter: str) -> Columns:
        rows = self._engine.fetch(self._table("columns", _COLUMNS))
        known: dict[tuple[Path, Type], str] = {
            (tuple(msgspec.json.decode(path)), kind): name for of, path, kind, name in rows if of == letter
        }
        return Columns(letter, known, most=self._engine.most_columns)

    def _ensure(self, *only: str) -> None:
        for table, schema in schemas(self.attributes, self.properties).items():
            if only and table not in only:
                continue
            self._engine.ensure(self._name(table), _with_profile(schema) if table == "events" else schema)

    def put_people(self, gone: Collection[UUID], people: Sequence[Person], moved: dict[UUID, UUID]) -> None:
        """Write these people over what was known of them and of `gone`; `moved` are members and who stands for them."""
        rows = rows_of(people, self.attributes)
        self._note_columns("a", self.attributes)
        known = schemas(self.attributes, self.properties)
        for table in _OF_PEOPLE:
            self._engine.remove(self._name(table), PERSON, gone)
            self._engine.append(self._name(table), arrow_of(getattr(rows, table), known[table], only_used=True))
        self._engine.remove(self._name("moved"), "profile_id", gone)
        others = [{"profile_id": profile, PERSON: root} for profile, root in moved.items() if profile != root]
        self._engine.append(self._name("moved"), arrow_of(others, _MOVED))

    def related_to(self, profiles: Collection[UUID]) -> set[UUID]:
        """Who is related to one of these, from either side, as far as the warehouse knows."""
        found: set[UUID] = set()
        known = schemas(self.attributes, self.properties)["relations"]
        named = sorted(map(str, profiles))
        for start in range(0, len(named), 1_000):
            rows = self._table("relations", known)
            some = named[start : start + 1_000]
            theirs = rows.filter(rows["other"].isin(some)).select(rows[PERSON].cast("string").name("id"))
            others = rows.filter(rows[PERSON].cast("string").isin(some) & rows["other"].notnull())
            for expression in (theirs, others.select(rows["other"].name("id"))):
                found |= {UUID(one) for (one,) in self._engine.fetch(expression)}
        return found

    def add_events(self, rows: Iterable[Row]) -> None:
        """Append events; their leaves are of `properties`."""
        kept = list(rows)
        self._note_columns("p", self.properties)
        schema = _with_profile(schemas(self.attributes, self.properties)["events"])
        self._engine.append(self._name("events"), arrow_of(kept, schema, only_used=True))

    def copy_events(self, other: "Warehouse", lane: int, first: int, last: int) -> None:
        """Append the events that another has of these places in history."""
        schema = _with_profile(schemas(other.attributes, other.properties)["events"])
        events = other._table("events", schema)
        wanted = events.filter((events["lane"] == lane) & events["position"].between(first, last))
        renamed = {name: self.properties.add(*leaf) for leaf, name in other.properties.by_leaf.items()}
        kept = [name for name in schema.names if renamed.get(name, name) is not None]
        columns = [renamed.get(name) or name for name in kept]
        rows = self._engine.fetch(wanted.select(*kept))
        if rows:
            self.add_events([dict(zip(columns, row, strict=True)) for row in rows])

    def forget(self, profiles: Collection[UUID]) -> None:
        """Remove all that is known of these profiles, and all they did."""
        for table in _OF_PEOPLE:
            self._engine.remove(self._name(table), PERSON, profiles)
        self._engine.remove(self._name("events"), "profile_id", profiles)
        self._engine.remove(self._name("moved"), "profile_id", profiles)
        self._engine.remove(self._name("members"), "profile_id", profiles)

    def put_members(self, segment_id: UUID, profiles: Collection[UUID]) -> None:
        """These profiles, and no others, are members of the static segment."""
        self._engine.remove(self._name("members"), "segment_id", [segment_id])
        rows = [{"profile_id": profile, "segment_id": segment_id} for profile in profiles]
        self._engine.append(self._name("members"), arrow_of(rows, _MEMBERS))

    def take_back(self, lane: int, first: int, last: int) -> None:
        """Remove the events of these places in history."""
        self._engine.remove_between(self._name("events"), {"lane": lane}, "position", first, last)

    def take_back_at(self, places: Collection[tuple[int, int]]) -> None:
        """Remove the events of these (lane, position)."""
        for lane in sorted({lane for lane, _ in places}):
            self._engine.remove_at(self._name("events"), lane, [position for of, position in places if of == lane])

    def take_back_after(self, positions: Mapping[int, int]) -> None:
        """Remove the events beyond these places: what a step left that was broken off."""
        for lane, first, last in beyond(self._engine, self._name("events"), positions):
            self.take_back(lane, first, last)

    def _note_columns(self, letter: str, columns: Columns) -> None:
        """Leaves that are new get their columns, here and in the tables."""
        if columns.is_full and letter not in self._full:
            self._full.add(letter)
            log.warning("there is no room for more fields", table=self._name(_OF_LETTER[letter]))
        fresh = list(islice(columns.by_leaf.items(), self._known[letter], None))
        if not fresh:
            return
        rows = [
            {"letter": letter, "path": msgspec.json.encode(path).decode(), "kind": kind, "name": name}
            for (path, kind), name in fresh
        ]
        self._engine.append(self._name("columns"), arrow_of(rows, _COLUMNS))
        self._known[letter] = len(columns.by_leaf)
        self._ensure(_OF_LETTER[letter])

    def keep_columns(self) -> None:
        """Make the columns of leaves that were added by hand."""
        self._note_columns("a", self.attributes)
        self._note_columns("p", self.properties)

    def forget_new_columns(self) -> None:
        """The transaction in which they were made was rolled back."""
        self.attributes, self.properties = self._columns("a"), self._columns("p")
        self._known = {"a": len(self.attributes.by_leaf), "p": len(self.properties.by_leaf)}

    def world(self) -> World:
        """Everybody, as conditions see them. An event is of whoever stands for its profile now."""
        known = schemas(self.attributes, self.properties)
        events = self._table("events", _with_profile(known["events"]))
        moved = self._table("moved", _MOVED)
        joined = events.left_join(moved, "profile_id")
        person = ibis.coalesce(moved[PERSON], events["profile_id"])
        kept = [events[column] for column in events.columns if column != "profile_id"]
        return World(
            people=self._table("people", known["people"]),
            events=joined.select(person.name(PERSON), *kept),
            devices=self._table("devices", known["devices"]),
            sessions=self._table("sessions", known["sessions"]),
            identifiers=self._table("identifiers", known["identifiers"]),
            relations=self._table("relations", known["relations"]),
            attributes=dict(self.attributes.by_leaf),
            properties=dict(self.properties.by_leaf),
        )

    def members(self, segment_id: UUID) -> ir.Table:
        """Who is in a static segment, by `person_id`."""
        members, moved = self._table("members", _MEMBERS), self._table("moved", _MOVED)
        mine = members.filter(members["segment_id"] == segment_id)
        joined = mine.left_join(moved, "profile_id")
        return joined.select(ibis.coalesce(moved[PERSON], mine["profile_id"]).name(PERSON))


def _with_profile(schema: ibis.Schema) -> ibis.Schema:
    """Events are kept by the profile they were recorded for, with their place in history."""
    fields = {"profile_id": "uuid", "lane": "int64", "position": "int64"}
    return ibis.schema({**fields, **{name: kind for name, kind in schema.items() if name != PERSON}})
