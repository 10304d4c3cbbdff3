"""What every condition is: one class with two readings, for one person and for everyone."""

from typing import Any, Final, NamedTuple, TypeAlias

import ibis
import ibis.expr.types as ir
from msgspec import Struct

from tessera.audience.person import Person
from tessera.audience.world import PERSON, World
from tessera.foundation.clock import Micros

Reads: TypeAlias = frozenset[tuple[str, str]]
"""What the answer for a person depends on, so that what is kept fresh is asked again when that changes, and only then.

| word | with | changes when |
|---|---|---|
| `event` | its name | they do something of this name, or it is taken back |
| `attribute` | the first part of its path | the attribute is set or removed |
| `fact` | its name (`vocabulary.FACTS`) | what is known of everybody changes |
| `identifier` | its kind | they get or lose an identifier of this kind |
| `device` | "" | a device is new, or described anew; what an event implies of `vocabulary.IMPLIED` |
| `session` | "" | a session begins, or goes on |
| `relation` | its type | they are related so to somebody, or are no more |
| `segment` | its id as text | they enter or leave that segment, for which its own reasons count |
| `clock` | "" | time passes: the days of a window move on |
"""
CLOCK: Final = ("clock", "")
DEVICE_READ: Final = ("device", "")


class Condition(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="is"):
    """`holds_for` answers for one person, `narrow` for everyone: both give the same people (a property test says so).

    A kind that can say itself as a boolean column of the people's own table overrides `predicate`; one that looks at
    other tables overrides `found`. Null counts as false, so that what negates fills it first.
    """

    def holds_for(self, person: Person, now: Micros) -> bool:
        raise NotImplementedError

    def reads(self) -> Reads:
        """Nothing else can change the answer for a person (a property test says so)."""
        raise NotImplementedError

    def predicate(self, people: ir.Table, world: World, now: Micros) -> ir.BooleanValue | None:
        """As a column of `people`, where the person's own row says it; None where it does not."""
        return None

    def found(self, world: World, now: Micros) -> "Found":
        """Those for whom it holds, or those for whom it does not, whichever is told by what is there."""
        raise NotImplementedError

    def narrow(self, people: ir.Table, world: World, now: Micros) -> ir.Table:
        """Those rows of `people` for whom it holds."""
        said = self.predicate(people, world, now)
        return people.filter(said) if said is not None else self.found(world, now).keep(people)

    def exclude(self, people: ir.Table, world: World, now: Micros) -> ir.Table:
        """Those rows of `people` for whom it does not hold."""
        said = self.predicate(people, world, now)
        return people.filter(~said.fill_null(False)) if said is not None else self.found(world, now).drop(people)


class Found(NamedTuple):
    """A table with the ids of people; `all_but` is true where everyone else is meant."""

    ids: ir.Table
    all_but: bool = False

    def keep(self, people: ir.Table) -> ir.Table:
        ids = self.ids.select(PERSON)  # a table of thousands of columns would be told with all of them, each time
        return people.anti_join(ids, PERSON) if self.all_but else people.semi_join(ids, PERSON)

    def drop(self, people: ir.Table) -> ir.Table:
        return Found(self.ids, not self.all_but).keep(people)


def conjunction(parts: list[Any]) -> Any:
    """All of these boolean columns; true where there is none."""
    whole = ibis.literal(True)
    for number, part in enumerate(parts):
        whole = part if number == 0 else whole & part
    return whole
