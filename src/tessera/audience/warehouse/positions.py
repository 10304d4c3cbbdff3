"""How far history was read into a warehouse: kept beside what was read, in the same transaction.

So a warehouse knows by itself where to go on after a crash, a restore, or a change of engine; and who was taken for
gone while they still wrote learns that another goes on (`refuse_rival`).
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import ibis

from tessera.audience.warehouse.engine import Engine
from tessera.audience.warehouse.rows import arrow_of


class Overtaken(RuntimeError):
    """Another process wrote to the warehouse since this one read how far it is."""


LAST_POSITION: Final = 2**62
_TABLE: Final = "positions"
_SCHEMA: Final = ibis.schema({"lane": "int64", "position": "int64"})


class Positions:
    """The last position of each lane."""

    def __init__(self, engine: Engine, prefix: str = "") -> None:
        self._engine, self._table = engine, prefix + _TABLE
        engine.ensure(self._table, _SCHEMA)
        self.known = self._there()

    def _there(self) -> dict[int, int]:
        found: dict[int, int] = {}
        for lane, position in self._engine.fetch(ibis.table(_SCHEMA, name=self._table)):
            found[lane] = max(position, found.get(lane, 0))
        return found

    def refuse_rival(self) -> None:
        """Raises `Overtaken` where the warehouse is elsewhere than this process left it.

        In a transaction nobody else can write afterwards; an engine without any leaves a moment for that.
        """
        if self._there() != self.known:
            raise Overtaken("another analyst wrote to the warehouse; this one begins anew")

    def write(self, positions: dict[int, int]) -> None:
        """Keep these with the rest; `known` learns them when the caller's transaction is over (`keep`)."""
        if self._engine.atomic:  # elsewhere a row more is safer than a moment without any
            self._engine.clear(self._table)
            positions = self.known | positions
        rows = [{"lane": lane, "position": position} for lane, position in sorted(positions.items())]
        self._engine.append(self._table, arrow_of(rows, _SCHEMA))

    def keep(self, positions: dict[int, int]) -> None:
        self.known |= positions


def beyond(engine: Engine, table: str, positions: Mapping[int, int]) -> Iterator[tuple[int, int, int]]:
    """(lane, first, last) of what a table has beyond these places."""
    places: Any = ibis.table(_SCHEMA, name=table)
    last = places.group_by("lane").agg(last=places["position"].max())
    for lane, position in engine.fetch(last):
        if position > positions.get(lane, 0):
            yield lane, positions.get(lane, 0) + 1, LAST_POSITION
