"""What is asked of one value: a small class per comparison, each with both readings.

A value that is not there passes no test but `IsNotSet`; what is negative is said by `Not` around a condition, and so
holds for those without a value, too.
"""

from functools import reduce
from operator import or_
from typing import Annotated, Any, ClassVar, Final, TypeAlias

from msgspec import Meta, Struct

from tessera.audience.conditions.comparison import Boolean, Comparison, Values
from tessera.audience.conditions.patterns import compiled, portable
from tessera.audience.conditions.times import After, Anniversary, Before, During, InLast, InLastHours, InNext
from tessera.audience.conditions.versions import Version
from tessera.audience.leaves import LONGEST_TEXT, MOST_ELEMENTS, SEPARATOR, Leaf, Path, Type, element_text
from tessera.foundation.clock import Micros

__all__ = [
    "After", "Anniversary", "AnyComparison", "Ask", "AtLeast", "AtMost", "Before", "Between", "Comparison", "Contains",
    "During", "EndsWith", "Equals", "Has", "HasAny", "InLast", "InLastHours", "InNext", "IsSet", "Less", "Matches",
    "More", "OneOf", "StartsWith", "Values", "Version",
]  # fmt: skip

Text = Annotated[str, Meta(max_length=LONGEST_TEXT)]
MOST_VALUES: Final = 1_000
Scalar: TypeAlias = bool | float | Text


def _type_of(value: Scalar) -> Type:
    return "boolean" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"


class Equals(Comparison, frozen=True, kw_only=True, tag="equals"):
    """The very value: text by its letters, capitals and all."""

    value: Scalar

    def looks_at(self) -> tuple[Type, ...]:
        return (_type_of(self.value),)

    def passes(self, kind: Type, value: Leaf, now: Micros) -> bool:
        return bool(value == self.value)

    def column_passes(self, kind: Type, column: Any, now: Micros) -> Boolean:
        return column == (float(self.value) if kind == "number" else self.value)


class OneOf(Comparison, frozen=True, kw_only=True, tag="one_of"):
    values: Annotated[tuple[Scalar, ...], Meta(min_length=1, max_length=MOST_VALUES)]

    def looks_at(self) -> tuple[Type, ...]:
        return tuple(dict.fromkeys(_type_of(value) for value in self.values))

    def passes(self, kind: Type, value: Leaf, now: Micros) -> bool:
        return value in self._of(kind)

    def column_passes(self, kind: Type, column: Any, now: Micros) -> Boolean:
        return column.isin(self._of(kind))

    def _of(self, kind: Type) -> list[Any]:
        mine = [value for value in self.values if _type_of(value) == kind]
        return [float(value) for value in mine] if kind == "number" else mine


class _InText(Comparison, frozen=True, kw_only=True):
    value: Annotated[str, Meta(min_length=1, max_length=LONGEST_TEXT)]
    types: ClassVar[tuple[Type, ...]] = ("text",)


class Contains(_InText, frozen=True, kw_only=True, tag="contains"):
    def passes(self, kind: Type, value: Leaf, now: Micros) -> bool:
        return self.value in str(value)

    def column_passes(self, kind: Type, column: Any, now: Micros) -> Boolean:
        return column.contains(self.value)


class StartsWith(_InText, frozen=True, kw_only=True, tag="starts_with"):
    def passes(self, kind: Type, value: Leaf, now: Micros) -> bool:
        return str(value).startswith(self.value)

    def column_passes(self, kind: Type, column: Any, now: Micros) -> Boolean:
        return column.startswith(self.value)


class EndsWith(_InText, frozen=True, kw_only=True, tag="ends_with"):
    def passes(self, kind: Type, value: Leaf, now: Micros) -> bool:
        return str(value).endswith(self.value)

    def column_passes(self, kind: Type, column: Any, now: Micros) -> Boolean:
        return column.endswith(self.value)


class Matches(Comparison, frozen=True, kw_only=True, tag="matches"):
    """A pattern of the part of RE2's syntax that every engine reads alike (`patterns.py`); found anywhere."""

    pattern: Annotated[str, Meta(min_length=1, max_length=500)]
    types: ClassVar[tuple[Type, ...]] = ("text",)

    def __post_init__(self) -> None:
        portable(self.pattern)

    def passes(self, kind: Type, value: Leaf, now: Micros) -> bool:
        return compiled(portable(self.pattern)).search(str(value)) is not None

    def column_passes(self, kind: Type, column: Any, now: Micros) -> Boolean:
        return column.re_search(portable(self.pattern))


class Has(Comparison, frozen=True, kw_only=True, tag="has"):
    """The list has this element."""

    value: Scalar
    types: ClassVar[tuple[Type, ...]] = ("list",)

    @property
    def element(self) -> str:
        return element_text(self.value) or ""

    def passes(self, kind: Type, value: Leaf, now: Micros) -> bool:
        return isinstance(value, tuple) and self.element in value

    def column_passes(self, kind: Type, column: Any, now: Micros) -> Boolean:
        return column.contains(f"{SEPARATOR}{self.element}{SEPARATOR}")


class HasAny(Comparison, frozen=True, kw_only=True, tag="has_any"):
    """The list has one of these elements, or several."""

    values: Annotated[tuple[Scalar, ...], Meta(min_length=1, max_length=MOST_ELEMENTS)]
    types: ClassVar[tuple[Type, ...]] = ("list",)

    def passes(self, kind: Type, value: Leaf, now: Micros) -> bool:
        return any(Has(value=each).passes(kind, value, now) for each in self.values)

    def column_passes(self, kind: Type, column: Any, now: Micros) -> Boolean:
        first, *rest = (Has(value=each).column_passes(kind, column, now) for each in self.values)
        return reduce(or_, rest, first)


class _Number(Comparison, frozen=True, kw_only=True):
    value: float
    types: ClassVar[tuple[Type, ...]] = ("number",)


class Less(_Number, frozen=True, kw_only=True, tag="less"):
    def passes(self, kind: Type, value: Leaf, now: Micros) -> bool:
        return float(value) < self.value  # type: ignore[arg-type]

    def column_passes(self, kind: Type, column: Any, now: Micros) -> Boolean:
        return column < self.value


class AtMost(_Number, frozen=True, kw_only=True, tag="at_most"):
    def passes(self, kind: Type, value: Leaf, now: Micros) -> bool:
        return float(value) <= self.value  # type: ignore[arg-type]

    def column_passes(self, kind: Type, column: Any, now: Micros) -> Boolean:
        return column <= self.value


class More(_Number, frozen=True, kw_only=True, tag="more"):
    def passes(self, kind: Type, value: Leaf, now: Micros) -> bool:
        return float(value) > self.value  # type: ignore[arg-type]

    def column_passes(self, kind: Type, column: Any, now: Micros) -> Boolean:
        return column > self.value


class AtLeast(_Number, frozen=True, kw_only=True, tag="at_least"):
    def passes(self, kind: Type, value: Leaf, now: Micros) -> bool:
        return float(value) >= self.value  # type: ignore[arg-type]

    def column_passes(self, kind: Type, column: Any, now: Micros) -> Boolean:
        return column >= self.value


class Between(Comparison, frozen=True, kw_only=True, tag="between"):
    """Both ends belong to it."""

    low: float
    high: float
    types: ClassVar[tuple[Type, ...]] = ("number",)

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("the low end is above the high end")

    def passes(self, kind: Type, value: Leaf, now: Micros) -> bool:
        return self.low <= float(value) <= self.high  # type: ignore[arg-type]

    def column_passes(self, kind: Type, column: Any, now: Micros) -> Boolean:
        return (column >= self.low) & (column <= self.high)


class IsSet(Comparison, frozen=True, kw_only=True, tag="is_set"):
    """There is a value, of whatever type; an empty list is one, too."""

    types: ClassVar[tuple[Type, ...]] = ("text", "number", "boolean", "time", "list")

    def passes(self, kind: Type, value: Leaf, now: Micros) -> bool:
        return True

    def column_passes(self, kind: Type, column: Any, now: Micros) -> Boolean:
        return column.notnull()


AnyComparison: TypeAlias = (
    Equals | OneOf | Contains | StartsWith | EndsWith | Matches | Has | HasAny | Less | AtMost | More | AtLeast
    | Between | Before | After | During | InLast | InLastHours | InNext | Anniversary
    | Version | IsSet
)  # fmt: skip


class Ask(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A test of the value at a path, or, `negated`, that the value does not pass it (nor does a missing one)."""

    path: Annotated[Path, Meta(min_length=1, max_length=10)]
    test: AnyComparison
    negated: bool = False

    def holds(self, values: Values, now: Micros) -> bool:
        return self.test.holds(values, now) != self.negated

    def column_holds(self, columns: Values, now: Micros) -> Boolean:
        found = self.test.column_holds(columns, now)
        return ~found.fill_null(False) if self.negated else found
