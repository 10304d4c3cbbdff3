"""Numbers of events as whole millionths, as `conditions/doings.py` adds them: no order of adding gives another sum."""

from typing import Any

import ibis
import ibis.expr.types as ir

from tessera.audience.conditions.doings import MILLIONTHS, MOST
from tessera.audience.leaves import Path
from tessera.audience.world import World, columns_at


def millionths_at(rows: ir.Table, world: World, path: Path) -> Any:
    """The number at that path of each event; null where there is none, or none that totals count."""
    number = columns_at(rows, world.properties, path).get("number")
    if number is None:
        return ibis.null("int64")
    counts = ibis.cases((number.abs() <= MOST, number))
    return (counts * float(MILLIONTHS) + 0.5).floor().cast("int64")
