"""The processes themselves: what `tessera collect`, `console` and `worker` run until they are stopped."""

import logging
import multiprocessing
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from granian import Granian
from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.log import LogLevels

from tessera.foundation.logs import set_up_logs
from tessera.foundation.settings import settings
from tessera.project.ports import check_free

STOP_SECONDS = 5
HEAD_MILLISECONDS = 5_000
"""A connection that says nothing, or half a request's head, for so long is closed."""
MOST_CONNECTIONS = 4_096


def serve_collect() -> None:
    """The ingestion edge, until SIGTERM or SIGINT. Raises `SetupError` when its port is taken. Never loads Django."""
    check_free({"collect": settings().collect_port})
    set_up_logs("collect")
    _serve("tessera.collect.app:app", settings().collect_port)


def serve_console() -> None:
    """Staff screens and the management API, until SIGTERM or SIGINT. Raises `SetupError` when its port is taken."""
    from tessera.project.static_files import collect_if_changed

    check_free({"console": settings().console_port})
    set_up_logs("console")
    logging.getLogger("django.request").setLevel(logging.ERROR)  # a client's mistake is the client's to read
    static = collect_if_changed()
    _serve("tessera.project.front:application", settings().console_port, static=static)


def run_worker() -> None:
    """One worker, until SIGTERM or SIGINT; the batch in hand is finished first."""
    from tessera.intake import worker
    from tessera.project import reactions

    reactions.register()
    stop = threading.Event()

    def ask_to_stop(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, ask_to_stop)
    set_up_logs("worker")
    worker.run(stop)


def run_analyst() -> None:
    """The analyst, until SIGTERM or SIGINT; the step in hand is finished first. No Django."""
    from tessera.audience import service
    from tessera.audience.warehouse.opening import open_engine

    stop = threading.Event()

    def ask_to_stop(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, ask_to_stop)
    set_up_logs("analyst")
    keep_archive = settings().history_months is not None
    if service.run(stop, lambda: open_engine(settings().warehouse_url, settings().home), archive=keep_archive):
        os.execv(sys.executable, [sys.executable, "-m", "tessera", "analyst"])  # noqa: S606  # nosec B606


def run_jobs() -> None:
    """The keeper of jobs, until SIGTERM or SIGINT; a job in hand is stopped and done again later. No Django."""
    from tessera.jobs.keeper import keep
    from tessera.project.periodic import PERIODIC

    set_up_logs("jobs")
    logging.getLogger("procrastinate").setLevel(logging.WARNING)
    keep(PERIODIC)


def _serve(target: str, port: int, *, static: Path | None = None) -> None:
    """granian forks one worker; when that dies the whole server ends, and whoever supervises us starts it anew."""
    multiprocessing.set_start_method("fork", force=True)  # what is set up here, logs first of all, holds there too
    Granian(
        target,
        address=settings().host,
        port=port,
        interface=Interfaces.ASGI,
        loop=Loops.uvloop,
        workers=1,
        websockets=False,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=HEAD_MILLISECONDS, max_buffer_size=65_536),
        backpressure=MOST_CONNECTIONS,
        log_level=LogLevels.warning,
        log_dictconfig={"loggers": {"_granian": {"propagate": True}}},
        log_access=False,
        backlog=1024,
        workers_kill_timeout=STOP_SECONDS,
        respawn_failed_workers=False,
        static_path_route=["/static"] if static else None,
        static_path_mount=[static] if static else None,
    ).serve()
