"""The fields of reports' forms, which several of them have."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from tessera.audience.conditions.times import During, InLast
from tessera.audience.insight.asking import Period, Step
from tessera.audience.insight.slices import Breakdown
from tessera.audience.text.writer import written_path
from tessera.audience.vocabulary import FACTS
from tessera.console.reports.texts import path_of, tests_of, text_of_tests
from tessera.console.words import Text

LONGEST: Final = 4_000
MOST_DAYS: Final = 730
UNITS: Final[dict[str, Text]] = {
    "hour": _("Hour"),
    "day": _("Day"),
    "week": pgettext_lazy("unit of time", "Week"),
    "month": pgettext_lazy("unit of time", "Month"),
}
BY: Final[dict[str, Text]] = {
    "": _("Nothing"),
    "source": _("Source"),
    "property": _("Property of the event"),
    "attribute": _("Attribute of the person"),
    "fact": _("Known of everybody"),
}
FACTS_OFFERED: Final = tuple(name for name, kind in FACTS.items() if kind != "time")


def event_field(label: Any, *, required: bool = True, initial: str = "") -> forms.CharField:
    """A name of an event; the page offers those of the catalogue."""
    widget = forms.TextInput(attrs={"list": "event-names", "autocomplete": "off"})
    return forms.CharField(label=label, required=required, initial=initial, max_length=255, widget=widget)


def where_field() -> forms.CharField:
    """Tests of the event's properties, as text."""
    attributes = {"placeholder": "total > 100", "autocomplete": "off", "spellcheck": "false"}
    widget = forms.TextInput(attrs=attributes)
    return forms.CharField(label=_("Only where"), required=False, max_length=LONGEST, widget=widget)


def name_field(label: Any, offered: str, *, required: bool = False, initial: str = "") -> forms.CharField:
    """The name of a property or an attribute; the page offers some."""
    attributes = {"list": offered, "autocomplete": "off", "spellcheck": "false"}
    widget = forms.TextInput(attrs=attributes)
    return forms.CharField(label=label, required=required, initial=initial, max_length=500, widget=widget)


def unit_field(*units: str, initial: str) -> forms.ChoiceField:
    """By which unit of time."""
    return forms.ChoiceField(label=_("By"), choices=[(unit, UNITS[unit]) for unit in units], initial=initial)


def by_field() -> forms.ChoiceField:
    """What a report is broken down by."""
    return forms.ChoiceField(label=_("Broken down by"), choices=list(BY.items()), required=False)


def of_field() -> forms.CharField:
    """The name of what it is broken down by."""
    return name_field(_("Its name"), "value-names")


class Problem(Exception):
    """What is wrong with one field of a form."""

    def __init__(self, field: str, said: Any) -> None:
        super().__init__(field, said)
        self.field, self.said = field, said


def step_of(given: Mapping[str, Any], event: str, where: str) -> Step | None:
    """The step that two fields say, or None without an event. Raises `Problem`."""
    if not given.get(event):
        return None
    try:
        return Step(event=given[event], where=tests_of(given.get(where, "")))
    except forms.ValidationError as error:
        raise Problem(where, error) from None


def step_fields(step: Step | None, event: str, where: str) -> dict[str, str]:
    """What the two fields say of this step."""
    return {} if step is None else {event: step.event, where: text_of_tests(step.where)}


def period_of(given: Mapping[str, Any]) -> Period:
    """Raises `Problem`."""
    first, last = given.get("first"), given.get("last")
    if not first and not last:
        return InLast(days=given["days"])
    if not first or not last:
        raise Problem("last" if first else "first", _("Give both days, or neither."))
    if first > last:
        raise Problem("last", _("The last day is before the first."))
    return During(first=first.isoformat(), last=last.isoformat())


def period_fields(period: Period) -> dict[str, Any]:
    """What the fields say of this period; whole days of one that is told to the second."""
    if isinstance(period, InLast):
        return {"days": period.days}
    return {"first": _day(period.first), "last": _day(period.last)}


def _day(moment: str) -> str:
    return date.fromisoformat(moment[:10]).isoformat()


def breakdown_of(given: Mapping[str, Any]) -> Breakdown | None:
    """Raises `Problem`."""
    by, name = given.get("by") or "", given.get("of_name") or ""
    if by in ("", "source"):
        return Breakdown(by="source") if by else None
    if not name:
        raise Problem("of_name", _("Name what it is broken down by."))
    if by == "fact":
        name = name.removeprefix("@")
        if name not in FACTS_OFFERED:
            raise Problem("of_name", _("One of these: %(names)s") % {"names": ", ".join(FACTS_OFFERED)})
        return Breakdown(by="fact", path=tuple(name.split(".")))
    try:
        return Breakdown(by="property" if by == "property" else "attribute", path=path_of(name))
    except forms.ValidationError as error:
        raise Problem("of_name", error) from None


def breakdown_fields(breakdown: Breakdown | None) -> dict[str, str]:
    """What the fields say of this breakdown."""
    if breakdown is None:
        return {}
    name = ".".join(breakdown.path)
    if breakdown.by in ("property", "attribute"):
        name = written_path(breakdown.path)
    return {"by": breakdown.by, "of_name": name}
