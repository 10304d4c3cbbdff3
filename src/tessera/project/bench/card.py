"""`tessera bench card`: server time of the customer card, beside bare reads by primary key of the rows it shows.

One person with many events among many people. The card is asked for through Django's whole stack (session, staff,
permissions, queries, templates) without a socket; the baseline fetches the same profile, state, identifiers and page
of history by their keys, over the same kind of connection, and does nothing with them.
"""

import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from typing import Any, Final

import msgspec
import psycopg

from tessera.events import inbox
from tessera.foundation.embedded import borrowed_server
from tessera.foundation.errors import SetupError
from tessera.foundation.settings import settings
from tessera.intake.context import load_context
from tessera.intake.worker import Worker
from tessera.project.bench.ground import environment, machine, throw_away_database
from tessera.project.bench.world import Traffic, inbox_row, populate, profile_id

WARM_UP: Final = 20
Say = Callable[[str], None]


class Timed(msgspec.Struct):
    """Milliseconds of each request (`cpu_ms`: of our processor alone) and of each set of bare reads.

    `rows` is how many rows these are, `bytes` the page's length. `pages_ms` are other pages that grow with people:
    the list at its beginning and in the middle, and searches for a name that everybody has and for one address.
    """

    card_ms: list[float]
    cpu_ms: list[float]
    bare_ms: list[float]
    rows: int
    bytes: int
    events: int
    pages_ms: dict[str, list[float]]


def run(
    *, people: int = 1_000_000, events: int = 10_000, rounds: int = 200, say: Say = lambda _: None
) -> dict[str, Any]:
    """Measure and return a document for JSON: `figure` and `baseline` are medians in milliseconds.

    Where others are at work on the same processors (`load`), `best` and `cpu_ms` tell more than the medians.

    Raises `SetupError` when the person did not get their events.
    """
    with ExitStack() as stack:
        stack.enter_context(nullcontext() if settings().database_url else borrowed_server(settings().home))
        address = stack.enter_context(throw_away_database())
        say(f"making {people:,} people and {events:,} events of one of them")
        _build(address, people=people, events=events)
        say(f"asking for the card {rounds} times")
        timed = _timed(address, people, rounds)
    if timed.events != events:
        raise SetupError(f"the person was to have {events} events and has {timed.events}")
    return _document(timed, people=people, events=events)


def _build(address: str, *, people: int, events: int) -> None:
    with psycopg.connect(address, autocommit=True) as connection:
        populate(connection, people=people)
        connection.execute("UPDATE profiles_state SET state = '{}' WHERE profile_id = %s", (profile_id(0),))
        connection.execute(_WORDS)
        worker = Worker(connection, load_context(connection))
        traffic, left = Traffic(people=1, seed=7), events
        while left:
            calls = [call for call in traffic.calls(2_000) if b'"new-' not in call.body and call.kind != "identify"][
                :left
            ]
            left -= len(calls)
            with connection.cursor() as cursor, cursor.copy(inbox.COPY_INBOX) as copy:
                copy.write(b"".join((inbox.COPY_HEADER, *map(inbox_row, calls), inbox.COPY_TRAILER)))
            while worker.drain_some().taken:
                pass
        connection.execute("VACUUM (ANALYZE)")
        connection.execute("CHECKPOINT")


_WORDS: Final = """
INSERT INTO profiles_search (workspace_id, token, profile_id)
SELECT workspace_id, word, id FROM identity_profile, LATERAL (VALUES ('ana'), ('name' || get_byte(xxh, 0))) AS v (word)
"""
"""Everybody is called Ana, and 256 families are as large as that makes them: the most that a search can find."""


def _timed(address: str, people: int, rounds: int) -> Timed:
    """In a process of its own: Django's settings are those of the database it finds when it is loaded."""
    about = [str(profile_id(0)), str(profile_id(people // 2)), str(rounds)]
    command = [sys.executable, "-m", "tessera.project.bench.card_view", *about]
    done = subprocess.run(command, env=environment(address), capture_output=True, check=False)
    if done.returncode:
        raise SetupError(f"the card could not be measured: {done.stderr.decode()[-500:]}")
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=Timed)


def _document(timed: Timed, *, people: int, events: int) -> dict[str, Any]:
    card, bare = sorted(timed.card_ms), sorted(timed.bare_ms)
    figure, baseline = card[len(card) // 2], bare[len(bare) // 2]
    return {
        "bench": "card",
        "unit": "ms",
        "figure": round(figure, 2),
        "best": round(card[0], 2),
        "cpu_ms": round(statistics.median(timed.cpu_ms), 2),
        "p95": round(card[int(0.95 * (len(card) - 1))], 2),
        "worst": round(card[-1], 2),
        "baseline": round(baseline, 3),
        "baseline_best": round(bare[0], 3),
        "ratio": round(figure / baseline, 1),
        "pages": {name: round(statistics.median(times), 2) for name, times in timed.pages_ms.items()},
        "people": people,
        "events": events,
        "rows": timed.rows,
        "bytes": timed.bytes,
        "rounds": len(card),
        **machine(),
        "load": round(os.getloadavg()[0], 1),
    }
