"""Regular expressions that every engine reads alike and none takes long over.

Of RE2's syntax: literals, `.`, classes `[a-z]` and `[^a-z]`, `\\d \\w \\s` and their opposites (ASCII), groups without
names, alternatives, `* + ?` and `{m,n}` up to 100, `^` and `$`, and `(?i)` at the very beginning. What PostgreSQL,
Java, DuckDB and ClickHouse read differently is written out (`\\d` becomes `[0-9]`, `.` becomes `[^\\n]`) or refused.
"""

import re
from functools import lru_cache
from typing import Final

MOST_REPEATED: Final = 100
_CLASSES: Final = {"d": "0-9", "w": "A-Za-z0-9_", "s": r" \t\n\r\f\v"}
_ESCAPED: Final = {"t": r"\t", "n": r"\n", "r": r"\r", "f": r"\f", "v": r"\v"}
_SIGNS: Final = frozenset(r"\.[]{}()*+?^$|-/'\"" + "#&~@%,:;<>=!_ `")
_COUNT: Final = re.compile(r"\{(\d{1,3})(?:,(\d{0,3}))?\}")


class InvalidPattern(ValueError):
    """The pattern is none, or of a kind that some engine would read otherwise; the message says where."""


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

    def read(self) -> str:
        if self._text.startswith("(?i)"):
            self._parts.append("(?i)")
            self._at = 4
        while self._at < len(self._text):
            self._step(self._text[self._at])
        if self._open:
            raise self._no("a group is not closed")
        whole = "".join(self._parts)
        try:
            re.compile(whole)
        except re.error as error:
            raise InvalidPattern(str(error)) from None
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
                self._add(re.escape(sign) if sign in "]}" else sign, repeat=True)

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
            inside = _CLASSES[sign.lower()]
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
        parts = ["["]
        if self._text.startswith("^", self._at):
            parts.append("^")
            self._at += 1
        first = True
        while (sign := self._text[self._at : self._at + 1]) != "]" or first:
            if not sign:
                self._at = begin
                raise self._no("a class is not closed")
            if sign == "[":
                raise self._no("write \\[ inside a class")
            if sign == "\\":
                escaped = self._escape()
                parts.append(escaped[1:-1] if escaped.startswith("[") and not escaped.startswith("[^") else escaped)
                if escaped.startswith("[^"):
                    raise self._no("no opposites inside a class")
            else:
                parts.append("\\]" if sign == "]" else sign)
                self._at += 1
            first = False
        self._at += 1
        return "".join(parts) + "]"

    def _no(self, why: str) -> InvalidPattern:
        return InvalidPattern(f"{why} (at character {self._at + 1})")
