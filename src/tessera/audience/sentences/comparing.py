"""A test of one value in plain words: what it is about, and what is asked of it."""

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tessera.audience.conditions.comparisons import (
    Anniversary,
    AtLeast,
    AtMost,
    Between,
    Comparison,
    Contains,
    EndsWith,
    Equals,
    Has,
    HasAny,
    IsSet,
    Less,
    Matches,
    More,
    OneOf,
    StartsWith,
    Version,
)
from tessera.audience.sentences.windows import window_of


def clause_of(what: str, test: Comparison, *, negated: bool = False) -> str:
    """What is asked of `what`. Raises TypeError of a test that has no words."""
    if negated:
        said = _negative(what, test)
        return said if said is not None else denied(clause_of(what, test))
    window = window_of(test)
    if window is not None:
        return _("%(what)s: %(when)s") % {"what": what, "when": window}
    said = _of_text(what, test) or _of_numbers(what, test)
    if said is None:
        raise TypeError(f"{type(test).__name__} has no words")
    return said


def denied(clause: str) -> str:
    """That it is not so, of a clause that has no negative of its own."""
    return _("not true: (%(condition)s)") % {"condition": clause}


def _of_text(what: str, test: Comparison) -> str | None:
    said = {"what": what, "value": value_called(getattr(test, "value", ""))}
    match test:
        case Equals():
            return _("%(what)s is %(value)s") % said
        case Contains():
            return _("%(what)s contains %(value)s") % said
        case StartsWith():
            return _("%(what)s starts with %(value)s") % said
        case EndsWith():
            return _("%(what)s ends with %(value)s") % said
        case Has():
            return _("%(what)s has the element %(value)s") % said
        case OneOf(values=values):
            return _("%(what)s is one of %(values)s") % {"what": what, "values": _listed(values)}
        case HasAny(values=values):
            return _("%(what)s has one of the elements %(values)s") % {"what": what, "values": _listed(values)}
        case Matches(pattern=pattern):
            return _("%(what)s matches the pattern %(value)s") % {"what": what, "value": value_called(pattern)}
        case IsSet():
            return _("%(what)s has a value") % said
        case Version():
            return _of_versions(said, test)
    return None


def _of_versions(said: dict[str, str], test: Version) -> str:
    said = said | {"value": test.value}
    match test.relation:
        case "less":
            return _("%(what)s is a version before %(value)s") % said
        case "at_most":
            return _("%(what)s is version %(value)s or an earlier one") % said
        case "equal":
            return _("%(what)s is version %(value)s") % said
        case "at_least":
            return _("%(what)s is version %(value)s or a later one") % said
        case _:
            return _("%(what)s is a version after %(value)s") % said


def _of_numbers(what: str, test: Comparison) -> str | None:
    said = {"what": what, "value": value_called(getattr(test, "value", ""))}
    match test:
        case Less():
            return _("%(what)s is below %(value)s") % said
        case AtMost():
            return _("%(what)s is at most %(value)s") % said
        case More():
            return _("%(what)s is above %(value)s") % said
        case AtLeast():
            return _("%(what)s is at least %(value)s") % said
        case Between(low=low, high=high):
            ends = {"low": value_called(low), "high": value_called(high)}
            return _("%(what)s is between %(low)s and %(high)s") % {"what": what, **ends}
        case Anniversary(days=0):
            return _("%(what)s has its anniversary today") % said
        case Anniversary(days=days):
            return ngettext(
                "%(what)s has its anniversary today or within %(number)d day",
                "%(what)s has its anniversary today or within %(number)d days",
                days,
            ) % {"what": what, "number": days}
    return None


def _negative(what: str, test: Comparison) -> str | None:
    said = {"what": what, "value": value_called(getattr(test, "value", ""))}
    match test:
        case Equals():
            return _("%(what)s is not %(value)s") % said
        case Contains():
            return _("%(what)s does not contain %(value)s") % said
        case StartsWith():
            return _("%(what)s does not start with %(value)s") % said
        case EndsWith():
            return _("%(what)s does not end with %(value)s") % said
        case Has():
            return _("%(what)s does not have the element %(value)s") % said
        case OneOf(values=values):
            return _("%(what)s is none of %(values)s") % {"what": what, "values": _listed(values)}
        case HasAny(values=values):
            return _("%(what)s has none of the elements %(values)s") % {"what": what, "values": _listed(values)}
        case IsSet():
            return _("%(what)s has no value") % said
        case Version(relation="equal"):
            return _("%(what)s is not version %(value)s") % (said | {"value": test.value})
    window = window_of(test)
    if window is not None:
        return _("%(what)s: not %(when)s") % {"what": what, "when": window}
    return None


def value_called(value: bool | float | str) -> str:
    """Text between quotation marks, numbers with the language's own point."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, str):
        return quoted_here(value)
    return str(number_format(int(value) if float(value).is_integer() and abs(value) < 1e15 else repr(value)))


def quoted_here(text: str) -> str:
    """Between the language's own quotation marks."""
    return _("“%(text)s”") % {"text": text}


def _listed(values: tuple[bool | float | str, ...]) -> str:
    return ", ".join(map(value_called, values))
