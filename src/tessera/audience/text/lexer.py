"""Text as tokens, each with its place."""

import re
from typing import Final, Literal, NamedTuple

from tessera.foundation.errors import TesseraError

Kind = Literal["name", "text", "number", "moment", "sign", "end"]
LONGEST: Final = 20_000
MOMENT: Final = re.compile(r"\d{4}-\d{2}-\d{2}(?:T[0-9:.]+(?:Z|[+-]\d{2}:\d{2})?)?")
"""A day, or a moment of one."""
_TOKENS: Final = re.compile(
    rf"""(?P<space>\s+|\#[^\n]*)
      | (?P<text>"(?:[^"\\\n]|\\["\\nt])*")
      | (?P<moment>{MOMENT.pattern})
      | (?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
      | (?P<name>[^\W\d]\w*)
      | (?P<sign>\[\]|<=|>=|!=|[=<>(),.@])""",
    re.VERBOSE,
)
_ESCAPES: Final = {'\\"': '"', "\\\\": "\\", "\\n": "\n", "\\t": "\t"}


class InvalidText(TesseraError):
    """The text is no condition. `line` and `column` count from 1; `hint` is the line with a mark under the place."""

    code = "invalid_condition"

    def __init__(self, why: str, text: str, at: int) -> None:
        before = text[:at]
        self.why = why
        self.line = before.count("\n") + 1
        self.column = at - (before.rfind("\n") + 1) + 1
        shown = text.split("\n")[self.line - 1]
        self.hint = f"{shown}\n{' ' * (self.column - 1)}^"
        super().__init__(f"line {self.line}, column {self.column}: {why}")


class Token(NamedTuple):
    kind: Kind
    text: str
    at: int
    end: int

    @property
    def value(self) -> str:
        """What a quoted text says."""
        return re.sub(r"\\[\"\\nt]", lambda found: _ESCAPES[found[0]], self.text[1:-1])


def tokens_of(text: str) -> list[Token]:
    """All tokens, the last of them `end`. Comments run from `#` to the end of a line. Raises `InvalidText`."""
    if len(text) > LONGEST:
        raise InvalidText(f"a condition has at most {LONGEST:,} letters", text, 0)
    found: list[Token] = []
    at = 0
    while at < len(text):
        match = _TOKENS.match(text, at)
        if match is None:
            unclosed = text[at] == '"'
            raise InvalidText("this text is not closed" if unclosed else f"{text[at]!r} means nothing here", text, at)
        if match.lastgroup != "space":
            found.append(Token(match.lastgroup, match[0], at, match.end()))  # type: ignore[arg-type]
        at = match.end()
    found.append(Token("end", "", len(text), len(text)))
    return found
