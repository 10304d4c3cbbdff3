"""Conditions of reports as people type them: of people, and of the properties of an event."""

import re
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from django.forms import ValidationError
from django.utils.translation import gettext as _

from tessera.audience.conditions.comparisons import Ask
from tessera.audience.conditions.condition import Condition
from tessera.audience.conditions.doings import Did
from tessera.audience.conditions.registry import InvalidCondition
from tessera.audience.leaves import Path
from tessera.audience.segments.records import Segment
from tessera.audience.text.lexer import InvalidText
from tessera.audience.text.reader import from_text
from tessera.audience.text.writer import to_text, written_path
from tessera.console.segments.mistakes import why_in_words

_BEFORE: Final = 'did("e", '
_AFTER: Final = ")"
_SPACED: Final = re.compile(r"\w+(?:[ -]+\w+)+")


def condition_of(text: str, segments: Sequence[Segment]) -> Condition:
    """The people a text means. Raises `ValidationError`, which says where it cannot be read."""

    def named(name: str) -> UUID:
        wanted = name.strip().casefold()
        return next((each.id for each in segments if each.name.casefold() == wanted), None) or UUID(name)

    return _read(text, named, 0)


def text_of(condition: Condition, segments: Sequence[Segment]) -> str:
    """The text that means these people."""
    names = {each.id: each.name for each in segments}
    return to_text(condition, lambda segment_id: names.get(segment_id, str(segment_id)))


def tests_of(text: str) -> tuple[Ask, ...]:
    """`total > 100 and currency = "EUR"`: tests of an event's properties. Raises `ValidationError`."""
    if not text.strip():
        return ()
    found = _read(f"{_BEFORE}{text}{_AFTER}", UUID, len(_BEFORE))
    if not isinstance(found, Did) or found != Did(event="e", where=found.where):
        raise ValidationError(_("Write tests of properties, with “and” between them."))
    return found.where


def text_of_tests(where: tuple[Ask, ...]) -> str:
    """The text of these tests."""
    return to_text(Did(event="e", where=where)).removeprefix(_BEFORE).removesuffix(_AFTER) if where else ""


def path_of(text: str) -> Path:
    """`total`, `address.city`, or a name with spaces: the way to a value. Raises `ValidationError`."""
    name = text.strip()
    if _SPACED.fullmatch(name):
        return (name,)
    (test,) = tests_of(f"{name} is set") or (None,)
    if test is None or written_path(test.path) != name:
        raise ValidationError(_("This is not the name of a property or an attribute."))
    return test.path


def _read(text: str, named: object, offset: int) -> Condition:
    try:
        return from_text(text, named)  # type: ignore[arg-type]
    except InvalidText as error:
        said = _("Line %(line)d, column %(column)d: %(why)s")
        column = error.column - (offset if error.line == 1 else 0)
        why = why_in_words(error.why)
        raise ValidationError(said % {"line": error.line, "column": max(1, column), "why": why}) from None
    except InvalidCondition as error:
        raise ValidationError(_("This does not work: %(why)s") % {"why": error}) from None
