"""What stands before Django in the console's process: it takes requests in whole before a thread is spent on them.

Django's threads are few. One that waits for a client's slow body does nothing else, so four slow clients would stop the
console for everybody. Here bodies are read by the event loop, within a limit and a time, and threads only ever work.
"""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any, Final, TypeVar

from asgiref.sync import sync_to_async
from asgiref.wsgi import WsgiToAsgiInstance

from tessera.project.wsgi import application as django

THREADS: Final = 4
MOST_BODY: Final = 2 * 1024 * 1024
BODY_SECONDS: Final = 20.0
MOST_HELD: Final = 64 * 1024 * 1024
PART: Final = 256 * 1024
"""Of an answer, made in a thread and given to the client before the next is made."""

Result = TypeVar("Result")
_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="django")
_held = 0


class _Refused(Exception):
    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """ASGI: one request, handed to Django when all of it is here."""
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
        return
    global _held
    taken = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            body = BytesIO()
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return
                part = message.get("body", b"")
                taken += len(part)
                _held += len(part)
                if taken > MOST_BODY:
                    raise _Refused(413, "body_too_large")
                if _held > MOST_HELD:
                    raise _Refused(429, "overloaded")
                body.write(part)
                if not message.get("more_body"):
                    break
        body.seek(0)
        await _Handed(django, scope, send).run(body)
    except TimeoutError:
        await _refuse(send, 408, "body_too_slow")
    except _Refused as refusal:
        await _refuse(send, refusal.status, refusal.code)
    finally:
        _held -= taken


class _Handed(WsgiToAsgiInstance):
    """asgiref's bridge, with threads of our own: its default runs every request of the process on one."""

    def __init__(self, wsgi: Any, scope: dict[str, Any], send: Any) -> None:
        super().__init__(wsgi)  # type: ignore[no-untyped-call]
        self.scope = scope
        self._send = send

    async def run(self, body: BytesIO) -> None:
        """A thread works for a part at a time, and none while a client is slow to take one: a file of any size can be
        handed out without being held here."""
        self.response_headers: list[Any] = []
        answer: Any = None

        def begin() -> tuple[Iterator[bytes], bytes, bool]:
            nonlocal answer
            environ = self.build_environ(self.scope, body)  # type: ignore[no-untyped-call]
            answer = self.wsgi_application(environ, self.start_response)
            parts = iter(answer)
            return parts, *_some(parts)

        try:
            parts, some, more = await _in_thread(begin)
            await self._send(self.response_start)
            await self._send({"type": "http.response.body", "body": some, "more_body": more})
            while more:
                some, more = await _in_thread(_some, parts)
                await self._send({"type": "http.response.body", "body": some, "more_body": more})
        finally:
            if hasattr(answer, "close"):
                await _in_thread(answer.close)


def _some(parts: Iterator[bytes]) -> tuple[bytes, bool]:
    """The next parts, about `PART` bytes of them, and whether there may be more."""
    held: list[bytes] = []
    size = 0
    for part in parts:
        held.append(part)
        size += len(part)
        if size >= PART:
            return b"".join(held), True
    return b"".join(held), False


async def _in_thread(work: Callable[..., Result], *arguments: Any) -> Result:
    result: Result = await sync_to_async(work, thread_sensitive=False, executor=_threads)(*arguments)
    return result


async def _refuse(send: Any, status: int, code: str) -> None:
    body = b'{"type":"about:blank","status":%d,"code":"%s","title":"%s"}' % (status, code.encode(), code.encode())
    headers = [(b"content-type", b"application/problem+json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _lifespan(receive: Any, send: Any) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
