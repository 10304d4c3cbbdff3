"""A real collect under granian, with a source and a write key, for one module's tests."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import psutil
import psycopg
import pytest

START_SECONDS = 30.0


class Collect:
    """A running edge and the database behind it."""

    def __init__(self, dsn: str, port: int, process: "subprocess.Popen[bytes]", write_key: str) -> None:
        self.dsn = dsn
        self.port = port
        self.process = process
        self.write_key = write_key
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30)

    def post(self, path: str, body: Any = None, *, key: str | None = None, **options: Any) -> httpx.Response:
        """`body` is sent as JSON, or as it is when it is bytes; `key=""` sends no write key."""
        key = self.write_key if key is None else key
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.post(path, content=content, auth=(key, "") if key else None, **options)

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.dsn) as connection:
            return connection.execute(sql, values).fetchall()

    def execute(self, sql: str, *values: Any) -> None:
        with psycopg.connect(self.dsn) as connection:
            connection.execute(sql, values)

    def stored(self, **fields: Any) -> list[dict[str, Any]]:
        """The bodies in the inbox whose top-level fields are these, in the order they were stored."""
        return [body for body, _ in self.stored_with_envelopes(**fields)]

    def stored_with_envelopes(self, **fields: Any) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        rows = self.rows("SELECT body, envelope FROM events_inbox ORDER BY seq")
        decoded = [(json.loads(body), json.loads(envelope)) for body, envelope in rows]
        return [(body, envelope) for body, envelope in decoded if all(body.get(k) == v for k, v in fields.items())]

    def count(self) -> int:
        ((count,),) = self.rows("SELECT count(*) FROM events_inbox")
        return int(count)

    def rejections(self, source_id: int, *, at_least: int = 1) -> list[tuple[str, str, str, str]]:
        """Stage, code, detail and excerpt of what is on record; they are written a moment after the answer."""
        sql = "SELECT stage, code, detail, excerpt FROM events_rejection WHERE source_id = %s ORDER BY id"
        found = eventually(lambda: rows if len(rows := self.rows(sql, source_id)) >= at_least else None)
        return [(stage, code, detail, excerpt) for stage, code, detail, excerpt in found]

    def raw(self, sent: bytes, *, seconds: float = 10) -> bytes:
        """Everything the server says to these bytes until it closes or is silent for a moment."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as connection:
            connection.sendall(sent)
            heard = b""
            with suppress(TimeoutError):
                while part := connection.recv(65536):
                    heard += part
                    connection.settimeout(1.0)
            return heard

    def peak_memory(self) -> int:
        """The most that any process of this server ever held, in bytes."""
        family = [self.process.pid, *(child.pid for child in psutil.Process(self.process.pid).children())]
        lines = [line for pid in family for line in Path(f"/proc/{pid}/status").read_text().splitlines()]
        return max(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))

    def metric(self, name: str) -> float:
        for line in self.client.get("/metrics").text.splitlines():
            if line.startswith(f"{name} "):
                return float(line.split()[-1])
        raise AssertionError(f"no metric {name}")


def eventually(found: Callable[[], Any], *, seconds: float = 10) -> Any:
    """What `found` gives once it gives something; fails loudly when it never does."""
    deadline = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)
    return value


@contextmanager
def serving(dsn: str, port: int, *, write_key: str = "", **environment: str) -> Iterator[Collect]:
    """Start collect as production does, wait until it can work, stop it afterwards."""
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--loop", "uvloop", "--no-ws", "--workers", "1"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--log-level", "warning", "tessera.collect.app:app"]
    surroundings = os.environ | {"TESSERA_DATABASE_URL": dsn, "TESSERA_PORT": str(port - 1)} | environment
    process = subprocess.Popen(command, env=surroundings)
    try:
        collect = Collect(dsn, port, process, write_key)

        def ready() -> bool:
            assert process.poll() is None, "collect ended while it started"
            with suppress(httpx.TransportError):
                return collect.client.get("/readyz").status_code == 200
            return False

        eventually(ready, seconds=START_SECONDS)
        yield collect
    finally:
        stop(process)


def stop(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        family = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            for one in family:
                one.kill()
            process.kill()
            process.wait()


class NewSource:
    """A source of one test's own, so that tests in one module do not see each other's rejections."""

    def __init__(self, *, origins: tuple[str, ...] = ("*",)) -> None:
        from tessera.workspaces import actions, queries  # Django is set up after this file is read

        (self.workspace_id,) = [workspace.id for workspace in queries.workspaces()]
        name = f"source {uuid4()}"
        self.id = actions.create_source(workspace_id=self.workspace_id, name=name, allowed_origins=origins).id
        made = actions.create_write_key(self.id, workspace_id=self.workspace_id, name="key")
        self.key, self.key_id = made.key, made.id


@pytest.fixture(scope="module")
def fresh_sources(module_database: str) -> list[NewSource]:
    """Made before collect starts: a key it does not know yet costs it up to a second."""
    return [NewSource() for _ in range(80)]


@pytest.fixture(scope="module")
def collect(module_database: str, fresh_sources: list[NewSource], free_port: Callable[[], int]) -> Iterator[Collect]:
    with serving(module_database, free_port(), write_key=NewSource().key) as running:
        yield running


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    def find() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    return find


@pytest.fixture
def source(fresh_sources: list[NewSource]) -> NewSource:
    """A source of this test's own."""
    return fresh_sources.pop() if fresh_sources else NewSource()


@pytest.fixture
def new_id() -> Callable[[], str]:
    """A message id nobody else uses."""
    return lambda: f"m-{uuid4()}"


@pytest.fixture
def message_key_of() -> Callable[[int, str], UUID]:
    from tessera.events.inbox import message_key

    return lambda source_id, message_id: UUID(bytes=message_key(source_id, message_id))
