"""The processes of an installation, started as production starts them, against one test's database."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psycopg

from tessera.intake.settle import Progress, progress

START_SECONDS = 60.0


class Stack:
    """`port` is the console's; collect is the next one."""

    def __init__(self, dsn: str, port: int, home: Path) -> None:
        self.dsn = dsn
        self.console = f"http://127.0.0.1:{port}"
        self.collect = f"http://127.0.0.1:{port + 1}"
        self._home = home
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("TESSERA_")},
            "TESSERA_HOME": str(home),
            "TESSERA_DATABASE_URL": dsn,
            "TESSERA_PORT": str(port),
            "NO_COLOR": "1",
        }

    def write_key(self, name: str, *, kind: str = "server") -> str:
        """The key of a new source, to which any page may send."""
        from tessera.workspaces import actions

        source = actions.create_source(workspace_id=self._workspace(), name=name, kind=kind, allowed_origins=["*"])
        return actions.create_write_key(source.id, workspace_id=source.workspace_id, name=name).key

    def api_key(self, *scopes: str) -> str:
        from tessera.access import actions

        return actions.create_api_key(workspace_id=self._workspace(), name="proof", scopes=scopes).token

    def _workspace(self) -> int:
        from tessera.workspaces import queries

        (workspace,) = queries.workspaces()
        return workspace.id

    def settle(self, *, seconds: float = 120.0) -> Progress:
        """Wait, as `tessera settle` does, until every acknowledged event has been acted on."""
        deadline = time.monotonic() + seconds
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            while not (found := progress(connection)).settled:
                assert time.monotonic() < deadline, f"not settled after {seconds:.0f} s: {found}"
                time.sleep(0.05)
        return found

    @contextmanager
    def running(self, *names: str) -> Iterator[None]:
        """`collect`, `console`, `worker`, `jobs`: these run while inside, and are able to work when it begins."""
        with ExitStack() as processes:
            for name in names:
                processes.enter_context(self._process(name))
            for name in names:
                if name in ("collect", "console"):
                    self._wait_until_ready({"collect": self.collect, "console": self.console}[name])
            yield

    @contextmanager
    def _process(self, name: str) -> Iterator[None]:
        log = self._home / f"{name}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "tessera", name], env=self._environment, stdout=output, stderr=output
            )
        try:
            yield
            assert process.poll() is None, f"{name} ended by itself: {log.read_text()[-2000:]}"
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _wait_until_ready(self, address: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with suppress(httpx.TransportError):
                if httpx.get(f"{address}/readyz", timeout=5).status_code == 200:
                    return
            time.sleep(0.05)
        raise AssertionError(f"{address} was not ready after {START_SECONDS:.0f} s")

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.dsn, options="-c timezone=UTC") as connection:
            return connection.execute(statement, values).fetchall()
