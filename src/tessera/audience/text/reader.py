"""Reading the text form: from tokens to conditions, by descent. Every error says where it is and what was expected.

country = "ES" and did("Order Completed", total > 100) >= 2 in 30 days and not did("Refund Requested") in 60 days
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar
from uuid import UUID

from tessera.audience.conditions.comparisons import (
    After,
    AtLeast,
    AtMost,
    Before,
    Contains,
    During,
    Equals,
    InLast,
    InLastHours,
    InNext,
    IsSet,
    Less,
    Matches,
    More,
)
from tessera.audience.conditions.condition import Condition
from tessera.audience.conditions.doings import Did, Extreme, Sessions, Times, Total
from tessera.audience.conditions.groups import All, AnyOf, Not
from tessera.audience.conditions.known import Attribute, Fact, HasDevice, Identifier
from tessera.audience.conditions.membership import InSegment
from tessera.audience.conditions.places import Near
from tessera.audience.conditions.reach import CHANNELS, Reachable
from tessera.audience.conditions.registry import DEEPEST, check_size, from_json, to_json
from tessera.audience.conditions.related import Related
from tessera.audience.leaves import Path
from tessera.audience.text.comparing import ComparisonReader
from tessera.audience.text.lexer import Token

SegmentNamed = Callable[[str], UUID]
"""The segment of this name. Raises KeyError."""
T = TypeVar("T")

_RELATIONS: Final[dict[str, Any]] = {"<": Less, "<=": AtMost, ">": More, ">=": AtLeast}
_WORDS: Final[dict[str, Any]] = {"contains": Contains, "matches": Matches}


def from_text(text: str, segment_named: SegmentNamed = UUID) -> Condition:
    """The condition. Raises `InvalidText`, and `InvalidCondition` where it is too large."""
    reader = _Reader(text, segment_named)
    condition = reader.expression()
    reader.expect_end()
    check_size(condition)
    return from_json(to_json(condition))


class _Reader(ComparisonReader):
    def __init__(self, text: str, segment_named: SegmentNamed) -> None:
        super().__init__(text)
        self._depth = 0
        self._segment_named = segment_named

    # groups

    def expression(self) -> Condition:
        parts = [self._conjunction()]
        while self._take("or"):
            parts.append(self._conjunction())
        return parts[0] if len(parts) == 1 else AnyOf(of=tuple(parts))

    def _conjunction(self) -> Condition:
        parts = [self._unary()]
        while self._take("and"):
            parts.append(self._unary())
        return parts[0] if len(parts) == 1 else All(of=tuple(parts))

    def _unary(self) -> Condition:
        self._depth += 1
        if self._depth > 2 * DEEPEST:
            raise self._no("this is nested too deeply")
        try:
            if self._take("not"):
                return Not(of=self._unary())
            return self._primary()
        finally:
            self._depth -= 1

    def _primary(self) -> Condition:
        if self._take("("):
            inner = self.expression()
            self._expect(")")
            return inner
        token = self._now
        if token.kind == "name" and self._is("(", ahead=1):
            read = _CALLS.get(token.text)
            if read is None:
                raise self._no(f"there is no {token.text}(…); there are {', '.join(_CALLS)}")
            self._at += 2
            return self._made(lambda: read(self), token)
        if self._take("everyone"):
            return All(of=())
        if self._take("nobody"):
            return AnyOf(of=())
        if self._take("@"):
            return self._fact(token)
        if token.kind not in ("name", "text") or token.text in RESERVED:
            raise self._no("a condition is expected")
        path = self._path()
        if self._take("within"):
            return self._made(lambda: self._near(path), token)
        return self._compared(lambda test: Attribute(path=path, test=test), path)

    def group_of(self, kind: Any) -> Condition:
        parts = []
        if not self._is(")"):
            parts.append(self.expression())
            while self._take(","):
                parts.append(self.expression())
        self._expect(")")
        return kind(of=tuple(parts))  # type: ignore[no-any-return]

    def _fact(self, begin: Token) -> Condition:
        parts = [self._name()]
        while self._take("."):
            parts.append(self._name())
        name = ".".join(parts)
        self._made(lambda: Fact(name=name, test=IsSet()), begin)
        return self._compared(lambda test: Fact(name=name, test=test))

    def _compared(self, make: Callable[[Any], Condition], path: Path = ()) -> Condition:
        token = self._now
        test, negated = self._test_of(path)
        condition = self._made(lambda: make(test), token)
        return Not(of=condition) if negated else condition

    # what the person did, and has

    def did(self) -> Condition:
        event, where = self._quoted(), self._further_asks()
        self._expect(")")
        return Did(event=event, where=where, times=self._times(), when=self.window())

    def _times(self) -> Times:
        token = self._now
        for sign, relation, more in _TIMES:
            if self._take(sign):
                number = self._whole() + more
                if number < 0:
                    raise self._no("nobody does something fewer than zero times", token)
                return Times(relation, number)  # type: ignore[arg-type]
        return Times()

    def extreme(self, which: str) -> Condition:
        event, where = self._quoted(), self._further_asks()
        self._expect(")")
        token = self._now
        test, negated = self._test()
        found = self._made(lambda: Extreme(event=event, where=where, which=which, test=test), token)  # type: ignore[arg-type]
        if not isinstance(test, Before | After | During | InLast | InLastHours | InNext):
            raise self._no("a time is expected (before, after, from … to …, in last, in next)", token)
        return Not(of=found) if negated else found

    def total(self, measure: str) -> Condition:
        event = self._quoted()
        self._expect(",")
        of, where = self._path(), self._further_asks()
        self._expect(")")
        token = self._now
        test, negated = self._test()
        if not isinstance(test, Less | AtMost | More | AtLeast | Equals):
            raise self._no("a comparison with a number is expected", token)
        when = self.window()
        found = Total(event=event, where=where, measure=measure, of=of, test=test, when=when)  # type: ignore[arg-type]
        return Not(of=found) if negated else found

    def sessions(self) -> Condition:
        self._expect(")")
        return Sessions(times=self._times(), when=self.window())

    def device(self) -> Condition:
        where = () if self._is(")") else self.asks()
        self._expect(")")
        return HasDevice(where=where)

    def _near(self, path: Path) -> Condition:
        km = self._number()
        self._expect("km", "of", "(")
        latitude = self._number()
        self._expect(",")
        longitude = self._number()
        self._expect(")")
        return Near(path=path, latitude=latitude, longitude=longitude, km=km)

    def reachable(self) -> Condition:
        token = self._next()
        if token.text not in CHANNELS:
            raise self._no(f"a channel is expected ({', '.join(CHANNELS)})", token)
        self._expect(")")
        return Reachable(channel=token.text)

    def related(self) -> Condition:
        kind = self._quoted()
        side: Any = "either"
        if self._take(","):
            token = self._next()
            if token.text not in ("outgoing", "incoming"):
                raise self._no("'outgoing' or 'incoming' is expected", token)
            side = token.text
        self._expect(")")
        return Related(type=kind, side=side)

    def identifier(self) -> Condition:
        kind = self._quoted()
        self._expect(")")
        return self._compared(lambda test: Identifier(kind=kind, test=test))

    def segment(self) -> Condition:
        token = self._now
        name = self._quoted()
        self._expect(")")
        try:
            return InSegment(segment_id=self._segment_named(name))
        except (KeyError, ValueError):
            raise self._no(f"there is no segment {name!r}", token) from None


_TIMES: Final = (
    (">=", "at_least", 0),
    (">", "at_least", 1),
    ("<=", "at_most", 0),
    ("<", "at_most", -1),
    ("=", "exactly", 0),
)
_CALLS: Final[dict[str, Callable[[_Reader], Condition]]] = {
    "did": _Reader.did,
    "first": lambda reader: reader.extreme("first"),
    "last": lambda reader: reader.extreme("last"),
    "sum": lambda reader: reader.total("sum"),
    "average": lambda reader: reader.total("average"),
    "sessions": _Reader.sessions,
    "device": _Reader.device,
    "identifier": _Reader.identifier,
    "segment": _Reader.segment,
    "related": _Reader.related,
    "reachable": _Reader.reachable,
    "all": lambda reader: reader.group_of(All),
    "any": lambda reader: reader.group_of(AnyOf),
}
RESERVED: Final = frozenset(
    {
        "and", "or", "not", "in", "is", "contains", "starts", "ends", "matches", "has", "between", "before", "after",
        "from", "to", "anniversary", "everyone", "nobody", "true", "false",
    }
)  # fmt: skip
"""Words that name no attribute unless quoted."""
