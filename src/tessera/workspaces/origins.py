"""Web origins, as sources allow them: `scheme://host[:port]` and nothing more (RFC 6454 §6.2), or `*`. Pure."""

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from tessera.foundation.errors import TesseraError

MOST: Final = 100
LONGEST: Final = 255
_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*|\[[0-9a-f:.]+\]", re.ASCII)


class InvalidOrigin(TesseraError):
    """Not a web origin. `text` is what was written, `hint` the origin that was probably meant, if any."""

    code = "invalid_origin"

    def __init__(self, text: str, hint: str | None) -> None:
        meant = f"; did you mean {hint}?" if hint else " (write https://shop.example)"
        super().__init__(f"not a web origin: {text[:100]!r}{meant}")
        self.text = text[:100]
        self.hint = hint


def checked_origins(origins: Iterable[str]) -> list[str]:
    """The origins as browsers write them, each once, in their order. Raises `InvalidOrigin`."""
    checked = list(dict.fromkeys(_checked(text) for text in origins))
    if len(checked) > MOST:
        raise TesseraError(f"a source allows at most {MOST} origins; use * for all", code="too_many_origins")
    return checked


def _checked(text: str) -> str:
    origin = text.strip().rstrip("/").lower()
    if origin == "*":
        return origin
    if not _is_origin(origin):
        raise InvalidOrigin(text.strip(), _meant(origin))
    return _without_usual_port(origin)


def _is_origin(origin: str) -> bool:
    try:
        parts = urlsplit(origin)
        port, host = parts.port, parts.hostname
    except ValueError:
        return False
    if parts.scheme not in {"http", "https"} or host is None or len(origin) > LONGEST or port == 0:
        return False
    name = f"[{host}]" if ":" in host else host
    written = f"{parts.scheme}://{name}{'' if port is None else f':{port}'}"
    return origin == written and _HOST.fullmatch(name) is not None


def _without_usual_port(origin: str) -> str:
    """Browsers leave the usual port out, so an origin with it would never match."""
    for scheme, port in (("http", ":80"), ("https", ":443")):
        if origin.startswith(f"{scheme}://") and origin.endswith(port):
            return origin.removesuffix(port)
    return origin


def _meant(origin: str) -> str | None:
    """The site of a whole address, or of a host without a scheme."""
    text = origin if "://" in origin else f"https://{origin}"
    try:
        parts = urlsplit(text)
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError:
        return None
    meant = f"{parts.scheme}://{parts.hostname or ''}{port}"
    return meant if _is_origin(meant) and "." in (parts.hostname or "") else None
