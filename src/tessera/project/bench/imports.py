"""`tessera bench import`: rows of a CSV file that become people per second, beside COPY of what comes of them.

The baseline copies the very rows that the import wrote (profiles, identifiers, states, search words, history) into
tables like theirs, with the same indexes, as many people to a commit, from bytes prepared beforehand: what PostgreSQL
needs to keep them if nobody had to be recognised. Every round is a file of new people; `known_people` is the same file
once more, with other values, so that everybody in it is found and changed.
"""

import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, nullcontext
from struct import unpack_from
from typing import Any, Final

import psycopg
from psycopg import sql

from tessera.events.inbox import COPY_HEADER, COPY_TRAILER
from tessera.foundation.embedded import borrowed_server
from tessera.foundation.errors import SetupError
from tessera.foundation.settings import settings
from tessera.imports.parsing import BATCH
from tessera.project.bench.ground import environment, machine, throw_away_database

WARM_UP: Final = 8_192
OLD: Final = 970_000_000
"""The number of the first who is there beforehand: none of a round has it, nor its last eight digits."""
TABLES: Final = (
    "identity_profile", "identity_identifier", "profiles_state", "profiles_search", "events_history",
)  # fmt: skip
_FIRST: Final = ("Ana", "Luis", "María", "José", "Ivan", "Olga", "Nina", "Petr", "Sam", "Kim", "Lena", "Omar")
_LAST: Final = ("García", "López", "Smith", "Müller", "Ivanova", "Petrov", "Silva", "Rossi", "Novak", "Jones")
Say = Callable[[str], None]


def run(*, rows: int = 100_000, people: int = 100_000, rounds: int = 3, say: Say = lambda _: None) -> dict[str, Any]:
    """Measure and return a document for JSON: `figure` and `baseline` are rows per second of new people.

    `people` are there beforehand. Raises `SetupError` when not every row arrived.
    """
    with ExitStack() as stack:
        stack.enter_context(nullcontext() if settings().database_url else borrowed_server(settings().home))
        address = stack.enter_context(throw_away_database())
        live = stack.enter_context(psycopg.connect(address, autocommit=True, options="-c timezone=UTC"))
        ground = Ground(address, live)
        say(f"making {people:,} people")
        for start in range(0, people, 500_000):
            ground.take(_file(OLD + start, min(people - start, 500_000), "old"))
        ground.take(_file(0, WARM_UP, "warm"))
        new, known, copied = [], [], []
        for turn in range(rounds):
            say(f"round {turn + 1} of {rounds}")
            first = 10_000_000 * (turn + 1)
            live.execute("VACUUM (ANALYZE)")
            live.execute("CHECKPOINT")
            since = ground.positions()
            new.append(ground.take(_file(first, rows, "gold")))
            batches = ground.written(since, rows)
            copied.append(ground.copy(batches, rows))
            known.append(ground.take(_file(first, rows, "silver")))
        return _document(new, known, copied, rows=rows, people=people)


class Ground:
    """The database, and the two who work on it."""

    def __init__(self, address: str, live: psycopg.Connection[Any]) -> None:
        self._address = address
        self._live = live
        row = live.execute("SELECT id FROM workspaces_workspace ORDER BY id LIMIT 1").fetchone()
        assert row is not None
        self._workspace = int(row[0])

    def take(self, data: bytes) -> dict[str, float]:
        """One import in a process of its own, as a job is; its seconds from first read to last commit."""
        command = [sys.executable, "-m", "tessera.project.bench.one_import", str(self._workspace)]
        done = subprocess.run(command, input=data, env=environment(self._address), capture_output=True, check=False)
        if done.returncode:
            raise SetupError(f"the import failed: {done.stderr.decode()[-500:]}")
        seconds, cpu, server, memory, arrived = map(float, done.stdout.split())
        sent = data.count(b"\n") - 1
        if arrived != sent:
            raise SetupError(f"{sent} rows were to arrive, {arrived:.0f} did")
        return {"seconds": seconds, "cpu": cpu, "server": server, "memory": memory}

    def positions(self) -> dict[str, str]:
        """Where every table ends now."""
        row = self._live.execute("SELECT clock_timestamp()::text").fetchone()
        assert row is not None
        return {"at": row[0]}

    def written(self, since: dict[str, str], rows: int) -> list[list[tuple[str, bytes]]]:
        """What was written since then, as COPY wants it, cut into commits of as many people as the import's."""
        tables = {}
        for table, condition in _SINCE.items():
            statement = sql.SQL("COPY (SELECT {columns} FROM {table} WHERE {condition}) TO STDOUT (FORMAT BINARY)")
            wanted = statement.format(
                columns=sql.SQL(_COLUMNS_OF[table]),
                table=sql.SQL(table),
                condition=sql.SQL(condition).format(at=sql.Literal(since["at"])),
            )
            with self._live.cursor() as cursor, cursor.copy(wanted) as copy:
                tables[table] = list(_rows(b"".join(bytes(part) for part in copy)))
        commits = -(-rows // BATCH)
        return [
            [(table, _piece(found, commit, commits)) for table, found in tables.items()] for commit in range(commits)
        ]

    def copy(self, commits: Sequence[Sequence[tuple[str, bytes]]], rows: int) -> dict[str, float]:
        """The baseline."""
        for table in TABLES:
            self._live.execute(f"DROP TABLE IF EXISTS bench_{table}")
            partitioned = " PARTITION BY RANGE (recorded_at)" if table == "events_history" else ""
            self._live.execute(f"CREATE TABLE bench_{table} (LIKE {table} INCLUDING ALL){partitioned}")
        self._live.execute(
            "CREATE TABLE bench_history_now PARTITION OF bench_events_history FOR VALUES FROM ('2000-01-01')"
            " TO ('2999-01-01')"
        )
        self._live.execute("CHECKPOINT")
        started = time.perf_counter()
        for commit in commits:
            with self._live.transaction(), self._live.cursor() as cursor:
                for table, data in commit:
                    statement = f"COPY bench_{table} ({_COLUMNS_OF[table]}) FROM STDIN (FORMAT BINARY)"
                    with cursor.copy(statement) as copy:
                        copy.write(data)
        return {"seconds": time.perf_counter() - started, "rows": rows}


_SINCE: Final = {
    "identity_identifier": "profile_id IN (SELECT id FROM identity_profile WHERE created_at >= {at})",
    "identity_profile": "created_at >= {at}",
    "profiles_state": "updated_at >= {at}",
    "profiles_search": "profile_id IN (SELECT id FROM identity_profile WHERE created_at >= {at})",
    "events_history": "recorded_at >= {at}",
}
_COLUMNS_OF: Final = {
    "identity_identifier": "workspace_id, kind, value, profile_id, first_seen, event_id",
    "identity_profile": "id, workspace_id, root_id, xxh, created_at",
    "profiles_state": "profile_id, workspace_id, version, state, updated_at",
    "profiles_search": "workspace_id, token, profile_id",
    "events_history": "lane, position, recorded_at, event_id, workspace_id, source_id, profile_id, kind, name,"
    " occurred_at, received_at, envelope, body",
}


def _rows(data: bytes) -> Iterator[bytes]:
    """The rows of a binary COPY."""
    at, end = len(COPY_HEADER), len(data) - len(COPY_TRAILER)
    while at < end:
        start = at
        (fields,) = unpack_from(">h", data, at)
        at += 2
        for _ in range(fields):
            (length,) = unpack_from(">i", data, at)
            at += 4 + max(length, 0)
        yield data[start:at]


def _piece(rows: Sequence[bytes], commit: int, commits: int) -> bytes:
    start, end = len(rows) * commit // commits, len(rows) * (commit + 1) // commits
    return b"".join((COPY_HEADER, *rows[start:end], COPY_TRAILER))


def _file(first: int, rows: int, plan: str) -> bytes:
    """People as a shop exports them: three identifiers, two names, five facts."""
    dice = random.Random(first)  # noqa: S311 -- a benchmark repeats itself
    lines = (
        f"u{number},person.{number}@example.com,+346{number % 100_000_000:08},{dice.choice(_FIRST)},"
        f"{dice.choice(_LAST)},ES,{plan},{dice.randrange(5000)},2024-{dice.randrange(1, 13):02}-11,yes"
        for number in range(first, first + rows)
    )
    header = "user_id,email,phone,first name,last name,country,plan,points,since,newsletter"
    return ("\n".join((header, *lines)) + "\n").encode()


def _document(
    new: Sequence[dict[str, float]], known: Sequence[dict[str, float]], copied: Sequence[dict[str, float]],
    *, rows: int, people: int,
) -> dict[str, Any]:  # fmt: skip
    def rate(rounds: Sequence[dict[str, float]]) -> float:
        return statistics.median(rows / one["seconds"] for one in rounds)

    return {
        "bench": "import",
        "unit": "rows/s",
        "figure": round(rate(new)),
        "baseline": round(rate(copied)),
        "ratio": round(rate(new) / rate(copied), 3),
        "ratios": [round(theirs["seconds"] / ours["seconds"], 3) for ours, theirs in zip(new, copied, strict=True)],
        "figures": [round(rows / one["seconds"]) for one in new],
        "known_people": round(rate(known)),
        "cpu_us_per_row": round(statistics.median(one["cpu"] for one in new) / rows * 1e6, 1),
        "server_cpu_us_per_row": round(statistics.median(one["server"] for one in new) / rows * 1e6, 1),
        "memory_mb": max(one["memory"] for one in new),
        "rows": rows,
        "people": people,
        "rounds": len(new),
        **machine(),
    }
