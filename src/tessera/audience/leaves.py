"""A document (attributes, properties) as typed leaves: what a condition may ask about, in memory and in the warehouse.

A leaf has a path and a type. A value is a leaf of the type it has, and text that is plainly a date is a leaf of the
type time as well, so a field may have leaves of several types; a condition asks for the type its operand has and
nothing is ever converted. That is why both readings of a condition agree.

| value | leaf |
|---|---|
| text | `text`, and `time` where it is a date or a moment |
| number | `number` (a 64-bit float, as everywhere in analysis); none where it is beyond all floats |
| true, false | `boolean` |
| list of these | `list`, its elements as text |
| object | its members, `address.city` |
| list of objects | for each member the list of its values, `products[].name` |
"""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, TypeAlias

from tessera.events.fitting import type_of
from tessera.events.messages import Rejected, parse_time

Type: TypeAlias = Literal["text", "number", "boolean", "time", "list"]
TYPES: Final[tuple[Type, ...]] = ("text", "number", "boolean", "time", "list")
Path: TypeAlias = tuple[str, ...]
"""Names from the outside in; `ELEMENTS` stands for "each of the list"."""
Leaf: TypeAlias = str | float | bool | int | tuple[str, ...]
"""Text, number, boolean, microseconds since 1970, or the elements of a list."""
Leaves: TypeAlias = dict[tuple[Path, Type], Leaf]

ELEMENTS: Final = "[]"
MOST_LEAVES: Final = 300
MOST_ELEMENTS: Final = 100
LONGEST_TEXT: Final = 1_000
"""Characters of a text that conditions see; history has the whole."""
DEEPEST: Final = 4
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
SEPARATOR: Final = "\x1f"
"""The warehouse keeps lists as text, each element between two of these: no two engines have the same lists."""
_UNSEEN: Final = str.maketrans("", "", f"\0{SEPARATOR}")
"""U+0000 is in no database's text."""


def leaves_of(document: Mapping[str, Any]) -> Leaves:
    """The document's leaves, at most `MOST_LEAVES`, as they come."""
    leaves: Leaves = {}
    for key, leaf in _walk((), document, 0):
        if len(leaves) >= MOST_LEAVES:
            break
        leaves.setdefault(key, leaf)
    return leaves


def _walk(path: Path, value: Any, depth: int) -> Iterator[tuple[tuple[Path, Type], Leaf]]:
    if isinstance(value, Mapping):
        if depth < DEEPEST:
            for name, part in value.items():
                yield from _walk((*path, seen_text(name)), part, depth + 1)
    elif isinstance(value, list):
        yield from _elements(path, value)
    else:
        yield from _scalar(path, value)


def _scalar(path: Path, value: Any) -> Iterator[tuple[tuple[Path, Type], Leaf]]:
    if isinstance(value, bool):
        yield (path, "boolean"), value
    elif isinstance(value, int | float):
        number = number_of(value)
        if number is not None:
            yield (path, "number"), number
    elif isinstance(value, str):
        yield (path, "text"), seen_text(value)
        moment = moment_of(value)
        if moment is not None:
            yield (path, "time"), moment


def _elements(path: Path, values: list[Any]) -> Iterator[tuple[tuple[Path, Type], Leaf]]:
    plain = tuple(text for value in values[:MOST_ELEMENTS] if (text := element_text(value)) is not None)
    members: dict[str, list[str]] = {}
    for value in values[:MOST_ELEMENTS]:
        if isinstance(value, Mapping):
            for name, part in value.items():
                text = element_text(part)
                if text is not None:
                    members.setdefault(seen_text(name), []).append(text)
    if plain or not members:
        yield (path, "list"), plain
    for name, texts in members.items():
        yield ((*path, ELEMENTS, name), "list"), tuple(texts)


def element_text(value: Any) -> str | None:
    """An element of a list as conditions name it: text as it is, whole numbers without a point; None for no scalar."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return seen_text(value)
    if isinstance(value, int | float):
        number = number_of(value)
        if number is None:
            return None
        return str(int(number)) if number.is_integer() and abs(number) < 2**53 else repr(number)
    return None


def number_of(value: int | float) -> float | None:
    """As a 64-bit float; None beyond all of them: history keeps whole numbers of any length."""
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def seen_text(text: str) -> str:
    """A text as both readings have it."""
    return text[:LONGEST_TEXT].translate(_UNSEEN)


def moment_of(text: str) -> int | None:
    """Microseconds since 1970 where the text is plainly a date or a moment (ISO 8601), else None."""
    if type_of(text) != "date":
        return None
    try:
        return parse_time(text)
    except Rejected:
        return None


def written(path: Path) -> str:
    """The path as people write it: `address.city`, `products[].name`, `"odd name".x`."""
    parts: list[str] = []
    for part in path:
        if part == ELEMENTS and parts:
            parts[-1] += ELEMENTS
        else:
            parts.append(part if _NAME.fullmatch(part) else quoted(part))
    return ".".join(parts)


def quoted(text: str) -> str:
    """A text between quotation marks."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t") + '"'
