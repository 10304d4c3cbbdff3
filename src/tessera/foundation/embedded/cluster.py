"""Making the embedded cluster and keeping its settings as this version of Tessera wants them."""

import os
import secrets
import shutil
import stat
import subprocess
from pathlib import Path

import psutil

from tessera.foundation.embedded.os_user import OsUser, as_user, open_binaries, open_the_way, own, server_user
from tessera.foundation.embedded.places import ROLE, Places, binaries, places
from tessera.foundation.errors import SetupError
from tessera.foundation.secrets import secret_file

_ACCESS_RULES = "# Written by Tessera at every start.\nlocal all all scram-sha-256\n"
_INCLUDES = "\ninclude 'tessera.conf'\ninclude_if_exists '../local.conf'\n"
_LOCAL = "# PostgreSQL settings of this installation; they win over Tessera's own.\n"
_SETTINGS = """\
# Written by Tessera at every start. Settings of your own go to local.conf, beside the data directory.
max_connections = 100
shared_buffers = {shared_buffers}MB
huge_pages = off
fsync = on
synchronous_commit = on
wal_compression = off
min_wal_size = 512MB
max_wal_size = 4GB
checkpoint_timeout = 15min
checkpoint_completion_target = 0.9
random_page_cost = 1.1
effective_io_concurrency = 64
deadlock_timeout = 200ms
autovacuum_naptime = 15s
jit = off
timezone = UTC
log_timezone = UTC
log_line_prefix = '%m [%p] %a '
log_checkpoints = off
# Statements and the rows in their errors are people's data; the client gets them, the log does not.
log_error_verbosity = terse
log_min_error_statement = panic
"""


def shared_buffers() -> int:
    """Megabytes of page cache: a quarter of the machine's memory, 128 to 4,096; only what is touched is ever used."""
    return min(max(psutil.virtual_memory().total // 4 // 1_000_000, 128), 4_096)


def server_settings() -> str:
    return _SETTINGS.format(shared_buffers=shared_buffers())


def prepare(home: Path) -> list[str]:
    """Make what is missing (cluster, folders, settings) and return the command that runs the server in front.

    The caller sees to it that nobody else starts this home's server meanwhile. Raises `SetupError`.
    """
    place, user, folder = places(home), server_user(), binaries()
    try:
        place.base.mkdir(mode=0o755, parents=True, exist_ok=True)
        if user is not None:
            open_the_way(place.data)
            open_binaries(folder)
        _make_socket_folder(place.run, user)
        if not place.data.exists():
            _make_cluster(place, user, folder)
        _check_version(place.data, folder)
        if not place.local.exists():
            place.local.write_text(_LOCAL)
        _write(place.data / "tessera.conf", server_settings(), user)
        _write(place.data / "pg_hba.conf", _ACCESS_RULES, user)
    except PermissionError as error:
        raise SetupError(f"cannot prepare PostgreSQL: {error.strerror}: {error.filename}") from None
    return [str(folder / "postgres"), "-D", str(place.data), "-k", str(place.run), "-c", "listen_addresses="]


def server_environment() -> dict[str, str]:
    """Ours without libpq's variables, which the server's tools would obey."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}


def _make_socket_folder(folder: Path, user: OsUser | None) -> None:
    """A folder in /tmp could be laid out by a stranger, so its owner is checked, links excluded."""
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    allowed = {os.geteuid()} | ({user.uid} if user else set())
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in allowed:
        raise SetupError(f"{folder} belongs to somebody else; remove it or choose another TESSERA_HOME")
    folder.chmod(0o700)
    own(folder, user)


def _make_cluster(place: Places, user: OsUser | None, folder: Path) -> None:
    """Made beside its place and moved there whole, so that an interrupted attempt leaves no half cluster."""
    draft = place.base / f"data.{secrets.token_hex(4)}"
    for left_over in place.base.glob("data.*"):
        shutil.rmtree(left_over)
    draft.mkdir(mode=0o700)
    own(draft, user)
    password_file = place.run / "initial-password"
    _write(password_file, secret_file(place.password) + "\n", user)
    try:
        _tool([str(folder / "initdb"), "-D", str(draft), *_initdb_options(password_file)], user)
    finally:
        password_file.unlink(missing_ok=True)
    with (draft / "postgresql.conf").open("a") as configuration:
        configuration.write(_INCLUDES)
    _write(draft / "tessera.conf", server_settings(), user)
    _tool([str(folder / "postgres"), "--single", "-D", str(draft), "postgres"], user, f"CREATE DATABASE {ROLE};\n")
    draft.rename(place.data)


def _initdb_options(password_file: Path) -> list[str]:
    """Sorted by code point, as this build has no ICU, yet with Unicode's upper and lower case (builtin C.UTF-8)."""
    locale = ["--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--encoding=UTF8"]
    access = [f"--username={ROLE}", "--auth=scram-sha-256", f"--pwfile={password_file}"]
    return [*locale, *access, "--no-instructions"]


def _tool(command: list[str], user: OsUser | None, text: str = "") -> None:
    done = subprocess.run(
        command,
        input=text,
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env=server_environment(),
        **as_user(user),
    )
    if done.returncode != 0:
        words = (done.stderr.strip() or done.stdout.strip() or "no reason given").splitlines()
        raise SetupError(f"{Path(command[0]).name} failed: {words[-1]}")


def _check_version(data: Path, folder: Path) -> None:
    made_by = (data / "PG_VERSION").read_text().strip()
    said = subprocess.run([str(folder / "postgres"), "--version"], capture_output=True, text=True, check=True)
    have = said.stdout.split()[-1].split(".")[0]
    if made_by != have:
        raise SetupError(
            f"{data} was made by PostgreSQL {made_by}, this is {have}; dump and reload it, or install that"
        )


def _write(path: Path, text: str, user: OsUser | None) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        own(descriptor, user)
