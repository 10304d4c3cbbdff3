"""`tessera bench segment`: conditions over a crowd, beside the same questions written by hand in DuckDB's SQL.

Both run in one process on one file, in turns, after a warm-up of each. The hand-written statements know what ours must
find out: which column is which, and that nobody is missing. Then a segment of about 100,000 people is written down for
the first time, and once more when a hundredth of them is another: reading the warehouse, the difference, members and
their records in history.
"""

import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import duckdb
import msgspec
import psutil
import psycopg
from msgspec import Struct

from tessera.audience.conditions.condition import Condition
from tessera.audience.conditions.registry import to_json
from tessera.audience.segments import actions, membership, store
from tessera.audience.segments.records import NewSegment
from tessera.audience.text.reader import from_text
from tessera.audience.warehouse.engines.duck import sql_of
from tessera.audience.world import PERSON, World
from tessera.foundation.clock import to_micros
from tessera.foundation.embedded import borrowed_server
from tessera.foundation.errors import SetupError
from tessera.foundation.settings import settings
from tessera.project.bench import crowd as crowds
from tessera.project.bench.crowd import NOW, WORKSPACE, Crowd
from tessera.project.bench.ground import machine, throw_away_database

Say = Callable[[str], None]
_SPAIN, _BUYERS = UUID(int=1), UUID(int=2)
_SEGMENTS: Final = {
    _SPAIN: 'country = "ES" and plan = "gold"',
    _BUYERS: 'did("Order Completed") in 30 days',
}
_KEPT: Final = 'country in ("ES", "MX") and plan = "gold"'
"""About 100,000 of a million."""
_OF: Final = (
    "(SELECT coalesce(m.person_id, e.profile_id) AS who, e.* FROM w1_events e LEFT JOIN w1_moved m USING (profile_id))"
)


class Case(Struct, frozen=True):
    """A condition, and the statement that counts the same people. `{country}` is that field's column."""

    name: str
    text: str
    by_hand: str


CASES: Final = (
    Case(
        "attributes",
        'country = "ES" and plan = "gold" and age between 20 and 40',
        "SELECT count(*) FROM w1_people WHERE {country} = 'ES' AND {plan} = 'gold' AND {age} BETWEEN 20 AND 40",
    ),
    Case(
        "events in a window",
        'did("Order Completed") >= 2 in 30 days',
        "SELECT count(*) FROM w1_people WHERE person_id IN (SELECT who FROM {of} WHERE name = 'Order Completed'"
        " AND \"at\" >= TIMESTAMP '2026-10-23' AND \"at\" <= TIMESTAMP '2026-11-22' GROUP BY 1 HAVING count(*) >= 2)",
    ),
    Case(
        "property and exclusion",
        'country = "ES" and did("Order Completed", total > 100) >= 2 in 30 days'
        ' and not did("Refund Requested") in 60 days',
        "SELECT count(*) FROM w1_people p WHERE {country} = 'ES' AND person_id IN (SELECT who FROM {of}"
        " WHERE name = 'Order Completed' AND {total} > 100 AND \"at\" >= TIMESTAMP '2026-10-23'"
        " AND \"at\" <= TIMESTAMP '2026-11-22' GROUP BY 1 HAVING count(*) >= 2)"
        " AND person_id NOT IN (SELECT who FROM {of} WHERE name = 'Refund Requested'"
        " AND \"at\" >= TIMESTAMP '2026-09-23' AND \"at\" <= TIMESTAMP '2026-11-22')",
    ),
    Case(
        "ten conditions",
        'country in ("ES", "MX", "US") and plan = "gold" and age >= 20 and age < 60 and tags has "vip"'
        ' and not city = "City 7" and @last_seen_at in last 150 days and did("Product Viewed") >= 3 in 200 days'
        ' and did("Order Completed", total > 20) and not did("Refund Requested") in 60 days',
        "SELECT count(*) FROM w1_people WHERE {country} IN ('ES', 'MX', 'US') AND {plan} = 'gold' AND {age} >= 20"
        " AND {age} < 60 AND contains({tags}, chr(31) || 'vip' || chr(31)) AND {city} <> 'City 7'"
        " AND fact_last_seen_at >= TIMESTAMP '2026-06-25' AND fact_last_seen_at <= TIMESTAMP '2026-11-22'"
        " AND person_id IN (SELECT who FROM {of} WHERE name = 'Product Viewed' AND \"at\" >= TIMESTAMP '2026-05-06'"
        " AND \"at\" <= TIMESTAMP '2026-11-22' GROUP BY 1 HAVING count(*) >= 3)"
        " AND person_id IN (SELECT who FROM {of} WHERE name = 'Order Completed' AND {total} > 20)"
        " AND person_id NOT IN (SELECT who FROM {of} WHERE name = 'Refund Requested'"
        " AND \"at\" >= TIMESTAMP '2026-09-23' AND \"at\" <= TIMESTAMP '2026-11-22')",
    ),
    Case(
        "segment of segments",
        f'segment("{_SPAIN}") and not segment("{_BUYERS}") and age > 30',
        "SELECT count(*) FROM w1_people WHERE {country} = 'ES' AND {plan} = 'gold' AND {age} > 30"
        " AND person_id NOT IN (SELECT who FROM {of} WHERE name = 'Order Completed'"
        " AND \"at\" >= TIMESTAMP '2026-10-23' AND \"at\" <= TIMESTAMP '2026-11-22')",
    ),
)
"""Windows of n days begin at 00:00 UTC n days before; the crowd's day has just begun."""


def run(
    *, people: int = 1_000_000, events: int = 20_000_000, rounds: int = 5, world: Path | None = None,
    say: Say = lambda _: None,
) -> dict[str, Any]:  # fmt: skip
    """Measure and return a document for JSON: milliseconds of ours and by hand, and their ratio, case by case.

    `world` is the file of a crowd (`tessera bench world`); without it one is made and thrown away. Raises `SetupError`
    where the two find different numbers of people.
    """
    with ExitStack() as stack:
        crowd = stack.enter_context(crowds.lent(world, people=people, events=events, say=say))
        connection = stack.enter_context(duckdb.connect(str(crowd.path), config={"memory_limit": "2GB"}))
        measured = [_measured(connection, crowd, case, rounds, say) for case in CASES]
        sizes = crowds.sizes(connection)
        memory = psutil.Process().memory_full_info().pss / 1e6
        say("writing a segment down")
        kept = _kept(connection, crowd, stack)
    return {
        "bench": "segment",
        "cases": measured,
        "ratio": max(case["ratio"] for case in measured),
        "kept": kept,
        "memory_mb": round(memory, 1),
        **sizes,
        "rounds": rounds,
        **machine(),
    }


def _narrowed(crowd: Crowd, condition: Condition) -> Any:
    """The people for whom it holds, as the analyst asks for them."""
    now = to_micros(NOW)

    def segment_of(segment: UUID) -> Condition:
        return from_text(_SEGMENTS[segment])

    world: World = msgspec.structs.replace(crowd.known.world, segments=segment_of)
    return condition.narrow(world.people, world, now)


def _measured(connection: duckdb.DuckDBPyConnection, crowd: Crowd, case: Case, rounds: int, say: Say) -> dict[str, Any]:
    say(case.name)
    compiled = time.perf_counter()
    table = _narrowed(crowd, from_text(case.text))
    ours = sql_of(table.aggregate(people=table.count()))
    compiled = time.perf_counter() - compiled
    by_hand = case.by_hand.format(of=_OF, **crowd.columns)
    found = (_count(connection, ours), _count(connection, by_hand))
    if found[0] != found[1]:
        raise SetupError(f"{case.name}: we find {found[0]} people, by hand there are {found[1]}")
    times: dict[str, list[float]] = {"ours": [], "by hand": []}
    for _ in range(rounds):
        for name, statement in (("ours", ours), ("by hand", by_hand)):
            began = time.perf_counter()
            _count(connection, statement)
            times[name].append(time.perf_counter() - began)
    mine, other = (statistics.median(times[name]) for name in ("ours", "by hand"))
    return {
        "case": case.name,
        "people": found[0],
        "ms": round((mine + compiled) * 1e3, 1),
        "by_hand_ms": round(other * 1e3, 1),
        "compile_ms": round(compiled * 1e3, 1),
        "ratio": round(mine / other, 2),
    }


def _count(connection: duckdb.DuckDBPyConnection, statement: str) -> int:
    row = connection.execute(statement).fetchone()
    assert row is not None
    return int(row[0])


def _kept(connection: duckdb.DuckDBPyConnection, crowd: Crowd, stack: ExitStack) -> Mapping[str, Any]:
    """Seconds of writing a segment down for the first time, and again when a hundredth has changed."""
    stack.enter_context(nullcontext() if settings().database_url else borrowed_server(settings().home))
    address = stack.enter_context(throw_away_database())
    live = stack.enter_context(psycopg.connect(address, autocommit=True, options="-c timezone=UTC"))
    statement = sql_of(_narrowed(crowd, from_text(_KEPT)).select(PERSON))
    people = [row[0] for row in connection.execute(statement).fetchall()]
    _let_exist(live, connection)
    new = NewSegment(name="Bench", condition=to_json(from_text(_KEPT)), keep_fresh=True)
    with live.transaction():
        segment = actions.create(live, workspace_id=WORKSPACE, new=new, actor="bench", now=NOW)
    times = []
    for turn in range(2):
        began = time.perf_counter()
        found = [row[0] for row in connection.execute(statement).fetchall()]
        chosen = found[len(found) // 100 :] if turn else found
        with live.transaction():
            locked = store.read(live, WORKSPACE, segment.id, lock=True)
            moved = membership.become(live, locked, chosen, now=NOW + timedelta(minutes=turn))
        times.append(time.perf_counter() - began)
    if len(moved.left) != len(people) // 100:
        raise SetupError(f"{len(people) // 100} people were to leave, {len(moved.left)} did")
    return {"people": len(people), "first_s": round(times[0], 2), "again_s": round(times[1], 2)}


def _let_exist(live: psycopg.Connection[Any], connection: duckdb.DuckDBPyConnection) -> None:
    """The crowd's people as profiles in PostgreSQL."""
    statement = "COPY identity_profile (id, workspace_id, root_id, xxh, created_at) FROM STDIN"
    people = connection.execute("SELECT person_id FROM w1_people").fetchall()
    with live.cursor() as cursor, cursor.copy(statement) as copy:
        for (person,) in people:
            copy.write_row((person, WORKSPACE, person, b"12345678", NOW))
    live.execute("VACUUM (ANALYZE) identity_profile")
