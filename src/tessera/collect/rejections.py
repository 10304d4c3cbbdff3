"""Refusals on record, so that the console's live debugger can show why an event did not arrive.

Kept off the way of requests and bounded: at most a hundred are written at once, a few times a second, and no
source takes more than half of them. The rest are only counted.
"""

import asyncio
import logging
from collections import Counter
from datetime import datetime
from typing import Any, Final, NamedTuple

import psycopg

from tessera.collect.keys import Source
from tessera.collect.metrics import Tally
from tessera.events.bodies import text_without_write_key
from tessera.foundation.clock import now_micros, to_datetime

log = logging.getLogger(__name__)

MOST_AT_ONCE: Final = 100
MOST_PER_SOURCE: Final = 50
WRITE_APART: Final = 0.25
PATIENCE: Final = 5.0
MAX_EXCERPT: Final = 500

_INSERT: Final = """
INSERT INTO events_rejection (workspace_id, source_id, at, stage, code, detail, excerpt)
SELECT workspace_id, source_id, at, 'collect', code, detail, excerpt
  FROM unnest(%s::integer[], %s::integer[], %s::timestamptz[], %s::text[], %s::text[], %s::text[])
    AS refused (workspace_id, source_id, at, code, detail, excerpt)
"""


class Rejection(NamedTuple):
    workspace_id: int
    source_id: int
    at: datetime
    code: str
    detail: str
    excerpt: str


def excerpt_of(raw: bytes) -> str:
    """The beginning of what was sent, as text that PostgreSQL can hold."""
    return _storable(text_without_write_key(raw[: 4 * MAX_EXCERPT].decode(errors="replace")))


def _storable(text: str) -> str:
    return text.replace("\0", "\ufffd")[:MAX_EXCERPT]


class RejectionLog:
    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._noted: list[Rejection] = []
        self._of_source: Counter[int] = Counter()
        self._wake = asyncio.Event()

    def note(self, source: Source, code: str, detail: str, raw: bytes) -> None:
        """Count a refusal and put it on record if there is room."""
        self._tally.rejected[code] += 1
        if len(self._noted) >= MOST_AT_ONCE or self._of_source[source.id] >= MOST_PER_SOURCE:
            self._tally.unrecorded_rejections += 1
            return
        self._of_source[source.id] += 1
        at = to_datetime(now_micros())
        self._noted.append(Rejection(source.workspace_id, source.id, at, code, _storable(detail), excerpt_of(raw)))
        self._wake.set()

    async def run(self, dsn: str) -> None:
        """Write what is noted until cancelled, and once more then."""
        connection: psycopg.AsyncConnection[Any] | None = None
        try:
            while True:
                await self._wake.wait()
                connection = await self._write(dsn, connection)
                await asyncio.sleep(WRITE_APART)
        finally:
            if self._noted:
                connection = await self._write(dsn, connection)
            if connection is not None:
                await connection.close()

    async def _write(
        self, dsn: str, connection: psycopg.AsyncConnection[Any] | None
    ) -> psycopg.AsyncConnection[Any] | None:
        """One statement; gives back the connection for the next. What cannot be written is dropped and counted."""
        noted, self._noted = self._noted, []
        self._of_source.clear()
        self._wake.clear()
        try:
            async with asyncio.timeout(PATIENCE):
                if connection is None:
                    connection = await psycopg.AsyncConnection.connect(
                        dsn, autocommit=True, connect_timeout=2, application_name="tessera collect rejections"
                    )
                await connection.execute(_INSERT, [list(column) for column in zip(*noted, strict=True)])
        except (psycopg.Error, OSError, TimeoutError) as error:
            log.warning("%d rejections are not on record: %s", len(noted), str(error).strip() or type(error).__name__)
            self._tally.unrecorded_rejections += len(noted)
            if connection is not None:
                await connection.close()
            return None
        return connection
