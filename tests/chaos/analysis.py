"""What must be true of warehouse and segments after the analyst was killed at random."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import msgspec
import psycopg

from tessera.audience.conditions.registry import from_json
from tessera.audience.reading import COUNTED, people_of
from tessera.audience.segments import queries, store
from tessera.audience.segments.records import Segment
from tessera.events.vocabulary import SEGMENT_ENTERED, SEGMENT_LEFT
from tessera.foundation.clock import now_micros

Connection = psycopg.Connection[Any]
_PEOPLE = "SELECT id FROM identity_profile WHERE root_id = id ORDER BY id"


def people_by_condition(connection: Connection, segments: list[Segment]) -> dict[UUID, set[UUID]]:
    """Who is meant by each, read from PostgreSQL person by person, without the warehouse."""
    conditions = {each.id: from_json(each.condition) for each in segments if each.condition is not None}
    roots, now = [row[0] for row in connection.execute(_PEOPLE).fetchall()], now_micros()
    people = {person.person_id: person for person in people_of(connection, roots)}

    def is_in(segment_id: UUID, root: UUID) -> bool:
        asking = msgspec.structs.replace(people[root], segments=lambda inner: is_in(inner, root))
        return conditions[segment_id].holds_for(asking, now)

    return {segment_id: {root for root in roots if is_in(segment_id, root)} for segment_id in conditions}


def members(connection: Connection, segment: Segment) -> set[UUID]:
    """Who is stored as a member."""
    found: set[UUID] = set()
    after: UUID | None = None
    while True:
        page = queries.members_page(connection, segment, after=after, limit=1_000)
        found |= {member.person_id for member in page.members}
        if (after := page.next) is None:
            return found


def is_fresh(connection: Connection, workspace_id: int) -> bool:
    """Whether every kept segment has the people of its condition."""
    segments = store.of_workspace(connection, workspace_id)
    meant = people_by_condition(connection, segments)
    return all(each.current and members(connection, each) == meant[each.id] for each in segments)


def segment_faults(connection: Connection, workspace_id: int) -> Iterator[str]:
    """Members are those of the condition; whoever is in entered last, and nobody enters or leaves twice in a row."""
    rows = connection.execute(
        "SELECT body->>'segment_id', profile_id, name FROM events_history WHERE name = ANY(%s)"
        " ORDER BY recorded_at, event_id",
        ([SEGMENT_ENTERED, SEGMENT_LEFT],),
    ).fetchall()
    told: defaultdict[tuple[str, UUID], list[str]] = defaultdict(list)
    for segment_id, person, name in rows:
        told[segment_id, person].append(name)
    segments = store.of_workspace(connection, workspace_id)
    everybody_meant = people_by_condition(connection, segments)
    for segment in segments:
        inside, meant = members(connection, segment), everybody_meant[segment.id]
        if inside != meant:
            yield f"{segment.name}: {len(inside - meant)} are in who should not be, {len(meant - inside)} are missing"
        if segment.size != len(inside):
            yield f"{segment.name} says {segment.size} people and has {len(inside)}"
        mine = {person: names for (of, person), names in told.items() if of == str(segment.id)}
        for person, names in mine.items():
            expected = [SEGMENT_ENTERED if turn % 2 == 0 else SEGMENT_LEFT for turn in range(len(names))]
            if names != expected:
                yield f"{segment.name}: {person} is told to have {' '.join(names)}"
        last = {person for person, names in mine.items() if names[-1] == SEGMENT_ENTERED}
        if last != inside:
            yield f"{segment.name}: {len(last ^ inside)} are in or out without being told"


def warehouse_faults(connection: Connection, file: Path, workspace_id: int) -> Iterator[str]:
    """Rows of the warehouse are those of history, each once, and its people are the people."""
    with duckdb.connect(str(file), read_only=True) as warehouse:
        there = Counter(
            warehouse.execute(
                f"SELECT lane, position, CAST(profile_id AS VARCHAR), name FROM w{workspace_id}_events"  # noqa: S608
            ).fetchall()
        )
        people = [row[0] for row in warehouse.execute(f"SELECT person_id FROM w{workspace_id}_people").fetchall()]  # noqa: S608
        reached = dict(warehouse.execute("SELECT lane, position FROM positions").fetchall())
    history = Counter(
        connection.execute(
            "SELECT lane, position, profile_id::text, name FROM events_history WHERE kind = ANY(%s)", (list(COUNTED),)
        ).fetchall()
    )
    if lost := history - there:
        yield f"{lost.total()} rows of history are not in the warehouse"
    if strange := there - history:
        yield f"{strange.total()} rows are in the warehouse twice, or are not in history"
    roots = [row[0] for row in connection.execute(_PEOPLE).fetchall()]
    if sorted(people) != roots:
        yield f"the warehouse has {len(people)} people ({len(set(people))} of them once), there are {len(roots)}"
    lanes = connection.execute("SELECT lane, position FROM events_lane WHERE position > 0").fetchall()
    if dict(lanes) != reached:
        yield "the warehouse says that it has not read all of history"
