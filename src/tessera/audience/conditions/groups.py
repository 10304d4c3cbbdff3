"""And, or, not, to any depth."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import ibis
import ibis.expr.types as ir
from msgspec import Meta

from tessera.audience.conditions.condition import Condition, Found, Reads, conjunction
from tessera.audience.person import Person
from tessera.audience.world import PERSON, World
from tessera.foundation.clock import Micros

if TYPE_CHECKING:
    AnyCondition = Condition
else:
    AnyCondition = Any
    """The union of all kinds, set by the registry, which knows them."""


def _reads_of(parts: Sequence[Condition]) -> Reads:
    return frozenset().union(*(part.reads() for part in parts))


class All(Condition, frozen=True, kw_only=True, tag="and"):
    """Everyone, where there is no part."""

    of: Annotated[tuple["AnyCondition", ...], Meta(max_length=100)]

    def holds_for(self, person: Person, now: Micros) -> bool:
        return all(part.holds_for(person, now) for part in self.of)

    def reads(self) -> Reads:
        return _reads_of(self.of)

    def predicate(self, people: ir.Table, world: World, now: Micros) -> ir.BooleanValue | None:
        found = [part.predicate(people, world, now) for part in self.of]
        return None if any(part is None for part in found) else conjunction(found)

    def narrow(self, people: ir.Table, world: World, now: Micros) -> ir.Table:
        """First what the person's own row says: it costs least and leaves fewest for the rest."""
        plain = [part for part in self.of if part.predicate(people, world, now) is not None]
        if plain:
            people = people.filter(conjunction([part.predicate(people, world, now) for part in plain]))
        for part in self.of:
            if part not in plain:
                people = part.narrow(people, world, now)
        return people

    def found(self, world: World, now: Micros) -> Found:
        return Found(self.narrow(world.people, world, now).select(PERSON))


class AnyOf(Condition, frozen=True, kw_only=True, tag="or"):
    """Nobody, where there is no part."""

    of: Annotated[tuple["AnyCondition", ...], Meta(max_length=100)]

    def holds_for(self, person: Person, now: Micros) -> bool:
        return any(part.holds_for(person, now) for part in self.of)

    def reads(self) -> Reads:
        return _reads_of(self.of)

    def predicate(self, people: ir.Table, world: World, now: Micros) -> ir.BooleanValue | None:
        found = [part.predicate(people, world, now) for part in self.of]
        if any(part is None for part in found):
            return None
        whole: Any = ibis.literal(False)
        for number, part in enumerate(found):
            whole = part if number == 0 else whole | part
        return whole

    def found(self, world: World, now: Micros) -> Found:
        plain = [part for part in self.of if part.predicate(world.people, world, now) is not None]
        others = [part for part in self.of if part not in plain]
        ids = [part.narrow(world.people, world, now).select(PERSON) for part in others]
        if plain:
            ids.insert(0, AnyOf(of=tuple(plain)).narrow(world.people, world, now).select(PERSON))
        return Found(ids[0].union(*ids[1:]) if len(ids) > 1 else ids[0])

    def exclude(self, people: ir.Table, world: World, now: Micros) -> ir.Table:
        """For whom none of the parts holds."""
        for part in self.of:
            people = part.exclude(people, world, now)
        return people


class Not(Condition, frozen=True, kw_only=True, tag="not"):
    """Everyone else."""

    of: "AnyCondition"

    def holds_for(self, person: Person, now: Micros) -> bool:
        return not self.of.holds_for(person, now)

    def reads(self) -> Reads:
        return self.of.reads()

    def predicate(self, people: ir.Table, world: World, now: Micros) -> ir.BooleanValue | None:
        found = self.of.predicate(people, world, now)
        return None if found is None else ~found.fill_null(False)

    def found(self, world: World, now: Micros) -> Found:
        ids, all_but = self.of.found(world, now)
        return Found(ids, not all_but)

    def narrow(self, people: ir.Table, world: World, now: Micros) -> ir.Table:
        return self.of.exclude(people, world, now)

    def exclude(self, people: ir.Table, world: World, now: Micros) -> ir.Table:
        return self.of.narrow(people, world, now)
