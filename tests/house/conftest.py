"""Running `tessera` as an operator does: as a process."""

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def on_database(database: str, tessera_environment: dict[str, str]) -> dict[str, str]:
    """The environment of a command that uses this test's database."""
    return {**tessera_environment, "TESSERA_DATABASE_URL": database}


@pytest.fixture
def tessera(on_database: dict[str, str]) -> Run:
    """`tessera("keys", "list")` runs the command on this test's database and waits for its end."""

    def run(*words: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "tessera", *words],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            env={**on_database, **environment, "COLUMNS": "250"},
        )

    return run


@pytest.fixture
def as_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can show this")
