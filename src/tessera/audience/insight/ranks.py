"""Exact quantiles by rank: the value that so large a part of all are not above (nearest rank).

Engines interpolate, or guess from a sample; a rank is the same on all of them, and always somebody's own value.
"""

from collections.abc import Sequence
from typing import Any

import ibis
import ibis.expr.types as ir


def ranked(table: ir.Table, columns: Sequence[str], *, by: str | None = None) -> ir.Table:
    """With `rank_<column>` from 1, the smallest first, and `known_<column>`, how many have a value; within `by`."""
    group = [] if by is None else [by]
    added: dict[str, Any] = {}
    for column in columns:
        order = ibis.window(group_by=group, order_by=table[column].asc(nulls_first=False))
        added[f"rank_{column}"] = ibis.row_number().over(order).cast("int64") + 1
        added[f"known_{column}"] = table[column].count().over(ibis.window(group_by=group)).cast("int64")
    return table.mutate(**added)


def at_part(table: ir.Table, column: str, part: int, parts: int) -> Any:
    """The value at rank ⌈n · part / parts⌉ of a `ranked` table, as an aggregate; null where nobody has one."""
    reached = table[f"rank_{column}"] * parts >= table[f"known_{column}"] * part
    return table[column].min(where=reached & table[column].notnull())
