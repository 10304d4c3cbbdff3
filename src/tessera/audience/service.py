"""The analyst's process: one thread follows history, one keeps segments fresh, two answer questions.

Exactly one analyst is at work (a lock in PostgreSQL says who); others that are started wait, and one of them goes on
when it ends.
"""

import threading
import time
from collections.abc import Callable
from typing import Any, Final

import psycopg
import structlog

from tessera.audience import answering
from tessera.audience.analyst import MOST, Analyst
from tessera.audience.answering import Answerer
from tessera.audience.archiving import Archivist
from tessera.audience.blotting import blot_next
from tessera.audience.evaluation import Worlds
from tessera.audience.freshness import Freshness
from tessera.audience.rebuilding import Rebuilding
from tessera.audience.warehouse.engine import Engine
from tessera.audience.warehouse.memory import give_back
from tessera.audience.warehouse.store import Warehouse
from tessera.events import archived
from tessera.foundation.database import connect, may_pass, plan_once
from tessera.foundation.ids import uuid7

log = structlog.get_logger("analyst")
Connection = psycopg.Connection[Any]
_LEADER: Final = 7_316_001
"""The advisory lock of whoever follows history."""
ANSWERERS: Final = 2
NAP: Final = 0.2
MUCH: Final = 50_000
"""Rows of history after which a process that rests is begun anew: Python keeps what it once took for them (100 MB)."""
REST_AFTER: Final = 5.0
"""Seconds without work after which memory is given back."""
_SAY_EVERY: Final = 1.0
_WORKSPACES_EVERY: Final = 5.0
_BLOT_EVERY: Final = 1.0
_LONGEST_BACK_OFF: Final = 30.0
_SAY: Final = """
INSERT INTO audience_analyst (id, engine, leads, behind, lag_ms, seen_at) VALUES (%s, %s, %s, %s, %s, now())
ON CONFLICT (id) DO UPDATE SET leads = excluded.leads, behind = excluded.behind, lag_ms = excluded.lag_ms,
                               seen_at = excluded.seen_at
"""
_WORKSPACES: Final = "SELECT id FROM workspaces_workspace ORDER BY id"
_FORGET: Final = "DELETE FROM audience_analyst WHERE seen_at < now() - interval '1 day'"


def run(stop: threading.Event, open_engine: Callable[[], Engine], *, archive: bool = False) -> bool:
    """Until `stop` is set. Where the database goes away, everything is opened anew when it is back.

    `archive`: keep whole history there, so that retention may drop it from PostgreSQL.
    Returns true where it ended by itself, after much work: the process had better begin anew (see `MUCH`).
    """
    back_off = 0.5
    while not stop.is_set():
        began = time.monotonic()
        try:
            if _run_once(stop, open_engine, archive):
                return True
        except Exception as error:
            if time.monotonic() - began > _LONGEST_BACK_OFF:
                back_off = 0.5
            if may_pass(error):
                log.warning("the analyst starts again", error=str(error).strip(), retry_in=back_off)
            else:
                log.exception("the analyst failed; starting again", retry_in=back_off)
            stop.wait(back_off)
            back_off = min(2 * back_off, _LONGEST_BACK_OFF)
    return False


def _run_once(stop: threading.Event, open_engine: Callable[[], Engine], archive: bool) -> bool:
    with connect(autocommit=True, application="tessera analyst") as connection:
        plan_once(connection)
        if not _turn_to_lead(connection, stop):
            return False
        engine = open_engine()
        try:
            return _Analysis(connection, engine, stop, archive).run()
        finally:
            engine.close()


def _turn_to_lead(connection: Connection, stop: threading.Event) -> bool:
    """Wait until nobody else follows; false where we are to stop first."""
    said = False
    while not stop.is_set():
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", (_LEADER,)).fetchone()
        if row is not None and row[0]:
            return True
        if not said:
            log.info("another analyst follows history; waiting for its end")
            said = True
        stop.wait(1.0)
    return False


class _Analysis:
    """The threads of an analyst that leads, until it is to stop or one of them fails."""

    def __init__(self, connection: Connection, engine: Engine, stop: threading.Event, archive: bool) -> None:
        self._connection = connection
        self._engine = engine
        self._asked_to_stop = stop
        self._ending = threading.Event()
        self._worlds = Worlds()
        self._failed: list[BaseException] = []
        self._id = uuid7()
        self._analyst = Analyst(connection, engine)
        self._archivist = Archivist(connection, engine, self._analyst.archives) if archive else None
        if not archive:
            archived.forget(connection)
        self._shown: dict[int, tuple[int, int]] = {}
        self._due = {"say": 0.0, "workspaces": 0.0, "blot": 0.0}
        self._busy_at: float | None = time.monotonic()
        self._work_done = 0
        self._tired = False
        self._rebuilding = Rebuilding(connection)

    def run(self) -> bool:
        """Returns true where it had better begin anew."""
        works: list[Callable[[], None]] = [self._answer] * ANSWERERS
        fresh_connection = connect(autocommit=True, application="tessera analyst")
        plan_once(fresh_connection)
        freshness = Freshness(fresh_connection, self._engine.another(), self._worlds)
        freshness.behind = True  # until the first step has shown how much there is
        works.append(lambda: freshness.run(self._ending))
        threads = [threading.Thread(target=self._guarded, args=(work,)) for work in works]
        with fresh_connection:
            self._show_workspaces()
            for thread in threads:
                thread.start()
            try:
                self._follow(freshness)
            finally:
                self._ending.set()
                for thread in threads:
                    thread.join()
        if self._failed:
            raise self._failed[0]
        return self._tired

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            self._failed.append(error)
        finally:
            self._ending.set()

    def _answer(self) -> None:
        with connect(autocommit=True, application="tessera analyst") as connection:
            plan_once(connection)
            Answerer(connection, self._engine.another(), self._worlds).run(self._ending)

    def _follow(self, freshness: Freshness) -> None:
        while not self._asked_to_stop.is_set() and not self._ending.is_set():
            step = self._analyst.step()
            freshness.behind = step.rows >= MOST
            copied = self._archivist.step(self._analyst.reached) if self._archivist else 0
            rebuilding = self._rebuilding.go_on(self._analyst)
            if self._rebuilding.made is not None:
                self._move_to(self._rebuilding.made)
            if time.monotonic() >= self._due["blot"] and not rebuilding:
                blot_next(self._connection, self._analyst)
                self._due["blot"] = time.monotonic() + _BLOT_EVERY
            if time.monotonic() >= self._due["workspaces"]:
                self._show_workspaces()
            if step.changes:
                for workspace_id in step.changes:
                    self._show(workspace_id, self._analyst.warehouse(workspace_id))
                freshness.note(step.changes)
            if time.monotonic() >= self._due["say"]:
                self._say()
            if step.rows or copied or rebuilding:
                self._busy_at = time.monotonic()
                self._work_done += step.rows or MOST
            else:
                self._rest()
                self._ending.wait(NAP)

    def _move_to(self, analyst: Analyst) -> None:
        """Follow and show the tables that a rebuild made; the old ones go when questions to them are answered."""
        self._analyst = analyst
        self._shown.clear()
        self._show_workspaces()
        self._rebuilding.moved()

    def _rest(self) -> None:
        """Give memory back, once after each time of work; all of it after much."""
        if self._busy_at is not None and time.monotonic() - self._busy_at > REST_AFTER:
            self._busy_at = None
            if self._work_done > MUCH:
                self._tired = True
                self._ending.set()
                return
            self._engine.rest()
            give_back()

    def _show_workspaces(self) -> None:
        for (workspace_id,) in self._connection.execute(_WORKSPACES).fetchall():
            self._show(workspace_id, self._analyst.warehouse(workspace_id))
        self._due["workspaces"] = time.monotonic() + _WORKSPACES_EVERY

    def _show(self, workspace_id: int, warehouse: Warehouse) -> None:
        """Only where columns came: making the tables' expressions takes some milliseconds."""
        columns = (len(warehouse.attributes.by_leaf), len(warehouse.properties.by_leaf))
        if self._shown.get(workspace_id) != columns:
            self._worlds.show(workspace_id, warehouse)
            self._shown[workspace_id] = columns

    def _say(self) -> None:
        behind = self._analyst.behind()
        lag = round(self._analyst.lag() * 1000) if behind else 0
        self._connection.execute(_SAY, (self._id, type(self._engine).__name__, True, behind, lag))
        self._connection.execute(_FORGET)
        self._connection.execute(answering.SWEEP)
        self._due["say"] = time.monotonic() + _SAY_EVERY
