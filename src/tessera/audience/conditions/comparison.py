"""A comparison: what is asked of one value, with both readings."""

from collections.abc import Mapping
from typing import Any, ClassVar, TypeAlias

import ibis
import ibis.expr.types as ir
from msgspec import Struct

from tessera.audience.leaves import Leaf, Type
from tessera.foundation.clock import Micros

Values: TypeAlias = Mapping[Type, Any]
"""The leaves of one path by type: of a person, or columns of a table."""
Boolean: TypeAlias = ir.BooleanValue


class Comparison(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="op"):
    """`types` are those it looks at. `passes` is given leaves, `column_passes` columns; neither sees a missing one.

    `moves` is true where the answer for the same value changes as time passes.
    """

    types: ClassVar[tuple[Type, ...]] = ()
    moves: ClassVar[bool] = False

    def holds(self, values: Values, now: Micros) -> bool:
        return any(self.passes(kind, values[kind], now) for kind in self.looks_at() if kind in values)

    def column_holds(self, columns: Values, now: Micros) -> Boolean:
        """Null where a value is missing, which counts as false: left so, engines look at the fewest rows."""
        found = [self.column_passes(kind, columns[kind], now) for kind in self.looks_at() if kind in columns]
        if not found:
            return ibis.literal(False)
        whole = found[0]
        for each in found[1:]:
            whole = whole | each
        return whole

    def looks_at(self) -> tuple[Type, ...]:
        return self.types

    def passes(self, kind: Type, value: Leaf, now: Micros) -> bool:
        raise NotImplementedError

    def column_passes(self, kind: Type, column: Any, now: Micros) -> Boolean:
        raise NotImplementedError
