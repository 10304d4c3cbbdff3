"""The embedded PostgreSQL: who may reach it, who runs it, and how commands share it."""

import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from tessera.foundation.embedded import (
    borrowed_server,
    embedded_dsn,
    places,
    postmaster,
    running,
    server_process,
    stop,
    supervision,
    wait_ready,
)
from tessera.foundation.errors import SetupError

NOBODY = 65534
ASK = (
    "import sys, pathlib, psycopg; from tessera.foundation.embedded import *\n"
    "home = pathlib.Path(sys.argv[1])\n"
    "with borrowed_server(home), psycopg.connect(embedded_dsn(home)) as c:\n"
    "    print(c.execute('SELECT 6 * 7').fetchone()[0], postmaster(home).username())\n"
)


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """One cluster for the module; every test starts and stops its own server on it."""
    with tempfile.TemporaryDirectory(prefix="tessera-test-") as folder:
        place = Path(folder).resolve() / "home"
        yield place
        stop(place)


def one(connection: psycopg.Connection, question: str) -> object:
    row = connection.execute(question).fetchone()
    assert row is not None
    return row[0]


def test_the_server_is_safe_and_set_up_for_durable_writes(home: Path) -> None:
    with borrowed_server(home), psycopg.connect(embedded_dsn(home)) as connection:
        shown = {
            name: one(connection, f"SHOW {name}")
            for name in ("fsync", "synchronous_commit", "full_page_writes", "listen_addresses", "wal_compression")
        }
        assert shown == {
            "fsync": "on",
            "synchronous_commit": "on",
            "full_page_writes": "on",
            "listen_addresses": "",
            "wal_compression": "off",
        }
        assert one(connection, "SHOW server_encoding") == "UTF8"
        assert one(connection, "SELECT lower('ÁÑÜ')") == "áñü"
        assert one(connection, "SELECT current_database() || ' ' || current_user") == "tessera tessera"


def test_nobody_enters_without_the_password(home: Path) -> None:
    with borrowed_server(home):
        address = f"user=tessera dbname=tessera host={places(home).run}"
        with pytest.raises(psycopg.OperationalError, match="no password supplied"):
            psycopg.connect(address)
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(f"{address} password=guess")
        with psycopg.connect(embedded_dsn(home)) as connection:
            rules = connection.execute("SELECT type, auth_method FROM pg_hba_file_rules").fetchall()
        assert rules == [("local", "scram-sha-256")]


def test_the_socket_and_the_password_are_closed_to_others(home: Path) -> None:
    with borrowed_server(home):
        assert stat.S_IMODE(places(home).run.stat().st_mode) == 0o700
        assert stat.S_IMODE(places(home).data.stat().st_mode) == 0o700
        assert stat.S_IMODE(places(home).password.stat().st_mode) == 0o600


def test_as_root_the_server_runs_as_a_user_of_its_own(home: Path, as_root: None) -> None:
    with borrowed_server(home):
        server = postmaster(home)
        assert server is not None
        assert server.username() == "tessera-postgres"


def test_as_an_ordinary_user_the_server_runs_as_oneself(state_folder: Path, as_root: None) -> None:
    python, path = _python_for(NOBODY)
    for folder in (state_folder, *state_folder.parents):
        folder.chmod(folder.stat().st_mode | stat.S_IXOTH)
    place = state_folder / "home"
    place.mkdir()
    os.chown(place, NOBODY, NOBODY)

    done = subprocess.run(
        [python, "-c", ASK, str(place)],
        capture_output=True,
        text=True,
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        cwd="/",
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        timeout=120,
    )

    assert done.stderr == ""
    assert done.stdout == "42 nobody\n"
    assert not running(place)


def _python_for(user: int) -> tuple[str, str]:
    """An interpreter that `user` may run, and the path that gives it our packages."""
    path = os.pathsep.join(entry for entry in sys.path if entry.endswith(("site-packages", "src")))
    src = str(Path(__file__).parents[2] / "src")
    version = ".".join(map(str, sys.version_info[:2]))
    for candidate in (sys.executable, f"/usr/bin/python{version}"):
        try:
            done = subprocess.run(
                [candidate, "-c", "import psycopg, tessera"],
                user=user,
                group=user,
                extra_groups=[],
                cwd="/",
                env={"PYTHONPATH": f"{src}:{path}", "PYTHONDONTWRITEBYTECODE": "1"},
                capture_output=True,
            )
        except OSError:
            continue
        if done.returncode == 0:
            return candidate, f"{src}:{path}"
    pytest.skip(f"no Python {version} that the user nobody may run")


def test_a_home_too_deep_for_a_socket_works_too(state_folder: Path) -> None:
    deep = state_folder / ("d" * 100) / "home"

    with borrowed_server(deep), psycopg.connect(embedded_dsn(deep)) as connection:
        assert one(connection, "SELECT 1") == 1
        assert len(os.fsencode(places(deep).run)) < 50

    places(deep).run.rmdir()


def test_a_stranger_who_laid_out_the_socket_folder_is_not_trusted(state_folder: Path, as_root: None) -> None:
    deep = state_folder / ("d" * 100) / "home"
    places(deep).run.mkdir()
    os.chown(places(deep).run, NOBODY, NOBODY)
    try:
        with pytest.raises(SetupError, match="belongs to somebody else"), borrowed_server(deep):
            pass
    finally:
        places(deep).run.rmdir()


def test_data_outlives_a_killed_server_and_its_stale_pid_file(home: Path) -> None:
    with borrowed_server(home):
        with psycopg.connect(embedded_dsn(home), autocommit=True) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS kept (n integer)")
            connection.execute("INSERT INTO kept VALUES (1)")
        server = postmaster(home)
        assert server is not None
        server.kill()
        psutil.wait_procs([server], timeout=10)
    pid_file = places(home).data / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")  # the number has gone to somebody else

    with borrowed_server(home), psycopg.connect(embedded_dsn(home)) as connection:
        assert one(connection, "SELECT count(*) FROM kept") == 1


def test_two_commands_share_one_server_and_the_last_stops_it(home: Path) -> None:
    with borrowed_server(home):
        first = postmaster(home)
        with borrowed_server(home):
            assert postmaster(home) == first
        assert postmaster(home) == first
        with psycopg.connect(embedded_dsn(home)) as connection:
            assert one(connection, "SELECT 1") == 1
    assert not running(home)


def test_commands_that_start_at_once_do_not_fight(home: Path) -> None:
    rivals = [
        subprocess.Popen(
            [sys.executable, "-c", ASK, str(home)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]

    answers = [rival.communicate(timeout=120) for rival in rivals]

    assert [out.split()[:1] for out, _ in answers] == [["42"]] * 4, answers
    assert not running(home)


def test_a_borrower_never_stops_the_server_of_an_up(home: Path) -> None:
    """While an `up` lives, a command that finds no server waits for the supervisor's instead of starting its own."""
    found: list[object] = []

    def borrow() -> None:
        with borrowed_server(home), psycopg.connect(embedded_dsn(home)) as connection:
            found.append(one(connection, "SELECT 1"))

    with supervision(home):
        borrower = threading.Thread(target=borrow)
        borrower.start()
        borrower.join(timeout=0.5)
        assert borrower.is_alive()
        assert not running(home)

        server = _started_by_supervisor(home)
        borrower.join(timeout=30)
        assert found == [1]
        assert running(home)
        server.send_signal(signal.SIGINT)
        server.wait(timeout=30)


def _started_by_supervisor(home: Path) -> subprocess.Popen[bytes]:
    plan = server_process(home)
    server = subprocess.Popen(plan.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **plan.options)
    wait_ready(home)
    return server


def test_a_second_up_is_refused(home: Path) -> None:
    with supervision(home), pytest.raises(SetupError, match="already running on"), supervision(home):
        pass


def test_a_home_of_another_postgres_version_is_refused_in_one_line(state_folder: Path) -> None:
    data = places(state_folder).data
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("9\n")

    with pytest.raises(SetupError, match="was made by PostgreSQL 9, this is 18"), borrowed_server(state_folder):
        pass


def test_a_server_that_cannot_start_says_why(state_folder: Path) -> None:
    with borrowed_server(state_folder):
        pass
    places(state_folder).local.write_text("shared_buffers = plenty\n")

    with pytest.raises(SetupError, match=r"PostgreSQL did not start: .*shared_buffers"), borrowed_server(state_folder):
        pass
