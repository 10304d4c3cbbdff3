"""Forgetting what happened to somebody: history, waiting and quarantined messages, excerpts of refused ones."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Final, NamedTuple, TypeAlias
from uuid import UUID

import msgspec
import psycopg

from tessera.events import seen
from tessera.events.event import SYSTEM
from tessera.events.history import Recorded
from tessera.events.inbox import InboxRow
from tessera.foundation.arrays import large, whole
from tessera.foundation.clock import EPOCH
from tessera.foundation.redaction import Redactor, without_texts

Connection = psycopg.Connection[Any]
Place: TypeAlias = tuple[int, int]
"""A lane of history and a position in it."""
AT_ONCE: Final = 5_000
"""Rows per statement: none of them takes long, however much happened to the person."""

_BOUND: Final = """
SELECT occurred_at, lane, position FROM events_history
 WHERE profile_id = %(profile)s AND (occurred_at, lane, position) > (%(at)s, %(lane)s, %(position)s)
 ORDER BY occurred_at, lane, position OFFSET %(skip)s LIMIT 1
"""
_DELETE: Final = """
DELETE FROM events_history
 WHERE profile_id = %(profile)s AND (occurred_at, lane, position) > (%(at)s, %(lane)s, %(position)s)
"""
_UP_TO: Final = " AND (occurred_at, lane, position) <= (%(last_at)s, %(last_lane)s, %(last_position)s)"


def erase_history(connection: Connection, profiles: Sequence[UUID]) -> int:
    """Delete every row of these profiles, a few thousand per statement, each walking on in their index."""
    return sum(_erase_history_of(connection, profile) for profile in profiles)


def _erase_history_of(connection: Connection, profile: UUID) -> int:
    erased = 0
    place: dict[str, Any] = {"profile": profile, "at": EPOCH.replace(year=1), "lane": -1, "position": -1}
    while True:
        bound = connection.execute(_BOUND, place | {"skip": AT_ONCE - 1}).fetchone()
        if bound is None:
            return erased + connection.execute(_DELETE, place).rowcount
        last = dict(zip(("last_at", "last_lane", "last_position"), bound, strict=True))
        erased += connection.execute(_DELETE + _UP_TO, place | last).rowcount
        place |= dict(zip(("at", "lane", "position"), bound, strict=True))


def count_history(connection: Connection, profiles: Sequence[UUID]) -> int:
    """How many rows these profiles have."""
    row = connection.execute("SELECT count(*) FROM events_history WHERE profile_id = ANY(%s)", (list(profiles),))
    found = row.fetchone()
    return int(found[0]) if found else 0


class LookedThrough(NamedTuple):
    """Other people's history, searched for somebody before the lanes were taken: where they are named in it.

    Good for these `values` only; what comes after `positions` was not seen.
    """

    values: frozenset[str]
    profiles: frozenset[UUID]
    positions: dict[int, int]
    named: list[tuple[int, int, datetime]]


_NEIGHBOUR: Final = """
SELECT h.lane, h.position, h.recorded_at, h.kind, h.name, h.envelope::text, h.body::text FROM events_history h
"""
_ALL: Final = _NEIGHBOUR + " WHERE h.profile_id = ANY(%s)"
_LATER: Final = (
    _NEIGHBOUR
    + " JOIN unnest(%s::int[], %s::bigint[]) AS seen (lane, position)"
    + " ON h.lane = seen.lane AND h.position > seen.position WHERE h.profile_id = ANY(%s)"
)
_THOSE: Final = (
    _NEIGHBOUR
    + " JOIN unnest(%s::int[], %s::bigint[], %s::timestamptz[]) AS named (lane, position, recorded_at)"
    + " USING (lane, position, recorded_at) WHERE h.profile_id = ANY(%s)"
)
_REWRITE: Final = """
UPDATE events_history SET envelope = %s, body = %s WHERE lane = %s AND position = %s AND recorded_at = %s
"""


def look_through_history(connection: Connection, profiles: Collection[UUID], redactor: Redactor) -> LookedThrough:
    """Find where these people's rows name the person; changes nothing, and waits for nobody.

    Positions are read first: rows up to a lane's position have been committed, as its lane was held for them.
    """
    positions = dict(connection.execute("SELECT lane, position FROM events_lane").fetchall())
    found = [
        (lane, position, at)
        for lane, position, at, _, _, *texts in _of_neighbours(connection, _ALL, (list(profiles),))
        if _named_in(redactor, *texts)
    ]
    return LookedThrough(redactor.values, frozenset(profiles), positions, found)


def redact_history(
    connection: Connection,
    profiles: Collection[UUID],
    redactor: Redactor,
    *,
    between_people: Collection[str],
    seen: LookedThrough,
    positions: Mapping[int, int],
) -> list[Place]:
    """Blot the person out of other people's rows, where they are named in them; returns which rows.

    The only place where a row of history is ever changed. What else those events say stays; but of records of the
    house, and of events called one of `between_people`, nothing that was said of the two. The caller holds every lane
    at `positions`; what was `seen` before that need not be searched again.
    """
    changed: list[Place] = []
    with connection.cursor() as writing:
        for *key, kind, name, envelope, body in _to_search(connection, set(profiles), redactor, seen, positions):
            if _named_in(redactor, envelope, body):
                clean = _redacted(body, redactor, wholly=kind == SYSTEM, properties=name in between_people)
                writing.execute(_REWRITE, (_redacted(envelope, redactor), clean, *key))
                changed.append((key[0], key[1]))
    return changed


def redacted_row(row: Recorded, redactor: Redactor, *, between_people: Collection[str]) -> Recorded:
    """The row as `redact_history` would leave it, for where it is kept elsewhere; itself where it names nobody."""
    envelope, body = row.envelope.decode(), row.body.decode()
    if not _named_in(redactor, envelope, body):
        return row
    clean = _redacted(body, redactor, wholly=row.kind == SYSTEM, properties=row.name in between_people)
    if (clean, envelope) == (body, _redacted(envelope, redactor)):
        return row
    return msgspec.structs.replace(row, envelope=_redacted(envelope, redactor).encode(), body=clean.encode())


def _to_search(
    connection: Connection, profiles: set[UUID], redactor: Redactor, seen: LookedThrough, positions: Mapping[int, int]
) -> Iterator[Any]:
    known = profiles & seen.profiles if redactor.values == seen.values else set()
    if strangers := profiles - known:
        yield from _of_neighbours(connection, _ALL, (list(strangers),))
    if known and seen.named:
        places = [list(place) for place in zip(*seen.named, strict=True)]
        yield from _of_neighbours(connection, _THOSE, (*places, list(known)))
    grown = [(lane, seen.positions.get(lane, 0)) for lane in positions if positions[lane] != seen.positions.get(lane)]
    if known and grown:
        lanes, last = map(list, zip(*grown, strict=True))
        yield from _of_neighbours(connection, _LATER, (lanes, last, list(known)))


def _of_neighbours(connection: Connection, query: str, values: Sequence[Any]) -> Iterator[Any]:
    with connection.cursor(name="history_of_neighbours") as rows:
        rows.itersize = AT_ONCE
        yield from rows.execute(query, values)


def _named_in(redactor: Redactor, envelope: str, body: str) -> bool:
    return redactor.found_in(envelope) or redactor.found_in(body) or redactor.holds_a_short_one(body)


def _redacted(
    text: str, redactor: Redactor, *, wholly: bool = False, properties: bool = False, keep: frozenset[str] = frozenset()
) -> str:
    """A document that no reader can hold (a number beyond all bounds) is blotted out as text.

    The fields `keep` of the document itself (not of what stands inside it) stay as they are.
    """
    try:
        document = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return redactor.text(text)
    if wholly:
        document = without_texts(document)
    elif properties and isinstance(document, dict) and "properties" in document:
        document["properties"] = without_texts(document["properties"])
    clean = redactor.document(document)
    if isinstance(document, dict):
        clean |= {name: document[name] for name in keep & document.keys()}
    return msgspec.json.encode(clean).decode()


class Waiting(NamedTuple):
    """A message that was not acted on: in the inbox, or set aside."""

    table: str
    row: InboxRow


_WAITING: Final = """
SELECT lane, seq, workspace_id, source_id, (extract(epoch FROM received_at) * 1000000)::bigint, message_key,
       envelope, body
  FROM {table} t WHERE workspace_id = %b AND NOT EXISTS (
       SELECT 1 FROM unnest(%b::int[], %b::bigint[]) AS passed (lane, seq)
        WHERE passed.lane = t.lane AND passed.seq = t.seq)
"""
TABLES: Final = ("events_inbox", "events_quarantine")
MOST_PASSED: Final = 500_000
"""Messages of a table that are remembered as passed: 50 MB. Those beyond are read twice."""
Passed = Mapping[str, tuple[Sequence[int], Sequence[int]]]
"""By table, lanes and numbers of messages that were found to be none of the person's."""
NONE_PASSED: Final[Passed] = {}


def pass_over_waiting(
    connection: Connection, *, workspace_id: int, without_person: Callable[[InboxRow], InboxRow | None]
) -> Passed:
    """Find the messages that `without_person` leaves as they are; changes nothing, and waits for nobody.

    A message stays as it is until it is acted on: only an erasure ever rewrites one, and that has its turn.
    """
    passed: dict[str, tuple[Sequence[int], Sequence[int]]] = {}
    for table in TABLES:
        rows = (row for row in _waiting_in(connection, table, workspace_id) if without_person(row) is row)
        places = [(row.lane, row.seq) for row in islice(rows, MOST_PASSED)]
        passed[table] = ([lane for lane, _ in places], [seq for _, seq in places])
    return passed


def erase_waiting(
    connection: Connection,
    *,
    workspace_id: int,
    without_person: Callable[[InboxRow], InboxRow | None],
    passed: Passed = NONE_PASSED,
) -> dict[str, int]:
    """Put each message in place of itself that `without_person` makes of it; where that is None, it is removed.

    What is removed is remembered as seen: a client that sends it again is late. Counts of those, per table. The caller
    holds every lane; what was `passed` by the same question before that is not read again.
    """
    counts: dict[str, int] = {}
    for table in TABLES:
        gone: list[InboxRow] = []
        changed: list[InboxRow] = []
        for row in _waiting_in(connection, table, workspace_id, passed):
            left = without_person(row)
            if left is None:
                gone.append(row)
            elif left is not row:
                changed.append(left)
        counts[table] = len(gone)
        _remove_waiting(connection, table, gone)
        _rewrite_waiting(connection, table, changed)
    return counts


def _remove_waiting(connection: Connection, table: str, rows: Sequence[InboxRow]) -> None:
    if not rows:
        return
    seen.remember(connection, {row.message_key for row in rows})
    connection.execute(
        f"DELETE FROM {table} t USING unnest(%b::int[], %b::bigint[]) AS gone (lane, seq)"  # noqa: S608
        " WHERE t.lane = gone.lane AND t.seq = gone.seq",
        (whole([row.lane for row in rows]), large([row.seq for row in rows])),
    )


def _rewrite_waiting(connection: Connection, table: str, rows: Sequence[InboxRow]) -> None:
    """The error of a message that was set aside may quote it, so it goes with what was blotted out."""
    error = ", error = ''" if table == "events_quarantine" else ""
    with connection.cursor() as cursor:
        cursor.executemany(
            f"UPDATE {table} SET envelope = %s, body = %s{error} WHERE lane = %s AND seq = %s",  # noqa: S608
            [(row.envelope, row.body, row.lane, row.seq) for row in rows],
        )


_OURS: Final = frozenset({"type", "event", "name", "messageId", "timestamp", "originalTimestamp", "sentAt"})
"""Of a message: what kind of thing it is, and when. Without these it could not be taken in any more."""


def redacted_message(row: InboxRow, redactor: Redactor, *, between_people: bool) -> InboxRow:
    """Somebody else's message with the person blotted out; one `between_people` loses all that was said of the two."""
    body, envelope = row.body.decode(errors="replace"), row.envelope.decode(errors="replace")
    clean = _redacted(body, redactor, properties=between_people, keep=_OURS)
    return row._replace(body=clean.encode(), envelope=_redacted(envelope, redactor).encode())


def _waiting_in(
    connection: Connection, table: str, workspace_id: int, passed: Passed = NONE_PASSED
) -> Iterator[InboxRow]:
    lanes, numbers = passed.get(table, ((), ()))
    with connection.cursor(name=f"waiting_in_{table}") as rows:
        rows.itersize = AT_ONCE
        for row in rows.execute(_WAITING.format(table=table), (workspace_id, whole(lanes), large(numbers))):
            lane, seq, workspace, source, received_at, key, envelope, body = row
            yield InboxRow(lane, seq, workspace, source, received_at, key, bytes(envelope), bytes(body))


_EXCERPTS: Final = """
SELECT id, detail, excerpt FROM events_rejection r WHERE workspace_id = %b
   AND NOT EXISTS (SELECT 1 FROM unnest(%b::bigint[]) AS passed (id) WHERE passed.id = r.id)
"""


def pass_over_excerpts(connection: Connection, *, workspace_id: int, redactor: Redactor) -> list[int]:
    """The refused messages that do not name the person; changes nothing, and waits for nobody."""
    texts = _excerpts(connection, workspace_id, ())
    return [number for number, *said in islice(texts, MOST_PASSED) if not any(map(redactor.found_in, said))]


def erase_excerpts(connection: Connection, *, workspace_id: int, redactor: Redactor, passed: Iterable[int] = ()) -> int:
    """Empty the excerpts and reasons of refused messages that name the person; that they were refused stays.

    Those that were `passed` for the same values are not read again.
    """
    texts = _excerpts(connection, workspace_id, passed)
    found = [number for number, *said in texts if any(map(redactor.found_in, said))]
    connection.execute("UPDATE events_rejection SET excerpt = '', detail = '' WHERE id = ANY(%s)", (found,))
    return len(found)


def _excerpts(connection: Connection, workspace_id: int, passed: Iterable[int]) -> Iterator[Any]:
    with connection.cursor(name="excerpts") as rows:
        rows.itersize = AT_ONCE
        yield from rows.execute(_EXCERPTS, (workspace_id, large(passed)))
