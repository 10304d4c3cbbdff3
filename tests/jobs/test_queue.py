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

from tessera.foundation.database import connect
from tessera.jobs import AlreadyWaiting, defer
from tessera.jobs.queue import failed_since, waiting
from tessera.jobs.registry import UnknownTask, run_task, task

PATIENCE = 60.0
TASKS = """
import os, time
from pathlib import Path
from tessera.jobs import task

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

@task("test.broken")
def broken() -> None:
    raise RuntimeError("out of order")
"""


@pytest.fixture
def live(database: str) -> Iterator[psycopg.Connection[Any]]:
    with connect(autocommit=True) as opened:
        yield opened


@contextmanager
def keeper(database: str, folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """`tessera jobs` with tasks of this test's own, found in the place of `tessera.project.tasks`."""
    (folder / "sitecustomize.py").write_text(
        "import importlib.abc, importlib.util, sys\n"
        "class Finder(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'tessera.project.tasks':\n"
        f"            return importlib.util.spec_from_file_location(name, {str(folder / 'tasks.py')!r})\n"
        "sys.meta_path.insert(0, Finder())\n"
    )
    (folder / "tasks.py").write_text(TASKS)
    way = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    surroundings = os.environ | {"TESSERA_DATABASE_URL": database, "PYTHONPATH": way}
    process = subprocess.Popen([sys.executable, "-m", "tessera", "jobs"], env=surroundings, start_new_session=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(timeout=PATIENCE)


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
    assert live.execute("SELECT count(*) FROM procrastinate_jobs").fetchone() == (0,)


def test_a_job_that_fails_is_not_tried_again(live: psycopg.Connection[Any], database: str, tmp_path: Path) -> None:
    defer(live, "test.broken")
    defer(live, "test.unheard_of")

    with keeper(database, tmp_path):
        eventually(lambda: failed_since(live) == 2)

    assert live.execute("SELECT DISTINCT attempts FROM procrastinate_jobs").fetchall() == [(1,)]


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


def test_stopping_the_keeper_gives_the_job_back(live: psycopg.Connection[Any], database: str, tmp_path: Path) -> None:
    defer(live, "test.slow", folder=str(tmp_path))

    with keeper(database, tmp_path):
        eventually(lambda: any(tmp_path.glob("begun-*")))
    assert live.execute("SELECT status::text FROM procrastinate_jobs").fetchone() == ("todo",)
    with keeper(database, tmp_path):
        eventually((tmp_path / "done").exists)


def test_a_task_is_called_by_name_here_and_now() -> None:
    called: list[int] = []
    task("test.here")(lambda number: called.append(number))

    run_task("test.here", json.loads('{"number": 3}'))

    assert called == [3]
    with pytest.raises(UnknownTask):
        run_task("test.nowhere", {})
