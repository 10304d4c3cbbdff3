"""Translations, compiled from their `.po` files without gettext's tools, so that `scripts/up` needs nothing but Python.

The `.mo` format: GNU gettext manual, "The Format of GNU MO Files".
"""

import ast
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_MAGIC: Final = 0x950412DE
_HEADER: Final = struct.Struct("<7I")


class MalformedCatalog(ValueError):
    """The `.po` file cannot be read; the message names the file and the line."""


def compiled(catalogs: Path, target: Path) -> Path:
    """Compile every `<language>/LC_MESSAGES/<domain>.po` of `catalogs` into `target`, which is returned.

    Several processes may do so at once: each `.mo` appears whole. Raises `MalformedCatalog`.
    """
    for source in sorted(catalogs.glob("*/LC_MESSAGES/*.po")):
        made = target / source.relative_to(catalogs).with_suffix(".mo")
        content = encoded(dict(entries(source)))
        if not made.exists() or made.read_bytes() != content:
            made.parent.mkdir(parents=True, exist_ok=True)
            draft = made.with_suffix(f".{os.getpid()}")
            draft.write_bytes(content)
            draft.replace(made)
    return target


def entries(source: Path) -> Iterator[tuple[str, str]]:
    """(key, translation) of what is translated; fuzzy entries are not. Keys as gettext looks them up."""
    for block in source.read_text(encoding="utf-8").split("\n\n"):
        lines = [line for line in block.splitlines() if line.strip()]
        if any(line.startswith("#,") and "fuzzy" in line for line in lines):
            continue
        fields = _fields(source, [line for line in lines if not line.startswith("#")])
        translations = [fields[name] for name in sorted(fields) if name.startswith("msgstr")]
        if "msgid" not in fields or not all(translations):
            continue
        key = fields["msgid"]
        if "msgid_plural" in fields:
            key += "\0" + fields["msgid_plural"]
        if "msgctxt" in fields:
            key = fields["msgctxt"] + "\x04" + key
        yield key, "\0".join(translations)


def _fields(source: Path, lines: list[str]) -> dict[str, str]:
    """`msgid`, `msgstr[0]`…: each with its quoted strings put together."""
    fields: dict[str, str] = {}
    name = ""
    for line in lines:
        if not line.startswith('"'):
            name, _space, line = line.partition(" ")
            fields[name] = ""
        try:
            fields[name] += str(ast.literal_eval(line))
        except (SyntaxError, ValueError, KeyError):
            raise MalformedCatalog(f"{source}: cannot read {line!r}") from None
    return fields


def encoded(messages: dict[str, str]) -> bytes:
    """The `.mo` file: two sorted tables of (length, offset), then the texts, each ended by NUL."""
    pairs = sorted((key.encode(), text.encode()) for key, text in messages.items())
    keys = _HEADER.size
    texts = keys + 8 * len(pairs)
    start = texts + 8 * len(pairs)
    tables: list[bytes] = []
    data = bytearray()
    for column in (0, 1):
        for pair in pairs:
            tables.append(struct.pack("<2I", len(pair[column]), start + len(data)))
            data += pair[column] + b"\0"
    return _HEADER.pack(_MAGIC, 0, len(pairs), keys, texts, 0, start) + b"".join(tables) + bytes(data)
