"""The baseline of the edge: as little as a server can do that decodes an event, commits it and then answers.

granian, typed decoding by msgspec and group commit by COPY into the same columns; no keys, no limits, no rules, no
answers but yes. Started by `tessera.project.bench.edge` with `TESSERA_DATABASE_URL` set.
"""

import asyncio
import os
import struct
import time
from collections.abc import Awaitable, Callable
from hashlib import md5
from typing import Any

import msgspec
import psycopg

COPY = (
    "COPY events_inbox (lane, workspace_id, source_id, received_at, message_key, envelope, body)"
    " FROM STDIN (FORMAT BINARY)"
)
HEADER, TRAILER = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
FLUSHERS = 2
EPOCH_2000 = 946_684_800_000_000
_row = struct.Struct(">hihiiiiiqi16si2si").pack
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Event(msgspec.Struct, rename="camel"):
    type: str
    message_id: str
    anonymous_id: str
    event: str | None = None
    user_id: str | None = None
    properties: dict[str, Any] | None = None
    context: dict[str, Any] | None = None
    timestamp: str | None = None


class Batch(msgspec.Struct):
    batch: list[msgspec.Raw]


decode = msgspec.json.Decoder(Event).decode
decode_batch = msgspec.json.Decoder(Batch).decode
pending: list[tuple[list[bytes], asyncio.Future[None]]] = []
wake = asyncio.Event()
START = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]}
BODY = {"type": "http.response.body", "body": b'{"success":true}'}


def row(raw: bytes) -> bytes:
    event = decode(raw)
    key = md5(event.message_id.encode(), usedforsecurity=False).digest()
    lane = hash(event.anonymous_id) & 63
    received_at = time.time_ns() // 1000 - EPOCH_2000
    return _row(7, 2, lane, 4, 1, 4, 1, 8, received_at, 16, key, 2, b"{}", len(raw)) + raw


async def flush() -> None:
    connection = await psycopg.AsyncConnection.connect(os.environ["TESSERA_DATABASE_URL"], autocommit=True)
    while True:
        await wake.wait()
        group = pending[:]
        pending.clear()
        wake.clear()
        if group:
            async with connection.cursor() as cursor, cursor.copy(COPY) as copy:
                await copy.write(b"".join((HEADER, *[row for rows, _ in group for row in rows], TRAILER)))
            for _, done in group:
                done.set_result(None)


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await receive()
        tasks = [asyncio.create_task(flush()) for _ in range(FLUSHERS)]
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for task in tasks:
            task.cancel()
        await send({"type": "lifespan.shutdown.complete"})
        return
    message = await receive()
    body: bytes = message["body"]
    length = int(dict(scope["headers"])[b"content-length"])
    while len(body) < length:
        message = await receive()
        body += message["body"]
    rows = [row(body)] if scope["path"] == "/v1/track" else [row(bytes(raw)) for raw in decode_batch(body).batch]
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    pending.append((rows, done))
    wake.set()
    await done
    await send(START)
    await send(BODY)
