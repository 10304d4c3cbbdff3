"""A report broken down: the values that most have, each a slice, all others together, and those without a value.

A value is text, a number, true or false; a list is one value as a whole. Numbers and texts that look alike are two.
"""

from typing import Annotated, Any, Final, Literal, TypeAlias

import ibis
import ibis.expr.types as ir
from msgspec import Meta, Struct

from tessera.audience.leaves import SEPARATOR, Path, Type
from tessera.audience.vocabulary import FACTS
from tessera.audience.warehouse.engine import Engine
from tessera.audience.world import PERSON, World, columns_at, fact_column
from tessera.foundation.csv_cells import harmless

Value: TypeAlias = str | bool | int | float
MOST: Final = 10
"""Values that have a slice of their own."""
OTHER: Final = MOST
NONE: Final = MOST + 1
ALL: Final = MOST + 2
_TYPES: Final[tuple[Type, ...]] = ("text", "number", "boolean", "list")
_ABOUT: Final = "about_person"


class Breakdown(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """By a property of the event, an attribute or a fact of the person as they are now, or the event's source."""

    by: Literal["property", "attribute", "fact", "source"]
    path: Annotated[Path, Meta(max_length=10)] = ()

    def __post_init__(self) -> None:
        if bool(self.path) is (self.by == "source"):
            raise ValueError("a property, an attribute or a fact is named by its path; a source has none")
        if self.by == "fact" and FACTS.get(".".join(self.path), "time") == "time":
            raise ValueError(f"nothing is broken down by {'.'.join(self.path)!r}")


class Slice(Struct, frozen=True):
    """`all` is everything; `value` has a value; `other` are the values beyond the first ten, `none` is without one."""

    kind: Literal["all", "value", "other", "none"] = "all"
    value: Value | None = None


class Cut(Struct, frozen=True):
    """Rows with the number of their slice in the column `slot`, and what each number means."""

    rows: ir.Table
    slices: dict[int, Slice]


def cut(rows: ir.Table, breakdown: Breakdown | None, world: World, engine: Engine, *, ranked: Any = None) -> Cut:
    """Give each row its slot; `ranked` says which rows count where the ten values are chosen (all by default).

    The values that most rows have come first; of equally many the smaller.
    """
    if breakdown is None:
        return Cut(rows.mutate(slot=ibis.literal(ALL, type="int64")), {ALL: Slice()})
    keyed, keys = _keyed(rows, breakdown, world)
    found = _first_values(keyed, keys, engine, ranked) if keys else []
    slot = _slot(keyed, keys, found)
    slices = {number: Slice("value", shown(kind, value)) for number, (kind, value) in enumerate(found)}
    return Cut(keyed.mutate(slot=slot).drop(*keys.values()), slices | {OTHER: Slice("other"), NONE: Slice("none")})


def _keyed(rows: ir.Table, breakdown: Breakdown, world: World) -> tuple[ir.Table, dict[Type, str]]:
    """Rows with what they are broken down by: a column for each type it has."""
    if breakdown.by == "source":
        return rows.mutate(key_number=rows["source_id"]), {"number": "key_number"}
    if breakdown.by == "property":
        columns = columns_at(rows, world.properties, breakdown.path)
        kept = {kind: column for kind, column in columns.items() if kind in _TYPES}
        return rows.mutate(**{f"key_{kind}": column for kind, column in kept.items()}), _names(kept)
    people = world.people
    if breakdown.by == "fact":
        name = ".".join(breakdown.path)
        kept = {FACTS[name]: people[fact_column(name)]}
    else:
        columns = columns_at(people, world.attributes, breakdown.path)
        kept = {kind: column for kind, column in columns.items() if kind in _TYPES}
    about = people.select(**{_ABOUT: people[PERSON]}, **{f"key_{kind}": column for kind, column in kept.items()})
    return rows.left_join(about, rows[PERSON] == about[_ABOUT]).drop(_ABOUT), _names(kept)


def _names(kept: dict[Type, Any]) -> dict[Type, str]:
    return {kind: f"key_{kind}" for kind in kept}


def _first_values(keyed: ir.Table, keys: dict[Type, str], engine: Engine, ranked: Any) -> list[tuple[Type, Any]]:
    """The values that most rows have."""
    rows = keyed if ranked is None else keyed.filter(ranked(keyed))
    names = list(keys.values())
    rows = rows.filter(_some([rows[name].notnull() for name in names]))
    counted = rows.group_by(names).aggregate(times=rows.count())
    kinds = list(keys)
    first = counted.order_by(ibis.desc("times"), *(ibis.asc(name) for name in names)).limit(MOST)
    found: list[tuple[Type, Any]] = []
    for row in engine.fetch(first.select(*names)):
        place = next(place for place, value in enumerate(row) if value is not None)
        found.append((kinds[place], row[place]))
    return found


def _slot(keyed: ir.Table, keys: dict[Type, str], found: list[tuple[Type, Any]]) -> Any:
    branches = [
        (keyed[keys[kind]] == value, ibis.literal(number, type="int64")) for number, (kind, value) in enumerate(found)
    ]
    if keys:
        there = _some([keyed[name].notnull() for name in keys.values()])
        branches.append((there, ibis.literal(OTHER, type="int64")))
    none = ibis.literal(NONE, type="int64")
    return ibis.cases(*branches, else_=none) if branches else none


def _some(parts: list[Any]) -> Any:
    whole = parts[0]
    for part in parts[1:]:
        whole = whole | part
    return whole


def shown(kind: Type, value: Any) -> Value:
    """A value as an answer has it: a list is its elements with commas, a whole number has no fraction."""
    if kind == "list":
        return ", ".join(str(value).split(SEPARATOR)[1:-1])
    if kind == "number" and float(value).is_integer() and abs(value) < 2**53:
        return int(value)
    return bool(value) if kind == "boolean" else value


def slice_cells(of: Slice) -> tuple[str, str]:
    """A slice as two cells of a CSV file: what kind it is, and its value where it has one."""
    if isinstance(of.value, bool):
        return of.kind, "true" if of.value else "false"
    return of.kind, "" if of.value is None else harmless(str(of.value))
