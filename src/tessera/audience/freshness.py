"""Keeping segments fresh: at once for those whose events or attributes changed, whole by the clock.

An index of what each kept segment depends on says which segments a change could move, so an event touches only these.
Where a condition is written anew, its own or that of a segment it asks about, the whole is evaluated.
What was to be looked at when the process died is not remembered: after a start every kept segment is evaluated whole.
"""

import queue
import threading
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg
import structlog

from tessera.audience.changes import Changes
from tessera.audience.conditions.registry import InvalidCondition
from tessera.audience.depending import Depends, depends_of
from tessera.audience.evaluation import Evaluator, Worlds
from tessera.audience.refreshing import evaluate_and_write, look_again
from tessera.audience.segments import store
from tessera.audience.segments.records import Segment
from tessera.audience.warehouse.engine import Engine
from tessera.foundation.clock import to_micros
from tessera.foundation.database import is_lost
from tessera.foundation.errors import TesseraError

log = structlog.get_logger("analyst")
Connection = psycopg.Connection[Any]
MOST_AT_ONCE: Final = 5_000
"""People who are looked at one by one; where more changed, the whole segment is evaluated."""
PAUSE: Final = 60.0
"""Seconds before a segment is tried again that could not be evaluated."""
RARELY: Final = 10
"""A whole evaluation that many changes ask for waits ten times as long as the last one took."""
OF_HOURS: Final = 10
"""Minutes after which a segment is evaluated whole whose windows are of hours, unless it says itself how often."""
_LOOK_AT_LIST: Final = 1.0


class Freshness:
    """One thread's work. `note` is called by the thread that follows history."""

    def __init__(self, connection: Connection, engine: Engine, worlds: Worlds) -> None:
        self._connection = connection
        self._engine = engine
        self._worlds = worlds
        self._noted: queue.SimpleQueue[dict[int, Changes]] = queue.SimpleQueue()
        self._segments: dict[UUID, Segment] = {}
        self._asked: list[Segment] = []
        self._depends: dict[UUID, Depends] = {}
        self._whole: set[UUID] = set()
        self._seen: set[UUID] = set()
        self._not_before: dict[UUID, float] = {}
        self._listed_at = 0.0
        self.behind = False
        """Whether more of history waits than is taken in at once: sizes that are counted once a day wait for it."""

    def note(self, changes: dict[int, Changes]) -> None:
        """A step is written: these changed."""
        self._noted.put(changes)

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set; loss of a connection goes through."""
        while not stop.is_set():
            self.turn(wait=0.5)

    def turn(self, *, wait: float = 0.0) -> None:
        """Look at what changed since the last turn, then evaluate one segment whose time has come.

        Those that are evaluated when asked, and lists, are counted once a day, so that their sizes make a line.
        """
        changes = self._changes(wait)
        self._learn()
        for workspace_id, changed in _joined(changes).items():
            self._look_at(workspace_id, changed)
        self._one_whole(datetime.now(UTC))

    def _changes(self, wait: float) -> list[dict[int, Changes]]:
        found = []
        try:
            found.append(self._noted.get(timeout=wait) if wait else self._noted.get_nowait())
            while True:
                found.append(self._noted.get_nowait())
        except queue.Empty:
            return found

    def _learn(self) -> None:
        """Which segments are kept, and what each depends on by way of others. Asked again at most once a second."""
        if time.monotonic() - self._listed_at < _LOOK_AT_LIST:
            return
        self._listed_at = time.monotonic()
        segments = store.in_use(self._connection)
        self._asked = [each for each in segments if each.freshness != "kept"]
        kept = {each.id: each for each in segments if each.freshness == "kept"}
        if kept == self._segments and not self._ask_about_others():
            return
        everything: dict[int, dict[UUID, Segment]] = {}
        for each in kept.values():
            if each.workspace_id not in everything:
                found = store.of_workspace(self._connection, each.workspace_id, archived=None)
                everything[each.workspace_id] = {segment.id: segment for segment in found}
        self._segments = kept
        self._index({each.id: _depends(each, everything[each.workspace_id]) for each in kept.values()})

    def _index(self, found: dict[UUID, Depends | None]) -> None:
        """Those that mean something else than before are to be evaluated whole."""
        for segment_id, depends in found.items():
            before = self._depends.get(segment_id)
            if depends is None or (before is not None and before.versions != depends.versions):
                self._whole.add(segment_id)
        self._depends = {segment_id: depends for segment_id, depends in found.items() if depends is not None}
        self._whole &= found.keys()

    def _ask_about_others(self) -> bool:
        """A condition asks about a segment: that one may have changed without being kept itself."""
        return any(len(depends.versions) > 1 for depends in self._depends.values())

    def _look_at(self, workspace_id: int, changed: Changes) -> None:
        for segment in list(self._segments.values()):
            if segment.workspace_id != workspace_id or segment.id in self._whole:
                continue
            depends = self._depends.get(segment.id)
            people = changed.touching(depends.reads) if depends is not None else set()
            if len(people) > MOST_AT_ONCE:
                self._whole.add(segment.id)
            elif people:
                self._try(segment, people)

    def _one_whole(self, now: datetime) -> None:
        due = [
            each
            for each in self._segments.values()
            if time.monotonic() >= self._not_before.get(each.id, 0.0)
            and (each.id in self._whole or each.id not in self._seen or self._is_due(each, now))
        ] or [
            each
            for each in self._asked
            if not self.behind
            and time.monotonic() >= self._not_before.get(each.id, 0.0)
            and is_to_be_counted(each, now)
        ]
        if due:
            segment = min(due, key=lambda each: (each.refreshed_at or datetime.min.replace(tzinfo=UTC), each.id))
            began = time.monotonic()
            if self._try(segment, None):
                self._whole.discard(segment.id)
                self._seen.add(segment.id)
                self._not_before[segment.id] = time.monotonic() + RARELY * (time.monotonic() - began)
            self._listed_at = 0.0

    def _is_due(self, segment: Segment, now: datetime) -> bool:
        depends = self._depends.get(segment.id)
        return is_due(segment, now, by_hours=depends is not None and depends.by_hours)

    def _try(self, segment: Segment, people: set[UUID] | None) -> bool:
        now = datetime.now(UTC)
        try:
            evaluator = Evaluator(self._connection, self._engine, self._worlds, segment.workspace_id, to_micros(now))
            if people is None:
                evaluate_and_write(self._connection, evaluator, segment.workspace_id, segment.id, now=now)
            else:
                look_again(self._connection, evaluator, segment.workspace_id, segment.id, people, now=now)
        except Exception as error:
            if is_lost(error):
                raise
            self._set_aside(segment, error)
            return False
        return True

    def _set_aside(self, segment: Segment, error: Exception) -> None:
        """Say what is wrong with it and go on with the others."""
        if not isinstance(error, TesseraError):
            log.exception("a segment could not be evaluated", segment=str(segment.id))
        problem = str(error) if isinstance(error, TesseraError) else "it broke something on our side"
        store.change(self._connection, segment.workspace_id, segment.id, {"problem": problem[:500]})
        self._whole.add(segment.id)
        self._not_before[segment.id] = time.monotonic() + PAUSE


def is_due(segment: Segment, now: datetime, *, by_hours: bool) -> bool:
    """Whether its whole evaluation is due by the clock: windows of days move on at midnight UTC, of hours always."""
    if not segment.current or segment.refreshed_at is None:
        return True
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if segment.refreshed_at < midnight <= now:
        return True
    minutes = segment.every_minutes
    if minutes is None and by_hours:
        minutes = OF_HOURS
    return minutes is not None and now - segment.refreshed_at >= timedelta(minutes=minutes)


def is_to_be_counted(segment: Segment, now: datetime) -> bool:
    """Whether the size of one that is evaluated when asked is of yesterday, or of an earlier condition."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return segment.counted_at is None or segment.counted_at < max(midnight, segment.changed_at)


def _depends(segment: Segment, known: dict[UUID, Segment]) -> Depends | None:
    """None where its condition, or one that it asks about, cannot be read: evaluating it says so."""
    try:
        return depends_of(segment, known)
    except InvalidCondition:
        return None


def _joined(changes: Iterable[dict[int, Changes]]) -> dict[int, Changes]:
    """Those of one workspace as one: each segment is looked at once, however many steps were made meanwhile."""
    found: dict[int, Changes] = {}
    for each in changes:
        for workspace_id, changed in each.items():
            if workspace_id in found:
                found[workspace_id].add(changed)
            else:
                found[workspace_id] = changed
    return found
