"""Putting the demo world in: through the inbox, as the edge does it, and then waiting for intake."""

import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

import msgspec
import psycopg
from msgspec import Struct

from tessera.events import inbox, partitions
from tessera.events.messages import Envelope, decode_message, encode_envelope
from tessera.foundation.clock import DAY, Micros, iso, now_micros, to_datetime, to_micros
from tessera.foundation.database import connect
from tessera.intake import chores, worker
from tessera.intake.context import load_context
from tessera.intake.settle import progress as how_far
from tessera.project.demo.brands import BRANDS, Brand
from tessera.project.demo.calls import Call
from tessera.project.demo.lives import calls_of
from tessera.project.demo.people import Population

Connection = psycopg.Connection[Any]
Progress = Callable[[int, int], None]

ROWS_PER_COPY: Final = 2_000
PATIENCE: Final = 120.0
"""Seconds to wait for rows that a worker elsewhere holds."""
_ON_THE_WAY: Final = (20_000, 900_000)
"""How long a call takes to reach us, in microseconds."""

_encode = msgspec.json.Encoder().encode


class DemoReport(Struct, frozen=True):
    """`people` were invented; `profiles` and `persons` count everybody there is now."""

    people: int
    days: int
    seed: int
    calls: int
    recorded: int
    profiles: int
    persons: int
    quarantined: int
    seconds: float


def load(
    *, people: int, days: int, seed: int, progress: Progress | None = None, now: datetime | None = None
) -> DemoReport:
    """Invent `people` and what they did in the last `days` before `now`, and wait until they have profiles.

    The same seed makes the same people and the same message ids, so a second load of one world adds nothing. Works
    beside running workers and without any. Django must be loaded and the database migrated.
    """
    started = time.monotonic()
    until = to_micros(now) if now else now_micros()
    workspace_id, sources = _make_sources()
    calls = _invent(people=people, seed=seed, since=until - days * DAY, until=until)
    with connect(autocommit=True, application="tessera demo") as connection:
        partitions.ensure(connection, now=to_datetime(until))
        before = how_far(connection)
        _send(connection, calls, workspace_id=workspace_id, sources=sources)
        _settle(connection, total=len(calls), progress=progress)
        after = how_far(connection)
    return DemoReport(
        people=people,
        days=days,
        seed=seed,
        calls=len(calls),
        recorded=after.history - before.history,
        profiles=after.profiles,
        persons=after.people,
        quarantined=after.quarantined,
        seconds=round(time.monotonic() - started, 1),
    )


def _make_sources() -> tuple[int, dict[str, int]]:
    """The workspace, and the ids of the demo's entry points by name; makes what is missing."""
    from tessera.project.migrate import MAIN_WORKSPACE
    from tessera.workspaces import queries

    workspace = queries.workspace_by_slug(MAIN_WORKSPACE)
    assert workspace is not None, "migrate makes it"
    sources: dict[str, int] = {}
    for brand in BRANDS:
        sources |= _make_sources_of(brand, workspace.id)
    return workspace.id, sources


def _make_sources_of(brand: Brand, workspace_id: int) -> dict[str, int]:
    from tessera.workspaces import actions, queries

    brand_id = actions.ensure_brand(workspace_id=workspace_id, slug=brand.slug, name=brand.name)
    wanted: dict[str, tuple[str, Sequence[str]]] = {
        brand.web: ("site", [f"https://{brand.host}"]),
        brand.app: ("app", []),
        brand.till: ("till", []),
    }
    ids = {}
    for name, (kind, origins) in wanted.items():
        source = queries.source_by_name(workspace_id, name) or actions.create_source(
            workspace_id=workspace_id, name=name, kind=kind, allowed_origins=origins, brand_id=brand_id
        )
        if not queries.write_keys(workspace_id, source_id=source.id):
            actions.create_write_key(source.id, workspace_id=workspace_id, name="demo")
        ids[name] = source.id
    return ids


def _invent(*, people: int, seed: int, since: Micros, until: Micros) -> list[Call]:
    """What everybody did, in the order it reached us."""
    population = Population(seed)
    calls: list[Call] = []
    for number in range(people):
        person, rnd = population.next(number)
        for call in calls_of(person, rnd, since=since, until=until):
            late = min(rnd.randint(*_ON_THE_WAY), until - call.at)
            calls.append(call._replace(at=call.at + late))
    calls.sort(key=lambda call: call.at)
    return calls


def _send(connection: Connection, calls: Sequence[Call], *, workspace_id: int, sources: Mapping[str, int]) -> None:
    for start in range(0, len(calls), ROWS_PER_COPY):
        rows = [_row(call, workspace_id, sources[call.source]) for call in calls[start : start + ROWS_PER_COPY]]
        with connection.cursor() as cursor, cursor.copy(inbox.COPY_INBOX) as copy:
            copy.write(b"".join((inbox.COPY_HEADER, *rows, inbox.COPY_TRAILER)))


def _row(call: Call, workspace_id: int, source_id: int) -> bytes:
    body = _encode(call.body)
    envelope = encode_envelope(Envelope(sent_at=iso(call.at), ip=call.ip, user_agent=call.user_agent))
    return inbox.copy_row(
        lane=inbox.lane_of_message(decode_message(body)),
        workspace_id=workspace_id,
        source_id=source_id,
        received_at=call.at,
        key=inbox.message_key(source_id, call.body["messageId"]),
        envelope=envelope,
        body=body,
    )


def _settle(connection: Connection, *, total: int, progress: Progress | None) -> None:
    """Do a worker's work until nothing waits, or somebody else has held what waits for too long."""
    worker.prepare(connection)
    helper = worker.Worker(connection, load_context(connection))
    done, patience = 0, time.monotonic() + PATIENCE
    with _no_collector():
        while time.monotonic() < patience:
            taken = helper.drain_some().taken
            if taken:
                done, patience = done + taken, time.monotonic() + PATIENCE
                if progress:
                    progress(min(done, total), total)
            elif inbox.waiting(connection.cursor()):
                time.sleep(0.05)
            else:
                break
    chores.add_up_tallies(connection)
    if progress:
        progress(total, total)


@contextmanager
def _no_collector() -> Iterator[None]:
    """Events are trees without cycles; looking for cycles among them would take most of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
