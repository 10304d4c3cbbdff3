"""The catalogue: every event name, property and attribute ever seen, with type, first and last sight, and volume.

Intake asks the gate whether a name is known or may become so (limits stop a runaway client), and leaves one tally row
per batch in its own transaction. The tallies are added up afterwards, so counting is exact and never makes two workers
wait for a popular name.
"""

import re
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, Literal

import msgspec
import psycopg
from msgspec import Struct

from tessera.events import pace
from tessera.events.event import MERGE_OBJECTS, Event
from tessera.foundation.clock import Micros, to_datetime

Connection = psycopg.Connection[Any]
Kind = Literal["event", "property", "attribute"]
Name = tuple[int, str, str, str]
"""(workspace, kind, parent, name); the parent of a property is its event, otherwise empty."""

LIMITS: Final[dict[str, int]] = {"event": 2_000, "attribute": 1_000, "property": 20_000}
"""Names per workspace. A name beyond is kept in history and reaches neither profiles nor the catalogue."""

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ].*)?")


class Entry(Struct, frozen=True):
    """One row of the data dictionary."""

    kind: str
    parent: str
    name: str
    type: str
    first_seen: datetime
    last_seen: datetime
    volume: int
    misfits: int


class Gate:
    """The names that are known, and whether another one fits. One per worker; reloaded now and then."""

    def __init__(self) -> None:
        self._known: set[Name] = set()
        self._counts: Counter[tuple[int, str]] = Counter()
        self._fresh: set[Name] = set()

    def load(self, connection: Connection, *, workspace_id: int | None = None) -> None:
        """Read the known names anew (other workers admit some too), of one workspace or of all."""
        rows = connection.execute(
            "SELECT workspace_id, kind, parent, name FROM events_catalogue"
            " WHERE workspace_id = coalesce(%s, workspace_id)",
            (workspace_id,),
        ).fetchall()
        self._known = {(row[0], row[1], row[2], row[3]) for row in rows} | self._fresh
        self._counts = Counter((name[0], name[1]) for name in self._known)

    def admits(self, workspace_id: int, kind: Kind, parent: str, name: str) -> bool:
        """Whether the name is known or becomes so now."""
        key = (workspace_id, kind, parent, name)
        if key in self._known:
            return True
        if self._counts[workspace_id, kind] >= LIMITS[kind]:
            return False
        self._known.add(key)
        self._fresh.add(key)
        self._counts[workspace_id, kind] += 1
        return True

    def forget_fresh(self) -> None:
        """The batch that admitted them was rolled back."""
        self._known -= self._fresh
        for name in self._fresh:
            self._counts[name[0], name[1]] -= 1
        self._fresh.clear()

    def keep_fresh(self) -> None:
        """The batch that admitted them is committed (its tally will write them)."""
        self._fresh.clear()

    def judge(self, event: Event) -> None:
        """Take from the event what the limits do not admit: a counter name, attributes."""
        workspace = event.workspace_id
        if event.counted and not self.admits(workspace, "event", "", event.name):
            event.counted = False
        if event.traits:
            names = [name for name in event.traits if name != MERGE_OBJECTS]
            refused = [name for name in names if not self.admits(workspace, "attribute", "", name)]
            for name in refused:
                del event.traits[name]
                event.misfits.append(name)


class Tally:
    """What one batch saw."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._volume: Counter[Name] = Counter()
        self._misfits: Counter[Name] = Counter()
        self._seen: Counter[int] = Counter()
        self._types: dict[Name, str] = {}
        self._properties: dict[tuple[int, str], tuple[Counter[str], dict[str, str]]] = {}

    def see(self, event: Event) -> None:
        workspace = event.workspace_id
        self._seen[workspace] += 1
        if event.counted:
            self._volume[workspace, "event", "", event.name] += 1
            if event.message.properties:
                self._see_properties((workspace, event.name), event.message.properties)
        for name, value in event.traits.items():
            if name == MERGE_OBJECTS:
                continue
            key = (workspace, "attribute", "", name)
            self._volume[key] += 1
            if value is not None and key not in self._types:
                self._types[key] = type_of(value)
        for name in event.misfits:
            self._misfits[workspace, "attribute", "", name] += 1

    def _see_properties(self, key: tuple[int, str], properties: dict[str, Any]) -> None:
        seen = self._properties.get(key)
        if seen is None:
            seen = self._properties[key] = (Counter(), {})
        counts, types = seen
        counts.update(list(properties))
        for name in properties.keys() - types.keys():
            if properties[name] is not None:
                types[name] = type_of(properties[name])

    def rows(self) -> list[tuple[int, str, str, str, str, int, int]]:
        """(workspace, kind, parent, name, type, volume, misfits) for everything seen."""
        for (workspace, event), (counts, types) in self._properties.items():
            for name, count in counts.items():
                if len(name) <= 255 and self._gate.admits(workspace, "property", event, name):
                    key = (workspace, "property", event, name)
                    self._volume[key] = count
                    self._types[key] = types.get(name, "")
        return [
            (*name, self._types.get(name, ""), self._volume[name], self._misfits[name])
            for name in sorted(self._volume.keys() | self._misfits.keys())
            if "\0" not in name[3]
        ]

    def write(self, connection: Connection, *, lane: int, now: Micros) -> None:
        """Leave the tally for `add_up`, in the batch's own transaction."""
        rows = self.rows()
        if rows or self._seen:
            body = msgspec.json.encode({"at": now, "rows": rows, "seen": self._seen}).decode()
            connection.execute("INSERT INTO events_tally (lane, tally) VALUES (%s, %s)", (lane, body))


def type_of(value: Any) -> str:
    """`text`, `number`, `boolean`, `date`, `list` or `object`."""
    match value:
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "date" if _DATE.fullmatch(value) else "text"
        case list():
            return "list"
        case dict():
            if len(value) == 1:
                ((operator, argument),) = value.items()
                if operator == "inc":
                    return "number"
                if operator in ("add", "remove") and isinstance(argument, list):
                    return "list"
            return "object"
    return ""


_TAKE = """
DELETE FROM events_tally WHERE (lane, id) IN
       (SELECT lane, id FROM events_tally ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)
RETURNING tally::text
"""
_ADD = """
INSERT INTO events_catalogue AS known (workspace_id, kind, parent, name, type, first_seen, last_seen, volume, misfits)
SELECT * FROM unnest(%s::int[], %s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[],
                     %s::bigint[], %s::bigint[])
ON CONFLICT (workspace_id, kind, parent, name) DO UPDATE
   SET type = CASE WHEN known.type = '' THEN excluded.type
                   WHEN excluded.type IN ('', known.type) THEN known.type
                   ELSE 'mixed' END,
       first_seen = least(known.first_seen, excluded.first_seen),
       last_seen = greatest(known.last_seen, excluded.last_seen),
       volume = known.volume + excluded.volume,
       misfits = known.misfits + excluded.misfits
"""


MOST_AT_ONCE: Final = 500


def add_up(connection: Connection, *, most: int = MOST_AT_ONCE) -> int:
    """Add up to `most` tallies to the catalogue, each exactly once; returns how many there were."""
    with connection.transaction():
        taken = connection.execute(_TAKE, (most,)).fetchall()
        sums: dict[Name, list[Any]] = {}
        tallies = [msgspec.json.decode(text) for (text,) in taken]
        pace.add(connection, tallies)
        for tally in tallies:
            _sum(sums, tally["rows"], tally["at"])
        if sums:
            columns = zip(*((*name, *rest) for name, rest in sorted(sums.items())), strict=True)
            connection.execute(_ADD, [list(column) for column in columns])
    return len(taken)


def _sum(sums: dict[Name, list[Any]], rows: Iterable[list[Any]], at: Micros) -> None:
    moment = to_datetime(at)
    for workspace, kind, parent, name, kind_of_value, volume, misfits in rows:
        known = sums.get((workspace, kind, parent, name))
        if known is None:
            sums[workspace, kind, parent, name] = [kind_of_value, moment, moment, volume, misfits]
            continue
        if known[0] == "":
            known[0] = kind_of_value
        elif kind_of_value not in ("", known[0]):
            known[0] = "mixed"
        known[1], known[2] = min(known[1], moment), max(known[2], moment)
        known[3] += volume
        known[4] += misfits


def entries(connection: Connection, workspace_id: int) -> list[Entry]:
    """The workspace's whole data dictionary, by kind, parent and name."""
    rows = connection.execute(
        "SELECT kind, parent, name, type, first_seen, last_seen, volume, misfits FROM events_catalogue"
        " WHERE workspace_id = %s ORDER BY kind, parent, name",
        (workspace_id,),
    )
    return [Entry(*row) for row in rows]


def tallies_waiting(connection: Connection) -> int:
    row = connection.execute("SELECT count(*) FROM events_tally").fetchone()
    return int(row[0]) if row else 0
