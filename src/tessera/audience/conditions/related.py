"""Relations between people: a household, who referred whom."""

from typing import Annotated, Literal

from msgspec import Meta

from tessera.audience.conditions.condition import Condition, Found, Reads
from tessera.audience.person import Person
from tessera.audience.world import World
from tessera.foundation.clock import Micros

Side = Literal["outgoing", "incoming", "either"]
"""Who said it: this person (`referred_by` is then who was referred), the other, or whoever."""


class Related(Condition, frozen=True, kw_only=True, tag="related"):
    """They are related so to somebody, seen already or not: `related("household")`."""

    type: Annotated[str, Meta(min_length=1, max_length=40)]
    side: Side = "either"

    def holds_for(self, person: Person, now: Micros) -> bool:
        return any(relation.type == self.type and self._is(relation.outgoing) for relation in person.relations)

    def _is(self, outgoing: bool) -> bool:
        return self.side == "either" or outgoing == (self.side == "outgoing")

    def reads(self) -> Reads:
        return frozenset({("relation", self.type)})

    def found(self, world: World, now: Micros) -> Found:
        rows = world.relations
        asked = rows["type"] == self.type
        if self.side != "either":
            asked &= rows["outgoing"] == (self.side == "outgoing")
        return Found(rows.filter(asked))
