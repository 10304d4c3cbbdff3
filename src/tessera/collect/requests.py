"""One HTTP request as the edge reads it: headers, body within limits, and where it came from."""

import asyncio
import zlib
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qs

from tessera.collect.answers import Problem
from tessera.collect.keys import Source
from tessera.events.messages import MAX_BATCH_BYTES

Receive = Callable[[], Awaitable[dict[str, Any]]]

BODY_PATIENCE: Final = 30.0
_GZIP: Final = 16 + zlib.MAX_WBITS
_TOO_LARGE: Final = f"a body may have {MAX_BATCH_BYTES} bytes, unpacked"


class Request:
    """Headers are read once into a dict; a repeated header counts once, with its last value."""

    __slots__ = ("headers", "origin", "path", "raw", "receive", "scope", "source")

    def __init__(self, scope: Mapping[str, Any], receive: Receive) -> None:
        self.scope = scope
        self.receive = receive
        self.path: str = scope["path"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.origin = self.headers.get(b"origin")
        self.source: Source | None = None
        """Whose request this is, once known: a later refusal is then shown to the owner of the source."""
        self.raw = b""

    async def body(self) -> bytes:
        """The unpacked body. Raises `Problem`: 400, 408, 413, 415."""
        announced = self.headers.get(b"content-length", b"")
        length = int(announced) if announced.isdigit() else -1
        if length > MAX_BATCH_BYTES:
            raise Problem(413, "body_too_large", _TOO_LARGE)
        message = await self.receive()
        body: bytes = message.get("body", b"")
        if len(body) != length and message.get("more_body"):  # granian says `more_body` even where nothing follows
            body = await self._rest_of(body)
        encoding = self.headers.get(b"content-encoding")
        if encoding is not None:
            body = _unpack(body, encoding)
        if len(body) > MAX_BATCH_BYTES:
            raise Problem(413, "body_too_large", _TOO_LARGE)
        self.raw = body
        return body

    async def _rest_of(self, first: bytes) -> bytes:
        parts = [first]
        size = len(first)
        try:
            async with asyncio.timeout(BODY_PATIENCE):
                while True:
                    message = await self.receive()
                    if message["type"] == "http.disconnect":
                        raise Problem(400, "incomplete_body", "the connection ended before the body did")
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    if size > MAX_BATCH_BYTES:
                        raise Problem(413, "body_too_large", _TOO_LARGE)
                    if not message.get("more_body"):
                        return b"".join(parts)
        except TimeoutError:
            raise Problem(408, "body_timeout", f"the body did not arrive within {BODY_PATIENCE:.0f} s") from None

    def offered_keys(self) -> list[str]:
        """The write keys that headers and address name, strongest first."""
        scheme, _, credentials = self.headers.get(b"authorization", b"").partition(b" ")
        keys = []
        if scheme.lower() == b"basic":
            try:
                keys.append(b64decode(credentials.strip()).partition(b":")[0].decode("latin-1"))
            except Base64Error:
                raise Problem(401, "unknown_write_key", "the Authorization header is not base64") from None
        elif scheme.lower() == b"bearer":
            keys.append(credentials.strip().decode("latin-1"))
        query: bytes = self.scope["query_string"]
        if b"writeKey" in query:  # beacons of browsers cannot carry headers
            keys += parse_qs(query.decode("latin-1")).get("writeKey", [])[:1]
        return [key for key in keys if key]

    def forwarded_for(self) -> bytes | None:
        """X-Forwarded-For, its lines joined: proxies may each add one."""
        lines = [value for name, value in self.scope["headers"] if name == b"x-forwarded-for"]
        return b",".join(lines) if lines else None


def _unpack(body: bytes, encoding: bytes) -> bytes:
    """Inflates one byte more than allowed at most, so that a bomb costs no more than an honest body."""
    name = encoding.strip().lower()
    if name in (b"", b"identity"):
        return body
    if name not in (b"gzip", b"x-gzip"):
        raise Problem(415, "unsupported_encoding", "bodies may be sent as they are or as gzip")
    inflater = zlib.decompressobj(_GZIP)
    try:
        plain = inflater.decompress(body, MAX_BATCH_BYTES + 1)
    except zlib.error as error:
        raise Problem(400, "malformed_gzip", f"the body is not gzip: {error}") from None
    if len(plain) > MAX_BATCH_BYTES:
        raise Problem(413, "body_too_large", _TOO_LARGE)
    if not inflater.eof or inflater.unused_data:
        raise Problem(400, "malformed_gzip", "the body is not one whole gzip member")
    return plain
