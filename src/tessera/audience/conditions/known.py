"""What is known of the person: attributes, facts, identifiers, devices."""

from collections.abc import Iterable
from typing import Annotated

import ibis.expr.types as ir
from msgspec import Meta

from tessera.audience.conditions.comparisons import AnyComparison, Ask, Comparison
from tessera.audience.conditions.condition import CLOCK, DEVICE_READ, Condition, Found, Reads, conjunction
from tessera.audience.leaves import Leaf, Path, Type
from tessera.audience.person import Person, at_path
from tessera.audience.vocabulary import DEVICE, FACTS, IMPLIED
from tessera.audience.world import World, columns_at, fact_column
from tessera.foundation.clock import Micros


def _read(*read: tuple[str, str], tests: Iterable[Comparison]) -> Reads:
    """These, and the clock where one of the tests moves with time."""
    return frozenset((*read, CLOCK) if any(test.moves for test in tests) else read)


class Attribute(Condition, frozen=True, kw_only=True, tag="attribute"):
    """An attribute of the person, standard or the workspace's own: `address.city`, `tags`."""

    path: Annotated[Path, Meta(min_length=1, max_length=10)]
    test: AnyComparison

    def holds_for(self, person: Person, now: Micros) -> bool:
        return self.test.holds(person.values(self.path), now)

    def reads(self) -> Reads:
        implied = (DEVICE_READ,) if self.path[0] in IMPLIED else ()
        return _read(("attribute", self.path[0]), *implied, tests=(self.test,))

    def predicate(self, people: ir.Table, world: World, now: Micros) -> ir.BooleanValue | None:
        return self.test.column_holds(columns_at(people, world.attributes, self.path), now)


class Fact(Condition, frozen=True, kw_only=True, tag="fact"):
    """Something that is known of everybody (`vocabulary.FACTS`): `last_seen_at`, `utm.first.source`, `bucket`."""

    name: str
    test: AnyComparison

    def __post_init__(self) -> None:
        if self.name not in FACTS:
            raise ValueError(f"there is no fact {self.name!r}")

    def holds_for(self, person: Person, now: Micros) -> bool:
        leaf = person.facts.get(self.name)
        values: dict[Type, Leaf] = {} if leaf is None else {FACTS[self.name]: leaf}
        return self.test.holds(values, now)

    def reads(self) -> Reads:
        return _read(("fact", self.name), tests=(self.test,))

    def predicate(self, people: ir.Table, world: World, now: Micros) -> ir.BooleanValue | None:
        return self.test.column_holds({FACTS[self.name]: people[fact_column(self.name)]}, now)


class Identifier(Condition, frozen=True, kw_only=True, tag="identifier"):
    """Some identifier of this kind is as asked: `identifier("email") ends with "@example.com"`."""

    kind: Annotated[str, Meta(min_length=1, max_length=100)]
    test: AnyComparison

    def holds_for(self, person: Person, now: Micros) -> bool:
        return any(self.test.holds({"text": value}, now) for value in person.identifiers.get(self.kind, ()))

    def reads(self) -> Reads:
        return _read(("identifier", self.kind), tests=(self.test,))

    def found(self, world: World, now: Micros) -> Found:
        held = world.identifiers
        asked = self.test.column_holds({"text": held["value"]}, now)
        return Found(held.filter((held["kind"] == self.kind) & asked))


class HasDevice(Condition, frozen=True, kw_only=True, tag="device"):
    """Some device of theirs is all this at once."""

    where: Annotated[tuple[Ask, ...], Meta(max_length=20)] = ()

    def __post_init__(self) -> None:
        for ask in self.where:
            if len(ask.path) != 1 or ask.path[0] not in DEVICE:
                raise ValueError(f"a device has no {'.'.join(ask.path)!r}")

    def holds_for(self, person: Person, now: Micros) -> bool:
        return any(all(ask.holds(at_path(device, ask.path), now) for ask in self.where) for device in person.devices)

    def reads(self) -> Reads:
        return _read(DEVICE_READ, tests=(ask.test for ask in self.where))

    def found(self, world: World, now: Micros) -> Found:
        held = world.devices
        asked = [ask.column_holds({DEVICE[ask.path[0]]: held[ask.path[0]]}, now) for ask in self.where]
        return Found(held.filter(conjunction(asked)) if asked else held)
