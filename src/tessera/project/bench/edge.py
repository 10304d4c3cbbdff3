"""What it costs to acknowledge an event: collect beside the least server that could do it, by turns, on one database.

Both servers run as granian runs in production, one worker each, on the same throw-away database; the same client
loads one and then the other, several times over, and medians are compared.
"""

import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from typing import IO, Any, Final
from urllib.request import urlopen

import msgspec
import psutil
import psycopg

from tessera.foundation.embedded import borrowed_server
from tessera.foundation.errors import SetupError
from tessera.foundation.settings import settings
from tessera.project.bench.ground import environment, machine, tessera, throw_away_database
from tessera.project.bench.load import GRACE, Measurement

COLLECT: Final = "tessera.collect.app:app"
BARE: Final = "tessera.project.bench.bare:app"
START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 10.0
_WARM_UP_SECONDS: Final = 2.0


def run(*, seconds: float = 5.0, connections: int = 64, rounds: int = 5, batch: int = 100) -> dict[str, Any]:
    """Measure and return a document for JSON: `figure` and `baseline` are acknowledged requests per second.

    Takes about `4 * rounds * seconds`. `batch100` repeats it with `batch` events in each request, in events per
    second. Raises `SetupError` when a server does not start or refuses what it is sent.
    """
    with ExitStack() as stack:
        stack.enter_context(nullcontext() if settings().database_url else borrowed_server(settings().home))
        address = stack.enter_context(throw_away_database())
        key = tessera(address, "keys", "create", "write", "bench").strip()
        ours = stack.enter_context(_server(COLLECT, address, ready="/readyz"))
        bare = stack.enter_context(_server(BARE, address, ready=None))
        single = _compare(ours, bare, address, key=key, connections=connections, seconds=seconds, rounds=rounds)
        hundred = _compare(
            ours, bare, address, key=key, connections=connections, seconds=seconds, rounds=rounds, events=batch
        )
        memory = ours.memory_mb()
    return {
        "bench": "edge",
        "unit": "requests/s",
        **single,
        "memory_mb": memory,
        "connections": connections,
        "seconds": seconds,
        "rounds": rounds,
        **machine(),
        "batch100": {"unit": "events/s", "events_per_request": batch, **hundred},
    }


class Server:
    """A granian with one worker, and what it takes."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int) -> None:
        self.process = process
        self.port = port

    def memory_mb(self) -> float:
        """Proportional set size of master and worker."""
        master = psutil.Process(self.process.pid)
        family = [master, *master.children(recursive=True)]
        return round(sum(process.memory_full_info().pss for process in family) / 1e6, 1)


def _compare(
    ours: Server,
    bare: Server,
    address: str,
    *,
    key: str,
    connections: int,
    seconds: float,
    rounds: int,
    events: int = 1,
) -> dict[str, Any]:
    """Load both by turns, the first to go alternating. Each is warmed up first.

    `ratio` compares the two medians. `paired_ratio` is the median over the turns of one turn's ratio, which a machine
    busy with other things disturbs less; where the two differ much, the machine was busy and neither says much.
    """
    for server in (ours, bare):
        _measure(server, key=key, connections=connections, seconds=_WARM_UP_SECONDS, events=events)
    measured: dict[Server, list[Measurement]] = {ours: [], bare: []}
    for turn in range(rounds):
        for server in (ours, bare) if turn % 2 == 0 else (bare, ours):
            _empty_inbox(address)
            measured[server].append(_measure(server, key=key, connections=connections, seconds=seconds, events=events))
    figure = statistics.median(one.events_per_second for one in measured[ours])
    baseline = statistics.median(one.events_per_second for one in measured[bare])
    ratios = [
        mine.events_per_second / theirs.events_per_second
        for mine, theirs in zip(measured[ours], measured[bare], strict=True)
    ]
    return {
        "figure": figure,
        "baseline": baseline,
        "ratio": round(figure / baseline, 3),
        "paired_ratio": round(statistics.median(ratios), 3),
        "ratios": [round(ratio, 3) for ratio in ratios],
        "p50_ms": statistics.median(one.p50_ms for one in measured[ours]),
        "p99_ms": statistics.median(one.p99_ms for one in measured[ours]),
        "baseline_p50_ms": statistics.median(one.p50_ms for one in measured[bare]),
        "baseline_p99_ms": statistics.median(one.p99_ms for one in measured[bare]),
    }


def _measure(server: Server, *, key: str, connections: int, seconds: float, events: int) -> Measurement:
    command = [sys.executable, "-m", "tessera.project.bench.load", "--port", str(server.port), "--key", key]
    command += ["--connections", str(connections), "--seconds", str(seconds), "--events", str(events)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=seconds + GRACE + START_SECONDS)
    if done.returncode:
        raise SetupError(f"the load client failed: {done.stderr.decode(errors='replace')[-500:]}")
    measured = msgspec.json.decode(done.stdout, type=Measurement)
    if measured.failures or not measured.requests:
        raise SetupError(f"{measured.failures} requests failed and {measured.requests} were acknowledged")
    return measured


def _empty_inbox(address: str) -> None:
    """Both begin with the same empty table and nothing to be written back."""
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("TRUNCATE events_inbox")
        connection.execute("CHECKPOINT")


@contextmanager
def _server(application: str, address: str, *, ready: str | None) -> Iterator[Server]:
    port = _free_port()
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--loop", "uvloop", "--no-ws", "--workers", "1"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--log-level", "warning", application]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, env=environment(address), stdout=log, stderr=log)
        try:
            _wait_until_ready(process, port, ready, log)
            yield Server(process, port)
        finally:
            _stop(process)


def _wait_until_ready(process: "subprocess.Popen[bytes]", port: int, path: str | None, log: IO[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if path is None:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            else:
                urlopen(f"http://127.0.0.1:{port}{path}", timeout=1).close()  # nosec B310
        except OSError:
            time.sleep(0.05)
        else:
            return
    log.seek(0)
    raise SetupError(f"a server did not start: {log.read()[-500:].decode(errors='replace')}")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """granian's master may outlive one SIGTERM while connections are open."""
    family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.terminate()
    try:
        process.wait(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        for one in family:
            one.kill()
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
