"""The process that does jobs: takes them from the queue and gives each a process of its own.

A job may use all of a processor and a gigabyte, hang or crash; its keeper only watches, so its heartbeat goes on, and
the memory comes back. A job whose process was killed is done again, and so is one that met an error which may pass;
one whose keeper was killed is taken over by another keeper when the heartbeat is missed.
"""

import asyncio
import ctypes
import json
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import structlog
from msgspec import Struct
from procrastinate import App, BaseRetryStrategy, RetryDecision
from procrastinate.jobs import Job

from tessera.jobs.queue import LONG, OUTSIDE, RUN, SHORT, working_app
from tessera.jobs.registry import TRY_LATER

log = structlog.get_logger("jobs")
AT_ONCE: Final = {LONG: 2, SHORT: 2, OUTSIDE: 2}
"""How many of each queue a keeper does at a time: imports that take hours, and receivers that hardly take anything,
leave erasures their slots."""
MOST_TRIES: Final = 5
"""Of a job that is killed: five times out of memory, and it is the job."""
MOST_TRIES_LATER: Final = 20
"""Of a job that met what may pass: with the pauses, half an hour."""
PAUSE: Final = 2
LONGEST_PAUSE: Final = 120
HEARTBEAT: Final = 2.0
MISSED_AFTER: Final = 10.0
SWEEP_EVERY: Final = 3.0
KEPT_HOURS: Final = 24 * 30
GRACE: Final = 10.0
_PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


class Periodic(Struct, frozen=True):
    """A task done by the clock. `cron` has five fields, in UTC."""

    name: str
    cron: str


class Killed(Exception):
    """The job's process ended by a signal: it did not fail, it was stopped."""


class Hindered(Exception):
    """The job's process met what may pass: the database was away, or a rival was quicker."""


class JobFailed(Exception):
    """The job's process said no. The reason is in its own log lines."""


class _Again(BaseRetryStrategy):
    """Once more when it was killed or hindered, after pauses that grow; never when it failed."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        tries = MOST_TRIES if isinstance(exception, Killed) else MOST_TRIES_LATER * isinstance(exception, Hindered)
        if job.attempts >= tries:
            return None
        # the first pauses grow by two seconds, as a restart takes a few; the later ones double
        pause = PAUSE * (job.attempts + 1) if job.attempts < MOST_TRIES else PAUSE << job.attempts
        return RetryDecision(retry_in={"seconds": min(pause, LONGEST_PAUSE)})


def keep(periodic: Sequence[Periodic] = ()) -> None:
    """Do jobs until SIGTERM or SIGINT; what is in hand then is stopped and done again later."""
    asyncio.run(_Keeper(periodic).run())


class _Keeper:
    def __init__(self, periodic: Sequence[Periodic]) -> None:
        self._app = working_app()
        # every worker of an app looks at its clock, so the other queues have an app without one
        others = {queue: App(connector=self._app.connector) for queue in AT_ONCE if queue != SHORT}
        self._apps = {SHORT: self._app, **others}
        for queue, app in self._apps.items():
            app.task(name=RUN, queue=queue, retry=_Again())(self._do)
        for each in periodic:
            self._add_periodic(each)
        self._stop = asyncio.Event()
        self._children: set[asyncio.subprocess.Process] = set()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        async with self._app.open_async():
            work = [loop.create_task(self._work(queue)) for queue in self._apps]
            sweep = loop.create_task(self._sweep_for_ever())
            for order in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(order, self._stop.set)
            log.info("working")
            stopping = loop.create_task(self._stop.wait())
            await asyncio.wait({*work, stopping}, return_when=asyncio.FIRST_COMPLETED)
            self._stop.set()
            for each in (*work, sweep):  # before a slot is free, so that nothing more is taken into it
                each.cancel()
            for child in list(self._children):
                _end(child)
            await asyncio.gather(*work, sweep, stopping, return_exceptions=True)
        for worker in work:
            if not worker.cancelled() and (error := worker.exception()):
                raise error

    async def _work(self, queue: str) -> None:
        await self._apps[queue].run_worker_async(
            name=queue,
            queues=[queue],
            concurrency=AT_ONCE[queue],
            install_signal_handlers=False,
            shutdown_graceful_timeout=GRACE,
            delete_jobs="successful",
            fetch_job_polling_interval=2.0,
            update_heartbeat_interval=HEARTBEAT,
            stalled_worker_timeout=MISSED_AFTER,
        )

    async def _do(self, task: str, arguments: dict[str, Any]) -> None:
        """One job in a process of its own."""
        if self._stop.is_set():  # it was taken while we were told
            raise Killed(task)
        parent = os.getpid()
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tessera",
            "job",
            task,
            json.dumps(arguments),
            stdin=asyncio.subprocess.DEVNULL,
            preexec_fn=lambda: _die_with(parent),
        )
        self._children.add(process)
        if self._stop.is_set():
            _end(process)
        try:
            code = await self._ended(process)
        finally:
            self._children.discard(process)
        if code < 0 or self._stop.is_set():
            log.warning("job stopped", task=task, by=-code)
            raise Killed(task)
        if code == TRY_LATER:
            log.warning("job hindered", task=task)
            raise Hindered(task)
        if code:
            log.error("job failed", task=task, exit=code)
            raise JobFailed(task)
        log.info("job done", task=task)

    async def _ended(self, process: asyncio.subprocess.Process) -> int:
        """Its exit code; where the grace is over, it is killed first: nothing goes on behind the queue's back.

        Being cancelled goes no further: a job that ends cancelled is over for good, one that was killed is done again.
        """
        try:
            return await process.wait()
        except asyncio.CancelledError:
            with suppress(ProcessLookupError):
                process.kill()
            return await process.wait()

    def _add_periodic(self, each: Periodic) -> None:
        async def by_the_clock(timestamp: int) -> None:
            try:
                await self._do(each.name, {})
            except Killed:
                # it comes again by the clock, and must not be put back: the next one may wait already
                if not self._stop.is_set():
                    raise

        name = f"periodic:{each.name}"
        registered = self._app.task(name=name, queue=SHORT, queueing_lock=name)
        self._app.periodic(cron=each.cron)(registered(by_the_clock))

    async def _sweep_for_ever(self) -> None:
        while True:
            with suppress(Exception):  # the database is away: the worker says so
                await self._sweep()
            await asyncio.sleep(SWEEP_EVERY)

    async def _sweep(self) -> None:
        """Take over what dead keepers left, forget what is long over."""
        jobs = self._app.job_manager
        for stalled in await jobs.get_stalled_jobs(seconds_since_heartbeat=MISSED_AFTER):
            log.warning("taking over a job whose keeper is gone", job=stalled.id)
            await jobs.retry_job(stalled)
        await jobs.delete_old_jobs(KEPT_HOURS, include_failed=True, include_cancelled=True, include_aborted=True)


def _end(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()


def _die_with(parent: int) -> None:
    """In the child, before exec: a job never outlives its keeper."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
    if os.getppid() != parent:
        os._exit(1)
