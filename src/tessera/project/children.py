"""A process under supervision: started in its own session, its words kept in a log, restarted when it dies."""

import asyncio
import ctypes
import os
import re
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 30.0
HEALTHY_SECONDS: Final = 60.0
LOG_LIMIT: Final = 10_000_000
_LONGEST_LINE: Final = 64 * 1024
_LAST_GRACE: Final = 5.0

_PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_NOTABLE = re.compile(
    r"^\S+ (warning|error|critical) |^\[(WARNING|ERROR|CRITICAL)\]|\"level\": ?\"(warning|error|critical)\"|\bPANIC:"
    r"|^tessera: |was terminated by signal"
)

Say = Callable[[str, str], None]
"""`say(name, text)`: one line for whoever sits at the terminal."""


class Plan(Struct, frozen=True):
    """How to start a child. `order_to_stop` asks it to finish what it has in hand, `order_to_hurry` to drop that."""

    command: list[str]
    options: dict[str, Any]
    order_to_stop: signal.Signals = signal.SIGTERM
    order_to_hurry: signal.Signals = signal.SIGKILL
    grace: float = 10.0


class Child:
    """One supervised process. `plan` is asked again before every start."""

    def __init__(self, name: str, plan: Callable[[], Plan], *, log: Path, say: Say) -> None:
        self.name = name
        self.restarts = 0
        self._ask_plan = plan
        self._log = log
        self._say = say
        self._plan: Plan | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def pid(self) -> int | None:
        return self._process.pid if self.alive and self._process else None

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start it; its output goes to the log line by line."""
        plan = self._plan = self._ask_plan()
        order, parent = plan.order_to_stop, os.getpid()
        # A pipe of our own: asyncio's `wait` would wait for its pipe to close, which a forked worker can hold open.
        reading, writing = os.pipe()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *plan.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                preexec_fn=lambda: _die_with(parent, order),
                **{**plan.options, "start_new_session": True},
            )
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        self._reader = asyncio.create_task(self._keep_words(reading))

    async def supervise(self, *, on_start: Callable[[], None]) -> None:
        """Restart it whenever it ends, with growing pauses, until it is stopped. It has been started already."""
        pause = FIRST_PAUSE
        while not self._stopping:
            started = time.monotonic()
            ending = await self._ended()
            if self._stopping:
                return
            if time.monotonic() - started >= HEALTHY_SECONDS:
                pause = FIRST_PAUSE
            self._say(self.name, f"stopped unexpectedly ({ending}); starting it again in {pause:g} s")
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
            if not self._stopping:
                await self._start_again(on_start)

    async def _start_again(self, on_start: Callable[[], None]) -> None:
        try:
            await self.start()
        except Exception as error:
            self._say(self.name, f"cannot be started: {error}")
            return
        self.restarts += 1
        on_start()
        self._say(self.name, f"started again (process {self.pid})")

    async def _ended(self) -> str:
        """Wait for the end and sweep up what it may have forked; returns how it ended, in words."""
        process = self._process
        if process is None:
            return "it never started"
        code = await process.wait()
        _kill_group(process.pid)
        self._process = None  # the number is free from now on; nobody of ours may be taken for whoever gets it
        if self._reader is not None:
            await asyncio.wait({self._reader}, timeout=1)
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    async def stop(self, *, hurry: asyncio.Event) -> None:
        """Ask it to finish; kill it with everything it forked when its grace is over or `hurry` is set."""
        self._stopping = True
        process = self._process
        if process is None or self._plan is None:
            return
        done, hurried = asyncio.create_task(process.wait()), asyncio.create_task(hurry.wait())
        self._signal(self._plan.order_to_stop)
        await asyncio.wait({done, hurried}, timeout=self._plan.grace, return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()
        if not done.done():
            self._say(self.name, "has not stopped; killing it")
            self._signal(self._plan.order_to_hurry)
            await asyncio.wait({done}, timeout=_LAST_GRACE)
        if self._process is not None:  # otherwise `_ended` has swept up already
            _kill_group(process.pid)
        await done
        if self._reader is not None:
            await asyncio.wait({self._reader}, timeout=1)

    def _signal(self, order: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            if self._process is not None:
                self._process.send_signal(order)

    async def _keep_words(self, descriptor: int) -> None:
        words = asyncio.StreamReader()
        with LogFile(self._log) as log, os.fdopen(descriptor, "rb", buffering=0) as pipe:
            await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(words), pipe)
            rest = b""
            while chunk := await words.read(_LONGEST_LINE):
                *lines, rest = (rest + chunk).split(b"\n")
                if len(rest) > _LONGEST_LINE:
                    lines, rest = [*lines, rest], b""
                for line in lines:
                    self._take(line, log)
            if rest:
                self._take(rest, log)

    def _take(self, line: bytes, log: "LogFile") -> None:
        log.write(line + b"\n")
        text = line.decode(errors="replace").rstrip()
        if not self._stopping and _NOTABLE.search(text):
            self._say(self.name, text)


class LogFile:
    """A file that starts anew at `LOG_LIMIT` bytes, keeping the one before as `<name>.1`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = path.open("ab", buffering=0)

    def __enter__(self) -> "LogFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, line: bytes) -> None:
        if self._file.tell() + len(line) > LOG_LIMIT:
            self._file.close()
            self._path.replace(self._path.with_name(self._path.name + ".1"))
            self._file = self._path.open("ab", buffering=0)
        self._file.write(line)


def _die_with(parent: int, order: signal.Signals) -> None:
    """In the child, before exec: have the kernel stop it when the supervisor is killed with no chance to do so."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, int(order))
    if os.getppid() != parent:
        os._exit(1)


def _kill_group(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
