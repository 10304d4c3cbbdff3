"""Taking fields out of a stored message without touching the rest of it, byte for byte."""

import re
from collections.abc import Collection
from typing import Final

import msgspec

_Object = dict[str, msgspec.Raw]
_decode_object = msgspec.json.Decoder(_Object).decode
_encode = msgspec.json.Encoder().encode

WRITE_KEY: Final = b'"writeKey"'
_WRITE_KEY_TEXT: Final = re.compile(r'("writeKey"\s*:\s*")[^"]*')


def without_write_key(body: bytes) -> bytes:
    """The message without the `writeKey` that SDKs put into it: history has no use for credentials."""
    return without(body, [((), ("writeKey",))])


def text_without_write_key(text: str) -> str:
    """The same for the beginning of a message, which need not be JSON any more."""
    return _WRITE_KEY_TEXT.sub(r"\1…", text)


def without(body: bytes, taken: Collection[tuple[tuple[str, ...], Collection[str]]]) -> bytes:
    """The JSON object without these fields: each is (the way to an object inside, names in it).

    `body` is a valid message. What is not there is not missed.
    """
    root = _decode_object(body)
    for way, names in taken:
        _take_out(root, way, names)
    return _encode(root)


def _take_out(container: _Object, way: tuple[str, ...], names: Collection[str]) -> None:
    if not way:
        for name in names:
            container.pop(name, None)
        return
    inner = container.get(way[0])
    if inner is None or not bytes(inner).lstrip().startswith(b"{"):
        return
    decoded = _decode_object(inner)
    _take_out(decoded, way[1:], names)
    container[way[0]] = msgspec.Raw(_encode(decoded))
