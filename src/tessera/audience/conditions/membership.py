"""Membership of another segment."""

from uuid import UUID

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

    def found(self, world: World, now: Micros) -> Found:
        return Found(world.segments(self.segment_id) if world.segments else world.people.limit(0))
