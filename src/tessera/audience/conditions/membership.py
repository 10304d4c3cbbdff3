"""Membership of another segment."""

from typing import Any
from uuid import UUID

import ibis.expr.types as ir

from tessera.audience.conditions.condition import Condition, Found, Reads
from tessera.audience.person import Person
from tessera.audience.world import World
from tessera.foundation.clock import Micros


class InSegment(Condition, frozen=True, kw_only=True, tag="segment"):
    """They are in that segment, whatever its kind. Who builds a segment sees to it that no circle comes of this."""

    segment_id: UUID

    def holds_for(self, person: Person, now: Micros) -> bool:
        return person.segments(self.segment_id)

    def reads(self) -> Reads:
        return frozenset((("segment", str(self.segment_id)),))

    def _meant(self, world: World) -> Any:
        """What the world has of the segment: its condition where it is dynamic, else the ids of its people."""
        return world.segments(self.segment_id) if world.segments else world.people.limit(0)

    def predicate(self, people: ir.Table, world: World, now: Micros) -> ir.BooleanValue | None:
        meant = self._meant(world)
        return meant.predicate(people, world, now) if isinstance(meant, Condition) else None

    def found(self, world: World, now: Micros) -> Found:
        meant = self._meant(world)
        return meant.found(world, now) if isinstance(meant, Condition) else Found(meant)

    def narrow(self, people: ir.Table, world: World, now: Micros) -> ir.Table:
        """A dynamic one's condition narrows as if it stood here: nobody is found twice."""
        meant = self._meant(world)
        return meant.narrow(people, world, now) if isinstance(meant, Condition) else Found(meant).keep(people)

    def exclude(self, people: ir.Table, world: World, now: Micros) -> ir.Table:
        meant = self._meant(world)
        return meant.exclude(people, world, now) if isinstance(meant, Condition) else Found(meant).drop(people)
