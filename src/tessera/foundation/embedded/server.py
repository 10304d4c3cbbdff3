"""Running the embedded server, and who may stop it.

`tessera up` holds `<home>/up.lock` for as long as it lives; the server is then its own and ends with it. Every other
command borrows: it uses the server it finds or starts one, and the last borrower to leave stops what a borrower
started. An `up` that starts while others borrow waits for them, then replaces the borrowed server by its own.
`<home>/postgres/lock` is held while anybody looks, starts or stops; `<home>/postgres/borrowers` is shared by the users.
"""

import fcntl
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import psutil
from msgspec import Struct

from tessera.foundation.embedded.cluster import prepare, server_environment
from tessera.foundation.embedded.os_user import as_user, server_user
from tessera.foundation.embedded.places import places
from tessera.foundation.errors import SetupError

START_SECONDS = 60.0
STOP_SECONDS = 60.0
LOG_LIMIT = 10_000_000
_PAUSE = 0.02
_STATUS_LINE = 7


def postmaster(home: Path) -> psutil.Process | None:
    """The living server of this home, whoever started it; a stale pid file counts for nothing."""
    data = places(home).data
    with suppress(OSError, ValueError, psutil.Error):
        process = psutil.Process(int((data / "postmaster.pid").read_text().split("\n", 1)[0]))
        words = process.cmdline()
        if process.status() != psutil.STATUS_ZOMBIE and str(data) in words and Path(words[0]).name == "postgres":
            return process
    return None


def running(home: Path) -> bool:
    """Whether a server runs on this home (it may still be starting)."""
    return postmaster(home) is not None


def ready(home: Path) -> bool:
    """Whether the server takes connections: a line of its pid file says so (it is what pg_ctl reads)."""
    if not running(home):
        return False
    with suppress(OSError, IndexError):
        return (places(home).data / "postmaster.pid").read_text().split("\n")[_STATUS_LINE].strip() == "ready"
    return False


def wait_ready(home: Path, *, seconds: float = START_SECONDS, alive: Callable[[], bool] = lambda: True) -> None:
    """Wait until the server takes connections. Raises `SetupError` when it died (`alive` says no) or is too slow."""
    deadline = time.monotonic() + seconds
    while not ready(home):
        if not alive():
            raise SetupError(f"PostgreSQL did not start: {last_words(home)}")
        if time.monotonic() > deadline:
            raise SetupError(f"PostgreSQL was not ready after {seconds:.0f} s; see {places(home).log}")
        time.sleep(_PAUSE)


def last_words(home: Path) -> str:
    """The last complaint in the server's log and what stands before it, which often is the reason; on one line."""
    with suppress(OSError):
        lines = places(home).log.read_text(errors="replace").splitlines()[-50:]
        worst = [index for index, line in enumerate(lines) if "FATAL" in line or "PANIC" in line]
        last = worst[-1] if worst else len(lines) - 1
        return "; ".join(lines[max(last - 1, 0) : last + 1]) or "its log is empty"
    return f"no log at {places(home).log}"


class ServerProcess(Struct, frozen=True):
    """What to run as a child process to have the server in front: `subprocess.Popen(command, **options)`."""

    command: list[str]
    options: dict[str, Any]


def server_process(home: Path) -> ServerProcess:
    """Prepare the cluster and say how to run its server. The caller is the supervisor, or holds the lock.

    A pid file whose process is gone is removed first: its number may belong to a stranger by now, and PostgreSQL
    would take that stranger for a rival.
    """
    command = prepare(home)
    if not running(home):
        (places(home).data / "postmaster.pid").unlink(missing_ok=True)
    rights = as_user(server_user())
    return ServerProcess(command, {"cwd": "/", "env": server_environment(), "start_new_session": True, **rights})


def stop(home: Path) -> None:
    """Stop the server, whoever started it: fast shutdown, then an immediate one if it does not obey."""
    process = postmaster(home)
    if process is None:
        return
    for order in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        with suppress(psutil.NoSuchProcess):
            process.send_signal(order)
            if _gone(process, seconds=STOP_SECONDS if order == signal.SIGINT else 5):
                return


def _gone(process: psutil.Process, *, seconds: float) -> bool:
    """A zombie is gone too: the command that started the server may live on and reap it later."""
    deadline = time.monotonic() + seconds
    with suppress(psutil.NoSuchProcess):
        while process.status() != psutil.STATUS_ZOMBIE:
            if time.monotonic() > deadline:
                return False
            time.sleep(_PAUSE)
    return True


# --- Sharing ----------------------------------------------------------------------------------------------------------


@contextmanager
def supervision(home: Path) -> Iterator[None]:
    """Held by `tessera up` for life. Raises `SetupError` when another one holds it."""
    home.mkdir(parents=True, exist_ok=True)
    with _open_lock(home / "up.lock") as lock:
        if not _try(lock, fcntl.LOCK_EX):
            raise SetupError(f"tessera is already running on {home}")
        yield


def supervised(home: Path) -> bool:
    """Whether a `tessera up` lives on this home."""
    with suppress(FileNotFoundError), (home / "up.lock").open("rb") as lock:
        return not _try(lock, fcntl.LOCK_SH)
    return False


@contextmanager
def taken_over(
    home: Path, *, waiting: Callable[[], None] = lambda: None, give_up: Callable[[], bool] = lambda: False
) -> Iterator[None]:
    """For the supervisor: no server runs and nobody starts one while inside; start yours there.

    Waits for borrowers to finish (calls `waiting` once when it has to), then stops the server they left. Raises
    `SetupError` when `give_up` says so while it waits.
    """
    told = False
    while not give_up():
        with _locked(home), _open_lock(_borrowers(home)) as borrowers:
            if _try(borrowers, fcntl.LOCK_EX):
                stop(home)
                yield
                return
        if not told:
            waiting()
            told = True
        time.sleep(0.1)
    raise SetupError("the database is used by another command")


@contextmanager
def borrowed_server(home: Path) -> Iterator[None]:
    """The embedded server runs while inside: the one that is there, else one started for the occasion."""
    places(home).base.mkdir(parents=True, exist_ok=True)
    with _open_lock(_borrowers(home)) as borrowers:
        with _locked(home):
            fcntl.flock(borrowers, fcntl.LOCK_SH)
            if not running(home) and not supervised(home):
                _start_detached(home)
        try:
            wait_ready(home)
            yield
        finally:
            with _locked(home):
                if _try(borrowers, fcntl.LOCK_EX) and not supervised(home):
                    stop(home)


def _start_detached(home: Path) -> None:
    """Waits until it is ready: a rival who looks before the pid file is there would start a second one."""
    log = places(home).log
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        log.replace(log.with_suffix(".log.1"))
    with log.open("ab") as output:
        server = server_process(home)
        process = subprocess.Popen(
            server.command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, **server.options
        )
    wait_ready(home, alive=lambda: process.poll() is None)


def _borrowers(home: Path) -> Path:
    return places(home).base / "borrowers"


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    places(home).base.mkdir(parents=True, exist_ok=True)
    with _open_lock(places(home).base / "lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _open_lock(path: Path) -> IO[bytes]:
    try:
        return path.open("ab")
    except PermissionError:
        raise SetupError(f"{path} belongs to another user; run as that user or choose another TESSERA_HOME") from None


def _try(lock: IO[bytes], how: int) -> bool:
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
