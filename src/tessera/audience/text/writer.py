"""Writing the text form: reading it gives the very condition again."""

from collections.abc import Callable
from typing import Final
from uuid import UUID

from tessera.audience.conditions.comparisons import (
    After,
    Anniversary,
    Ask,
    AtLeast,
    AtMost,
    Before,
    Between,
    Comparison,
    Contains,
    During,
    EndsWith,
    Equals,
    Has,
    HasAny,
    InLast,
    InLastHours,
    InNext,
    IsSet,
    Less,
    Matches,
    More,
    OneOf,
    StartsWith,
    Version,
)
from tessera.audience.conditions.condition import Condition
from tessera.audience.conditions.doings import Did, Extreme, Sessions, Times, Total, When
from tessera.audience.conditions.groups import All, AnyOf, Not
from tessera.audience.conditions.known import Attribute, Fact, HasDevice, Identifier
from tessera.audience.conditions.membership import InSegment
from tessera.audience.conditions.places import Near
from tessera.audience.conditions.reach import Reachable
from tessera.audience.conditions.related import Related
from tessera.audience.conditions.times import start_of
from tessera.audience.leaves import ELEMENTS, Path, quoted
from tessera.audience.leaves import written as plain_path
from tessera.audience.text.lexer import MOMENT
from tessera.audience.text.reader import RESERVED
from tessera.foundation.clock import iso

NameOfSegment = Callable[[UUID], str]
_SIGNS: Final = {Less: "<", AtMost: "<=", More: ">", AtLeast: ">="}
_OF_VERSIONS: Final = {"less": "<", "at_most": "<=", "equal": "=", "at_least": ">=", "more": ">"}
_TIMES: Final = {"at_least": ">=", "at_most": "<=", "exactly": "="}


def to_text(condition: Condition, name_of_segment: NameOfSegment = str) -> str:
    """One line."""
    return _Writer(name_of_segment).whole(condition)


class _Writer:
    def __init__(self, name_of_segment: NameOfSegment) -> None:
        self._name_of_segment = name_of_segment

    def whole(self, condition: Condition) -> str:
        match condition:
            case All(of=parts):
                return self._group(parts, "and", "all", "everyone")
            case AnyOf(of=parts):
                return self._group(parts, "or", "any", "nobody")
            case Not(of=inner):
                return self._negation(inner)
            case Attribute(path=path, test=test):
                return f"{written_path(path)} {written_test(test)}"
            case Fact(name=name, test=test):
                return f"@{name} {written_test(test)}"
            case Identifier(kind=kind, test=test):
                return f"identifier({quoted(kind)}) {written_test(test)}"
            case HasDevice(where=where):
                return f"device({_asks(where)})"
            case Did(event=event, where=where, times=times, when=when):
                return f"did({_event(event, where)}){_times(times)}{_when(when)}"
            case Extreme(which=which, event=event, where=where, test=test):
                return f"{which}({_event(event, where)}) {written_test(test)}"
            case Total(measure=measure, event=event, of=of, where=where, test=test, when=when):
                asked = f", {_asks(where)}" if where else ""
                return f"{measure}({quoted(event)}, {written_path(of)}{asked}) {written_test(test)}{_when(when)}"
            case Sessions(times=times, when=when):
                return f"sessions(){_times(times)}{_when(when)}"
            case InSegment(segment_id=segment_id):
                return f"segment({quoted(self._name_of_segment(segment_id))})"
            case Near(path=path, latitude=latitude, longitude=longitude, km=km):
                point = f"({_scalar(latitude)}, {_scalar(longitude)})"
                return f"{written_path(path)} within {_scalar(km)} km of {point}"
            case Reachable(channel=channel):
                return f"reachable({channel})"
            case Related(type=kind, side=side):
                return f"related({quoted(kind)})" if side == "either" else f"related({quoted(kind)}, {side})"
        raise TypeError(f"{type(condition).__name__} has no text form")

    def _group(self, parts: tuple[Condition, ...], word: str, call: str, empty: str) -> str:
        if not parts:
            return empty
        if len(parts) == 1:
            return f"{call}({self.whole(parts[0])})"
        return f" {word} ".join(self._part(part, word) for part in parts)

    def _part(self, part: Condition, word: str) -> str:
        """Between brackets where it would be read otherwise: a group in a group, but `and` binds tighter than `or`."""
        text = self.whole(part)
        several = isinstance(part, All | AnyOf) and len(part.of) > 1
        return f"({text})" if several and not (word == "or" and isinstance(part, All)) else text

    def _negation(self, inner: Condition) -> str:
        if isinstance(inner, Attribute | Fact | Identifier) and (text := _negative(inner.test)) is not None:
            head = self.whole(inner).removesuffix(written_test(inner.test))
            return head + text
        text = self.whole(inner)
        return f"not ({text})" if isinstance(inner, All | AnyOf) and len(inner.of) > 1 else f"not {text}"


def _negative(test: Comparison) -> str | None:
    match test:
        case Equals() | Version(relation="equal"):
            return "!" + written_test(test)
        case OneOf():
            return "not " + written_test(test)
        case IsSet():
            return "is not set"
    return None


def written_path(path: Path) -> str:
    """As `leaves.written`; a word of the language is quoted."""
    first, *rest = path
    head = quoted(first) if first in RESERVED else plain_path((first,))
    if not rest:
        return head
    tail = plain_path(("x", *rest))[1:]
    return head + tail


def written_test(test: Comparison) -> str:
    match test:
        case Equals(value=value):
            return f"= {_scalar(value)}"
        case OneOf(values=values):
            return f"in ({', '.join(map(_scalar, values))})"
        case Contains(value=value):
            return f"contains {quoted(value)}"
        case StartsWith(value=value):
            return f"starts with {quoted(value)}"
        case EndsWith(value=value):
            return f"ends with {quoted(value)}"
        case Matches(pattern=pattern):
            return f"matches {quoted(pattern)}"
        case Has(value=value):
            return f"has {_scalar(value)}"
        case HasAny(values=values):
            return f"has any ({', '.join(map(_scalar, values))})"
        case Less() | AtMost() | More() | AtLeast():
            return f"{_SIGNS[type(test)]} {_scalar(test.value)}"
        case Between(low=low, high=high):
            return f"between {_scalar(low)} and {_scalar(high)}"
        case Before(moment=moment):
            return f"before {_moment(moment)}"
        case After(moment=moment):
            return f"after {_moment(moment)}"
        case During(first=first, last=last):
            return f"from {_moment(first)} to {_moment(last)}"
        case InLast(days=days):
            return f"in last {days} days"
        case InLastHours(hours=hours):
            return f"in last {hours} hours"
        case Version(relation=relation, value=value):
            return f"{_OF_VERSIONS[relation]} version {quoted(value)}"
        case InNext(days=days):
            return f"in next {days} days"
        case Anniversary(days=days):
            return f"anniversary in {days} days"
        case IsSet():
            return "is set"
    raise TypeError(f"{type(test).__name__} has no text form")


def _moment(said: str) -> str:
    """ISO 8601 has more ways to say a moment (`2026-W05-1`, `2026-01-31 12:00`) than the text form reads."""
    return said if MOMENT.fullmatch(said) else iso(start_of(said))


def _scalar(value: bool | float | str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quoted(value)
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))


def _event(event: str, where: tuple[Ask, ...]) -> str:
    return f"{quoted(event)}, {_asks(where)}" if where else quoted(event)


def _asks(where: tuple[Ask, ...]) -> str:
    return " and ".join(map(_ask, where))


def _ask(ask: Ask) -> str:
    path = written_path(ask.path)
    if not ask.negated:
        return f"{path} {written_test(ask.test)}"
    negative = _negative(ask.test)
    return f"{path} {negative}" if negative is not None else f"not {path} {written_test(ask.test)}"


def _times(times: Times) -> str:
    return "" if times == Times() else f" {_TIMES[times.relation]} {times.number}"


def _when(when: When) -> str:
    if when is None:
        return ""
    moving = isinstance(when, InLast | InLastHours)
    return f" {written_test(when)}".replace(" in last ", " in ", 1) if moving else f" {written_test(when)}"


__all__ = ["ELEMENTS", "to_text", "written_path", "written_test"]
