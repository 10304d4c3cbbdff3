"""The archive: rows of history as they are, for when retention has dropped them from PostgreSQL.

Tables of their own, and not columns of `events`: conditions see what people did, typed, and nothing else; here is
everything that a timeline shows, and nothing of it is typed. They are of no generation: a rebuild could not make them
anew. Moments are whole microseconds, and documents texts: these are the same, and ordered alike, on every engine.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Any, Final
from uuid import UUID

import ibis
import ibis.expr.types as ir

from tessera.audience.warehouse.engine import Engine
from tessera.audience.warehouse.positions import Positions, beyond
from tessera.audience.warehouse.rows import arrow_of
from tessera.events.event import SYSTEM
from tessera.events.history import Recorded, Wanted
from tessera.events.vocabulary import HISTORY_REDACTED, IMPORT_UNDONE, PERSON_ERASED
from tessera.foundation.clock import to_datetime, to_micros

_TOLD: Final = (PERSON_ERASED, HISTORY_REDACTED, IMPORT_UNDONE)
"""What the house tells its followers of people who are gone: that is on nobody's timeline."""
Before = tuple[int, int, int]
"""(occurred_at, lane, position) of the last row seen."""
_PREFIX: Final = "archive_"
_OF_WORKSPACE: Final = re.compile(rf"{_PREFIX}w(\d+)")
_SCHEMA: Final = ibis.schema(
    {
        "profile_id": "uuid", "lane": "int64", "position": "int64", "recorded_at": "int64", "event_id": "string",
        "source_id": "int64", "kind": "string", "name": "string", "occurred_at": "int64", "received_at": "int64",
        "envelope": "string", "body": "string",
    }
)  # fmt: skip
_AT_ONCE: Final = 500
"""Profiles that one statement names."""


class Archive:
    """Of one workspace. Not for two writers at once; `make` its table before the first row."""

    def __init__(self, engine: Engine, workspace_id: int) -> None:
        self._engine, self._workspace_id = engine, workspace_id
        self.table = f"{_PREFIX}w{workspace_id}"
        self._replacing = f"{self.table}_replacing"

    def make(self) -> None:
        self._engine.ensure(self.table, _SCHEMA)
        self._engine.ensure(self._replacing, _SCHEMA)

    def add(self, rows: Sequence[Recorded]) -> None:
        self._append(self.table, [row for row in rows if not told_to_followers(row)])

    def _append(self, table: str, rows: Sequence[Recorded]) -> None:
        self._engine.append(table, arrow_of(map(_plain, rows), _SCHEMA))

    def forget(self, profiles: Collection[UUID]) -> None:
        """Remove all that happened to these profiles."""
        self._engine.remove(self.table, "profile_id", profiles)

    def take_back(self, lane: int, first: int, last: int) -> None:
        """Remove these places in history."""
        self._engine.remove_between(self.table, {"lane": lane}, "position", first, last)

    def take_back_at(self, places: Collection[tuple[int, int]]) -> None:
        """Remove these (lane, position)."""
        for lane in sorted({lane for lane, _ in places}):
            self._engine.remove_at(self.table, lane, [position for of, position in places if of == lane])

    def replace(self, rows: Sequence[Recorded]) -> None:
        """Put these in place of what is there of their places in history.

        They are nowhere else: where there are no transactions, they are put aside until they are in their place.
        """
        if not self._engine.atomic:
            self._append(self._replacing, rows)
        self._put(rows)

    def finish_replacing(self) -> None:
        """Do again what was broken off."""
        self._put(self._read(ibis.table(_SCHEMA, name=self._replacing)))

    def _put(self, rows: Sequence[Recorded]) -> None:
        if not rows:
            return
        self.take_back_at([(row.lane, row.position) for row in rows])
        self.add(rows)
        if not self._engine.atomic:
            self._engine.clear(self._replacing)

    def take_back_after(self, positions: Mapping[int, int]) -> None:
        """Remove what a step left beyond these places that was broken off."""
        for lane, first, last in beyond(self._engine, self.table, positions):
            self.take_back(lane, first, last)

    def page(self, profiles: Sequence[UUID], *, before: Before | None, limit: int, wanted: Wanted) -> list[Recorded]:
        """What happened to these profiles, newest first, as `history.of_profiles` reads it of PostgreSQL."""
        found: list[Recorded] = []
        for start in range(0, len(profiles), _AT_ONCE):
            found += self._page(profiles[start : start + _AT_ONCE], before, limit, wanted)
        return sorted(found, key=place_in_time, reverse=True)[:limit]

    def _page(self, profiles: Sequence[UUID], before: Before | None, limit: int, wanted: Wanted) -> list[Recorded]:
        table: Any = ibis.table(_SCHEMA, name=self.table)
        rows = table.filter(table["profile_id"].isin([ibis.literal(each) for each in profiles]))
        clauses = _clauses(rows, wanted)
        if wanted.text:
            clauses.append(rows["name"].isin(self._names_with(rows, wanted.text)))
        if before:
            clauses.append(_earlier(rows, before))
        rows = rows.filter(clauses) if clauses else rows
        order = [ibis.desc(column) for column in ("occurred_at", "lane", "position")]
        return self._read(rows.order_by(order).limit(limit))

    def _read(self, rows: Any) -> list[Recorded]:
        found = self._engine.fetch(rows.select(*_SCHEMA.names))
        return [self._recorded(dict(zip(_SCHEMA.names, row, strict=True))) for row in found]

    def _names_with(self, rows: ir.Table, text: str) -> list[str]:
        """Engines differ in what the small letter of a letter is; names are few."""
        names = [name for (name,) in self._engine.fetch(rows.select("name").distinct())]
        return [name for name in names if text.lower() in name.lower()]

    def _recorded(self, row: dict[str, Any]) -> Recorded:
        moments = {name: to_datetime(int(row[name])) for name in ("recorded_at", "occurred_at", "received_at")}
        numbers = {name: int(row[name]) for name in ("lane", "position")}
        source_id = None if row["source_id"] is None else int(row["source_id"])
        texts = {name: row[name].encode() for name in ("envelope", "body")}
        said = {"event_id": UUID(row["event_id"]), "source_id": source_id, "workspace_id": self._workspace_id}
        return Recorded(**{**row, **moments, **numbers, **texts, **said})


class Archives:
    """Those of all workspaces, and how far history is in them. Of whoever writes to the warehouse.

    Also where nothing is archived any more, what is there is erased with the people.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._there: dict[int, Archive] = {}
        self._positions: Positions | None = None
        tables = set(engine.tables())
        if _PREFIX + "positions" in tables:
            self._positions = Positions(engine, _PREFIX)
        for workspace_id in (int(found[1]) for found in map(_OF_WORKSPACE.fullmatch, tables) if found):
            archive = self._there[workspace_id] = Archive(engine, workspace_id)
            if not engine.atomic:
                archive.make()
                archive.finish_replacing()
                archive.take_back_after(self.reached)

    @property
    def positions(self) -> Positions:
        if self._positions is None:
            self._positions = Positions(self._engine, _PREFIX)
        return self._positions

    @property
    def reached(self) -> Mapping[int, int]:
        """The last position of each lane that is archived."""
        return self._positions.known if self._positions else {}

    def there(self, workspace_id: int) -> Archive | None:
        """The workspace's, where one was made."""
        return self._there.get(workspace_id)

    def of(self, workspace_id: int) -> Archive:
        """The workspace's, made now where there was none. In no transaction: after a rollback it must be there."""
        found = self._there.get(workspace_id)
        if found is None:
            found = Archive(self._engine, workspace_id)
            found.make()
            self._there[workspace_id] = found
        return found


def archive_in(engine: Engine, workspace_id: int) -> Archive | None:
    """For reading: the workspace's archive, where there is one."""
    archive = Archive(engine, workspace_id)
    return archive if archive.table in engine.tables() else None


def told_to_followers(row: Recorded) -> bool:
    """Whether the row is a word to those who follow history, and so not in the archive."""
    return row.kind == SYSTEM and row.name in _TOLD


def place_in_time(row: Recorded) -> Before:
    """What a timeline is ordered by."""
    return to_micros(row.occurred_at), row.lane, row.position


def _plain(row: Recorded) -> dict[str, Any]:
    said = {name: getattr(row, name) for name in _SCHEMA.names}
    moments = {name: to_micros(said[name]) for name in ("recorded_at", "occurred_at", "received_at")}
    return {**said, **moments, "envelope": row.envelope.decode(), "body": row.body.decode()}


def _clauses(rows: Any, wanted: Wanted) -> list[Any]:
    lists = {"name": wanted.names, "kind": wanted.kinds, "source_id": wanted.sources}
    clauses = [rows[column].isin(list(values)) for column, values in lists.items() if values]
    if wanted.since:
        clauses.append(rows["occurred_at"] >= to_micros(wanted.since))
    if wanted.until:
        clauses.append(rows["occurred_at"] < to_micros(wanted.until))
    return clauses


def _earlier(rows: Any, before: Before) -> Any:
    """Below this place, by all of the columns a timeline is ordered by."""
    columns = ("occurred_at", "lane", "position")
    ways = []
    for depth, column in enumerate(columns):
        same = [rows[above] == value for above, value in zip(columns[:depth], before, strict=False)]
        ways.append(reduce(lambda one, other: one & other, same, rows[column] < before[depth]))
    return reduce(or_, ways)
