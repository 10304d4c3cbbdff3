"""The worker that `tessera bench intake` measures: the one `tessera worker` runs, told when to begin.

For every line on its standard input it drains the inbox and prints one JSON object about it.
"""

import sys
import time
from contextlib import suppress
from typing import Any

import msgspec
import psutil
import psycopg

from tessera.foundation.database import connect, plan_once
from tessera.foundation.logs import set_up_logs
from tessera.intake.context import load_context
from tessera.intake.worker import Worker, calm_the_collector


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


def drain(worker: Worker, connection: psycopg.Connection[Any]) -> Drained:
    """Work until nothing waits."""
    batches: list[float] = []
    started, cpu, server = time.perf_counter(), time.process_time(), server_cpu(connection)
    while True:
        before = time.perf_counter()
        if not worker.step():
            break
        batches.append(round((time.perf_counter() - before) * 1000, 3))
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    server = server_cpu(connection) - server
    memory = psutil.Process().memory_full_info().pss / 1e6
    return Drained(seconds, cpu, server, batches, round(memory, 1))


def main() -> None:
    set_up_logs("worker")
    calm_the_collector()
    with connect(autocommit=True, application="tessera worker") as connection:
        plan_once(connection)
        worker = Worker(connection, load_context(connection))
        for _ in sys.stdin:
            sys.stdout.write(msgspec.json.encode(drain(worker, connection)).decode() + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
