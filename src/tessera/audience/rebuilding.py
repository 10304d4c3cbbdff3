"""A rebuild: the warehouse made anew from PostgreSQL beside the one that answers, then put in its place in one step.

What is read: history up to where it was when the rebuild began, what the old warehouse has of it that PostgreSQL has no
more, everybody as they are, lists of static segments; then whatever happened meanwhile, as the analyst always does.
Erasures and undone imports of before the beginning are in none of these, and those of later are followed. A rebuild
that is broken off leaves tables that nobody reads: they go when an analyst starts, and it begins anew. The archive is
of no generation: it stays where it is.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import psycopg

from tessera.audience import rebuild_requests
from tessera.audience.analyst import Analyst, add_events
from tessera.audience.reading import COUNTED, people_of
from tessera.audience.segments import membership
from tessera.audience.warehouse import generations
from tessera.audience.warehouse.engine import Engine
from tessera.audience.warehouse.store import Warehouse
from tessera.events import history
from tessera.identity import queries as identity

Connection = psycopg.Connection[Any]
Progress = Callable[[int, int], None]
LOOK_EVERY: Final = 1.0
ANSWERS_TAKE: Final = 30.0
"""Seconds until nobody reads the old tables any more: nobody waits longer for an answer."""
EVENTS_AT_ONCE: Final = 5_000
PEOPLE_AT_ONCE: Final = 1_000


class Rebuild:
    """Done bit by bit (`step`), so that one thread may follow history with `old` in between.

    `done` of `total` rows of history and people are in. When `step` says that it is over, `analyst` follows the new
    generation and answers; once nobody reads the old one any more, `drop_old`.
    """

    def __init__(self, connection: Connection, old: Analyst) -> None:
        self._connection, self._engine, self._old = connection, old.engine, old
        generations.drop_others(self._engine, old.generation)
        self._begun = history.positions(connection)
        self.done, self.total = 0, sum(self._begun.values()) + identity.count_people(connection)
        self.analyst = Analyst(connection, self._engine, generation=old.generation + 1, archives=old.archives)
        self._work = self._run()

    def step(self) -> bool:
        """Do the next bit, some thousand rows; returns whether there is more to do."""
        return next(self._work, None) is not None

    def drop_old(self) -> None:
        generations.drop_others(self._engine, self.analyst.generation)

    def _run(self) -> Iterator[bool]:
        while any(self._old.reached.get(lane, 0) < last for lane, last in self._begun.items()):
            yield True  # what was erased by then is in the old one until it is read there
        kept = history.first_positions(self._connection)
        for lane, last in self._begun.items():
            begins = min(kept.get(lane, last + 1), last + 1)
            for reached in self._from_old(lane, 1, begins):
                self.done += reached
                yield True
            yield from self._from_history(lane, begins - 1, last)
            yield from self._dropped_meanwhile(lane, begins, last)
        yield from self._people()
        with self._engine.transaction():
            self.analyst.go_on_from(self._begun)
        while self.analyst.step().rows:
            yield True
        generations.take_over(self._engine, self.analyst.generation)

    def _from_old(self, lane: int, begin: int, end: int) -> Iterator[int]:
        """Events from `begin` to before `end`, which PostgreSQL has no more; says how many places were looked at."""
        workspaces = identity.workspaces(self._connection) if end > begin else []
        for first in range(begin, end, EVENTS_AT_ONCE):
            last = min(first + EVENTS_AT_ONCE, end) - 1
            for workspace_id in workspaces:
                old, new = self._old.warehouse(workspace_id), self.analyst.warehouse(workspace_id)
                new.copy_events(old, lane, first, last)
            yield last - first + 1

    def _dropped_meanwhile(self, lane: int, begun: int, last: int) -> Iterator[bool]:
        """Retention may have dropped what was being read: the old warehouse has it."""
        begins = min(history.first_positions(self._connection).get(lane, last + 1), last + 1)
        if begins <= begun:
            return
        for workspace_id in identity.workspaces(self._connection):
            self.analyst.warehouse(workspace_id).take_back(lane, begun, begins - 1)
        for _ in self._from_old(lane, begun, begins):
            yield True

    def _from_history(self, lane: int, after: int, last: int) -> Iterator[bool]:
        while after < last:
            rows = history.in_lane(self._connection, lane, after=after, limit=EVENTS_AT_ONCE)
            rows = [row for row in rows if row.position <= last]
            reached = rows[-1].position if rows else last
            for workspace_id, events in _by_workspace(rows).items():
                add_events(self.analyst.warehouse(workspace_id), events)
            self.done += reached - after
            after = reached
            yield True

    def _people(self) -> Iterator[bool]:
        after: tuple[int, UUID] | None = None
        while found := identity.people_after(self._connection, after, PEOPLE_AT_ONCE):
            by_workspace: defaultdict[int, list[UUID]] = defaultdict(list)
            for workspace_id, root in found:
                by_workspace[workspace_id].append(root)
            for workspace_id, roots in by_workspace.items():
                self._write(self.analyst.warehouse(workspace_id), roots)
            after, self.done = found[-1], self.done + len(found)
            yield True
        for workspace_id, segment_id in membership.static_segments(self._connection):
            members = membership.profiles_in(self._connection, segment_id)
            self.analyst.warehouse(workspace_id).put_members(segment_id, members)
            yield True

    def _write(self, warehouse: Warehouse, roots: Sequence[UUID]) -> None:
        moved = {each.profile_id: each.root_id for each in identity.members_of(self._connection, roots)}
        warehouse.put_people([], people_of(self._connection, roots), moved)


def _by_workspace(rows: Sequence[history.Recorded]) -> Mapping[int, list[history.Recorded]]:
    found: defaultdict[int, list[history.Recorded]] = defaultdict(list)
    for row in rows:
        if row.kind in COUNTED:
            found[row.workspace_id].append(row)
    return found


def rebuild(connection: Connection, engine: Engine, progress: Progress) -> Analyst:
    """Make the warehouse anew while the one there is goes on; returns who follows the new one.

    Nobody else may write to it meanwhile: the caller leads. `progress` is told how many rows of how many are in.
    """
    old = Analyst(connection, engine)
    work = Rebuild(connection, old)
    more = True
    while more:
        old.step()
        more = work.step()
        progress(work.done, work.total)
    work.drop_old()
    return work.analyst


class Rebuilding:
    """Rebuilds as they are asked for, in turns with following history, by the one thread that writes there."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._asked: UUID | None = None
        self._work: Rebuild | None = None
        self._look_at = self._drop_at = 0.0
        self._over: Rebuild | None = None
        self.made: Analyst | None = None
        """Who follows the new tables, once they are in the place of the old ones, until `moved`."""

    def go_on(self, old: Analyst) -> bool:
        """Do a bit, where one is asked for; returns whether there is more."""
        self._drop_what_is_over()
        if self._work is None:
            self._begin(old)
        if self._work is None or self._asked is None:
            return False
        more = self._work.step()
        rebuild_requests.note(self._connection, self._asked, self._work.done, self._work.total)
        if not more:
            self.made = self._work.analyst
        return True

    def _begin(self, old: Analyst) -> None:
        if time.monotonic() < self._look_at or self._over is not None:
            return
        self._look_at = time.monotonic() + LOOK_EVERY
        asked = rebuild_requests.open_one(self._connection)
        if asked is not None:
            rebuild_requests.begin(self._connection, asked.id)
            self._asked, self._work = asked.id, Rebuild(self._connection, old)

    def moved(self) -> None:
        """The new tables are shown and followed."""
        assert self._asked is not None
        rebuild_requests.finish(self._connection, self._asked)
        self._over, self._drop_at = self._work, time.monotonic() + ANSWERS_TAKE
        self._asked = self._work = self.made = None

    def _drop_what_is_over(self) -> None:
        if self._over is not None and time.monotonic() >= self._drop_at:
            self._over.drop_old()
            self._over = None
