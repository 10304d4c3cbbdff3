"""Group commit: what arrives while a COPY is under way goes together with the next one, and nobody lingers.

A request is acknowledged when the COPY that holds its rows has committed, and not before.
"""

import asyncio
import logging
from collections import deque
from time import monotonic
from typing import Any, Final

import psycopg

from tessera.collect.answers import overloaded, unavailable
from tessera.collect.metrics import Tally
from tessera.events.inbox import COPY_HEADER, COPY_INBOX, COPY_TRAILER

log = logging.getLogger(__name__)

FLUSHERS: Final = 2
MAX_WAITING_ROWS: Final = 50_000
MAX_WAITING_BYTES: Final = 64 * 1024 * 1024
MAX_FLUSH_BYTES: Final = 8 * 1024 * 1024
PATIENCE: Final = 5.0
"""Seconds a request waits for a database that is away before it is told so."""
COMMIT_PATIENCE: Final = 15.0
"""Seconds a COPY may take before its connection is given up: far more than a checkpoint holds it up."""
CLOSE_PATIENCE: Final = 10.0
_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 0.5


class Waiting:
    """The rows of one request. `done` gives the positions of rows that the database refused; mostly none."""

    __slots__ = ("bad", "done", "rows", "since", "size")

    def __init__(self, rows: list[bytes], size: int, done: asyncio.Future[list[int]], since: float) -> None:
        self.rows = rows
        self.size = size
        self.done = done
        self.since = since
        self.bad: list[int] = []


class Link:
    """A flusher's own connection, made when first needed and again after every loss."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: psycopg.AsyncConnection[Any] | None = None

    async def copy(self, rows: list[bytes]) -> None:
        """Store `rows`, all or none. In autocommit a COPY is its own transaction: it returns after COMMIT."""
        async with asyncio.timeout(COMMIT_PATIENCE):
            if self._connection is None:
                self._connection = await psycopg.AsyncConnection.connect(
                    self._dsn, autocommit=True, connect_timeout=2, application_name="tessera collect"
                )
            async with self._connection.cursor() as cursor, cursor.copy(COPY_INBOX) as copy:
                await copy.write(b"".join((COPY_HEADER, *rows, COPY_TRAILER)))

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()


class Batcher:
    """Takes rows from requests and commits them in groups."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._waiting: deque[Waiting] = deque()
        self._idle: list[asyncio.Future[None]] = []
        self._flushers: list[asyncio.Task[None]] = []
        self._closing = False

    def start(self, dsn: str) -> None:
        self._flushers = [asyncio.create_task(self._flush_until_closed(Link(dsn))) for _ in range(FLUSHERS)]

    async def store(self, rows: list[bytes]) -> list[int]:
        """Return once `rows` are committed, with the positions of those that the database refused.

        Raises `Problem`: 429 when too much is waiting, 503 when the database stays away. Rows of a request that
        got 503 may have been stored all the same; the message key makes a repetition harmless.
        """
        tally = self._tally
        if tally.waiting_rows >= MAX_WAITING_ROWS or tally.waiting_bytes >= MAX_WAITING_BYTES:
            raise overloaded()
        if self._closing:
            raise unavailable("this server is shutting down; send the same request again")
        size = len(rows[0]) if len(rows) == 1 else sum(map(len, rows))
        done: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()
        self._waiting.append(Waiting(rows, size, done, monotonic()))
        tally.waiting_rows += len(rows)
        tally.waiting_bytes += size
        if self._idle:
            self._idle.pop().set_result(None)
        return await done

    async def close(self) -> None:
        """Commit what waits, as far as the database lets us, then refuse the rest."""
        self._closing = True
        while self._idle:
            self._idle.pop().set_result(None)
        if self._flushers:
            _, late = await asyncio.wait(self._flushers, timeout=CLOSE_PATIENCE)
            for flusher in late:
                flusher.cancel()
            await asyncio.gather(*self._flushers, return_exceptions=True)
        self._give_up(waiting_since=float("inf"))

    async def _flush_until_closed(self, link: Link) -> None:
        pause = _FIRST_PAUSE
        try:
            while group := await self._next_group():
                try:
                    await self._commit(link, group)
                    pause = _FIRST_PAUSE
                except Exception as error:  # whatever failed: nothing was acknowledged, and it is tried again
                    expected = isinstance(error, (psycopg.Error, OSError, TimeoutError))
                    reason = str(error).strip() or type(error).__name__
                    log.warning("the inbox cannot be written: %s", reason, exc_info=not expected)
                    self._put_back(group)
                    await link.close()
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, _LONGEST_PAUSE)
        finally:
            await link.close()

    async def _next_group(self) -> list[Waiting]:
        """What waits now, up to a size; sleeps while nothing does. Empty when closing."""
        while not self._waiting:
            if self._closing:
                return []
            idle: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._idle.append(idle)
            await idle
        group: list[Waiting] = []
        size = 0
        while self._waiting and size < MAX_FLUSH_BYTES:
            waiting = self._waiting.popleft()
            size += waiting.size
            group.append(waiting)
        return group

    async def _commit(self, link: Link, group: list[Waiting]) -> None:
        """Store a group and wake its requests. Raises as psycopg does when the database is at fault, not a row."""
        began = monotonic()
        try:
            await link.copy([row for waiting in group for row in waiting.rows])
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            log.warning("a row was refused by the database, its group is stored in parts: %s", error)
            await self._commit_apart(
                link, [(waiting, index) for waiting in group for index in range(len(waiting.rows))]
            )
        rows = 0
        for waiting in group:
            rows += len(waiting.rows)
            self._resolve(waiting, None)
        self._tally.count_flush(rows, monotonic() - began)

    async def _commit_apart(self, link: Link, rows: list[tuple[Waiting, int]]) -> None:
        """Halve until the rows that the database refuses stand alone; all others are stored."""
        try:
            await link.copy([waiting.rows[index] for waiting, index in rows])
        except (psycopg.DataError, psycopg.IntegrityError):
            if len(rows) == 1:
                waiting, index = rows[0]
                waiting.bad.append(index)
                return
            middle = len(rows) // 2
            await self._commit_apart(link, rows[:middle])
            await self._commit_apart(link, rows[middle:])

    def _put_back(self, group: list[Waiting]) -> None:
        """To the front, in order, except for those who have waited long enough."""
        self._tally.flush_failures += 1
        for waiting in group:
            waiting.bad.clear()
        self._waiting.extendleft(reversed(group))
        self._give_up(waiting_since=monotonic() - PATIENCE)

    def _give_up(self, *, waiting_since: float) -> None:
        """Tell those who wait since then or longer that their rows are not acknowledged."""
        while self._waiting and self._waiting[0].since <= waiting_since:
            self._resolve(self._waiting.popleft(), unavailable())

    def _resolve(self, waiting: Waiting, failure: Exception | None) -> None:
        self._tally.waiting_rows -= len(waiting.rows)
        self._tally.waiting_bytes -= waiting.size
        if waiting.done.done():
            return
        if failure is None:
            waiting.done.set_result(waiting.bad)
        else:
            waiting.done.set_exception(failure)
