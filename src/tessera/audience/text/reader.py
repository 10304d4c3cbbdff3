"""Reading the text form: from tokens to conditions, by descent. Every error says where it is and what was expected.

country = "ES" and did("Order Completed", total > 100) >= 2 in 30 days and not did("Refund Requested") in 60 days
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar
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
    InLast,
    InNext,
    IsSet,
    Less,
    Matches,
    More,
    OneOf,
    StartsWith,
)
from tessera.audience.conditions.condition import Condition
from tessera.audience.conditions.doings import Did, Extreme, Sessions, Times, Total, When
from tessera.audience.conditions.groups import All, AnyOf, Not
from tessera.audience.conditions.known import Attribute, Fact, HasDevice, Identifier
from tessera.audience.conditions.membership import InSegment
from tessera.audience.conditions.registry import DEEPEST, check_size, from_json, to_json
from tessera.audience.leaves import ELEMENTS, Path
from tessera.audience.text.lexer import InvalidText, Token, tokens_of

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


class _Reader:
    def __init__(self, text: str, segment_named: SegmentNamed) -> None:
        self._text = text
        self._tokens = tokens_of(text)
        self._at = 0
        self._depth = 0
        self._segment_named = segment_named

    # tokens

    @property
    def _now(self) -> Token:
        return self._tokens[self._at]

    def _next(self) -> Token:
        token = self._now
        self._at += token.kind != "end"
        return token

    def _is(self, *words: str, ahead: int = 0) -> bool:
        """Whether these words or signs come now."""
        coming = self._tokens[self._at + ahead : self._at + ahead + len(words)]
        return len(coming) == len(words) and all(
            token.kind in ("name", "sign") and token.text == word for token, word in zip(coming, words, strict=True)
        )

    def _take(self, *words: str) -> bool:
        if not self._is(*words):
            return False
        self._at += len(words)
        return True

    def _expect(self, *words: str) -> None:
        for word in words:
            if not self._take(word):
                raise self._no(f"{word!r} is expected")

    def _no(self, why: str, token: Token | None = None) -> InvalidText:
        token = token or self._now
        came = "the text ends here" if token.kind == "end" else f"here is {token.text[:40]!r}"
        return InvalidText(f"{why}; {came}" if "expected" in why else why, self._text, token.at)

    def expect_end(self) -> None:
        if self._now.kind != "end":
            raise self._no("'and', 'or' or the end is expected")

    def _made(self, make: Callable[[], T], token: Token) -> T:
        """What `make` makes; what it refuses is told with the place."""
        try:
            return make()
        except ValueError as error:
            raise InvalidText(str(error), self._text, token.at) from None

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
        return self._compared(lambda test: Attribute(path=path, test=test))

    def group_of(self, kind: Any) -> Condition:
        parts = []
        if not self._is(")"):
            parts.append(self.expression())
            while self._take(","):
                parts.append(self.expression())
        self._expect(")")
        return kind(of=tuple(parts))  # type: ignore[no-any-return]

    # values and tests

    def _fact(self, begin: Token) -> Condition:
        parts = [self._name()]
        while self._take("."):
            parts.append(self._name())
        name = ".".join(parts)
        self._made(lambda: Fact(name=name, test=IsSet()), begin)
        return self._compared(lambda test: Fact(name=name, test=test))

    def _name(self) -> str:
        token = self._next()
        if token.kind != "name":
            raise self._no("a name is expected", token)
        return token.text

    def _path(self) -> Path:
        parts = [self._part()]
        while True:
            if self._take("[]"):
                parts.append(ELEMENTS)
            elif self._take("."):
                parts.append(self._part())
            else:
                return tuple(parts)

    def _part(self) -> str:
        token = self._next()
        if token.kind == "text":
            return token.value
        if token.kind == "name":
            return token.text
        raise self._no("a name is expected", token)

    def _compared(self, make: Callable[[Any], Condition]) -> Condition:
        token = self._now
        test, negated = self._test()
        condition = self._made(lambda: make(test), token)
        return Not(of=condition) if negated else condition

    def _test(self) -> tuple[Comparison, bool]:
        """The test, and whether it is negated (`!=`, `not in`, `is not set`)."""
        token = self._now
        if self._take("="):
            return Equals(value=self._scalar()), False
        if self._take("!="):
            return Equals(value=self._scalar()), True
        if token.text in _RELATIONS and token.kind == "sign":
            self._next()
            return _RELATIONS[token.text](value=self._number()), False
        if self._take("not", "in"):
            return OneOf(values=self._scalars()), True
        if self._take("is", "not", "set"):
            return IsSet(), True
        if self._take("is", "set"):
            return IsSet(), False
        return self._made(self._worded_test, token), False

    def _worded_test(self) -> Comparison:
        if self._take("in", "last"):
            return InLast(days=self._days())
        if self._take("in", "next"):
            return InNext(days=self._days())
        if self._take("in"):
            return OneOf(values=self._scalars())
        if self._take("contains"):
            return Contains(value=self._quoted())
        if self._take("starts", "with"):
            return StartsWith(value=self._quoted())
        if self._take("ends", "with"):
            return EndsWith(value=self._quoted())
        if self._take("matches"):
            return Matches(pattern=self._quoted())
        if self._take("has"):
            return Has(value=self._scalar())
        if self._take("between"):
            low = self._number()
            self._expect("and")
            return Between(low=low, high=self._number())
        if self._take("anniversary", "in"):
            return Anniversary(days=self._days())
        found = self._when()
        if found is None:
            raise self._no("a comparison is expected (=, !=, <, in, contains, before, in last, is set …)")
        return found

    def _when(self) -> Before | After | During | None:
        if self._take("before"):
            return Before(moment=self._moment())
        if self._take("after"):
            return After(moment=self._moment())
        if self._take("from"):
            first = self._moment()
            self._expect("to")
            return During(first=first, last=self._moment())
        return None

    def window(self) -> When:
        """When events count: `in 30 days`, `before …`, `after …`, `from … to …`, or nothing."""
        token = self._now
        if self._is("in") and self._tokens[self._at + 1].kind == "number":
            self._next()
            return InLast(days=self._days())
        return self._made(self._when, token)

    def _days(self) -> int:
        days = self._whole()
        if not (self._take("days") or self._take("day")):
            raise self._no("'days' is expected")
        return days

    def _moment(self) -> str:
        token = self._next()
        if token.kind != "moment":
            raise self._no("a day (2026-01-31) or a moment (2026-01-31T12:00:00Z) is expected", token)
        return token.text

    def _scalar(self) -> bool | float | str:
        token = self._next()
        match token.kind:
            case "text":
                return token.value
            case "number":
                return self._read_number(token)
            case "name" if token.text in ("true", "false"):
                return token.text == "true"
        raise self._no('a value is expected ("text", 12.5, true, false)', token)

    def _scalars(self) -> tuple[bool | float | str, ...]:
        self._expect("(")
        values = [self._scalar()]
        while self._take(","):
            values.append(self._scalar())
        self._expect(")")
        return tuple(values)

    def _quoted(self) -> str:
        token = self._next()
        if token.kind != "text":
            raise self._no('a "text" is expected', token)
        return token.value

    def _number(self) -> float:
        token = self._next()
        if token.kind != "number":
            raise self._no("a number is expected", token)
        return self._read_number(token)

    def _read_number(self, token: Token) -> float:
        number = float(token.text)
        if number in (float("inf"), float("-inf")):
            raise self._no("this number is too large", token)
        return number

    def _whole(self) -> int:
        token = self._next()
        if token.kind != "number" or not token.text.isdigit():
            raise self._no("a whole number is expected", token)
        return int(token.text)

    # what the person did, and has

    def asks(self) -> tuple[Ask, ...]:
        found = [self._ask()]
        while self._take("and"):
            found.append(self._ask())
        return tuple(found)

    def _ask(self) -> Ask:
        negated = self._take("not")
        token = self._now
        path = self._path()
        test, turned = self._test()
        return self._made(lambda: Ask(path=path, test=test, negated=negated != turned), token)  # type: ignore[arg-type]

    def _further_asks(self) -> tuple[Ask, ...]:
        return self.asks() if self._take(",") else ()

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
        if not isinstance(test, Before | After | During | InLast | InNext):
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
