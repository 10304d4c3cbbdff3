"""The SQL of runs and pairs."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
import psycopg
from msgspec import Struct
from psycopg.rows import kwargs_row

from tessera.duplicates.search import Crowd, Found, Likely, Weight
from tessera.foundation.ids import uuid7
from tessera.identity.store import keep_profiles

Connection = psycopg.Connection[Any]
OPEN, MERGED, REJECTED, STALE = "open", "merged", "rejected", "stale"
WAITING, RUNNING, DONE, FAILED = "waiting", "running", "done", "failed"


class Run(Struct, frozen=True):
    """One search. `apart` pairs were likely and are two people by rule; `remembered` ones were decided before."""

    run_id: UUID
    state: str
    asked_by: str
    asked_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    people: int
    compared: int
    proposed: int
    apart: int
    remembered: int
    crowds: list[Crowd]
    learned: bool
    error: str | None


class Pair(Struct, frozen=True):
    """Two people who are probably one. `bits` is the evidence in all: the `start` and the weights together."""

    pair_id: UUID
    run_id: UUID
    left: UUID
    right: UUID
    probability: float
    bits: float
    start: float
    weights: list[Weight]
    state: str
    found_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    merge_id: UUID | None


_RUN: Final = """
run_id, state, asked_by, asked_at, started_at, finished_at, people, compared, proposed, apart, remembered, crowds,
learned, error
"""
_PAIR: Final = """
pair_id, run_id, left_id AS left, right_id AS right, probability, bits, start, weights, state, found_at, decided_at,
decided_by, merge_id
"""
_PROPOSE: Final = """
INSERT INTO duplicates_pair AS mine (left_id, right_id, workspace_id, pair_id, run_id, probability, bits, start,
       weights, left_print, right_print, found_at)
SELECT l, r, %(workspace)s, id, %(run)s, probability, bits, start, weights::json, left_print, right_print, %(now)s
  FROM unnest(%(lefts)s::uuid[], %(rights)s::uuid[], %(ids)s::uuid[], %(probabilities)s::float8[], %(bits)s::float8[],
              %(starts)s::float8[], %(weights)s::text[], %(left_prints)s::bytea[], %(right_prints)s::bytea[])
       AS new (l, r, id, probability, bits, start, weights, left_print, right_print)
ON CONFLICT (left_id, right_id) DO UPDATE
   SET run_id = excluded.run_id, probability = excluded.probability, bits = excluded.bits, start = excluded.start,
       weights = excluded.weights, left_print = excluded.left_print, right_print = excluded.right_print,
       state = 'open', decided_at = NULL, decided_by = NULL, merge_id = NULL
 WHERE mine.state IN ('open', 'stale')
    OR mine.left_print <> excluded.left_print OR mine.right_print <> excluded.right_print
"""


def add_run(connection: Connection, workspace_id: int, *, asked_by: str, now: datetime) -> UUID | None:
    """A run that waits, or None where one is under way."""
    run_id = uuid7()
    added = connection.execute(
        "INSERT INTO duplicates_run (workspace_id, run_id, state, asked_by, asked_at)"
        " VALUES (%s, %s, 'waiting', %s, %s)"
        " ON CONFLICT (workspace_id) WHERE state IN ('waiting', 'running') DO NOTHING",
        (workspace_id, run_id, asked_by, now),
    )
    return run_id if added.rowcount else None


def give_up_on(connection: Connection, workspace_id: int, *, asked_before: datetime, now: datetime) -> None:
    """Runs that began to wait so long ago were killed too often, and nobody is left to say so."""
    connection.execute(
        "UPDATE duplicates_run SET state = 'failed', error = 'abandoned', finished_at = %s"
        " WHERE workspace_id = %s AND state IN ('waiting', 'running') AND asked_at < %s",
        (now, workspace_id, asked_before),
    )


def begin_run(connection: Connection, workspace_id: int, run_id: UUID, *, now: datetime) -> bool:
    """False where it is over already."""
    begun = connection.execute(
        "UPDATE duplicates_run SET state = 'running', started_at = %s"
        " WHERE workspace_id = %s AND run_id = %s AND state IN ('waiting', 'running')",
        (now, workspace_id, run_id),
    )
    return begun.rowcount == 1


def end_run(
    connection: Connection,
    workspace_id: int,
    run_id: UUID,
    found: Found,
    *,
    proposed: int,
    remembered: int,
    now: datetime,
) -> None:
    connection.execute(
        "UPDATE duplicates_run SET state = 'done', finished_at = %s, people = %s, compared = %s, proposed = %s,"
        " apart = %s, remembered = %s, crowds = %s::json, learned = %s WHERE workspace_id = %s AND run_id = %s",
        (
            now,
            found.people,
            found.compared,
            proposed,
            found.apart,
            remembered,
            msgspec.json.encode(found.crowds).decode(),
            found.learned,
            workspace_id,
            run_id,
        ),
    )


def fail_run(connection: Connection, workspace_id: int, run_id: UUID, error: str, *, now: datetime) -> None:
    connection.execute(
        "UPDATE duplicates_run SET state = 'failed', finished_at = %s, error = %s"
        " WHERE workspace_id = %s AND run_id = %s AND state IN ('waiting', 'running')",
        (now, error[:500], workspace_id, run_id),
    )


def run_by_id(connection: Connection, workspace_id: int, run_id: UUID) -> Run | None:
    cursor = connection.cursor(row_factory=kwargs_row(_converted_run))
    return cursor.execute(
        f"SELECT {_RUN} FROM duplicates_run WHERE workspace_id = %s AND run_id = %s",  # noqa: S608
        (workspace_id, run_id),
    ).fetchone()


def latest_run(connection: Connection, workspace_id: int) -> Run | None:
    cursor = connection.cursor(row_factory=kwargs_row(_converted_run))
    return cursor.execute(
        f"SELECT {_RUN} FROM duplicates_run WHERE workspace_id = %s ORDER BY asked_at DESC, run_id DESC LIMIT 1",  # noqa: S608
        (workspace_id,),
    ).fetchone()


def workspaces_with_runs(connection: Connection) -> list[int]:
    """Where somebody has looked for duplicates at least once."""
    return [row[0] for row in connection.execute("SELECT DISTINCT workspace_id FROM duplicates_run ORDER BY 1")]


def _converted_run(**row: Any) -> Run:
    return msgspec.convert(row, Run)


def _converted_pair(**row: Any) -> Pair:
    return msgspec.convert(row, Pair)


def propose(
    connection: Connection,
    workspace_id: int,
    run_id: UUID,
    pairs: Sequence[Likely],
    prints: dict[UUID, bytes],
    *,
    now: datetime,
) -> int:
    """Put these pairs into the queue, except those whose decision still holds; what is not among them goes out of it.

    Pairs of people who were erased since they were read are dropped. In the caller's transaction.
    Returns how many the queue has of this run.
    """
    there = keep_profiles(connection, {person for pair in pairs for person in (pair.left, pair.right)})
    pairs = sorted(  # in one order, as the rows are locked
        (pair for pair in pairs if pair.left in there and pair.right in there), key=lambda pair: (pair.left, pair.right)
    )
    connection.execute(
        _PROPOSE,
        {
            "workspace": workspace_id,
            "run": run_id,
            "now": now,
            "lefts": [pair.left for pair in pairs],
            "rights": [pair.right for pair in pairs],
            "ids": [uuid7() for _ in pairs],
            "probabilities": [pair.probability for pair in pairs],
            "bits": [round(pair.start + sum(weight.bits for weight in pair.weights), 3) for pair in pairs],
            "starts": [pair.start for pair in pairs],
            "weights": [msgspec.json.encode(pair.weights).decode() for pair in pairs],
            "left_prints": [prints[pair.left] for pair in pairs],
            "right_prints": [prints[pair.right] for pair in pairs],
        },
    )
    connection.execute(
        "UPDATE duplicates_pair SET state = 'stale' WHERE workspace_id = %s AND state = 'open' AND run_id <> %s",
        (workspace_id, run_id),
    )
    row = connection.execute(
        "SELECT count(*) FROM duplicates_pair WHERE workspace_id = %s AND state = 'open'", (workspace_id,)
    ).fetchone()
    return int(row[0]) if row else 0


def pair_by_id(connection: Connection, workspace_id: int, pair_id: UUID, *, lock: bool = False) -> Pair | None:
    """`lock` keeps rivals waiting until the transaction ends."""
    cursor = connection.cursor(row_factory=kwargs_row(_converted_pair))
    return cursor.execute(
        f"SELECT {_PAIR} FROM duplicates_pair WHERE workspace_id = %s AND pair_id = %s"  # noqa: S608
        + (" FOR UPDATE" if lock else ""),
        (workspace_id, pair_id),
    ).fetchone()


def pairs(
    connection: Connection, workspace_id: int, *, state: str, after: tuple[float, UUID] | None, limit: int
) -> list[Pair]:
    """The likeliest first; `after` is the last one seen."""
    cursor = connection.cursor(row_factory=kwargs_row(_converted_pair))
    bits, pair_id = after or (float("inf"), UUID(int=2**128 - 1))
    return cursor.execute(
        f"SELECT {_PAIR} FROM duplicates_pair WHERE workspace_id = %s AND state = %s AND (bits, pair_id) < (%s, %s)"  # noqa: S608
        " ORDER BY bits DESC, pair_id DESC LIMIT %s",
        (workspace_id, state, bits, pair_id, limit),
    ).fetchall()


def decide(
    connection: Connection,
    pair: Pair,
    state: str,
    *,
    by: str | None,
    now: datetime | None,
    merge_id: UUID | None = None,
) -> None:
    connection.execute(
        "UPDATE duplicates_pair SET state = %s, decided_by = %s, decided_at = %s, merge_id = %s"
        " WHERE left_id = %s AND right_id = %s",
        (state, by, now, merge_id, pair.left, pair.right),
    )


def forget(connection: Connection, workspace_id: int, people: Sequence[UUID]) -> int:
    """Remove every pair with one of these people in it."""
    return connection.execute(
        "DELETE FROM duplicates_pair WHERE workspace_id = %(w)s AND (left_id = ANY(%(p)s) OR right_id = ANY(%(p)s))",
        {"w": workspace_id, "p": list(people)},
    ).rowcount
