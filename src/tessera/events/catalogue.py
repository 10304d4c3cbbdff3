"""The catalogue: every event name, property and attribute ever seen, with type, first and last sight, and volume.

Intake asks the gate whether a name is known or may become so (limits stop a runaway client) and what staff decided
about it, and leaves one tally row per batch in its own transaction. The tallies are added up afterwards, so counting
is exact and never makes two workers wait for a popular name.

Beside this: `rules.py` (what is blocked and declared), `fitting.py` (types), `adding_up.py`, `dictionary.py` (reading
and changing entries), `problems.py` (what did not fit), `personal.py` (what looks personal).
"""

from collections import Counter
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
import psycopg
from msgspec import Struct

from tessera.events import rules
from tessera.events.adding_up import MOST_AT_ONCE, add_up, tallies_waiting
from tessera.events.event import MERGE_OBJECTS, Event, Field
from tessera.events.examples import example_of, forget_examples
from tessera.events.fitting import type_of
from tessera.foundation.clock import Micros

__all__ = [
    "LIMITS",
    "MOST_AT_ONCE",
    "Entry",
    "Gate",
    "Kind",
    "Offered",
    "Tally",
    "add_up",
    "entries",
    "forget_examples",
    "hidden_fields",
    "names_offered",
    "personal_fields",
    "tallies_waiting",
    "type_of",
]

Connection = psycopg.Connection[Any]
Kind = Literal["event", "property", "attribute"]
Name = tuple[int, str, str, str]
"""(workspace, kind, parent, name); the parent of a property is its event, otherwise empty."""

LIMITS: Final[dict[str, int]] = {"event": 2_000, "attribute": 1_000, "property": 20_000}
"""Names per workspace. A name beyond is kept in history and reaches neither profiles nor the catalogue."""

LONGEST_NAME: Final = 255
MISFIT: Final = "does_not_fit"
TOO_MANY: Final = "too_many_names"
TOO_LONG: Final = "name_too_long"
MOST_ADMITTED: Final = 10_000
"""Sets of names that are remembered to be all admitted."""

EXAMPLES: Final = 5
"""Events that a problem remembers, to be looked at."""


class Entry(Struct, frozen=True):
    """One row of the data dictionary.

    `types` says how many of the values looked at were of which type (one of each batch is), `days` how often the name
    came on each of the last days (UTC). `misfits` counts values that did not fit, `dropped` what was dropped because
    the name is blocked. `declared_type` and `allowed` are what staff declared; `example` is a value of late, at most
    200 characters. A name that was declared before it came has no `first_seen`.
    """

    kind: str
    parent: str
    name: str
    type: str
    first_seen: datetime | None
    last_seen: datetime | None
    volume: int
    misfits: int
    status: str = "seen"
    declared_type: str | None = None
    allowed: list[Any] | None = None
    personal: bool = False
    personal_by_hand: bool = False
    description: str = ""
    example: str = ""
    types: dict[str, int] = {}
    days: dict[str, int] = {}
    sources: list[int] = []
    dropped: int = 0

    @property
    def field(self) -> Field:
        return (self.kind, self.parent, self.name)


COLUMNS: Final = (
    "kind, parent, name, type, first_seen, last_seen, volume, misfits, status, nullif(declared_type, ''), allowed,"
    " personal, personal_set, description, example, types, days, sources, dropped"
)
"""The columns of `Entry`, in its order."""


class Gate:
    """The names that are known, whether another one fits, and the rules. One per worker; reloaded now and then."""

    def __init__(self) -> None:
        self._known: set[Name] = set()
        self._counts: Counter[tuple[int, str]] = Counter()
        self._fresh: set[Name] = set()
        self._admitted: set[tuple[int, tuple[str, ...]]] = set()
        self._rules: dict[int, rules.Rules] = {}

    def load(self, connection: Connection, *, workspace_id: int | None = None) -> None:
        """Read the known names and the rules anew (other workers and staff add some), of one workspace or of all."""
        rows = connection.execute(
            "SELECT workspace_id, kind, parent, name FROM events_catalogue"
            " WHERE workspace_id = coalesce(%s, workspace_id)",
            (workspace_id,),
        ).fetchall()
        self._known = {(row[0], row[1], row[2], row[3]) for row in rows} | self._fresh
        self._counts = Counter((name[0], name[1]) for name in self._known)
        self._admitted.clear()
        self._rules = rules.load(connection, workspace_id=workspace_id)

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
        self._admitted.clear()
        for name in self._fresh:
            self._counts[name[0], name[1]] -= 1
        self._fresh.clear()

    def keep_fresh(self) -> None:
        """The batch that admitted them is committed (its tally will write them)."""
        self._fresh.clear()

    def judge(self, event: Event) -> bool:
        """False for a blocked event, which is to be dropped.

        Takes out of the event what is blocked, what does not fit its declared type and what the limits do not admit:
        names of attributes, of counters. What went wrong is noted in `event.judged`.
        """
        ruled = self._rules.get(event.workspace_id)
        if ruled is not None:
            if ruled.blocks(event):
                return False
            ruled.take_out_blocked(event)
        if event.misfits:
            self._note_misfits(event)
        if ruled is not None:
            ruled.fit_declared(event)
        self._judge_names(event)
        return True

    def _note_misfits(self, event: Event) -> None:
        """Values that did not fit a standard attribute. Clients may invent these names too: limits hold for them."""
        problems = event.judgement().problems
        for name in event.misfits:
            if self.admits(event.workspace_id, "attribute", "", name):
                problems.append((("attribute", "", name), MISFIT))
            else:
                problems.append((("attribute", "", ""), TOO_MANY))

    def _judge_names(self, event: Event) -> None:
        workspace = event.workspace_id
        if event.counted and not self.admits(workspace, "event", "", event.name):
            event.counted = False
            event.judgement().problems.append((("event", "", ""), TOO_MANY))
        if event.traits:
            self._judge_attributes(event)

    def _judge_attributes(self, event: Event) -> None:
        """Events of one source mostly carry the same names: those that were all admitted are not asked for again."""
        workspace, together = event.workspace_id, tuple(event.traits)
        if (workspace, together) in self._admitted:
            return
        names = [name for name in together if name != MERGE_OBJECTS]
        refused = [name for name in names if not self.admits(workspace, "attribute", "", name)]
        for name in refused:
            del event.traits[name]
            event.misfits.append(name)
            event.judgement().problems.append((("attribute", "", ""), TOO_MANY))
        if not refused and len(self._admitted) < MOST_ADMITTED:
            self._admitted.add((workspace, together))


class _Part:
    """What one source of one workspace sent in a batch."""

    __slots__ = ("attributes", "dropped", "events", "problems", "properties", "samples")

    def __init__(self) -> None:
        self.events: Counter[str] = Counter()
        self.attributes: Counter[tuple[str, ...]] = Counter()
        self.samples: dict[str, Any] = {}
        self.properties: dict[str, tuple[Counter[str], dict[str, Any]]] = {}
        self.dropped: Counter[Field] = Counter()
        self.problems: dict[tuple[Field, str], tuple[int, list[tuple[str, str, Micros]]]] = {}

    def see_attributes(self, traits: dict[str, Any]) -> None:
        """Counted by the names that come together, which are few; a sample is looked for until each name has one."""
        self.attributes[tuple(traits)] += 1
        if not traits.keys() <= self.samples.keys():
            for name, value in traits.items():
                if value is not None and name not in self.samples and name != MERGE_OBJECTS:
                    self.samples[name] = value

    def attribute_counts(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        for names, count in self.attributes.items():
            for name in names:
                counts[name] += count
        del counts[MERGE_OBJECTS]
        return counts

    def see_properties(self, event: str, properties: dict[str, Any]) -> None:
        seen = self.properties.get(event)
        if seen is None:
            seen = self.properties[event] = (Counter(), {})
        counts, samples = seen
        counts.update(list(properties))
        for name in properties.keys() - samples.keys():
            if properties[name] is not None:
                samples[name] = properties[name]

    def note(self, field: Field, code: str, example: tuple[str, str, Micros] | None, count: int = 1) -> None:
        known, examples = self.problems.get((field, code), (0, []))
        if example is not None and len(examples) < EXAMPLES:
            examples.append(example)
        self.problems[field, code] = (known + count, examples)


Row = tuple[int, int, str, str, str, int, int, int, str, str]
"""(workspace, source, kind, parent, name, volume, misfits, dropped, type, example)"""


class Tally:
    """What one batch saw. One value of each name is looked at for its type and kept as an example."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._parts: dict[tuple[int, int], _Part] = {}
        self._seen: Counter[int] = Counter()

    def _part(self, event: Event) -> _Part:
        key = (event.workspace_id, event.source_id or 0)
        part = self._parts.get(key)
        if part is None:
            part = self._parts[key] = _Part()
        return part

    def see(self, event: Event, profile: UUID | None = None) -> None:
        """Count an event that is recorded; `profile` is whose it is, for the examples of problems."""
        self._seen[event.workspace_id] += 1
        part = self._part(event)
        if event.counted:
            part.events[event.name] += 1
            if event.message.properties:
                part.see_properties(event.name, event.message.properties)
        if event.traits:
            part.see_attributes(event.traits)
        if event.judged is not None:
            example = (str(event.event_id), str(profile), event.occurred_at) if profile is not None else None
            for field in event.judged.removed:
                part.dropped[field] += 1
            for field, code in event.judged.problems:
                part.note(field, code, example)

    def see_dropped(self, event: Event) -> None:
        """Count an event that is dropped because its name is blocked."""
        self._part(event).dropped["event", "", event.name] += 1

    def rows(self) -> list[Row]:
        """Everything seen, and what was counted of it."""
        return [
            row for (workspace, source), part in self._parts.items() for row in self._rows_of(workspace, source, part)
        ]

    def _rows_of(self, workspace: int, source: int, part: _Part) -> list[Row]:
        volume: Counter[Field] = Counter()
        samples: dict[Field, Any] = {("attribute", "", name): value for name, value in part.samples.items()}
        volume.update({("event", "", name): count for name, count in part.events.items()})
        volume.update({("attribute", "", name): count for name, count in part.attribute_counts().items()})
        for event, (counts, seen) in part.properties.items():
            for name, count in counts.items():
                if self._admits_property(workspace, part, event, name, count):
                    volume["property", event, name] = count
                    samples["property", event, name] = seen.get(name)
        misfits: Counter[Field] = Counter()
        for (field, _code), (count, _examples) in part.problems.items():
            if field[2]:
                misfits[field] += count
        fields = sorted(volume.keys() | misfits.keys() | part.dropped.keys())
        return [
            (
                *(workspace, source, *field, volume[field], misfits[field], part.dropped[field]),
                *(type_of(samples.get(field)), example_of(samples.get(field))),
            )
            for field in fields
            if "\0" not in field[2]
        ]

    def _admits_property(self, workspace: int, part: _Part, event: str, name: str, count: int) -> bool:
        if len(name) > LONGEST_NAME:
            part.note(("property", "", ""), TOO_LONG, None, count)
            return False
        if not self._gate.admits(workspace, "property", event, name):
            part.note(("property", "", ""), TOO_MANY, None, count)
            return False
        return True

    def write(self, connection: Connection, *, lane: int, now: Micros) -> None:
        """Leave the tally for `add_up`, in the batch's own transaction."""
        leave_tally(connection, self.encoded(now), lane=lane)

    def encoded(self, now: Micros) -> str:
        """The tally as `leave_tally` takes it; empty where nothing was seen."""
        rows = self.rows()  # finds problems too
        problems = [
            (workspace, source, *field, code, count, examples)
            for (workspace, source), part in self._parts.items()
            for (field, code), (count, examples) in part.problems.items()
        ]
        if not (rows or problems or self._seen):
            return ""
        return msgspec.json.encode({"at": now, "names": rows, "problems": problems, "seen": self._seen}).decode()


def leave_tally(connection: Connection, encoded: str, *, lane: int) -> None:
    """Leave what a batch saw for `add_up`, in the batch's own transaction."""
    if encoded:
        connection.execute("INSERT INTO events_tally (lane, tally) VALUES (%s, %s)", (lane, encoded))


def entries(connection: Connection, workspace_id: int) -> list[Entry]:
    """The workspace's whole data dictionary, by kind, parent and name."""
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM events_catalogue WHERE workspace_id = %s ORDER BY kind, parent, name",  # noqa: S608
        (workspace_id,),
    )
    return [Entry(*row) for row in rows]


class Offered(Struct, frozen=True):
    """A name to choose from. `type` is the declared one where there is one."""

    kind: str
    parent: str
    name: str
    type: str
    volume: int


def names_offered(connection: Connection, workspace_id: int) -> list[Offered]:
    """What pickers offer: every name that is neither hidden nor blocked, the most frequent of each kind first."""
    rows = connection.execute(
        "SELECT kind, parent, name, coalesce(nullif(declared_type, ''), type), volume FROM events_catalogue"
        " WHERE workspace_id = %s AND status NOT IN ('hidden', 'blocked') ORDER BY kind, volume DESC, parent, name",
        (workspace_id,),
    )
    return [Offered(*row) for row in rows]


def personal_fields(connection: Connection, workspace_id: int) -> frozenset[Field]:
    """(kind, parent, name) of every name that is flagged as personal data."""
    return _fields_where(connection, workspace_id, "personal")


def hidden_fields(connection: Connection, workspace_id: int) -> frozenset[Field]:
    """(kind, parent, name) of every name that pickers and screens should not offer: hidden ones and blocked ones."""
    return _fields_where(connection, workspace_id, "status IN ('hidden', 'blocked')")


def _fields_where(connection: Connection, workspace_id: int, condition: str) -> frozenset[Field]:
    rows = connection.execute(
        f"SELECT kind, parent, name FROM events_catalogue WHERE workspace_id = %s AND {condition}",  # noqa: S608
        (workspace_id,),
    )
    return frozenset((row[0], row[1], row[2]) for row in rows)
