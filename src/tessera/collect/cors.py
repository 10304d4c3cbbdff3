"""Which web pages may send (the Fetch standard's CORS). Never with credentials: a write key is no cookie."""

import re
from typing import Final

from tessera.collect.answers import Header

ANY_ORIGIN: Final[list[Header]] = [(b"access-control-allow-origin", b"*")]
_USUAL_HEADERS: Final = b"authorization, content-type, content-encoding, anonymousid, x-retry-count"
_HEADER_LIST = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~, -]{1,1000}")


def normal_origin(origin: bytes) -> bytes:
    """Scheme and host are case-insensitive, and people end origins with a slash."""
    return origin.strip().rstrip(b"/").lower()


def shared_with(origin: bytes) -> list[Header]:
    """The headers that let a page of this origin read the answer."""
    return [(b"access-control-allow-origin", origin), (b"vary", b"origin")]


def preflight(origin: bytes, *, methods: bytes, asked_headers: bytes) -> list[Header]:
    """What a browser may send next. Headers it asks for are granted: they carry no authority here."""
    granted = asked_headers if _HEADER_LIST.fullmatch(asked_headers) else _USUAL_HEADERS
    return [
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-methods", methods),
        (b"access-control-allow-headers", granted),
        (b"access-control-max-age", b"7200"),
        (b"vary", b"origin, access-control-request-headers"),
    ]
