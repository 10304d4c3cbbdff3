"""The worker: drains lanes, adds up tallies, advances followers, does the chores. Start as many as you like."""

import gc
import random
import threading
import time
from collections.abc import Sequence
from typing import Any, Final

import psycopg
import structlog

from tessera.events import inbox, rejections
from tessera.events.followers import Follower, advance, register
from tessera.events.lanes import LANES
from tessera.foundation.database import connect
from tessera.intake import chores, pipeline
from tessera.intake.context import load_context, refresh
from tessera.intake.pipeline import Context, Outcome
from tessera.intake.reactions import Reaction

log = structlog.get_logger("worker")
Connection = psycopg.Connection[Any]

LANES_AT_ONCE: Final = 16
ROWS_PER_LANE: Final = 64
FEWEST_LANES_WORTH: Final = 4
SHORTEST_NAP: Final = 0.002
LONGEST_NAP: Final = 0.05
REFRESH_EVERY: Final = 5.0
CHORES_EVERY: Final = 60.0
TALLY_EVERY: Final = 1.0
CONNECTIONS: Final = 2
SHORTEST_BACK_OFF: Final = 0.1
MOST_FAILURES: Final = 10
LONGEST_BACK_OFF: Final = 10.0


def run(
    stop: threading.Event,
    *,
    reactions: Sequence[Reaction] = (),
    followers: Sequence[Follower] = (),
    connections: int = CONNECTIONS,
) -> None:
    """Work until `stop` is set. Survives the loss of the database by trying again with back-off.

    Several connections, so that one batch is folded here while the database works on another.
    """
    calm_the_collector()
    threads = [
        threading.Thread(target=_work, args=(stop, reactions, followers if first else (), first), daemon=True)
        for first in [True] + [False] * (connections - 1)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _work(stop: threading.Event, reactions: Sequence[Reaction], followers: Sequence[Follower], chores: bool) -> None:
    back_off = SHORTEST_BACK_OFF
    while not stop.is_set():
        try:
            with connect(autocommit=True, application="tessera worker") as connection:
                prepare(connection)
                worker = Worker(connection, load_context(connection, reactions), followers, chores=chores)
                log.info("working")
                back_off = SHORTEST_BACK_OFF
                worker.work_until(stop)
        except psycopg.OperationalError as error:
            log.warning("database away", error=" ".join(str(error).split()), retry_in=back_off)
        except Exception:
            log.exception("worker failed; starting again", retry_in=back_off)
        stop.wait(back_off)
        back_off = min(back_off * 2, LONGEST_BACK_OFF)


def calm_the_collector() -> None:
    """Events and states are trees without cycles: looking for cycles among them took two thirds of intake's time.

    What is loaded by now is never looked at again, and the rest seldom.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 20, 100)


def prepare(connection: Connection) -> None:
    """A worker's statements are short and alike: plan them once, never in parallel, never compiled."""
    connection.prepare_threshold = 3
    connection.execute("SET jit = off")
    connection.execute("SET max_parallel_workers_per_gather = 0")
    connection.execute("SET plan_cache_mode = force_generic_plan")


class Worker:
    """One connection's worth of work."""

    def __init__(
        self, connection: Connection, context: Context, followers: Sequence[Follower] = (), *, chores: bool = True
    ) -> None:
        self._connection = connection
        self._context = context
        self._followers = followers
        self._after = random.randrange(LANES)  # noqa: S311 -- rivals had better begin in different places
        self._due = {"refresh": 0.0, "tally": 0.0, "chores": 0.0} if chores else {"refresh": 0.0}
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
        followed = sum(advance(self._connection, follower) for follower in self._followers)
        return bool(outcome.taken or followed)

    def drain_some(self) -> Outcome:
        """One batch; a batch that fails on its content is cut down until the bad row stands alone."""
        try:
            outcome, self._after = pipeline.drain(
                self._connection, self._context, after=self._after, lanes=LANES_AT_ONCE, most=ROWS_PER_LANE
            )
            return outcome
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            if self._connection.closed or not _is_passing(error):
                raise
            log.info("batch tried again", reason=str(error).strip().splitlines()[0])
            return Outcome()
        except Exception:
            log.exception("batch failed; taking its rows one by one")
            return self._one_by_one()

    def _one_by_one(self) -> Outcome:
        """Stops setting rows aside when nothing but failures comes: then the fault is ours, not the rows'."""
        total = Outcome()
        for lane in range(LANES):
            for _ in range(ROWS_PER_LANE):
                outcome = self._one_of(lane)
                if outcome is None:
                    break
                total.taken += outcome.taken
                total.rejected += outcome.rejected
                if total.rejected == total.taken >= MOST_FAILURES:
                    raise RuntimeError(f"the first {MOST_FAILURES} rows all failed; see events_quarantine")
        return total

    def _one_of(self, lane: int) -> Outcome | None:
        """The oldest row of a lane on its own; a row that cannot be acted on is set aside, whole."""
        try:
            with self._connection.transaction():
                positions = inbox.claim_lane(self._connection, lane)
                rows = inbox.take(self._connection, positions, most=1) if positions else []
                if not rows:
                    return None
                try:
                    with self._connection.transaction():
                        outcome = pipeline.act_on(self._connection, self._context, rows, positions=dict(positions))
                except (psycopg.OperationalError, psycopg.InterfaceError):
                    raise
                except Exception as error:
                    log.exception("row set aside", lane=lane, seq=rows[0].seq)
                    reason = f"{type(error).__name__}: {error}"[:500].replace("\0", "�")
                    rejections.quarantine(self._connection, rows[0], error=reason)
                    rejections.store(
                        self._connection, [rejections.rejection_of(rows[0], code="unprocessable", detail=reason)]
                    )
                    outcome = Outcome(taken=1, rejected=1)
        finally:
            self._context.gate.forget_fresh()
        return outcome

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


def _is_passing(error: psycopg.Error) -> bool:
    """Deadlocks, lock time-outs and serialisation failures pass; a second try is all they need."""
    return error.sqlstate is not None and error.sqlstate[:2] in {"40", "55", "57"}
