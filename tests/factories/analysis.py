"""The analyst in the test's own process: follows, keeps fresh and answers when it is told to, one after the other."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import psycopg

from tessera.audience import service
from tessera.audience.analyst import Analyst
from tessera.audience.answering import Answerer
from tessera.audience.archiving import Archivist
from tessera.audience.blotting import blot_next
from tessera.audience.evaluation import Worlds
from tessera.audience.freshness import Freshness
from tessera.audience.queries import analyst_state
from tessera.audience.questions import Question, ask
from tessera.audience.warehouse.engine import Engine
from tessera.audience.warehouse.engines.duck import DuckEngine
from tessera.events import partitions
from tessera.foundation.database import connect

Answer = TypeVar("Answer")
Connection = psycopg.Connection[Any]


_SAID = """
INSERT INTO audience_analyst (id, engine, leads, behind, lag_ms, seen_at)
VALUES (gen_random_uuid(), 'DuckEngine', true, 0, 0, now() + interval '1 hour')
"""


@contextmanager
def analyst_at_work() -> Iterator[None]:
    """The whole analyst as `tessera analyst` runs it, in threads of this process, over a warehouse in memory."""
    stop = threading.Event()
    thread = threading.Thread(target=service.run, args=(stop, lambda: DuckEngine(None)))
    thread.start()
    try:
        with connect(autocommit=True) as connection:
            until = time.monotonic() + 60
            while not analyst_state(connection).running and time.monotonic() < until:
                time.sleep(0.02)
        yield
    finally:
        stop.set()
        thread.join()


class Analysis:
    """Its parts, without the threads of `audience/service.py`."""

    def __init__(self, live: Connection, engine: Engine) -> None:
        self.live = live
        self.worlds = Worlds()
        self.analyst = Analyst(live, engine)
        self.archivist = Archivist(live, engine, self.analyst.archives)
        self.freshness = Freshness(live, engine.another(), self.worlds)
        self._engine = engine
        live.execute(_SAID)

    def settle(self, *, most: int = 7) -> None:
        """Until the warehouse has everything and every kept segment is as fresh as it gets."""
        for _ in range(4):
            while (step := self.analyst.step(most)).rows:
                self.freshness.note(step.changes)
            for workspace_id in self.workspaces():
                self.worlds.show(workspace_id, self.analyst.warehouse(workspace_id))
            for _ in range(5):
                self.freshness._listed_at = 0.0
                self.freshness._not_before.clear()
                self.freshness.turn()

    def archive(self, *, most: int = 7) -> None:
        """Until the warehouse and the archive have everything."""
        self.settle(most=most)
        while self.archivist.step(self.analyst.reached, most):
            pass
        while blot_next(self.live, self.analyst):
            pass

    def drop_history(self) -> int:
        """What retention does in years to come; says how many rows went. Then there is room for new events again."""
        before = self._rows()
        partitions.drop_older_than(self.live, months=1, now=datetime.now(UTC) + timedelta(days=800))
        partitions.ensure(self.live, now=datetime.now(UTC))
        return before - self._rows()

    def _rows(self) -> int:
        row = self.live.execute("SELECT count(*) FROM events_history").fetchone()
        return int(row[0]) if row else 0

    def workspaces(self) -> list[int]:
        return [row[0] for row in self.live.execute("SELECT id FROM workspaces_workspace ORDER BY id").fetchall()]

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Questions are answered while inside, by a thread; what is followed is for `settle` to say."""
        stop = threading.Event()
        self.live.execute(_SAID)
        thread = threading.Thread(target=self._answer_until, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def go_away(self) -> None:
        """No analyst is at work any more."""
        self.live.execute("DELETE FROM audience_analyst")

    def _answer_until(self, stop: threading.Event) -> None:
        with connect(autocommit=True) as connection:
            answerer = Answerer(connection, self._engine.another(), self.worlds)
            while not stop.is_set():
                if not answerer.answer_next():
                    stop.wait(0.005)

    def ask(self, workspace_id: int, question: Question[Answer]) -> Answer:
        """As a web process asks: from another connection, while this one answers."""
        said: list[Any] = []

        def wait() -> None:
            with connect(autocommit=True) as asking:
                try:
                    said.append(ask(asking, workspace_id, question, patience=10))
                except Exception as error:
                    said.append(error)

        asker = threading.Thread(target=wait)
        asker.start()
        answerer = Answerer(self.live, self._engine.another(), self.worlds)
        while asker.is_alive():
            if not answerer.answer_next():
                asker.join(0.005)
        if isinstance(said[0], Exception):
            raise said[0]
        answer: Answer = said[0]
        return answer
