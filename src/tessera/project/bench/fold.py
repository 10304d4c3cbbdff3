"""The worker that `tessera bench intake` measures: the one `tessera worker` runs, told when to begin.

For every line on its standard input it drains the inbox and prints one JSON object about it.
"""

import queue
import sys
import threading
import time
from contextlib import suppress
from typing import Any

import msgspec
import psutil
import psycopg

from tessera.foundation.database import connect
from tessera.foundation.logs import set_up_logs
from tessera.intake.context import load_context
from tessera.intake.worker import CONNECTIONS, Worker, calm_the_collector, prepare


class Drained(msgspec.Struct):
    """`batches` has the milliseconds of every step that had work, with the tallies and chores that fell due in it.

    `cpu_seconds` is ours, `server_cpu_seconds` that of our session in PostgreSQL (0 where it is on another machine):
    with others at work on the same processors these tell more than `seconds`.
    """

    seconds: float
    cpu_seconds: float
    server_cpu_seconds: float
    batches: list[float]
    memory_mb: float


def server_cpu(connection: psycopg.Connection[Any]) -> float:
    """CPU seconds that the session's server process has used so far."""
    with suppress(psutil.Error):
        process = psutil.Process(connection.info.backend_pid)
        if process.name() == "postgres":
            times = process.cpu_times()
            return times.user + times.system
    return 0.0


class Hand(threading.Thread):
    """One connection of the worker: on every call it works until nothing waits."""

    def __init__(self, *, chores: bool) -> None:
        super().__init__(daemon=True)
        self._chores = chores
        self._calls: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[list[float]] = queue.SimpleQueue()
        self.connection: psycopg.Connection[Any] | None = None
        self.start()

    def begin(self) -> None:
        self._calls.put(None)

    def finish(self) -> list[float]:
        """Milliseconds of every step that had work."""
        return self._done.get()

    def run(self) -> None:
        with connect(autocommit=True, application="tessera worker") as self.connection:
            prepare(self.connection)
            worker = Worker(self.connection, load_context(self.connection), chores=self._chores)
            while True:
                self._calls.get()
                batches: list[float] = []
                while True:
                    before = time.perf_counter()
                    if not worker.step():
                        break
                    batches.append(round((time.perf_counter() - before) * 1000, 3))
                self._done.put(batches)


def drain(hands: list[Hand]) -> Drained:
    """Work until nothing waits."""
    connections = [hand.connection for hand in hands if hand.connection is not None]
    started, cpu, server = time.perf_counter(), time.process_time(), sum(map(server_cpu, connections))
    for hand in hands:
        hand.begin()
    batches = [took for hand in hands for took in hand.finish()]
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    server = sum(map(server_cpu, connections)) - server
    memory = psutil.Process().memory_full_info().pss / 1e6
    return Drained(seconds, cpu, server, batches, round(memory, 1))


def main() -> None:
    set_up_logs("worker")
    calm_the_collector()
    hands = [Hand(chores=number == 0) for number in range(CONNECTIONS)]
    for _ in sys.stdin:
        sys.stdout.write(msgspec.json.encode(drain(hands)).decode() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
