"""The worker: drains lanes, adds up tallies, advances followers, does the chores. Start as many as you like."""

import gc
import random
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import psycopg
import structlog

from tessera.events import partitions
from tessera.events.followers import Follower, advance, register
from tessera.events.lanes import LANES
from tessera.foundation.database import connect, plan_once
from tessera.intake import chores, pipeline
from tessera.intake.context import load_context, refresh
from tessera.intake.one_by_one import OneByOne, is_away, is_passing
from tessera.intake.pipeline import Context, Outcome
from tessera.intake.reactions import Reaction

log = structlog.get_logger("worker")
Connection = psycopg.Connection[Any]

LANES_AT_ONCE: Final = 16
ROWS_PER_LANE: Final = 64
SHORTEST_NAP: Final = 0.002
LONGEST_NAP: Final = 0.05
REFRESH_EVERY: Final = 5.0
CHORES_EVERY: Final = 60.0
TALLY_EVERY: Final = 1.0
SHORTEST_BACK_OFF: Final = 0.1
FOLLOWER_PAUSE: Final = 5.0
HEALTHY_AFTER: Final = 30.0
LONGEST_BACK_OFF: Final = 10.0


def run(
    stop: threading.Event, *, reactions: Sequence[Reaction] | None = None, followers: Sequence[Follower] = ()
) -> None:
    """Work until `stop` is set. Survives the loss of the database by trying again with back-off.

    One connection: a second thread would fold while the first waits for the database, but in Python the two cost each
    other more than they gain (measured). Another worker process is the way to use another processor.
    """
    calm_the_collector()
    back_off = SHORTEST_BACK_OFF
    while not stop.is_set():
        began = time.monotonic()
        try:
            with connect(autocommit=True, application="tessera worker") as connection:
                plan_once(connection)
                partitions.ensure(connection, now=datetime.now(UTC))
                worker = Worker(connection, load_context(connection, reactions), followers)
                log.info("working")
                worker.work_until(stop)
        except psycopg.OperationalError as error:
            log.warning("database away", error=" ".join(str(error).split()), retry_in=back_off)
        except Exception:
            log.exception("worker failed; starting again", retry_in=back_off)
        if time.monotonic() - began > HEALTHY_AFTER:
            back_off = SHORTEST_BACK_OFF
        stop.wait(back_off)
        back_off = min(back_off * 2, LONGEST_BACK_OFF)


def calm_the_collector() -> None:
    """Events and states are trees without cycles: looking for cycles among them took two thirds of intake's time.

    What is loaded by now is never looked at again; the rest after a batch, when most of it is gone.
    """
    gc.collect()
    gc.freeze()
    gc.disable()


class Worker:
    """One connection's worth of work."""

    def __init__(self, connection: Connection, context: Context, followers: Sequence[Follower] = ()) -> None:
        self._connection = connection
        self._context = context
        self._followers = followers
        self._after = random.randrange(LANES)  # noqa: S311 -- rivals had better begin in different places
        self._due = {"refresh": 0.0, "tally": 0.0, "chores": 0.0}
        self._paused: dict[str, float] = {}
        for follower in followers:
            register(connection, follower.name)

    def work_until(self, stop: threading.Event) -> None:
        nap = SHORTEST_NAP
        while not stop.is_set():
            busy = self.step()
            if busy:
                nap = SHORTEST_NAP
                continue
            stop.wait(nap)
            nap = min(nap * 1.3, LONGEST_NAP)

    def step(self) -> bool:
        """Do what is due; true if there was anything."""
        self._do_due()
        outcome = self.drain_some()
        if outcome.taken:
            gc.collect(0)
        followed = sum(self._follow(follower) for follower in self._followers)
        return bool(outcome.taken or followed)

    def _follow(self, follower: Follower) -> int:
        """One step of a follower; one that fails waits, and neither intake nor the other followers wait for it."""
        now = time.monotonic()
        if now < self._paused.get(follower.name, 0.0):
            return 0
        try:
            return advance(self._connection, follower)
        except Exception as error:
            if is_away(self._connection, error):
                raise
            log.warning("follower failed", follower=follower.name, error=type(error).__name__)
            self._paused[follower.name] = now + FOLLOWER_PAUSE
            return 0

    def drain_some(self) -> Outcome:
        """One batch; a batch that fails on its content is cut down until the bad row stands alone."""
        try:
            outcome, self._after = pipeline.drain(
                self._connection, self._context, after=self._after, lanes=LANES_AT_ONCE, most=ROWS_PER_LANE
            )
            return outcome
        except Exception as error:
            if is_away(self._connection, error):
                raise
            if is_passing(error):
                log.info("batch tried again", reason=type(error).__name__)
                return Outcome()
            log.warning("batch failed; taking its rows one by one", error=type(error).__name__)
            return OneByOne(self._connection, self._context).go()

    def _do_due(self) -> None:
        now = time.monotonic()
        for duty, due in self._due.items():
            if now >= due:
                every, call = _DUTIES[duty]
                self._due[duty] = now + every
                call(self._connection, self._context)


def _refresh(connection: Connection, context: Context) -> None:
    refresh(connection, context)


def _tally(connection: Connection, _: Context) -> None:
    chores.add_up_tallies(connection)


def _chores(connection: Connection, _: Context) -> None:
    chores.do_all(connection)


_DUTIES: Final = {
    "refresh": (REFRESH_EVERY, _refresh),
    "tally": (TALLY_EVERY, _tally),
    "chores": (CHORES_EVERY, _chores),
}
