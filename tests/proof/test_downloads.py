"""Large files are handed out to slow readers without being held, and without keeping the others waiting."""

import socket
from contextlib import ExitStack
from datetime import UTC, datetime
from uuid import UUID

import httpx
import psutil
import psycopg

from .stack import Stack

SIZE_MB = 120


def a_large_export(stack: Stack) -> str:
    """A finished export of 120 MB, put together by hand; gives its address."""
    from tessera.exports.actions import request_export
    from tessera.exports.wanted import Wanted

    with psycopg.connect(stack.dsn, autocommit=True) as connection:
        made = request_export(
            connection, workspace_id=1, wanted=Wanted(what="people"), actor="ana", now=datetime.now(UTC)
        )
        connection.execute("DELETE FROM procrastinate_jobs")
        connection.execute(
            "UPDATE exports_export SET state = 'done', attempt = 1, bytes = %s, finished_at = now() WHERE id = %s",
            (SIZE_MB * 1_000_000, made.export_id),
        )
        connection.execute(
            "INSERT INTO exports_chunk SELECT %s, 1, n, decode(repeat('61', 1000000), 'hex')"
            " FROM generate_series(0, %s) n",
            (made.export_id, SIZE_MB - 1),
        )
    return f"/api/v1/exports/{UUID(str(made.export_id))}/file"


def console_of(stack: Stack) -> psutil.Process:
    """The worker of the console's server: the child that listens."""
    port = int(stack.console.rsplit(":", 1)[1])
    owners = [
        each
        for each in psutil.process_iter(["cmdline"])
        if each.info["cmdline"] and each.info["cmdline"][-2:] == ["tessera", "console"]
    ]
    for owner in owners:
        if owner.environ().get("TESSERA_PORT") == str(port):
            return (owner.children() or [owner])[0]
    raise AssertionError("no console runs")


def test_slow_readers_of_large_files_cost_neither_threads_nor_memory(stack: Stack) -> None:
    token = stack.api_key("exports:read", "pii:read")
    address = a_large_export(stack)
    headers = {"Authorization": f"Bearer {token}"}
    with stack.running("console"), ExitStack() as clients:
        console = console_of(stack)
        assert httpx.get(stack.console + "/login", timeout=20).status_code == 200
        before = console.memory_info().rss
        host, port = stack.console.removeprefix("http://").split(":")
        ask = f"GET {address} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        for _ in range(8):
            slow = clients.enter_context(socket.create_connection((host, int(port)), timeout=30))
            slow.sendall(ask)
            assert slow.recv(100).startswith(b"HTTP/1.1 200")

        assert httpx.get(stack.console + "/login", timeout=20).status_code == 200
        with httpx.stream("GET", stack.console + address, headers=headers, timeout=60) as whole:
            assert int(whole.headers["Content-Length"]) == SIZE_MB * 1_000_000
            assert sum(len(part) for part in whole.iter_bytes()) == SIZE_MB * 1_000_000
        assert console.memory_info().rss - before < 200_000_000  # held whole, nine times it would be 1,080 MB
