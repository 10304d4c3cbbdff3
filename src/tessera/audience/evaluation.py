"""Asking the warehouse: conditions over everybody, with the workspace's segments known. One evaluator per thread."""

import threading
from collections.abc import Callable, Sequence
from typing import Any, Final
from uuid import UUID

import ibis
import ibis.expr.types as ir
import msgspec
import psycopg
from msgspec import Struct

from tessera.audience.conditions.condition import Condition
from tessera.audience.conditions.registry import from_json
from tessera.audience.segments import store
from tessera.audience.segments.records import Segment
from tessera.audience.warehouse.engine import Engine
from tessera.audience.warehouse.store import Warehouse
from tessera.audience.world import PERSON, World
from tessera.foundation.clock import Micros
from tessera.foundation.errors import TesseraError

Connection = psycopg.Connection[Any]
AT_ONCE: Final = 1_000
"""Ids of people that one statement names."""


class NoWorldYet(TesseraError):
    """The analyst has not come to this workspace yet."""

    code = "analyst_away"


class Known(Struct, frozen=True):
    """What the warehouse knows of a workspace: its tables, and the members of its static segments."""

    world: World
    members: Callable[[UUID], ir.Table]


class Worlds:
    """The workspaces as they are in the warehouse now: written by whoever follows, read by whoever answers."""

    def __init__(self) -> None:
        self._known: dict[int, Known] = {}
        self._changed = threading.Condition()

    def show(self, workspace_id: int, warehouse: Warehouse) -> None:
        with self._changed:
            self._known[workspace_id] = Known(warehouse.world(), warehouse.members)
            self._changed.notify_all()

    def of(self, workspace_id: int, *, patience: float = 2.0) -> Known:
        """Raises `NoWorldYet` where it is not there within so many seconds."""
        with self._changed:
            if not self._changed.wait_for(lambda: workspace_id in self._known, patience):
                raise NoWorldYet("the analyst has not read this workspace yet")
            return self._known[workspace_id]


class Evaluator:
    """Conditions over the people of one workspace at one moment."""

    def __init__(self, connection: Connection, engine: Engine, worlds: Worlds, workspace_id: int, now: Micros) -> None:
        known = worlds.of(workspace_id)
        self._connection, self._engine, self._members = connection, engine, known.members
        self._workspace_id, self._now = workspace_id, now
        self._segments: dict[UUID, Segment] | None = None
        self.world = msgspec.structs.replace(known.world, segments=self._segment)

    @property
    def engine(self) -> Engine:
        return self._engine

    def narrow(self, condition: Condition, people: ir.Table | None = None) -> ir.Table:
        """Rows of people for whom it holds; of these rows only, where some are given."""
        return condition.narrow(self.world.people if people is None else people, self.world, self._now)

    def _segment(self, segment_id: UUID) -> Condition | ir.Table:
        if self._segments is None:
            found = store.of_workspace(self._connection, self._workspace_id, archived=None)
            self._segments = {each.id: each for each in found}
        segment = self._segments.get(segment_id)
        if segment is None:
            return self.world.people.select(PERSON).limit(0)
        if segment.condition is None:
            return self._members(segment_id)
        return from_json(segment.condition)

    def count(self, table: ir.Table) -> int:
        return int(self._engine.fetch(table.aggregate(people=table.count()))[0][0])

    def ids(self, table: ir.Table) -> list[UUID]:
        return [row[0] for row in self._engine.fetch(table.select(PERSON))]

    def page(self, table: ir.Table, *, after: UUID | None, limit: int) -> list[UUID]:
        """Ids in the order in which this engine has them."""
        ids = table.select(PERSON)
        if after is not None:
            ids = ids.filter(ids[PERSON] > ibis.literal(after))
        return [row[0] for row in self._engine.fetch(ids.order_by(PERSON).limit(limit))]

    def sample(self, table: ir.Table, limit: int) -> list[UUID]:
        """Some, by their random bucket: whoever looks again sees the same ones."""
        ids = table.select(PERSON, "fact_bucket").order_by("fact_bucket", PERSON).limit(limit)
        return [row[0] for row in self._engine.fetch(ids)]

    def among(self, condition: Condition, people: Sequence[UUID]) -> set[UUID]:
        """Those of these people for whom it holds."""
        found: set[UUID] = set()
        table = self.world.people
        for start in range(0, len(people), AT_ONCE):
            wanted = [ibis.literal(each) for each in people[start : start + AT_ONCE]]
            found |= set(self.ids(self.narrow(condition, table.filter(table[PERSON].isin(wanted)))))
        return found
