"""Reading comparisons: what stands behind the name of a value."""

from typing import Any, Final

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
from tessera.audience.conditions.doings import When
from tessera.audience.leaves import ELEMENTS, Path
from tessera.audience.text.tokens import TokenReader

_RELATIONS: Final[dict[str, Any]] = {"<": Less, "<=": AtMost, ">": More, ">=": AtLeast}
_OF_VERSIONS: Final[dict[str, Any]] = {"<": "less", "<=": "at_most", "=": "equal", ">=": "at_least", ">": "more"}


class ComparisonReader(TokenReader):
    """Tests of one value, and of several at once."""

    def _test_of(self, path: Path) -> tuple[Comparison, bool]:
        """Of `products[].name` it is asked whether one of them is as said: `=` is `has` there, `in` is `has any`."""
        test, negated = self._test()
        if ELEMENTS in path and isinstance(test, Equals):
            return Has(value=test.value), negated
        if ELEMENTS in path and isinstance(test, OneOf):
            return HasAny(values=test.values), negated
        return test, negated

    def _test(self) -> tuple[Comparison, bool]:
        """The test, and whether it is negated (`!=`, `not in`, `is not set`)."""
        token = self._now
        if token.kind == "sign" and self._is("version", ahead=1):
            return self._made(self._version, token)
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

    def _version(self) -> tuple[Comparison, bool]:
        sign = self._next()
        if sign.text != "!=" and sign.text not in _OF_VERSIONS:
            raise self._no("a comparison is expected (=, !=, <, <=, >, >=)", sign)
        self._expect("version")
        relation = _OF_VERSIONS.get(sign.text, "equal")
        return Version(relation=relation, value=self._quoted()), sign.text == "!="

    def _worded_test(self) -> Comparison:
        if self._take("in", "last"):
            return self._in_last()
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
        if self._take("has", "any"):
            return HasAny(values=self._scalars())
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
            return self._made(self._in_last, token)
        return self._made(self._when, token)

    def _in_last(self) -> InLast | InLastHours:
        number = self._whole()
        if self._take("hours") or self._take("hour"):
            return InLastHours(hours=number)
        if self._take("days") or self._take("day"):
            return InLast(days=number)
        raise self._no("'days' or 'hours' is expected")

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

    def asks(self) -> tuple[Ask, ...]:
        found = [self._ask()]
        while self._take("and"):
            found.append(self._ask())
        return tuple(found)

    def _ask(self) -> Ask:
        negated = self._take("not")
        token = self._now
        path = self._path()
        test, turned = self._test_of(path)
        return self._made(lambda: Ask(path=path, test=test, negated=negated != turned), token)  # type: ignore[arg-type]

    def _further_asks(self) -> tuple[Ask, ...]:
        return self.asks() if self._take(",") else ()
