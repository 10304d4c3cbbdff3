"""What every test may stand on: one embedded PostgreSQL for the whole run, and a fresh database per test.

tests/README.md says how to use it.
"""

import fcntl
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import hypothesis
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

HOME_OF_THE_RUN = "TESSERA_TEST_HOME"
TEMPLATE = "tessera_template"
FOR_THE_TESTS = {
    HOME_OF_THE_RUN,
    "TESSERA_REQUIRE_BROWSER",
    "TESSERA_SCREENSHOTS",
    "TESSERA_DEBUG",
    "TESSERA_SHARED",
    "TESSERA_IMPORT_KILLS",
    "TESSERA_SPARK",
    "TESSERA_ANALYST_KILLS",
}
"""Variables that a run of the tests takes from who starts it; of Tessera's own settings it takes none."""
NOWHERE = "this_test_did_not_ask_for_the_database_fixture"


hypothesis.settings.register_profile("tessera", deadline=None)  # the machine is noisy; time is measured elsewhere
hypothesis.settings.load_profile("tessera")


def pytest_configure(config: pytest.Config) -> None:
    """Give the run a home of its own before anything of Tessera is imported; xdist's workers inherit it."""
    if HOME_OF_THE_RUN not in os.environ:
        os.environ[HOME_OF_THE_RUN] = tempfile.mkdtemp(prefix="tessera-tests-", dir=_fast_folder())
        config.add_cleanup(_forget_the_home)
    for name in [name for name in os.environ if name.startswith("TESSERA_") and name not in FOR_THE_TESTS]:
        del os.environ[name]
    os.environ["TESSERA_HOME"] = str(_home())
    os.environ["DJANGO_SETTINGS_MODULE"] = "tessera.project.settings"
    local = _home() / "postgres" / "local.conf"
    local.parent.mkdir(parents=True, exist_ok=True)
    local.write_text("fsync = off\nmax_connections = 200\nshared_buffers = 64MB\n")  # the run's data dies with it

    import django

    django.setup()
    _point_django_at(NOWHERE)


def _fast_folder() -> str | None:
    """Memory where there is enough: a database is cloned there in 10 ms, on some disks in 500."""
    memory = Path("/dev/shm")
    with suppress(OSError):
        if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 2 * 1024**3:
            return str(memory)
    return None


def _forget_the_home() -> None:
    from tessera.foundation.embedded import stop

    stop(_home())  # nothing runs here unless a worker was killed
    shutil.rmtree(os.environ.pop(HOME_OF_THE_RUN), ignore_errors=True)


def _home() -> Path:
    return Path(os.environ[HOME_OF_THE_RUN]).resolve()


def _point_django_at(name: str) -> None:
    from django.db import connections

    connections.close_all()
    connections.settings["default"]["NAME"] = name


def _dsn_of(name: str) -> str:
    from tessera.foundation.embedded import embedded_dsn

    return make_conninfo(embedded_dsn(_home()), dbname=name)


@contextmanager
def _postgres() -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(_dsn_of("postgres"), autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def server() -> Iterator[None]:
    """The run's PostgreSQL: whoever of xdist's workers comes first starts it, the last one stops it."""
    from tessera.foundation.embedded import borrowed_server

    with borrowed_server(_home()):
        yield


@pytest.fixture(scope="session")
def template(server: None) -> str:
    """The name of a migrated, otherwise empty database; made once per run."""
    with (_home() / "template.lock").open("w") as lock, _postgres() as postgres:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not postgres.execute("SELECT 1 FROM pg_database WHERE datname = %s", [TEMPLATE]).fetchone():
            draft = f"{TEMPLATE}_draft"
            postgres.execute(f"DROP DATABASE IF EXISTS {draft} WITH (FORCE)")
            postgres.execute(f"CREATE DATABASE {draft}")
            with _lives_in(draft):
                from tessera.project.migrate import migrate

                migrate()
            postgres.execute(f"ALTER DATABASE {draft} RENAME TO {TEMPLATE}")
    return TEMPLATE


@contextmanager
def _lives_in(name: str) -> Iterator[str]:
    """This process (ours and Django's settings) uses the database `name` while inside."""
    from django.core.cache import cache

    from tessera.foundation.settings import settings

    os.environ["TESSERA_DATABASE_URL"] = _dsn_of(name)
    settings.cache_clear()
    _point_django_at(name)
    cache.clear()
    try:
        yield os.environ["TESSERA_DATABASE_URL"]
    finally:
        _point_django_at(NOWHERE)
        os.environ.pop("TESSERA_DATABASE_URL", None)
        settings.cache_clear()


_made = 0


@contextmanager
def _cloned(template: str) -> Iterator[str]:
    global _made
    _made += 1
    name = f"test_{os.environ.get('PYTEST_XDIST_WORKER', 'gw')}_{os.getpid()}_{_made}"
    with _postgres() as postgres:
        clone = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")  # 15 times faster than through the WAL
        postgres.execute(clone.format(sql.Identifier(name), sql.Identifier(template)))
    try:
        with _lives_in(name) as dsn:
            yield dsn
    finally:
        with _postgres() as postgres:
            postgres.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def database(template: str) -> Iterator[str]:
    """The address of a migrated database of this test's own; our settings and Django's point at it."""
    with _cloned(template) as dsn:
        yield dsn


@pytest.fixture(scope="module")
def module_database(template: str) -> Iterator[str]:
    """As `database`, shared by one module's tests: for those that start servers. Do not mix the two in a module."""
    with _cloned(template) as dsn:
        yield dsn


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection to the test's database, in UTC, not autocommitting."""
    with psycopg.connect(database, options="-c timezone=UTC") as opened:
        yield opened
        opened.rollback()


@pytest.fixture
def workspace_id(database: str) -> int:
    """The workspace every migrated database has."""
    from tessera.workspaces import queries

    (workspace,) = queries.workspaces()
    return workspace.id


@pytest.fixture(scope="session")
def free_ports() -> Callable[[], int]:
    """`free_ports()` is the first of three neighbouring ports that nobody uses (console, collect, accounts)."""

    def find() -> int:
        for _ in range(100):
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                first = int(probe.getsockname()[1])
            if first < 65_000 and all(_is_free(first + step) for step in range(3)):
                return first
        raise RuntimeError("no three neighbouring ports are free")

    return find


def _is_free(port: int) -> bool:
    with socket.socket() as probe, suppress(OSError):
        probe.bind(("127.0.0.1", port))
        return True
    return False


@pytest.fixture
def state_folder() -> Iterator[Path]:
    """A folder for a `TESSERA_HOME` with an embedded server of its own.

    Not `tmp_path`: every pytest session that starts on the machine closes its parent to others, and to the server's
    user with them.
    """
    folder = Path(tempfile.mkdtemp(prefix="tessera-test-")).resolve()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def tessera_environment(state_folder: Path, free_ports: Callable[[], int]) -> dict[str, str]:
    """The environment for a `tessera` command run as a process: a home and ports of its own, no database yet."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TESSERA_", "DJANGO_"))}
    return {**kept, "TESSERA_HOME": str(state_folder / "home"), "TESSERA_PORT": str(free_ports()), "NO_COLOR": "1"}
