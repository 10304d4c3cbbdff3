"""Membership of another segment."""

from uuid import UUID

import ibis
import ibis.expr.types as ir

from tessera.audience.conditions.condition import Condition, with_ids
from tessera.audience.person import Person
from tessera.audience.world import World
from tessera.foundation.clock import Micros


class InSegment(Condition, frozen=True, kw_only=True, tag="segment"):
    """They are in that segment, whatever its kind. Who builds a segment sees to it that no circle comes of this."""

    segment_id: UUID

    def holds_for(self, person: Person, now: Micros) -> bool:
        return person.segments(self.segment_id)

    def narrow(self, people: ir.Table, world: World, now: Micros) -> ir.Table:
        if world.segments is None:
            return people.filter(ibis.literal(False))
        return with_ids(people, world.segments(self.segment_id))
