"""What runs is written down for `doctor` to look at; what a killed `up` left running is found and cleared."""

import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
import psutil
from msgspec import Struct

from tessera.project.children import Child

MARK: Final = "TESSERA_SUPERVISED_HOME"
"""The variable that every supervised process carries, and whatever it forks inherits."""
_CLOCK_TOLERANCE = 1.0
_KILL_SECONDS = 5.0


class Running(Struct, frozen=True):
    """A process as it was started. `created` (seconds since 1970) tells it from a later one with the same number."""

    name: str
    pid: int
    created: float
    restarts: int

    def process(self) -> psutil.Process | None:
        """The process itself while it lives."""
        with suppress(psutil.Error):
            process = psutil.Process(self.pid)
            alive = process.status() != psutil.STATUS_ZOMBIE
            if alive and abs(process.create_time() - self.created) < _CLOCK_TOLERANCE:
                return process
        return None


def write_down(home: Path, children: Iterable[Child]) -> None:
    """Note which processes run now; replaced as a whole."""
    entries = [Running("supervisor", os.getpid(), psutil.Process().create_time(), 0)]
    for child in children:
        with suppress(psutil.Error):
            if child.pid is not None:
                created = psutil.Process(child.pid).create_time()
                entries.append(Running(child.name, child.pid, created, child.restarts))
    draft = _file(home).with_suffix(".draft")
    draft.write_bytes(msgspec.json.encode(entries))
    draft.replace(_file(home))


def written_down(home: Path) -> list[Running]:
    """What the last `up` noted; empty when there was none or it ended well."""
    try:
        return msgspec.json.decode(_file(home).read_bytes(), type=list[Running])
    except (FileNotFoundError, msgspec.DecodeError):
        return []


def forget(home: Path) -> None:
    """The `up` has ended well."""
    _file(home).unlink(missing_ok=True)


def clear(home: Path) -> int:
    """Kill what a killed `up` left running, except PostgreSQL, which is stopped with more care; returns how many.

    The caller holds `supervision(home)`, so nothing that carries the mark can belong to a living supervisor.
    """
    left = [process for process in psutil.process_iter() if _is_marked(process, home)]
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + _KILL_SECONDS
    while any(_lives(process) for process in left) and time.monotonic() < deadline:
        time.sleep(0.02)
    forget(home)
    return len(left)


def _lives(process: psutil.Process) -> bool:
    """A zombie holds no port any more, and in a container nobody may ever reap it."""
    with suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


def _is_marked(process: psutil.Process, home: Path) -> bool:
    try:
        return process.environ().get(MARK) == str(home)
    except (psutil.Error, OSError):
        return False  # somebody else's


def _file(home: Path) -> Path:
    return home / "processes.json"
