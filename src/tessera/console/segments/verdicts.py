"""Why somebody is (not) meant, as the screen draws it: a tree of parts, each with its mark."""

from collections.abc import Sequence

from django.utils.translation import gettext as _
from msgspec import Struct

from tessera.audience.conditions.condition import Condition
from tessera.audience.conditions.groups import All, AnyOf, Not
from tessera.audience.conditions.registry import from_json
from tessera.audience.explain import Verdict
from tessera.console.segments.choices import Names
from tessera.console.segments.texts import in_words


class VerdictLine(Struct, frozen=True):
    """`said` is the part in words; `parts` are what it is made of."""

    said: str
    holds: bool
    parts: Sequence["VerdictLine"]


def lines_of(verdict: Verdict, names: Names) -> VerdictLine:
    """The tree in the reader's language."""
    condition = from_json(bytes(verdict.condition))
    parts = [lines_of(part, names) for part in verdict.parts]
    if isinstance(condition, Not) and not isinstance(condition.of, All | AnyOf):
        parts = [inner for part in parts for inner in part.parts]  # "is not …" says it: "is …" need not stand below
    return VerdictLine(_said(condition, names), verdict.holds, parts)


def _said(condition: Condition, names: Names) -> str:
    match condition:
        case All(of=parts) if parts:
            return _("All of these")
        case AnyOf(of=parts) if parts:
            return _("At least one of these")
        case Not(of=All() | AnyOf()):
            return _("Not this")
    return in_words(condition, names)
