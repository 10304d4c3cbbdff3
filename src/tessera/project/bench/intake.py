"""`tessera bench intake`: events that one worker folds into profiles per second, beside a bare COPY of the same rows.

The baseline copies the rows that history gets into a table like it (same partitioning, same indexes), 500 to a
commit, from bytes prepared beforehand: what PostgreSQL needs to keep them if nobody had to be recognised. The same
traffic is then folded into a small and into a large number of people, which should cost the same.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any, Final, Protocol

import msgspec
import psycopg

from tessera.events import inbox
from tessera.foundation.embedded import borrowed_server
from tessera.foundation.errors import SetupError
from tessera.foundation.settings import settings
from tessera.project.bench.fold import Drained, server_cpu
from tessera.project.bench.ground import environment, machine, throw_away_database
from tessera.project.bench.world import Traffic, inbox_row, populate

ROWS_PER_COMMIT: Final = 500
WARM_UP: Final = 5_000
_COPY: Final = (
    "COPY bench_history (lane, position, recorded_at, event_id, workspace_id, source_id, profile_id, kind, name,"
    " occurred_at, received_at, envelope, body) FROM STDIN (FORMAT BINARY)"
)
Say = Callable[[str], None]


def run(
    *,
    events: int = 40_000,
    people: int = 10_000,
    large: int = 1_000_000,
    rounds: int = 5,
    burst: int = 3,
    say: Say = lambda _: None,
) -> dict[str, Any]:
    """Measure and return a document for JSON: `figure` and `baseline` are events per second among `people`.

    Every round folds `events` into each population and copies them once, in turning order; `cost_of_size` is what an
    event costs among `large` people over what it costs among `people`. A visitor makes `burst` calls in a row on
    average; 1 is the hardest. Making a million takes a minute or two. Raises
    `SetupError` when something was not folded.
    """
    with ExitStack() as stack:
        stack.enter_context(nullcontext() if settings().database_url else borrowed_server(settings().home))
        folders: list[Folder] = []
        for count in (people, large):
            say(f"making {count:,} people")
            folders.append(stack.enter_context(_folder(count, burst)))
        copier = stack.enter_context(_copier(folders[0].address, people))
        contestants: list[Contestant] = [*folders, copier]
        for contestant in contestants:
            contestant.measure(min(WARM_UP, events))
        measured: dict[Contestant, list[Round]] = {contestant: [] for contestant in contestants}
        for turn in range(rounds):
            say(f"round {turn + 1} of {rounds}")
            for contestant in contestants if turn % 2 == 0 else reversed(contestants):
                measured[contestant].append(contestant.measure(events))
    return _document([measured[folder] for folder in folders], measured[copier], events=events, people=(people, large))


class Round(msgspec.Struct):
    """What one contestant did with one round's events."""

    events_per_second: float
    microseconds: float
    cpu_microseconds: float
    server_cpu_microseconds: float
    wal_bytes: float
    batches: list[float]
    memory_mb: float


class Contestant(Protocol):
    def measure(self, events: int) -> Round:
        """Do the next `events` of one's traffic."""


class Folder:
    """A population, and the worker that folds into it."""

    def __init__(self, address: str, traffic: Traffic, worker: "subprocess.Popen[bytes]", connection: Any) -> None:
        self.address = address
        self._worker = worker
        self._connection = connection
        self._traffic = traffic

    def measure(self, events: int) -> Round:
        rows = [inbox_row(call) for call in self._traffic.calls(events)]
        before = _recorded(self._connection)
        with self._connection.cursor() as cursor, cursor.copy(inbox.COPY_INBOX) as copy:
            copy.write(b"".join((inbox.COPY_HEADER, *rows, inbox.COPY_TRAILER)))
        start = _wal(self._connection)
        drained = self._drain()
        wal = _wal(self._connection) - start
        recorded = _recorded(self._connection) - before
        if recorded != events:
            raise SetupError(f"{events} events were to be folded, {recorded} were; see the worker's log above")
        return Round(
            events_per_second=events / drained.seconds,
            microseconds=drained.seconds / events * 1e6,
            cpu_microseconds=drained.cpu_seconds / events * 1e6,
            server_cpu_microseconds=drained.server_cpu_seconds / events * 1e6,
            wal_bytes=wal / events,
            batches=drained.batches,
            memory_mb=drained.memory_mb,
        )

    def _drain(self) -> Drained:
        assert self._worker.stdin is not None
        assert self._worker.stdout is not None
        self._worker.stdin.write(b"drain\n")
        self._worker.stdin.flush()
        line = self._worker.stdout.readline()
        if not line:
            raise SetupError("the worker ended before its work was done; its last words are above")
        return msgspec.json.decode(line, type=Drained)


class Copier:
    """The baseline."""

    def __init__(self, connection: Any, people: int) -> None:
        self._connection = connection
        self._traffic = Traffic(people=people, seed=-people)

    def measure(self, events: int) -> Round:
        rows = self._traffic.numbered(self._traffic.calls(events))
        commits = [
            b"".join((inbox.COPY_HEADER, *rows[start : start + ROWS_PER_COMMIT], inbox.COPY_TRAILER))
            for start in range(0, len(rows), ROWS_PER_COMMIT)
        ]
        batches: list[float] = []
        wal, server = _wal(self._connection), server_cpu(self._connection)
        started, cpu = time.perf_counter(), time.process_time()
        for commit in commits:
            before = time.perf_counter()
            with self._connection.cursor() as cursor, cursor.copy(_COPY) as copy:
                copy.write(commit)
            batches.append((time.perf_counter() - before) * 1000)
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
        return Round(
            events_per_second=events / seconds,
            microseconds=seconds / events * 1e6,
            cpu_microseconds=cpu / events * 1e6,
            server_cpu_microseconds=(server_cpu(self._connection) - server) / events * 1e6,
            wal_bytes=(_wal(self._connection) - wal) / events,
            batches=batches,
            memory_mb=0.0,
        )


def _wal(connection: Any) -> int:
    row = connection.execute("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn").fetchone()
    return int(row[0])


def _recorded(connection: Any) -> int:
    """Events in history, without the merges that intake adds of itself (this traffic causes none)."""
    row = connection.execute("SELECT sum(position) FROM events_lane").fetchone()
    return int(row[0])


@contextmanager
def _folder(people: int, burst: int) -> Iterator[Folder]:
    with throw_away_database() as address, psycopg.connect(address, autocommit=True) as connection:
        populate(connection, people=people)
        # As in the middle of a long run: nothing left to write back of what was loaded, and pages in the log already
        # (their first change after a checkpoint is logged whole, which a run of minutes pays once and we would always).
        connection.execute("CHECKPOINT")
        for table in ("identity_profile", "identity_identifier", "profiles_state"):
            connection.execute(f"VACUUM (FREEZE, ANALYZE) {table}")
        command = [sys.executable, "-m", "tessera.project.bench.fold"]
        worker = subprocess.Popen(
            command, env=environment(address), stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=-1
        )
        try:
            yield Folder(address, Traffic(people=people, seed=people, burst=burst), worker, connection)
        finally:
            worker.kill()
            worker.communicate()


@contextmanager
def _copier(address: str, people: int) -> Iterator[Copier]:
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE bench_history (LIKE events_history INCLUDING ALL) PARTITION BY RANGE (recorded_at)"
        )
        connection.execute(
            "CREATE TABLE bench_history_now PARTITION OF bench_history FOR VALUES FROM ('2000-01-01') TO ('2999-01-01')"
        )
        yield Copier(connection, people)


# --- the document -----------------------------------------------------------------------------------------------------


def _document(
    folded: Sequence[Sequence[Round]], copied: Sequence[Round], *, events: int, people: Sequence[int]
) -> dict[str, Any]:
    first = folded[0]
    figure, baseline = _median(first, "events_per_second"), _median(copied, "events_per_second")
    ratios = [
        round(ours.events_per_second / theirs.events_per_second, 3) for ours, theirs in zip(first, copied, strict=True)
    ]
    return {
        "bench": "intake",
        "unit": "events/s",
        "figure": round(figure),
        "baseline": round(baseline),
        "ratio": round(figure / baseline, 3),
        "ratios": ratios,
        "memory_mb": max(one.memory_mb for one in first),
        "populations": [
            _population(count, rounds) for count, rounds in zip(people, folded, strict=True)
        ],
        "cost_of_size": round(_median(folded[-1], "microseconds") / _median(first, "microseconds"), 3),
        "costs_of_size": [
            round(large.microseconds / small.microseconds, 3) for small, large in zip(first, folded[-1], strict=True)
        ],
        "cpu_cost_of_size": round(_cpu(folded[-1]) / _cpu(first), 3),
        "baseline_us_per_event": round(_median(copied, "microseconds"), 1),
        "baseline_server_cpu_us_per_event": round(_median(copied, "server_cpu_microseconds"), 1),
        "events": events,
        "rounds": len(copied),
        **machine(),
    }  # fmt: skip


def _population(people: int, rounds: Sequence[Round]) -> dict[str, Any]:
    batches = sorted(batch for one in rounds for batch in one.batches)
    return {
        "people": people,
        "events_per_second": round(_median(rounds, "events_per_second")),
        "us_per_event": round(_median(rounds, "microseconds"), 1),
        "cpu_us_per_event": round(_median(rounds, "cpu_microseconds"), 1),
        "server_cpu_us_per_event": round(_median(rounds, "server_cpu_microseconds"), 1),
        "wal_bytes_per_event": round(_median(rounds, "wal_bytes")),
        "batch_p50_ms": round(batches[len(batches) // 2], 1),
        "batch_p99_ms": round(batches[int(0.99 * (len(batches) - 1))], 1),
        "memory_mb": max(one.memory_mb for one in rounds),
    }


def _cpu(rounds: Sequence[Round]) -> float:
    """The worker's and its session's together: what a busy machine does not disturb much."""
    return statistics.median(one.cpu_microseconds + one.server_cpu_microseconds for one in rounds)


def _median(rounds: Sequence[Round], what: str) -> float:
    return statistics.median(float(getattr(one, what)) for one in rounds)
