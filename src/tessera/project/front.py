"""What stands before Django in the console's process: it takes requests in whole before a thread is spent on them.

Django's threads are few. One that waits for a client's slow body does nothing else, so four slow clients would stop the
console for everybody. Here bodies are read by the event loop, within a limit and a time, and threads only ever work.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any, Final

from asgiref.sync import sync_to_async
from asgiref.wsgi import WsgiToAsgiInstance

from tessera.project.wsgi import application as django

THREADS: Final = 4
MOST_BODY: Final = 2 * 1024 * 1024
BODY_SECONDS: Final = 20.0
MOST_HELD: Final = 64 * 1024 * 1024

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
        self.response_headers: list[Any] = []
        loop = asyncio.get_running_loop()
        ready: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()

        def sync_send(message: dict[str, Any]) -> None:
            loop.call_soon_threadsafe(ready.put_nowait, message)

        def work() -> None:
            environ = self.build_environ(self.scope, body)  # type: ignore[no-untyped-call]
            answer = self.wsgi_application(environ, self.start_response)
            try:
                started = False
                for part in answer:
                    if not started:
                        sync_send(self.response_start)
                        started = True
                    sync_send({"type": "http.response.body", "body": part, "more_body": True})
                if not started:
                    sync_send(self.response_start)
                sync_send({"type": "http.response.body", "body": b""})
            finally:
                if hasattr(answer, "close"):
                    answer.close()
                loop.call_soon_threadsafe(ready.put_nowait, None)

        working = asyncio.ensure_future(sync_to_async(work, thread_sensitive=False, executor=_threads)())
        while (message := await ready.get()) is not None:
            await self._send(message)
        await working


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
