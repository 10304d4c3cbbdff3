"""The text form on the screen: one part a line, and what is wrong with it in people's words."""

from typing import Final

from django.utils.translation import gettext as _
from msgspec import Struct

from tessera.audience.conditions.condition import Condition
from tessera.audience.conditions.groups import All, AnyOf
from tessera.audience.conditions.registry import InvalidCondition
from tessera.audience.sentences.sentence import sentence_of
from tessera.audience.text.lexer import InvalidText
from tessera.audience.text.reader import from_text
from tessera.audience.text.writer import NameOfSegment, to_text
from tessera.console.segments.choices import Names, capital
from tessera.console.segments.mistakes import why_in_words

BEFORE: Final = 24
AFTER: Final = 12
"""Letters of a line that are shown around a mistake."""


class Wrong(Struct, frozen=True):
    """What is wrong with a text. `hint` is its line with a mark under the place; `at` and `end` say where that is."""

    said: str
    hint: str = ""
    at: int = 0
    end: int = 0


def pretty(condition: Condition, name_of_segment: NameOfSegment = str) -> str:
    """The text form with each part of the outermost group on a line of its own."""
    parts = condition.of if isinstance(condition, All | AnyOf) else ()
    if len(parts) < 2:
        return to_text(condition, name_of_segment)
    word = "and" if isinstance(condition, All) else "or"
    lines = []
    for part in parts:
        text = to_text(part, name_of_segment)
        lines.append(f"({text})" if isinstance(part, All | AnyOf) and len(part.of) > 1 else text)
    return f"\n{word} ".join(lines)


def read(text: str, names: Names) -> tuple[Condition | None, Wrong | None]:
    """The condition, or what is wrong."""
    if not text.strip():
        return None, Wrong(_("Say who is meant: add a condition, or write one."))
    try:
        return from_text(text, names.segment_named), None
    except InvalidText as error:
        said = _("Line %(line)d, column %(column)d: %(why)s") % {
            "line": error.line,
            "column": error.column,
            "why": why_in_words(error.why),
        }
        at = sum(len(line) + 1 for line in text.split("\n")[: error.line - 1]) + error.column - 1
        return None, Wrong(said, _near(error.hint, error.column - 1), at, min(at + 1, len(text)))
    except InvalidCondition as error:
        return None, Wrong(_("This does not work: %(why)s") % {"why": error})


def _near(hint: str, at: int) -> str:
    """The line around the place: the mark is seen without scrolling a long line."""
    line = hint.split("\n")[0]
    first, end = max(0, at - BEFORE), at + AFTER
    shown = ("…" if first else "") + line[first:end] + ("…" if end < len(line) else "")
    return f"{shown}\n{' ' * (at - first + bool(first))}^"


def in_words(condition: Condition, names: Names) -> str:
    """The whole condition as a sentence of the reader's language, without a full stop."""
    return capital(sentence_of(condition, names.called))
