"""Everybody as conditions see them: Ibis tables of the warehouse, and which column holds which leaf."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import ibis.expr.types as ir
from msgspec import Struct

from tessera.audience.leaves import Path, Type

PERSON: str = "person_id"
Leafs = Mapping[tuple[Path, Type], str]
"""The column of each leaf that was ever seen."""


class World(Struct, frozen=True):
    """`people` has a row per person, `events`, `devices`, `sessions`, `identifiers` and `relations` any
    number.

    Each has a column `person_id`. `attributes`, `properties` and `device_fields` say which columns hold which leaves;
    facts are columns of `people` by `fact_column`. `segments` gives the ids of a segment's
    people (a table), or the condition that they are found by.
    """

    people: ir.Table
    events: ir.Table
    devices: ir.Table
    sessions: ir.Table
    identifiers: ir.Table
    relations: ir.Table
    attributes: Leafs
    properties: Leafs
    segments: Callable[[UUID], Any] | None = None


def columns_at(table: ir.Table, leafs: Leafs, path: Path) -> dict[Type, Any]:
    """The columns of one path, by type."""
    return {kind: table[column] for (found, kind), column in leafs.items() if found == path}


def fact_column(name: str) -> str:
    return "fact_" + name.replace(".", "_")
