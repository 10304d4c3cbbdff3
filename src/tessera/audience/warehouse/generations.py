"""Which tables are the warehouse: those of one generation. A rebuild fills the next beside it, and then that one is.

The number of the generation is kept in a table of its own; the highest counts, so that one row added is the change,
also where there are no transactions. Tables of generation 0 have plain names, `w1_people`; of others `g2_w1_people`.
"""

import re
from typing import Final

import ibis
import pyarrow as pa

from tessera.audience.warehouse.engine import Engine

_TABLE: Final = "generations"
_SCHEMA: Final = ibis.schema({"number": "int64"})
_OURS: Final = re.compile(
    r"(?:g(?P<number>\d+)_)?"
    r"(?:positions|w\d+_(?:people|events|devices|sessions|identifiers|relations|members|moved|columns))"
)


def current(engine: Engine) -> int:
    """The generation that answers."""
    engine.ensure(_TABLE, _SCHEMA)
    return max((number for (number,) in engine.fetch(ibis.table(_SCHEMA, name=_TABLE))), default=0)


def prefix(generation: int) -> str:
    """What the names of its tables begin with."""
    return f"g{generation}_" if generation else ""


def take_over(engine: Engine, generation: int) -> None:
    """From now on this one answers."""
    engine.append(_TABLE, pa.table({"number": pa.array([generation], pa.int64())}))


def drop_others(engine: Engine, generation: int) -> int:
    """Drop what a rebuild left that was broken off, or what it has replaced; returns how many tables."""
    dropped = 0
    for table in engine.tables():
        found = _OURS.fullmatch(table)
        if found is not None and int(found["number"] or 0) != generation:
            engine.drop(table)
            dropped += 1
    return dropped
