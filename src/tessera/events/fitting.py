"""Types of values, and which values fit a declared type. Pure.

What fits, and what it becomes (nothing is guessed: a value that could mean two things does not fit):

| declared | fits as it is | is read as |
|---|---|---|
| text | text | a number becomes its digits: 12 → "12" |
| number | a number | text of one plain number: "12" → 12, " 1.50 " → 1.5; not "1,234", not "12 EUR" |
| boolean | true, false | "true" and "false" in any case; 1 and 0, also as text |
| date | text `2026-11-22`, with a time of day or without | blanks around it go; numbers do not fit (seconds? or ms?) |
| list | a list | – |
| object | an object | – |

None always fits: it removes. `{"inc": n}` fits a number, `{"add": […]}` and `{"remove": […]}` fit a list.
"""

import math
import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from tessera.events.messages import Rejected, parse_time
from tessera.foundation.errors import TesseraError

TYPES: Final = ("text", "number", "boolean", "date", "list", "object")
MOST_ALLOWED: Final = 100
LONGEST_ALLOWED: Final = 255

_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ].*)?")
_NUMBER: Final = re.compile(r"[+-]?\d{1,300}(?:\.\d{1,300})?(?:[eE][+-]?\d{1,3})?", re.ASCII)
_WHOLE: Final = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_BOOLEANS: Final = {"true": True, "false": False, "1": True, "0": False}
_LONGEST_NUMBER: Final = 100
_MOST_WHOLE: Final = 2**63 - 1
"""Attributes beyond are floats already (profiles.attributes.tame)."""

_LONGEST_DATE: Final = 64
_OPERATION_TYPES: Final = {"inc": "number", "add": "list", "remove": "list"}


class DoesNotFit(ValueError):
    """The value is not of the declared type (`wrong_type`), or not one of the allowed values (`not_allowed`)."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class InvalidDeclaration(TesseraError):
    """The declaration contradicts itself; the message says how."""

    code = "invalid_declaration"


class Declaration(Struct, frozen=True):
    """What the values of a field must be. `allowed` holds the JSON of each allowed value, None where all are."""

    type: str
    allowed: frozenset[bytes] | None = None


def type_of(value: Any) -> str:
    """`text`, `number`, `boolean`, `date`, `list` or `object`; empty for None."""
    match value:
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "date" if _DATE.fullmatch(value) else "text"
        case list():
            return "list"
        case dict():
            return _operation_type(value) or "object"
    return ""


def _operation_type(value: dict[str, Any]) -> str | None:
    """The type of what an operation works on; None where the object is just an object."""
    if len(value) != 1:
        return None
    ((operator, argument),) = value.items()
    found = _OPERATION_TYPES.get(operator)
    return found if found != "list" or isinstance(argument, list) else None


def fit(declaration: Declaration, value: Any) -> Any:
    """The value as the declared type has it. Raises `DoesNotFit`. Fitting twice is fitting once."""
    if value is None:
        return None
    if type(value) is dict and (operated := _operation_type(value)) is not None:
        return _fit_operation(declaration, value, operated)
    fitting = _READ[declaration.type](value)
    if declaration.allowed is not None:
        _check_allowed(declaration.allowed, fitting if isinstance(fitting, list) else [fitting])
    return fitting


def _fit_operation(declaration: Declaration, value: dict[str, Any], operated: str) -> Any:
    if declaration.type != operated:
        raise DoesNotFit("wrong_type")
    added = value.get("add")
    if declaration.allowed is not None and added is not None:
        _check_allowed(declaration.allowed, added)
    return value


def _check_allowed(allowed: frozenset[bytes], values: list[Any]) -> None:
    try:
        if all(encode(value) in allowed for value in values):
            return
    except (OverflowError, RecursionError):
        pass  # beyond what can be written, so not among what was written
    raise DoesNotFit("not_allowed")


def _as_text(value: Any) -> str:
    if type(value) is str:
        return value
    if type(value) is int and abs(value) < 10**_LONGEST_NUMBER:
        return str(value)
    if type(value) is float:
        return encode(value).decode()
    raise DoesNotFit("wrong_type")


def _as_number(value: Any) -> int | float:
    if (type(value) is int and abs(value) <= _MOST_WHOLE) or (type(value) is float and math.isfinite(value)):
        number: int | float = value
        return number
    if type(value) is str and len(value) <= _LONGEST_NUMBER:
        text = value.strip()
        if _WHOLE.fullmatch(text):
            return int(text)
        if _NUMBER.fullmatch(text) and math.isfinite(read := float(text)):
            return read
    raise DoesNotFit("wrong_type")


def _as_boolean(value: Any) -> bool:
    if type(value) is bool:
        return value
    text = str(value).strip().lower() if type(value) in (str, int) and len(str(value)) < 20 else ""
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    raise DoesNotFit("wrong_type")


def _as_date(value: Any) -> str:
    if type(value) is str and len(value) <= _LONGEST_DATE and _DATE.fullmatch(text := value.strip()):
        try:
            parse_time(text)
        except Rejected:
            raise DoesNotFit("wrong_type") from None
        return text
    raise DoesNotFit("wrong_type")


def _as_list(value: Any) -> list[Any]:
    if type(value) is list:
        return value
    raise DoesNotFit("wrong_type")


def _as_object(value: Any) -> dict[str, Any]:
    if type(value) is dict:
        return value
    raise DoesNotFit("wrong_type")


_READ: Final = {
    "text": _as_text,
    "number": _as_number,
    "boolean": _as_boolean,
    "date": _as_date,
    "list": _as_list,
    "object": _as_object,
}
encode: Final = msgspec.json.Encoder(order="deterministic").encode


def declaration_of(type_name: str, allowed: Sequence[Any] | None) -> Declaration:
    """A declaration that makes sense. Raises `InvalidDeclaration`."""
    if type_name not in TYPES:
        raise InvalidDeclaration(f"no such type: {type_name[:64]!r}. Types are {', '.join(TYPES)}")
    if not allowed:
        return Declaration(type_name)
    return Declaration(type_name, frozenset(encode(value) for value in checked_allowed(type_name, allowed)))


def checked_allowed(type_name: str, allowed: Sequence[Any]) -> list[Any]:
    """The allowed values as the type has them, each once, in their order. Raises `InvalidDeclaration`."""
    if type_name in ("object", "boolean"):
        raise InvalidDeclaration(f"allowed values go with text, number, date and list, not with {type_name}")
    if len(allowed) > MOST_ALLOWED:
        raise InvalidDeclaration(f"at most {MOST_ALLOWED} values can be allowed")
    plain = Declaration("text" if type_name == "list" else type_name)
    checked: dict[bytes, Any] = {}
    for value in allowed:
        try:
            fitting = value if type_name == "list" and type(value) in (int, float) else fit(plain, value)
        except DoesNotFit:
            fitting = None
        if fitting is None or fitting == "":
            raise InvalidDeclaration(f"{str(value)[:64]!r} is not a value of the type {type_name}")
        if len(encode(fitting)) > LONGEST_ALLOWED:
            raise InvalidDeclaration(f"an allowed value has at most {LONGEST_ALLOWED} bytes")
        checked[encode(fitting)] = fitting
    return list(checked.values())
