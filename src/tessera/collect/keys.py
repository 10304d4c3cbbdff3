"""Write keys and their sources, all of them in memory, read again every two seconds.

A revoked key is noticed with the next reading. A key nobody knows asks for a reading at once, so that a key works
the moment it is made; readings begin at least a second apart, whatever is asked. While the database is away the
last known keys hold.
"""

import asyncio
import logging
from base64 import b64encode
from time import monotonic
from typing import Any, Final

import psycopg
from msgspec import Struct

from tessera.collect.answers import overloaded, unavailable
from tessera.collect.cors import normal_origin

log = logging.getLogger(__name__)

READ_EVERY: Final = 2.0
READ_APART: Final = 1.0
PATIENCE: Final = 3.0
STALE_AFTER: Final = 5.0
MOST_ASKING: Final = 100

_READ_KEYS: Final = """
SELECT k.key, s.id, s.workspace_id, s.disabled_at IS NOT NULL, s.allowed_origins
  FROM workspaces_writekey k
  JOIN workspaces_source s ON s.id = k.source_id
 WHERE k.revoked_at IS NULL
"""


class Source(Struct, frozen=True):
    """What the edge must know of an entry point."""

    id: int
    workspace_id: int
    disabled: bool
    any_origin: bool
    origins: frozenset[bytes]

    def allows(self, origin: bytes) -> bool:
        return self.any_origin or normal_origin(origin) in self.origins


class KeyCache:
    """Finds the source of a write key. `run` keeps it fresh; nothing else speaks to the database."""

    def __init__(self) -> None:
        self.by_key: dict[str, Source] = {}
        self.by_authorization: dict[bytes, Source] = {}
        """The `Authorization: Basic` header that every SDK sends for a key, whole: one look-up per request."""
        self.loaded = False
        self._any_origin = False
        self._origins: frozenset[bytes] = frozenset()
        self._away = False
        self._read_at = -STALE_AFTER
        self._asked = asyncio.Event()
        self._asking: list[asyncio.Future[bool]] = []

    @property
    def fresh(self) -> bool:
        """Whether the database answered a moment ago."""
        return self.loaded and monotonic() - self._read_at < STALE_AFTER

    def any_allows(self, origin: bytes) -> bool:
        """Whether some source takes events from pages of this origin; asked where the request's source is unknown."""
        return self._any_origin or normal_origin(origin) in self._origins

    async def find(self, key: str) -> Source | None:
        """The source of `key`, after a fresh look if it is not known yet.

        Raises `Problem`: 503 while the database cannot be asked, 429 when too many unknown keys ask at once.
        """
        source = self.by_key.get(key)
        if source is not None:
            return source
        if len(self._asking) >= MOST_ASKING:
            raise overloaded("too many requests carry unknown write keys")
        answered = asyncio.get_running_loop().create_future()
        self._asking.append(answered)
        self._asked.set()
        if not await answered:
            raise unavailable("the database is away, so this write key cannot be checked; send the same request again")
        return self.by_key.get(key)

    async def run(self, dsn: str) -> None:
        """Read the keys until cancelled."""
        connection: psycopg.AsyncConnection[Any] | None = None
        try:
            while True:
                asking, self._asking = self._asking, []
                self._asked.clear()
                connection = await self._read(dsn, connection)
                for answered in asking:
                    if not answered.done():
                        answered.set_result(connection is not None)
                await asyncio.sleep(READ_APART)
                await self._wait_to_be_asked(READ_EVERY - READ_APART)
        finally:
            for answered in self._asking:
                if not answered.done():
                    answered.set_result(False)
            if connection is not None:
                await connection.close()

    async def _wait_to_be_asked(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._asked.wait()
        except TimeoutError:
            pass

    async def _read(
        self, dsn: str, connection: psycopg.AsyncConnection[Any] | None
    ) -> psycopg.AsyncConnection[Any] | None:
        """One reading; gives back the connection for the next one, or `None` if the database is away."""
        try:
            async with asyncio.timeout(PATIENCE):
                if connection is None:
                    connection = await psycopg.AsyncConnection.connect(
                        dsn, autocommit=True, application_name="tessera collect keys"
                    )
                cursor = await connection.execute(_READ_KEYS)
                self._replace(await cursor.fetchall())
        except (psycopg.Error, OSError, TimeoutError) as error:
            if not self._away:
                log.warning("write keys cannot be read: %s", str(error).strip() or type(error).__name__)
            self._away = True
            if connection is not None:
                await connection.close()
            return None
        return connection

    def _replace(self, rows: list[tuple[str, int, int, bool, list[str]]]) -> None:
        by_key: dict[str, Source] = {}
        by_authorization: dict[bytes, Source] = {}
        for key, source_id, workspace_id, disabled, origins in rows:
            source = Source(
                id=source_id,
                workspace_id=workspace_id,
                disabled=disabled,
                any_origin="*" in origins,
                origins=frozenset(normal_origin(origin.encode()) for origin in origins),
            )
            by_key[key] = source
            by_authorization[b"Basic " + b64encode(f"{key}:".encode())] = source
        self.by_key, self.by_authorization = by_key, by_authorization
        enabled = [source for source in by_key.values() if not source.disabled]
        self._any_origin = any(source.any_origin for source in enabled)
        self._origins = frozenset().union(*(source.origins for source in enabled))
        self.loaded, self._away = True, False
        self._read_at = monotonic()
