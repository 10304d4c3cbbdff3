"""The columns of a table, whatever the kind of file."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

Kind = Literal["text", "number", "whole", "boolean", "day", "moment", "list", "json"]
Row = Sequence[Any]
OTHER_VALUES: Final = "other_values"


class Column(Struct, frozen=True):
    """A column with its type. `json` holds any document as its text, `list` holds texts."""

    name: str
    kind: Kind


class Misfit(ValueError):
    """The value does not fit the type of its column."""


def fitted(kind: Kind, value: Any) -> Any:
    """The value as its column's type has it. Raises `Misfit`."""
    if value is None:
        return None
    if kind == "json":
        return as_json(value)
    reading = _READINGS.get(kind)
    if reading is None:
        raise Misfit(kind)
    return reading(value)


def as_json(value: Any) -> str:
    return value_text(value) if isinstance(value, msgspec.Raw) else _json(value).decode()


def value_text(raw: msgspec.Raw) -> str:
    return bytes(raw).decode()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else as_json(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > _MOST:
        raise Misfit("number")
    return float(value)


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 2**63:
        raise Misfit("whole")
    return value


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Misfit("boolean")
    return value


def _day(value: Any) -> date:
    try:
        return value if isinstance(value, date) else date.fromisoformat(value)
    except (ValueError, TypeError):
        raise Misfit("day") from None


def _moment(value: Any) -> datetime:
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        raise Misfit("moment") from None


def _list(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise Misfit("list")
    return [_text(part) for part in value]


_MOST: Final = 1.7976931348623157e308
_json = msgspec.json.Encoder(order="sorted").encode
_READINGS: Final[dict[str, Callable[[Any], Any]]] = {
    "text": _text,
    "number": _number,
    "whole": _whole,
    "boolean": _boolean,
    "day": _day,
    "moment": _moment,
    "list": _list,
}
