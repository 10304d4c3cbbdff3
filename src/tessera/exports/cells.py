"""How a value stands in a cell of a CSV file, so that no spreadsheet takes it for a formula.

A text that a spreadsheet would evaluate gets an apostrophe before it (OWASP, "CSV Injection"), and so does a part of
a text that would be a cell of its own where semicolons part cells (`foundation.csv_cells`). Texts that are only a
sign and digits (`+34600111222`, `-5`) stay as they are: evaluated they are harmless, and marked they would no longer
be the number. Everything that is a number, a date or yes/no is written bare.
"""

import re
from datetime import UTC, date, datetime
from typing import Any, Final

import msgspec

from tessera.foundation.csv_cells import harmless

_PLAIN_NUMBER: Final = re.compile(r"[+-][0-9]+(?:\.[0-9]+)?")
_json = msgspec.json.Encoder(order="sorted").encode


def neutral(text: str) -> str:
    """The text, with an apostrophe before it where a spreadsheet would evaluate it."""
    return text if _PLAIN_NUMBER.fullmatch(text) else harmless(text)


def cell(value: Any) -> str:
    """The value as the text of a cell; nothing for none, JSON for lists and objects."""
    match value:
        case None:
            return ""
        case str():
            return neutral(value)
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case msgspec.Raw():
            return neutral(bytes(value).decode())
    return neutral(_json(value).decode())
