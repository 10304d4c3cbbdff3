"""Putting the demo world in: through the inbox, as the edge does it, and then waiting for intake."""

import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

import psycopg
from msgspec import Struct

from tessera.events import inbox, partitions
from tessera.foundation.clock import DAY, now_micros, to_datetime, to_micros
from tessera.foundation.database import connect, plan_once
from tessera.foundation.errors import TesseraError
from tessera.identity import queries as identity
from tessera.intake import chores, worker
from tessera.intake.context import load_context
from tessera.intake.settle import progress as how_far
from tessera.project.demo.calls import Call
from tessera.project.demo.entry_points import make_sources, refuse_some, row_of
from tessera.project.demo.segments import make_segments
from tessera.project.demo.world import Sight, World, invent

Connection = psycopg.Connection[Any]
Progress = Callable[[int, int], None]

ROWS_PER_COPY: Final = 2_000
PATIENCE: Final = 120.0
"""Seconds to wait for rows that a worker elsewhere holds."""


class WorkspaceNotEmpty(TesseraError):
    """Somebody is in the workspace already; invented people would be taken for them."""

    code = "workspace_not_empty"


class Place(Struct, frozen=True):
    """Something to look at: the address of its page in the console, and why."""

    path: str
    why: str


class DemoReport(Struct, frozen=True):
    """`people` were invented; `profiles` and `persons` count everybody there is now. `twins` wait to be found."""

    people: int
    days: int
    seed: int
    calls: int
    recorded: int
    profiles: int
    persons: int
    twins: int
    quarantined: int
    seconds: float
    look_at: list[Place]


def load(
    *,
    people: int,
    days: int,
    seed: int,
    progress: Progress | None = None,
    now: datetime | None = None,
    add: bool = False,
) -> DemoReport:
    """Invent `people` and what they did in the last `days` before `now`, and wait until they have profiles.

    The same seed and `now` make the same world, message ids included. Everything is handed over in one transaction:
    a load that is stopped leaves all of it or nothing. Works beside running workers and without any. Raises
    `WorkspaceNotEmpty` unless told to `add`. Django must be loaded and the database migrated.
    """
    started = time.monotonic()
    until = to_micros(now) if now else now_micros()
    with connect(autocommit=True, application="tessera demo") as connection:
        workspace_id, sources = make_sources()
        if not add:
            _insist_on_an_empty(connection, workspace_id)
        world = invent(people=people, seed=seed, since=until - days * DAY, until=until)
        partitions.ensure(connection, now=to_datetime(until))
        before = how_far(connection)
        _send(connection, world.calls, workspace_id=workspace_id, sources=sources)
        _settle(connection, total=len(world.calls), progress=progress)
        make_segments(connection, workspace_id, now=to_datetime(until))
        after = how_far(connection)
        return DemoReport(
            people=people,
            days=days,
            seed=seed,
            calls=len(world.calls),
            recorded=after.history - before.history,
            profiles=after.profiles,
            persons=after.people,
            twins=len(world.twins),
            quarantined=after.quarantined,
            seconds=round(time.monotonic() - started, 1),
            look_at=_places(connection, workspace_id, world),
        )


def is_empty(connection: Connection, workspace_id: int) -> bool:
    """Whether nobody is in the workspace, and nobody waits to be."""
    waits = connection.execute("SELECT 1 FROM events_inbox WHERE workspace_id = %s LIMIT 1", (workspace_id,)).fetchone()
    return waits is None and not identity.page_of_people(connection, workspace_id, before=None, limit=1)


def _insist_on_an_empty(connection: Connection, workspace_id: int) -> None:
    if not is_empty(connection, workspace_id):
        raise WorkspaceNotEmpty("the workspace has people already; --add puts the demo world beside them")


def _places(connection: Connection, workspace_id: int, world: World) -> list[Place]:
    """Where to begin: people worth opening, and the review of duplicates."""

    def page_of(sight: Sight) -> Place | None:
        roots = identity.roots_by_identifier(connection, workspace_id, "user_id", sight.user_id)
        return Place(f"/people/{roots[0]}", sight.why) if roots else None

    return [place for place in map(page_of, world.sights) if place is not None]


def _send(connection: Connection, calls: Sequence[Call], *, workspace_id: int, sources: Mapping[str, int]) -> None:
    with connection.transaction():
        for start in range(0, len(calls), ROWS_PER_COPY):
            rows = [row_of(call, workspace_id, sources[call.source]) for call in calls[start : start + ROWS_PER_COPY]]
            with connection.cursor() as cursor, cursor.copy(inbox.COPY_INBOX) as copy:
                copy.write(b"".join((inbox.COPY_HEADER, *rows, inbox.COPY_TRAILER)))
        if calls:
            refuse_some(connection, workspace_id, sources)


def _settle(connection: Connection, *, total: int, progress: Progress | None) -> None:
    """Do a worker's work until nothing waits, or somebody else has held what waits for too long."""
    plan_once(connection)
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
