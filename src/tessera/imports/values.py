"""How the text of a cell becomes the value its column's type promises."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import msgspec

from tessera.events.messages import Rejected, parse_time
from tessera.imports.plan import Column
from tessera.profiles.attributes import Misfit

Convert = Callable[[Any], Any]
MAX_TEXT: Final = 16_000
DAYS_REMEMBERED: Final = 20_000
"""Dates of a column that were read: people are born and join on few days."""
_TRUE: Final = frozenset({"true", "yes", "y", "1", "t", "on", "sí", "si", "да", "x"})
_FALSE: Final = frozenset({"false", "no", "n", "0", "f", "off", "нет"})
_BLANKS: Final = str.maketrans("", "", " \u00a0\u202f'’")


def converter_of(column: Column) -> Convert | None:
    """The function from a cell to a value, raising `Misfit`; None where the cell is the value."""
    match column.type:
        case "number":
            return _number_with(column.decimal)
        case "boolean":
            return _boolean
        case "date":
            return _date_in(column.date_format)
        case "list":
            return _list_of(column.separator)
        case "object":
            return _object
        case "text":
            return _text
        case _:
            return None


def _text(cell: Any) -> str:
    if type(cell) is str:
        return cell
    if type(cell) in (int, float):
        return str(cell)
    raise Misfit("text is expected")


def _number_with(decimal: str) -> Convert:
    thousands = "," if decimal == "." else "."

    def number(cell: Any) -> int | float:
        if type(cell) in (int, float):
            return cell  # type: ignore[no-any-return]
        plain = _text(cell).translate(_BLANKS).replace(thousands, "")
        if decimal == ",":
            plain = plain.replace(",", ".")
        try:
            return int(plain) if plain.lstrip("+-").isdigit() and len(plain) < 19 else _finite(plain)
        except ValueError:
            raise Misfit("a number is expected") from None

    return number


def _finite(plain: str) -> float:
    value = float(plain)
    if not -1e308 <= value <= 1e308:
        raise Misfit("a number is expected")
    return value


def _boolean(cell: Any) -> bool:
    if type(cell) is bool:
        return cell
    word = _text(cell).strip().casefold()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise Misfit("yes or no is expected")


def _date_in(date_format: str) -> Convert:
    """A day as `YYYY-MM-DD`, a moment in ISO 8601 as it is."""

    @lru_cache(maxsize=DAYS_REMEMBERED)
    def day(text: str) -> str:
        try:
            if not date_format:
                parse_time(text)
                return text
            moment = datetime.strptime(text, date_format)
        except (ValueError, Rejected):
            raise Misfit(f"a date is expected ({date_format or 'YYYY-MM-DD'})") from None
        return moment.isoformat() if moment.time() != datetime.min.time() else moment.date().isoformat()

    return lambda cell: day(_text(cell).strip())


def _list_of(separator: str) -> Convert:
    def parts(cell: Any) -> list[Any]:
        if type(cell) is list:
            return cell
        if type(cell) is str and cell.startswith("["):  # as an export writes it
            with suppress(msgspec.MsgspecError):
                return msgspec.json.decode(cell, type=list[Any])
        return [part.strip() for part in _text(cell).split(separator or ";") if part.strip()]

    return parts


def _object(cell: Any) -> dict[str, Any]:
    if type(cell) is dict:
        return cell
    try:
        return msgspec.json.decode(_text(cell), type=dict[str, Any])
    except msgspec.MsgspecError:
        raise Misfit("a JSON object is expected") from None
