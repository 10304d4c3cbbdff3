"""Which column holds which leaf. Columns have short made names: a field's own name may be anything in any script."""

from typing import Any, Final

import ibis
import ibis.expr.datatypes as dt

from tessera.audience.leaves import SEPARATOR, Leaf, Leaves, Path, Type
from tessera.audience.vocabulary import DEVICE, FACTS
from tessera.audience.world import PERSON, fact_column

TYPES: Final[dict[Type, dt.DataType]] = {
    "text": dt.string,
    "number": dt.float64,
    "boolean": dt.boolean,
    "time": dt.Timestamp(scale=6),
    "list": dt.string,
}


class Columns:
    """The columns of one table's leaves: `a17_text` for the seventeenth that was seen, of the type text."""

    def __init__(
        self, letter: str, known: dict[tuple[Path, Type], str] | None = None, *, most: int | None = None
    ) -> None:
        """There are at most so many."""
        self._letter, self._most = letter, most
        self.by_leaf: dict[tuple[Path, Type], str] = dict(known or {})
        self.is_full = False

    def add(self, path: Path, kind: Type) -> str | None:
        """The leaf's column, made now where there was none; None where there is room for no more.

        Who names fields after what they hold (`items.sku-4711`) has more of them than any table has columns.
        """
        column = self.by_leaf.get((path, kind))
        if column is None:
            if self._most is not None and len(self.by_leaf) >= self._most:
                self.is_full = True
                return None
            column = self.by_leaf[path, kind] = f"{self._letter}{len(self.by_leaf) + 1}_{kind}"
        return column

    def values(self, leaves: Leaves) -> dict[str, Any]:
        """The leaves as values of columns, but those without one."""
        placed = ((self.add(path, kind), stored(kind, leaf)) for (path, kind), leaf in leaves.items())
        return {column: value for column, value in placed if column is not None}

    def schema(self) -> dict[str, dt.DataType]:
        return {column: TYPES[kind] for (_, kind), column in self.by_leaf.items()}


def stored(kind: Type, leaf: Leaf) -> Any:
    """A leaf as its column keeps it."""
    return joined(leaf) if isinstance(leaf, tuple) else leaf


def joined(elements: tuple[str, ...]) -> str:
    """A list as text: every element between two separators, so that each is found whole; "" for an empty one."""
    return SEPARATOR + SEPARATOR.join(elements) + SEPARATOR if elements else ""


PEOPLE: Final = {PERSON: dt.uuid, **{fact_column(name): TYPES[kind] for name, kind in FACTS.items()}}
EVENTS: Final = {PERSON: dt.uuid, "name": dt.string, "at": TYPES["time"], "source_id": dt.int64}
DEVICES: Final = {PERSON: dt.uuid, **{name: TYPES[kind] for name, kind in DEVICE.items()}}
SESSIONS: Final = {PERSON: dt.uuid, "began": TYPES["time"], "ended": TYPES["time"]}
IDENTIFIERS: Final = {PERSON: dt.uuid, "kind": dt.string, "value": dt.string}

RELATIONS: Final = {PERSON: dt.uuid, "type": dt.string, "outgoing": dt.boolean, "other": dt.string}
"""`other` is the id of the person at the far end as text, null while nobody of that name was seen."""


def schema_of(fixed: dict[str, dt.DataType], columns: Columns | None = None) -> ibis.Schema:
    """A table's schema: what it always has, then a column for each leaf."""
    return ibis.schema({**fixed, **(columns.schema() if columns else {})})
