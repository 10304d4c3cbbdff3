"""The processes themselves: what `tessera collect`, `console` and `worker` run until they are stopped."""

import logging
import multiprocessing
import signal
import threading
from pathlib import Path
from types import FrameType

from granian import Granian
from granian.constants import Interfaces, Loops
from granian.log import LogLevels

from tessera.foundation.logs import set_up_logs
from tessera.foundation.settings import settings
from tessera.project.ports import check_free

CONSOLE_THREADS = 4
STOP_SECONDS = 5


def serve_collect() -> None:
    """The ingestion edge, until SIGTERM or SIGINT. Raises `SetupError` when its port is taken. Never loads Django."""
    check_free({"collect": settings().collect_port})
    set_up_logs("collect")
    _serve("tessera.collect.app:app", settings().collect_port, Interfaces.ASGI, threads=1)


def serve_console() -> None:
    """Staff screens and the management API, until SIGTERM or SIGINT. Raises `SetupError` when its port is taken."""
    from tessera.project.static_files import collect_if_changed

    check_free({"console": settings().console_port})
    set_up_logs("console")
    logging.getLogger("django.request").setLevel(logging.ERROR)  # a client's mistake is the client's to read
    static = collect_if_changed()
    _serve(
        "tessera.project.wsgi:application",
        settings().console_port,
        Interfaces.WSGI,
        threads=CONSOLE_THREADS,
        static=static,
    )


def run_worker() -> None:
    """One worker, until SIGTERM or SIGINT; the batch in hand is finished first."""
    from tessera.intake import worker

    stop = threading.Event()

    def ask_to_stop(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, ask_to_stop)
    set_up_logs("worker")
    worker.run(stop)


def _serve(target: str, port: int, interface: Interfaces, *, threads: int, static: Path | None = None) -> None:
    """granian forks one worker; when that dies the whole server ends, and whoever supervises us starts it anew."""
    multiprocessing.set_start_method("fork", force=True)  # what is set up here, logs first of all, holds there too
    Granian(
        target,
        address=settings().host,
        port=port,
        interface=interface,
        loop=Loops.uvloop if interface == Interfaces.ASGI else Loops.auto,
        workers=1,
        blocking_threads=threads,
        websockets=False,
        log_level=LogLevels.warning,
        log_dictconfig={"loggers": {"_granian": {"propagate": True}}},
        log_access=False,
        backlog=1024,
        workers_kill_timeout=STOP_SECONDS,
        respawn_failed_workers=False,
        static_path_route=["/static"] if static else None,
        static_path_mount=[static] if static else None,
    ).serve()
