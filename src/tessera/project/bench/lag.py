"""`tessera bench lag`: how old what the warehouse does not have yet is, while events come in at a steady rate.

A worker and an analyst run as they always do, each a process, on a database and a warehouse of their own. Events are
put into the inbox at the rate; twice a second the oldest row of history that the warehouse lacks is looked at.
`waiting` is how many messages the inbox had: what is not in history cannot be in the warehouse.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import psycopg

from tessera.events import inbox
from tessera.foundation.embedded import borrowed_server
from tessera.foundation.errors import SetupError
from tessera.foundation.settings import settings
from tessera.project.bench.ground import environment, machine, throw_away_database
from tessera.project.bench.world import Traffic, inbox_row, populate

Say = Callable[[str], None]
_LOT: Final = 0.05
"""Seconds between two lots of events, as collect commits them."""
_LOOK: Final = 0.5
_WARM_UP: Final = 10.0
_LATEST: Final = """
SELECT behind, lag_ms, extract(epoch FROM now() - seen_at) FROM audience_analyst ORDER BY seen_at DESC LIMIT 1
"""
_WAITING: Final = "SELECT count(*) FROM events_inbox"


def run(*, rate: int = 5_000, seconds: int = 30, people: int = 10_000, say: Say = lambda _: None) -> dict[str, Any]:
    """Measure and return a document for JSON: seconds of lag, the median and the worst, after a warm-up.

    Raises `SetupError` where the warehouse never had anything.
    """
    with ExitStack() as stack:
        stack.enter_context(nullcontext() if settings().database_url else borrowed_server(settings().home))
        address = stack.enter_context(throw_away_database())
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="tessera-bench-")))
        live = stack.enter_context(psycopg.connect(address, autocommit=True, options="-c timezone=UTC"))
        say(f"making {people:,} people")
        populate(live, people=people)
        say("making events")
        traffic = Traffic(people=people, seed=1)
        rows = [inbox_row(call) for call in traffic.calls(round(rate * (seconds + _WARM_UP)))]
        for command in ("worker", "analyst"):
            stack.enter_context(_process(address, folder, command))
        _until_it_is_there(live)
        say(f"{rate:,} events a second for {seconds} seconds")
        lags, waits = _feed(live, rows, rate)
    return {
        "bench": "lag",
        "unit": "s",
        "figure": round(statistics.median(lags), 2),
        "worst": round(max(lags), 2),
        "waiting": round(statistics.median(waits)),
        "rate": rate,
        "seconds": seconds,
        "people": people,
        **machine(),
    }


@contextmanager
def _process(address: str, folder: Path, command: str) -> Iterator[None]:
    ours = environment(address) | {"TESSERA_WAREHOUSE_URL": f"duckdb:///{folder}/lag.duckdb", "MALLOC_ARENA_MAX": "2"}
    with subprocess.Popen([sys.executable, "-m", "tessera", command], env=ours, stdout=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)


def _until_it_is_there(live: psycopg.Connection[Any]) -> None:
    for _ in range(600):
        if live.execute(_LATEST).fetchone() is not None:
            return
        time.sleep(0.1)
    raise SetupError("the analyst did not begin; its last words are above")


def _feed(live: psycopg.Connection[Any], rows: list[bytes], rate: int) -> tuple[list[float], list[int]]:
    """Put the rows in at the rate; seconds of lag and messages that waited, of after the warm-up."""
    lags: list[float] = []
    waits: list[int] = []
    sent = 0
    began = time.monotonic()
    look_at = began + _WARM_UP
    while sent < len(rows):
        due = min(len(rows), round((time.monotonic() - began) * rate))
        if due > sent:
            with live.cursor() as cursor, cursor.copy(inbox.COPY_INBOX) as copy:
                copy.write(b"".join((inbox.COPY_HEADER, *rows[sent:due], inbox.COPY_TRAILER)))
            sent = due
        if time.monotonic() >= look_at:
            look_at += _LOOK
            lags.append(_lag(live))
            waits.append(_waiting(live))
        time.sleep(_LOT)
    return lags, waits


def _lag(live: psycopg.Connection[Any]) -> float:
    """What the analyst said last, and how long ago that was, where it is behind."""
    row = live.execute(_LATEST).fetchone()
    assert row is not None
    behind, lag, ago = row
    return float(lag) / 1000 + (float(ago) if behind else 0.0)


def _waiting(live: psycopg.Connection[Any]) -> int:
    row = live.execute(_WAITING).fetchone()
    assert row is not None
    return int(row[0])
