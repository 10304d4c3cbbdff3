"""Versions by their numbers: 4.9 is before 4.10, and 4.10 is 4.10.0.

A text is a version where it begins with a number, `v` before it or not; what follows the numbers (`-beta`, ` (123)`) is
not looked at. Everyone is asked by a regular expression made for the operand, of the part that all engines read
alike: so any text can be asked, whenever it was stored, and no column is kept for it.
"""

import re
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Final, Literal

import ibis
from msgspec import Meta

from tessera.audience.conditions.comparison import Boolean, Comparison
from tessera.audience.leaves import Leaf, Type
from tessera.foundation.clock import Micros

Relation = Literal["less", "at_most", "equal", "at_least", "more"]
_NUMBERS: Final = re.compile(r"[vV]?([0-9]+(?:\.[0-9]+)*)")
_NO_DIGIT: Final = "([^0-9]|$)"
_END: Final = r"([^0-9.]|\.[^0-9]|\.$|$)"
"""The numbers end here."""


class Version(Comparison, frozen=True, kw_only=True, tag="version"):
    """The text is a version before, after, or the same as this one: `app_version < version "4.10.2"`."""

    relation: Relation
    value: Annotated[str, Meta(pattern=r"^[0-9]{1,9}(\.[0-9]{1,9}){0,5}$")]
    types: ClassVar[tuple[Type, ...]] = ("text",)

    def __post_init__(self) -> None:
        if numbers_of(self.value) is None:
            raise ValueError('a version is numbers between points, such as "4.10.2"')

    def passes(self, kind: Type, value: Leaf, now: Micros) -> bool:
        found, asked = numbers_of(str(value)), numbers_of(self.value)
        if found is None or asked is None:
            return False
        match self.relation:
            case "less":
                return found < asked
            case "at_most":
                return found <= asked
            case "equal":
                return found == asked
            case "at_least":
                return found >= asked
            case _:
                return found > asked

    def column_passes(self, kind: Type, column: Any, now: Micros) -> Boolean:
        pattern = pattern_of(self.relation, self.value)
        return ibis.literal(False) if pattern is None else column.re_search(pattern)


def numbers_of(text: str) -> tuple[int, ...] | None:
    """The numbers at the beginning, without zeros at the end; None where the text is no version."""
    found = _NUMBERS.match(text)
    if found is None:
        return None
    numbers = [int(number) for number in found[1].split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


@lru_cache(maxsize=1_000)
def pattern_of(relation: Relation, version: str) -> str | None:
    """The regular expression of all texts that are so related to the version; None where there can be none."""
    numbers = [str(number) for number in numbers_of(version) or ()] or ["0"]
    ways = {
        "less": [_unequal(numbers, _less, shorter=True)],
        "more": [_unequal(numbers, _more, shorter=False)],
        "equal": [_equal(numbers)],
    }
    ways |= {"at_most": ways["less"] + ways["equal"], "at_least": ways["more"] + ways["equal"]}
    found = "|".join(way for way in ways[relation] if way)
    return f"^[vV]?({found})" if found else None


def _equal(numbers: list[str]) -> str:
    return r"\.".join(f"0*{number}" for number in numbers) + rf"(\.0+)*{_END}"


def _unequal(numbers: list[str], part: Any, *, shorter: bool) -> str:
    """At the first number that differs it is as `part` says. With no zeros at its end, what is `shorter` is less."""
    first, *rest = numbers
    differs = part(first)
    ways = [f"{differs}{_NO_DIGIT}"] if differs else []
    if rest:
        after = [rf"\.({further})"] if (further := _unequal(rest, part, shorter=shorter)) else []
        same = [*after, *([_END] if shorter else [])]
    else:
        same = [] if shorter else [r"(\.0+)*\.0*[1-9]"]
    if same:
        ways.append(f"0*{first}({'|'.join(same)})")
    return "|".join(ways)


def _less(number: str) -> str:
    """All numbers below: shorter ones, and those that are less at some place."""
    ways = [f"[0-9]{{1,{len(number) - 1}}}"] if len(number) > 1 else []
    ways += [
        f"{number[:place]}[0-{int(digit) - 1}]{_digits(len(number) - place - 1)}"
        for place, digit in enumerate(number)
        if digit != "0"
    ]
    return f"0*({'|'.join(ways)})" if ways else ""


def _more(number: str) -> str:
    ways = [f"[1-9][0-9]{{{len(number)},}}"]
    ways += [
        f"{number[:place]}[{int(digit) + 1}-9]{_digits(len(number) - place - 1)}"
        for place, digit in enumerate(number)
        if digit != "9"
    ]
    return f"0*({'|'.join(ways)})"


def _digits(many: int) -> str:
    return f"[0-9]{{{many}}}" if many else ""
