"""`tessera up`: starts everything in order, keeps it running, stops it in order.

PostgreSQL, then the migrations, then the first run's settling in, then collect, console, jobs, analyst and workers.
Each has a session and a log of its own. When the supervisor itself is killed, the kernel tells its children to stop;
the next `up` clears whatever did not.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack

import msgspec
from msgspec import Struct

from tessera.foundation import embedded
from tessera.foundation.errors import SetupError
from tessera.foundation.settings import Settings, settings
from tessera.project import leftovers
from tessera.project.children import Child, Plan, Say
from tessera.project.first_run import Settled
from tessera.project.ports import check_free

POSTGRES_GRACE = 60.0
_POLL = 0.05
_TRIES_BEFORE_SAID = 600


class Demo(Struct, frozen=True):
    """How large a demo world the first run makes; nobody at all when `people` is 0."""

    people: int
    days: int
    seed: int


def up(*, demo: Demo, say: Say, welcome: Callable[[Settled], None]) -> None:
    """Run the whole installation until SIGINT or SIGTERM; returns when all of it has stopped.

    `say(name, text)` gets what an operator should see, `welcome` is called once, when everything is ready. Raises
    `SetupError` with one clear line when it cannot start; nothing is left running then either.
    """
    home = settings().home
    with embedded.supervision(home):
        if left := leftovers.clear(home):
            say("up", f"stopped {left} processes that an earlier tessera up left when it was killed")
        check_free({"console": settings().console_port, "collect": settings().collect_port})
        asyncio.run(_Supervisor(settings(), demo=demo, say=say, welcome=welcome).run())


class _Supervisor:
    def __init__(self, chosen: Settings, *, demo: Demo, say: Say, welcome: Callable[[Settled], None]) -> None:
        self._settings = chosen
        self._home = chosen.home
        self._demo = demo
        self._say = say
        self._welcome = welcome
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self._watching: list[asyncio.Task[None]] = []
        self._postgres = None if chosen.database_url else self._child("postgres", self._postgres_plan)
        workers = ["worker"] if chosen.workers == 1 else [f"worker-{n}" for n in range(1, chosen.workers + 1)]
        self._children = [
            self._child(name, _tessera_plan(name.split("-")[0])) for name in ("collect", "console", "jobs", "analyst")
        ]
        self._children += [self._child(name, _tessera_plan("worker")) for name in workers]

    def _child(self, name: str, plan: Callable[[], Plan]) -> Child:
        return Child(name, plan, log=self._home / "logs" / f"{name}.log", say=self._say)

    async def run(self) -> None:
        for order in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(order, self._asked_to_stop)
        starting = asyncio.create_task(self._start_all())
        stopped = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                await stopped
        finally:
            starting.cancel()
            stopped.cancel()
            await asyncio.wait({starting, stopped})
            await self._stop_all()
            leftovers.forget(self._home)

    def _asked_to_stop(self) -> None:
        """The second time is taken as impatience."""
        if self._stop.is_set():
            self._hurry.set()
        else:
            self._say("up", "stopping; once more kills what has not stopped yet")
        self._stop.set()

    # --- starting -----------------------------------------------------------------------------------------------------

    async def _start_all(self) -> None:
        if self._postgres:
            await self._start_postgres(self._postgres)
        await _run_command("migrate")
        size = ["--people", str(self._demo.people), "--days", str(self._demo.days), "--seed", str(self._demo.seed)]
        settled = msgspec.json.decode(await _run_command("first-run", *size), type=Settled)
        for child in self._children:
            await child.start()
            self._watch(child)
        for name, port in self._doors().items():
            await self._until_ready(name, port)
        self._welcome(settled)

    async def _start_postgres(self, postgres: Child) -> None:
        def told() -> None:
            self._say("postgres", "another tessera command uses the database; waiting for it to finish")

        with ExitStack() as stack:
            turn = embedded.taken_over(self._home, waiting=told, give_up=self._stop.is_set)
            await asyncio.to_thread(stack.enter_context, turn)
            await postgres.start()
            await asyncio.to_thread(embedded.wait_ready, self._home, alive=lambda: postgres.alive)
        self._watch(postgres)

    def _watch(self, child: Child) -> None:
        self._write_down()
        self._watching.append(asyncio.create_task(child.supervise(on_start=self._write_down)))

    def _write_down(self) -> None:
        leftovers.write_down(self._home, [*([self._postgres] if self._postgres else []), *self._children])

    def _postgres_plan(self) -> Plan:
        server = embedded.server_process(self._home)
        fast, immediate = signal.SIGINT, signal.SIGQUIT
        return Plan(server.command, server.options, order_to_stop=fast, order_to_hurry=immediate, grace=POSTGRES_GRACE)

    def _doors(self) -> dict[str, int]:
        return {"collect": self._settings.collect_port, "console": self._settings.console_port}

    async def _until_ready(self, name: str, port: int) -> None:
        """Patient, but not silent: the reason stands in the log, or it crashes and that is said anyway."""
        tries = 0
        while not await answers_ready(self._settings.host, port):
            tries += 1
            if tries % _TRIES_BEFORE_SAID == 0:
                self._say(name, f"is not ready yet; see {self._home / 'logs' / name}.log")
            await asyncio.sleep(_POLL)

    # --- stopping -----------------------------------------------------------------------------------------------------

    async def _stop_all(self) -> None:
        """Those who write first, then what they write to."""
        await asyncio.gather(*(child.stop(hurry=self._hurry) for child in self._children))
        if self._postgres:
            await self._postgres.stop(hurry=self._hurry)
        for task in self._watching:
            task.cancel()
        await asyncio.gather(*self._watching, return_exceptions=True)


def _tessera_plan(command: str) -> Callable[[], Plan]:
    """Few malloc arenas: threads that come and go would each keep one."""
    ours = {"TESSERA_HOME": str(settings().home), leftovers.MARK: str(settings().home), "PYTHONUNBUFFERED": "1"}
    environment = {**os.environ, **ours, "MALLOC_ARENA_MAX": "2"}
    return lambda: Plan([sys.executable, "-m", "tessera", command], {"env": environment})


async def _run_command(*words: str) -> bytes:
    """Run one of our own commands to its end, in a process of its own so that the supervisor stays small.

    Returns what it printed; its progress bars go to the terminal. Raises `SetupError` with its last word when it fails.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tessera",
        *words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        said, _ = await process.communicate()
    except asyncio.CancelledError:
        process.terminate()
        await process.wait()
        raise
    if process.returncode != 0:
        raise SetupError(f"tessera {words[0]} failed; the reason is above")
    return said


async def answers_ready(host: str, port: int) -> bool:
    """Whether the HTTP process at `port` says that it can do its work."""
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 -- compared, not bound
    try:
        reader, writer = await asyncio.wait_for(asyncio.open_connection(address, port), timeout=2)
        try:
            writer.write(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            status = await asyncio.wait_for(reader.readline(), timeout=5)
        finally:
            writer.close()
    except (OSError, TimeoutError):
        return False
    return status.split(b" ")[1:2] == [b"200"]
