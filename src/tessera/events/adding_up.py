"""Adding tallies up to the catalogue and to the problems, each exactly once."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import psycopg
from msgspec import Struct, field

from tessera.events import pace
from tessera.events.personal import looks_personal
from tessera.foundation.clock import to_datetime

Connection = psycopg.Connection[Any]
MOST_AT_ONCE: Final = 500
DAYS: Final = 30
"""Days of which the catalogue knows how often a name came."""

MOST_EXAMPLES: Final = 5

_TAKE: Final = """
DELETE FROM events_tally WHERE (lane, id) IN
       (SELECT lane, id FROM events_tally ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)
RETURNING tally::text
"""
_ADD: Final = """
INSERT INTO events_catalogue AS known (workspace_id, kind, parent, name, type, first_seen, last_seen, volume, misfits,
                                       dropped, types, days, sources, example, personal)
SELECT workspace_id, kind, parent, name, type, first_seen, last_seen, volume, misfits, dropped, types, days,
       sources::int[], example, personal
  FROM unnest(%s::int[], %s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[],
              %s::bigint[], %s::bigint[], %s::bigint[], %s::jsonb[], %s::jsonb[], %s::text[], %s::text[], %s::boolean[])
    AS new (workspace_id, kind, parent, name, type, first_seen, last_seen, volume, misfits, dropped, types, days,
            sources, example, personal)
ON CONFLICT (workspace_id, kind, parent, name) DO UPDATE
   SET type = CASE WHEN known.type = '' THEN excluded.type
                   WHEN excluded.type IN ('', known.type) THEN known.type
                   ELSE 'mixed' END,
       first_seen = least(known.first_seen, excluded.first_seen),
       last_seen = greatest(known.last_seen, excluded.last_seen),
       volume = known.volume + excluded.volume,
       misfits = known.misfits + excluded.misfits,
       dropped = known.dropped + excluded.dropped,
       types = events_add_counts(known.types, excluded.types, ''),
       days = events_add_counts(known.days, excluded.days,
                                to_char(excluded.last_seen AT TIME ZONE 'UTC' - interval '29 days', 'YYYY-MM-DD')),
       sources = events_join_sources(known.sources, excluded.sources),
       example = CASE WHEN excluded.example = '' THEN known.example ELSE excluded.example END,
       personal = CASE WHEN known.personal_set THEN known.personal ELSE known.personal OR excluded.personal END
"""
_ADD_PROBLEMS: Final = """
INSERT INTO events_problem AS known (workspace_id, kind, parent, name, code, source_id, count, first_seen, last_seen,
                                     examples)
SELECT * FROM unnest(%s::int[], %s::text[], %s::text[], %s::text[], %s::text[], %s::int[], %s::bigint[],
                     %s::timestamptz[], %s::timestamptz[], %s::jsonb[])
ON CONFLICT (workspace_id, kind, parent, name, code, source_id) DO UPDATE
   SET count = known.count + excluded.count,
       first_seen = least(known.first_seen, excluded.first_seen),
       last_seen = greatest(known.last_seen, excluded.last_seen),
       examples = jsonb_path_query_array(excluded.examples || known.examples, '$[0 to 4]')
"""


class _Sum(Struct):
    """What several tallies say of one name."""

    first: datetime
    last: datetime
    type: str = ""
    volume: int = 0
    misfits: int = 0
    dropped: int = 0
    types: Counter[str] = field(default_factory=Counter)
    days: Counter[str] = field(default_factory=Counter)
    sources: set[int] = field(default_factory=set)
    example: str = ""

    def add(self, row: Sequence[Any], at: datetime) -> None:
        _workspace, source, _kind, _parent, _name, volume, misfits, dropped, type_name, example = row
        self.first, self.last = min(self.first, at), max(self.last, at)
        self.volume += volume
        self.misfits += misfits
        self.dropped += dropped
        if type_name:
            self.type = type_name if self.type in ("", type_name) else "mixed"
            self.types[type_name] += 1
        if volume:
            self.days[at.strftime("%Y-%m-%d")] += volume
        if source:
            self.sources.add(source)
        self.example = example or self.example


class _Trouble(Struct):
    """What several tallies say of one problem."""

    first: datetime
    last: datetime
    count: int = 0
    examples: list[Any] = field(default_factory=list)


class _Sums:
    def __init__(self) -> None:
        self._names: dict[tuple[Any, ...], _Sum] = {}
        self._problems: dict[tuple[Any, ...], _Trouble] = {}

    def add(self, tally: dict[str, Any]) -> None:
        at = to_datetime(tally["at"])
        for row in (*tally.get("names", ()), *_from_before(tally.get("rows", ()))):
            key = (row[0], *row[2:5])
            (self._names.get(key) or self._names.setdefault(key, _Sum(at, at))).add(row, at)
        for workspace, source, kind, parent, name, code, count, examples in tally.get("problems", ()):
            trouble = self._problems.setdefault((workspace, kind, parent, name, code, source), _Trouble(at, at))
            trouble.first, trouble.last = min(trouble.first, at), max(trouble.last, at)
            trouble.count += count
            trouble.examples = [*examples, *trouble.examples][:MOST_EXAMPLES]

    def write(self, connection: Connection) -> None:
        """Names before problems, each in order: two who add up at once wait for each other, never in a circle."""
        if self._names:
            rows = [_columns_of(key, total) for key, total in sorted(self._names.items(), key=lambda item: item[0])]
            connection.execute(_ADD, [list(column) for column in zip(*rows, strict=True)])
        if self._problems:
            troubles = [
                (*key, one.count, one.first, one.last, _json(one.examples))
                for key, one in sorted(self._problems.items(), key=lambda item: item[0])
            ]
            connection.execute(_ADD_PROBLEMS, [list(column) for column in zip(*troubles, strict=True)])


def _columns_of(key: tuple[Any, ...], total: _Sum) -> tuple[Any, ...]:
    _workspace, kind, _parent, name = key
    return (
        *(*key, total.type, total.first, total.last, total.volume, total.misfits, total.dropped),
        *(_json(total.types), _json(_late(total.days, total.last))),
        f"{{{','.join(map(str, sorted(total.sources)[:100]))}}}",
        *(total.example, looks_personal(kind, name, total.example)),
    )


def _late(days: Counter[str], last: datetime) -> dict[str, int]:
    earliest = (last - timedelta(days=DAYS - 1)).strftime("%Y-%m-%d")
    return {day: count for day, count in days.items() if day >= earliest}


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _from_before(rows: Iterable[list[Any]]) -> Iterable[list[Any]]:
    """Rows of a tally that a worker of the version before left: without source, drops and example."""
    for workspace, kind, parent, name, type_name, volume, misfits in rows:
        yield [workspace, 0, kind, parent, name, volume, misfits, 0, type_name, ""]


def add_up(connection: Connection, *, most: int = MOST_AT_ONCE) -> int:
    """Add up to `most` tallies to the catalogue, each exactly once; returns how many there were."""
    with connection.transaction():
        taken = connection.execute(_TAKE, (most,)).fetchall()
        tallies = [msgspec.json.decode(text) for (text,) in taken]
        pace.add(connection, tallies)
        sums = _Sums()
        for tally in tallies:
            sums.add(tally)
        sums.write(connection)
    return len(taken)


def tallies_waiting(connection: Connection) -> int:
    """How many batches are not in the catalogue yet."""
    row = connection.execute("SELECT count(*) FROM events_tally").fetchone()
    return int(row[0]) if row else 0
