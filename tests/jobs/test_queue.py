"""Jobs are there if and only if their cause is, and are done although processes die."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from procrastinate.jobs import Job

from tessera.foundation.database import connect, may_pass
from tessera.jobs import LONG, OUTSIDE, SHORT, AlreadyWaiting, defer
from tessera.jobs.keeper import Hindered, JobFailed, Killed, _Again
from tessera.jobs.queue import failed_since, waiting
from tessera.jobs.registry import UnknownTask, run_task, task

PATIENCE = 60.0
TASKS = """
import os, signal, time
from pathlib import Path
from tessera.foundation.database import connect
from tessera.jobs import task
from tessera.jobs.registry import TASKS
from tessera.project.periodic import PERIODIC

for each in PERIODIC:  # what the clock asks for while the test runs
    TASKS[each.name] = lambda: None

@task("test.note")
def note(folder: str, text: str) -> None:
    path = Path(folder) / text
    path.write_text(str(int(path.read_text()) + 1 if path.exists() else 1))

@task("test.slow")
def slow(folder: str) -> None:
    begun = Path(folder) / f"begun-{os.getpid()}"
    begun.touch()
    if len(list(Path(folder).glob("begun-*"))) == 1:
        time.sleep(600)
    (Path(folder) / "done").touch()

@task("test.stubborn")
def stubborn(folder: str) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    slow(folder)

@task("test.broken")
def broken() -> None:
    raise RuntimeError("out of order")

@task("test.hindered")
def hindered(folder: str, by: str) -> None:
    path = Path(folder) / by
    path.write_text(path.read_text() + "again" if path.exists() else "once ")
    if path.read_text() == "once ":
        with connect() as connection:
            connection.execute("DO $$BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '" + by + "'; END$$")
"""


@pytest.fixture
def live(database: str) -> Iterator[psycopg.Connection[Any]]:
    with connect(autocommit=True) as opened:
        yield opened


@contextmanager
def keeper(database: str, folder: Path, more: str = "") -> Iterator["subprocess.Popen[bytes]"]:
    """`tessera jobs` with tasks of this test's own, found in the place of `tessera.project.tasks`."""
    (folder / "sitecustomize.py").write_text(
        "import importlib.abc, importlib.util, sys\n"
        "class Finder(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'tessera.project.tasks':\n"
        f"            return importlib.util.spec_from_file_location(name, {str(folder / 'tasks.py')!r})\n"
        "sys.meta_path.insert(0, Finder())\n"
    )
    (folder / "tasks.py").write_text(TASKS + more)
    way = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    surroundings = os.environ | {"TESSERA_DATABASE_URL": database, "PYTHONPATH": way}
    process = subprocess.Popen([sys.executable, "-m", "tessera", "jobs"], env=surroundings, start_new_session=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(timeout=PATIENCE)


def ask_by_the_clock(live: psycopg.Connection[Any], name: str) -> None:
    live.execute(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, args) VALUES (%s, %s, %s)",
        (SHORT, f"periodic:{name}", '{"timestamp": 1}'),
    )


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


def test_a_job_goes_with_the_transaction_that_asks_for_it(live: psycopg.Connection[Any]) -> None:
    with live.transaction():
        defer(live, "test.note", folder="/nowhere", text="kept")
    with live.transaction():
        defer(live, "test.note", folder="/nowhere", text="dropped")
        raise psycopg.Rollback

    (arguments,) = live.execute("SELECT args FROM procrastinate_jobs").fetchone() or ((),)
    assert arguments == {"task": "test.note", "arguments": {"folder": "/nowhere", "text": "kept"}}


def test_asking_twice_for_one_thing_is_refused_and_harms_nothing(live: psycopg.Connection[Any]) -> None:
    with live.transaction():
        defer(live, "test.note", once="the-thing")
        with pytest.raises(AlreadyWaiting):
            defer(live, "test.note", once="the-thing")
        defer(live, "test.note", once="another-thing")

    assert waiting(live) == 2


def test_jobs_are_done_once_and_forgotten(live: psycopg.Connection[Any], database: str, tmp_path: Path) -> None:
    for name in ("a", "b"):
        defer(live, "test.note", folder=str(tmp_path), text=name)

    with keeper(database, tmp_path):
        eventually(lambda: waiting(live) == 0)

    assert [(tmp_path / name).read_text() for name in ("a", "b")] == ["1", "1"]
    left = "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'tessera.run'"
    assert live.execute(left).fetchone() == (0,)


def test_a_job_that_fails_is_not_tried_again(live: psycopg.Connection[Any], database: str, tmp_path: Path) -> None:
    defer(live, "test.broken")
    defer(live, "test.unheard_of")

    with keeper(database, tmp_path):
        eventually(lambda: failed_since(live) == 2)

    tried = live.execute("SELECT DISTINCT attempts FROM procrastinate_jobs WHERE status = 'failed'")
    assert tried.fetchall() == [(1,)]


def test_a_job_that_was_hindered_is_tried_again(live: psycopg.Connection[Any], database: str, tmp_path: Path) -> None:
    states = ["40P01", "40001", "57P01"]  # a deadlock, a serialisation failure, the server is stopped
    for state in [*states, "22012"]:  # a division by zero is our own fault
        defer(live, "test.hindered", folder=str(tmp_path), by=state)

    with keeper(database, tmp_path):
        eventually(lambda: waiting(live) == 0)

    assert {state: (tmp_path / state).read_text() for state in states} == dict.fromkeys(states, "once again")
    assert ((tmp_path / "22012").read_text(), failed_since(live)) == ("once ", 1)


def test_what_hinders_a_job_for_ever_ends_it_and_a_killed_one_sooner() -> None:
    again = _Again()

    def tries(error: Exception) -> int:
        return sum(
            again.get_retry_decision(
                exception=error,
                job=Job(
                    id=1, lock=None, queueing_lock=None, queue="jobs", task_name="x", attempts=attempts, priority=0
                ),
            )
            is not None
            for attempts in range(100)
        )

    assert (tries(Killed("x")), tries(Hindered("x")), tries(JobFailed("x"))) == (5, 20, 0)


def test_what_may_pass_is_told_from_what_may_not() -> None:
    wrapped = RuntimeError("Django's")
    wrapped.__cause__ = psycopg.OperationalError("connection refused")

    assert may_pass(wrapped)
    assert may_pass(psycopg.errors.DeadlockDetected("x"))
    assert not may_pass(psycopg.errors.UniqueViolation("x"))
    assert not may_pass(RuntimeError("x"))


@pytest.mark.parametrize("victim", ["job", "keeper"])
def test_a_killed_job_is_done_again(victim: str, live: psycopg.Connection[Any], database: str, tmp_path: Path) -> None:
    defer(live, "test.slow", folder=str(tmp_path))

    with keeper(database, tmp_path) as first:
        eventually(lambda: any(tmp_path.glob("begun-*")))
        (begun,) = tmp_path.glob("begun-*")
        os.kill(first.pid if victim == "keeper" else int(begun.name.split("-")[1]), signal.SIGKILL)
        if victim == "keeper":
            first.wait()
            eventually(lambda: not Path(f"/proc/{begun.name.split('-')[1]}").exists())  # died with its keeper
            with keeper(database, tmp_path):
                eventually((tmp_path / "done").exists)
        else:
            eventually((tmp_path / "done").exists)

    assert len(list(tmp_path.glob("begun-*"))) == 2


@pytest.mark.parametrize("queue", [LONG, OUTSIDE])
def test_nothing_short_waits_for_what_is_long(
    queue: str, live: psycopg.Connection[Any], database: str, tmp_path: Path
) -> None:
    for name in ("one", "two", "three"):
        (tmp_path / name).mkdir()
        defer(live, "test.slow", queue=queue, folder=str(tmp_path / name))

    with keeper(database, tmp_path):
        eventually(lambda: len(list(tmp_path.glob("*/begun-*"))) == 2)
        defer(live, "test.note", folder=str(tmp_path), text="a")
        eventually((tmp_path / "a").exists)
        eventually(lambda: waiting(live) == 3)  # of the long ones, two go on and one waits its turn

    assert len(list(tmp_path.glob("*/begun-*"))) == 2


def test_a_chore_is_no_failure_where_its_keeper_stops(
    live: psycopg.Connection[Any], database: str, tmp_path: Path
) -> None:
    with keeper(database, tmp_path, more=f"TASKS['exports.sweep'] = lambda: slow({str(tmp_path)!r})"):
        ask_by_the_clock(live, "exports.sweep")
        eventually(lambda: any(tmp_path.glob("begun-*")))

    of_the_clock = "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'periodic:exports.sweep'"
    assert (live.execute(of_the_clock).fetchone(), failed_since(live)) == ((0,), 0)


def test_a_chore_that_is_killed_while_its_keeper_lives_has_failed(
    live: psycopg.Connection[Any], database: str, tmp_path: Path
) -> None:
    with keeper(database, tmp_path, more="TASKS['exports.sweep'] = lambda: os.kill(os.getpid(), signal.SIGKILL)"):
        ask_by_the_clock(live, "exports.sweep")
        eventually(lambda: failed_since(live) >= 1)

    of_the_clock = (
        "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'periodic:exports.sweep' AND status = 'failed'"
    )
    assert live.execute(of_the_clock).fetchone() == (1,)


@pytest.mark.parametrize("name", ["test.slow", "test.stubborn"])
def test_stopping_the_keeper_gives_the_job_back(
    name: str, live: psycopg.Connection[Any], database: str, tmp_path: Path
) -> None:
    """Also one that does not mind SIGTERM: when the grace is over it is killed."""
    defer(live, name, folder=str(tmp_path))

    with keeper(database, tmp_path):
        eventually(lambda: any(tmp_path.glob("begun-*")))
    ours = "SELECT status::text FROM procrastinate_jobs WHERE task_name = 'tessera.run'"
    assert live.execute(ours).fetchall() == [("todo",)]
    with keeper(database, tmp_path):
        eventually((tmp_path / "done").exists)


def test_a_task_is_called_by_name_here_and_now() -> None:
    called: list[int] = []
    task("test.here")(lambda number: called.append(number))

    run_task("test.here", json.loads('{"number": 3}'))

    assert called == [3]
    with pytest.raises(UnknownTask):
        run_task("test.nowhere", {})
