"""Regular expressions that every engine reads alike and none takes long over.

Of RE2's syntax: literals, `.`, classes `[a-z]` and `[^a-z]`, `\\d \\w \\s` and their opposites (ASCII), groups without
names, alternatives, `* + ?` and `{m,n}` up to 100, `^` and `$`, and `(?i)` at the very beginning. What PostgreSQL,
Java, DuckDB and ClickHouse read differently is written out (`\\d` becomes `[0-9]`, `.` becomes `[^\\n]`, and with
`(?i)` a letter becomes both its cases, of which each engine has an idea of its own) or refused.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import re2

from tessera.audience.conditions.letters import Span, folded, inside_of, with_other_case

MOST_REPEATED: Final = 100
_CLASSES: Final[dict[str, list[Span]]] = {
    "d": [(ord("0"), ord("9"))],
    "w": [(ord("A"), ord("Z")), (ord("a"), ord("z")), (ord("0"), ord("9")), (ord("_"), ord("_"))],
    "s": [(9, 13), (ord(" "), ord(" "))],
}
_OPPOSITES: Final = frozenset("DWS")
_ESCAPED: Final = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v"}
_SIGNS: Final = frozenset(r"\.[]{}()*+?^$|-/'\"" + "#&~@%,:;<>=!_ `")
_COUNT: Final = re.compile(r"\{(\d{1,3})(?:,(\d{0,3}))?\}")


class InvalidPattern(ValueError):
    """The pattern is none, or of a kind that some engine would read otherwise; the message says where."""


@lru_cache(maxsize=200)
def compiled(pattern: str) -> Any:
    """The portable pattern, to search with. Raises `InvalidPattern` where RE2 refuses it, for its size not least."""
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        said = error.args[0] if error.args else error
        raise InvalidPattern(said.decode() if isinstance(said, bytes) else str(said)) from None


@lru_cache(maxsize=1_000)
def portable(pattern: str) -> str:
    """The pattern as all engines take it. Raises `InvalidPattern`."""
    return _Reader(pattern).read()


class _Reader:
    def __init__(self, pattern: str) -> None:
        self._text = pattern
        self._at = 0
        self._parts: list[str] = []
        self._open = 0
        self._may_repeat = False
        self._fold = False

    def read(self) -> str:
        if self._text.startswith("(?i)"):
            self._fold = True
            self._at = 4
        while self._at < len(self._text):
            self._step(self._text[self._at])
        if self._open:
            raise self._no("a group is not closed")
        whole = "".join(self._parts)
        compiled(whole)
        return whole

    def _step(self, sign: str) -> None:
        match sign:
            case "\\":
                self._parts.append(self._escape())
                self._may_repeat = True
            case "[":
                self._parts.append(self._set())
                self._may_repeat = True
            case "(":
                if self._text.startswith("(?", self._at):
                    raise self._no("groups are plain, and (?i) stands at the beginning")
                self._add("(", repeat=False)
                self._open += 1
            case ")":
                if not self._open:
                    raise self._no("a group that was not opened is closed")
                self._open -= 1
                self._add(")", repeat=True)
            case "*" | "+" | "?":
                self._repeat(sign)
            case "{":
                self._counted()
            case ".":
                self._parts.append(r"[^\n]")
                self._at += 1
                self._may_repeat = True
            case "^" | "$" | "|":
                self._add(sign, repeat=False)
            case _:
                self._add(self._letter(sign), repeat=True)

    def _letter(self, sign: str) -> str:
        if self._fold and len(both := folded(sign)) > 1:
            return f"[{inside_of((ord(each), ord(each)) for each in both)}]"
        return re.escape(sign) if sign in "]}" else sign

    def _add(self, text: str, *, repeat: bool) -> None:
        self._parts.append(text)
        self._at += 1
        self._may_repeat = repeat

    def _repeat(self, sign: str) -> None:
        if not self._may_repeat:
            raise self._no(f"there is nothing to repeat before {sign}")
        self._add(sign, repeat=False)

    def _counted(self) -> None:
        found = _COUNT.match(self._text, self._at)
        if found is None or not self._may_repeat:
            raise self._no("a repetition is written {2}, {2,} or {2,5}")
        if max(int(found[1]), int(found[2] or 0)) > MOST_REPEATED:
            raise self._no(f"at most {MOST_REPEATED} repetitions")
        self._parts.append(found[0])
        self._at = found.end()
        self._may_repeat = False

    def _escape(self) -> str:
        sign = self._text[self._at + 1 : self._at + 2]
        if sign.lower() in _CLASSES:
            inside = inside_of(_CLASSES[sign.lower()])
            written = f"[^{inside}]" if sign.isupper() else f"[{inside}]"
        elif sign in _ESCAPED:
            written = _ESCAPED[sign]
        elif sign in _SIGNS and sign:
            written = re.escape(sign)
        else:
            raise self._no(f"\\{sign} is not read alike everywhere")
        self._at += 2
        return written

    def _set(self) -> str:
        begin = self._at
        self._at += 1
        negated = self._text.startswith("^", self._at)
        self._at += negated
        spans: list[Span] = []
        first = True
        while (sign := self._text[self._at : self._at + 1]) != "]" or first:
            if not sign:
                self._at = begin
                raise self._no("a class is not closed")
            spans += self._span()
            first = False
        self._at += 1
        if self._fold:
            spans = self._refusing(with_other_case, spans)
        return f"[{'^' * negated}{inside_of(spans)}]"

    def _span(self) -> list[Span]:
        """What stands at this place of a class: a letter, from one to another, or `\\d`; a dash behind that is one."""
        low = self._letters()
        if not _is_letter(low) or not self._dashes():
            return low
        self._at += 1
        high = self._letters()
        if not _is_letter(high):
            raise self._no("a range is from one letter to another")
        if low > high:
            raise self._no("this range ends before it begins")
        return [(low[0][0], high[0][0])]

    def _dashes(self) -> bool:
        """A dash that is not the last sign of the class."""
        return self._text.startswith("-", self._at) and not self._text.startswith("-]", self._at)

    def _letters(self) -> list[Span]:
        sign = self._text[self._at : self._at + 1]
        if sign == "[":
            raise self._no("write \\[ inside a class")
        if sign != "\\":
            self._at += 1
            return [(ord(sign), ord(sign))]
        escaped = self._text[self._at + 1 : self._at + 2]
        if escaped in _OPPOSITES:
            raise self._no("no opposites inside a class")
        if escaped not in _CLASSES and escaped not in _ESCAPED and escaped not in _SIGNS:
            raise self._no(f"\\{escaped} is not read alike everywhere")
        self._at += 2
        return _CLASSES.get(escaped) or [(ord(_ESCAPED.get(escaped, escaped)),) * 2]

    def _refusing(self, make: Callable[[list[Span]], list[Span]], spans: list[Span]) -> list[Span]:
        try:
            return make(spans)
        except ValueError as error:
            raise self._no(str(error)) from None

    def _no(self, why: str) -> InvalidPattern:
        return InvalidPattern(f"{why} (at character {self._at + 1})")


def _is_letter(spans: list[Span]) -> bool:
    return len(spans) == 1 and spans[0][0] == spans[0][1]
