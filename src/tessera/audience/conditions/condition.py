"""What every condition is: one class with two readings, for one person and for everyone."""

from typing import Any

import ibis
import ibis.expr.types as ir
from msgspec import Struct

from tessera.audience.person import Person
from tessera.audience.world import PERSON, World
from tessera.foundation.clock import Micros


class Condition(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="is"):
    """`holds_for` answers for one person, `narrow` for everyone: both give the same people (a property test says so).

    A kind that can say itself as a boolean column of the people's own table overrides `predicate`; one that looks at
    other tables overrides `narrow`. Neither is ever null.
    """

    def holds_for(self, person: Person, now: Micros) -> bool:
        raise NotImplementedError

    def predicate(self, people: ir.Table, world: World, now: Micros) -> ir.BooleanValue | None:
        """As a column of `people`, where the person's own row says it; None where it does not."""
        return None

    def narrow(self, people: ir.Table, world: World, now: Micros) -> ir.Table:
        """Those rows of `people` for whom it holds."""
        found = self.predicate(people, world, now)
        assert found is not None
        return people.filter(found)


def with_ids(people: ir.Table, ids: ir.Table) -> ir.Table:
    """The people whose id is among those."""
    return people.semi_join(ids, PERSON)


def without_ids(people: ir.Table, ids: ir.Table) -> ir.Table:
    return people.anti_join(ids, PERSON)


def conjunction(parts: list[Any]) -> Any:
    """All of these boolean columns; true where there is none."""
    whole = ibis.literal(True)
    for number, part in enumerate(parts):
        whole = part if number == 0 else whole & part
    return whole
