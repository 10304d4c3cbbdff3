"""Clients that take their time, or take too much, do not keep the others waiting."""

import gzip
import json
import socket
import threading
import time
from contextlib import ExitStack, suppress

import httpx

from .stack import Stack


def connections(stack: ExitStack, address: str, count: int, *, saying: bytes = b"") -> list[socket.socket]:
    host, port = address.removeprefix("http://").split(":")
    opened = [stack.enter_context(socket.create_connection((host, int(port)), timeout=30)) for _ in range(count)]
    for client in opened:
        client.sendall(saying)
    return opened


def is_closed(client: socket.socket, *, within: float) -> bool:
    """Whether the server hangs up within so many seconds (an answer before that is read and let go)."""
    client.settimeout(within)
    with suppress(ConnectionError):
        try:
            while client.recv(4096):
                pass
        except TimeoutError:
            return False
    return True


def test_slow_bodies_do_not_stop_the_console(stack: Stack):
    with stack.running("console"), ExitStack() as clients:
        cookies = httpx.get(f"{stack.console}/login").cookies
        cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
        head = f"POST /login HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\nContent-Length: 1000\r\n\r\nemail=a"
        connections(clients, stack.console, 20, saying=head.encode())
        time.sleep(0.5)
        assert httpx.get(f"{stack.console}/healthz", timeout=10).status_code == 200
        assert httpx.get(f"{stack.console}/login", timeout=10).status_code == 200


def test_the_console_refuses_what_is_too_large_and_answers_many_at_once(stack: Stack):
    with stack.running("console"):
        large = httpx.post(f"{stack.console}/login", content=b"x" * (3 * 1024 * 1024), timeout=30)
        assert (large.status_code, large.json()["code"]) == (413, "body_too_large")
        answers: list[int] = []

        def ask() -> None:
            answers.append(httpx.get(f"{stack.console}/login", timeout=30).status_code)

        threads = [threading.Thread(target=ask) for _ in range(24)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == [200] * 24


def test_connections_that_say_nothing_are_closed(stack: Stack):
    with stack.running("collect"), ExitStack() as clients:
        silent = connections(clients, stack.collect, 30)
        halved = connections(clients, stack.collect, 30, saying=b"POST /v1/track HTTP/1.1\r\nHost: a")
        assert httpx.get(f"{stack.collect}/healthz", timeout=10).status_code == 200
        assert all(is_closed(client, within=20) for client in [*silent, *halved])


def test_what_a_batch_says_once_cannot_be_multiplied_without_end(stack: Stack):
    key = stack.write_key("multiplier")
    events = [{"type": "track", "event": "e", "userId": f"u{number}"} for number in range(2_500)]
    body = gzip.compress(json.dumps({"batch": events, "context": {"filling": "x" * 30_000}}).encode())
    with stack.running("collect"):
        answer = httpx.post(
            f"{stack.collect}/v1/batch", content=body, headers={"Content-Encoding": "gzip"}, auth=(key, "")
        )
    assert (answer.status_code, answer.json()["code"]) == (400, "context_too_large")
    assert stack.rows("SELECT count(*) FROM events_inbox") == [(0,)]
