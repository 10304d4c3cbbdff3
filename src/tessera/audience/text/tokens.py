"""Walking over tokens: what comes now, what is expected, and what is said where something else comes."""

import re
from collections.abc import Callable
from typing import TypeVar

import msgspec
from msgspec import Struct

from tessera.audience.leaves import ELEMENTS, Path
from tessera.audience.text.lexer import InvalidText, Token, tokens_of

T = TypeVar("T")
_BOUND = re.compile(r"Expected `(?P<kind>\w+)` (?P<length>of length )?(?P<side><=|>=|>) (?P<most>\S+).*", re.S)
_SAID = {
    ("number", "<="): "at most {} is expected",
    ("number", ">="): "at least {} is expected",
    ("number", ">"): "more than {} is expected",
    ("str", "<="): "at most {} letters are expected",
    ("str", ">="): "this may not be empty",
    ("array", "<="): "at most {} of them are expected",
    ("array", ">="): "this may not be empty",
}


def _out_of_bounds(made: Struct) -> str | None:
    """What the bounds of the JSON form say against it: they are checked there only when it is read."""
    try:
        msgspec.convert(msgspec.to_builtins(made), type(made))
    except msgspec.ValidationError as error:
        found = _BOUND.match(str(error))
        if found is None:
            return str(error).partition(" - at ")[0]
        kind = found["kind"] if found["length"] else "number"
        return _SAID[kind, found["side"]].format(f"{float(found['most']):,.10g}")
    return None


class TokenReader:
    """A place in a text, which moves on as it is read."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokens_of(text)
        self._at = 0

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
        """What `make` makes; what it refuses, or what is out of bounds, is told with the place."""
        try:
            made = make()
        except ValueError as error:
            raise InvalidText(str(error), self._text, token.at) from None
        if isinstance(made, Struct) and (why := _out_of_bounds(made)) is not None:
            raise InvalidText(why, self._text, token.at)
        return made

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
