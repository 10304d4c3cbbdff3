"""The form of each report: `request()` is what it asks, `fields_of` what a form says of a request.

A form holds everything in the parameters of an address, so a link shares the whole report.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, cast
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from django import forms
from django.utils.translation import gettext as translate
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from tessera.audience.conditions.condition import Condition
from tessera.audience.conditions.groups import All
from tessera.audience.conditions.membership import InSegment
from tessera.audience.insight.asking import Request
from tessera.audience.insight.funnel import LONGEST as LONGEST_WAY
from tessera.audience.insight.funnel import MOST_STEPS, Funnel
from tessera.audience.insight.lifecycle import Lifecycle
from tessera.audience.insight.registry import from_json, to_json
from tessera.audience.insight.retention import FARTHEST, Retention
from tessera.audience.insight.rfm import ORDER, Rfm
from tessera.audience.insight.trend import Trend
from tessera.audience.segments.records import Segment
from tessera.audience.text.writer import written_path
from tessera.console.reports import fields as shared
from tessera.console.reports.fields import Problem, breakdown_of, period_fields, period_of, step_fields, step_of
from tessera.console.reports.texts import condition_of, path_of, text_of
from tessera.foundation.errors import TesseraError

SECONDS: Final = {"minute": 60, "hour": 3_600, "day": 86_400}
COLUMNS: Final = "0 1 2 3 4 5 6 7 8"
_DAY: Final = {"type": "date"}


class ReportForm(forms.Form):
    """What every report is asked: when, and of whom."""

    usual: ClassVar[dict[str, Any]] = {"days": 30}
    days = forms.IntegerField(label=_("Last days"), min_value=0, max_value=shared.MOST_DAYS)
    first = forms.DateField(label=_("Or from"), required=False, widget=forms.DateInput(attrs=_DAY))
    last = forms.DateField(label=_("To"), required=False, widget=forms.DateInput(attrs=_DAY))
    segment = forms.ChoiceField(label=_("People of the segment"), required=False)
    people = forms.CharField(
        label=_("Only people for whom"),
        required=False,
        max_length=20_000,
        widget=forms.TextInput(attrs={"placeholder": 'country = "ES"', "autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, given: Mapping[str, str] | None = None, *, segments: Sequence[Segment] = ()) -> None:
        """What is not given is as usual."""
        said = None if given is None else {**self.starting(), **given}
        super().__init__(said, initial=self.starting(), auto_id="report-%s")
        self.segments = segments
        choices = [("", translate("Everybody")), *((str(each.id), each.name) for each in segments)]
        cast(Any, self.fields["segment"]).choices = choices

    @classmethod
    def starting(cls) -> dict[str, Any]:
        """What the form says before anybody typed."""
        initial = {name: field.initial for name, field in cls.base_fields.items() if field.initial is not None}
        return {**initial, **cls.usual}

    def clean(self) -> dict[str, Any]:
        """The request is made here, so that what cannot be asked is told beside its field."""
        given = super().clean() or {}
        if not self.errors:
            try:
                asked = {"period": period_of(given), "people": self._people(given), **self.asked(given)}
                self._request = from_json(to_json(self.kind(**asked)))
            except Problem as problem:
                self.add_error(problem.field, problem.said)
            except (TesseraError, ValueError, msgspec.MsgspecError) as error:
                self.add_error(None, translate("This does not work: %(why)s") % {"why": error})
        return given

    def request(self) -> Request:
        """What a valid form asks."""
        return self._request

    kind: ClassVar[Any]

    def asked(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of the request that only this report has. Raises `Problem`."""
        raise NotImplementedError

    def groups(self) -> list[list[Any]]:
        """The report's own fields in rows, as the page shows them."""
        return [[self[name] for name in self.fields if name not in ReportForm.base_fields]]

    def _people(self, given: Mapping[str, Any]) -> Condition | None:
        parts: list[Condition] = [InSegment(segment_id=UUID(given["segment"]))] if given.get("segment") else []
        if given.get("people"):
            try:
                parts.append(condition_of(given["people"], self.segments))
            except forms.ValidationError as error:
                raise Problem("people", error) from None
        return All(of=tuple(parts)) if len(parts) > 1 else next(iter(parts), None)


def _steps() -> dict[str, forms.Field]:
    found: dict[str, forms.Field] = {}
    for number in range(1, MOST_STEPS + 1):
        found[f"event_{number}"] = shared.event_field(_("Event"), required=number < 3)
        found[f"where_{number}"] = shared.where_field()
    return found


class FunnelForm(ReportForm):
    kind = Funnel
    within = forms.IntegerField(label=_("All within"), min_value=1, max_value=LONGEST_WAY, initial=7)
    within_unit = forms.ChoiceField(
        label=_("Unit"), choices=[("minute", _("minutes")), ("hour", _("hours")), ("day", _("days"))], initial="day"
    )
    by = shared.by_field()
    of_name = shared.of_field()
    locals().update(_steps())

    def asked(self, given: Mapping[str, Any]) -> dict[str, Any]:
        found = [step_of(given, f"event_{number}", f"where_{number}") for number in range(1, MOST_STEPS + 1)]
        return {
            "steps": tuple(step for step in found if step is not None),
            "within": given["within"] * SECONDS[given["within_unit"]],
            "breakdown": breakdown_of(given),
        }

    def steps(self) -> list[tuple[int, Any, Any, bool]]:
        """Number, both fields and whether they are shown: what is filled, one more, and three at least."""
        filled = [number for number in range(1, MOST_STEPS + 1) if self[f"event_{number}"].value()]
        most = max(3, max(filled, default=0) + bool(filled))
        numbers = range(1, MOST_STEPS + 1)
        return [(each, self[f"event_{each}"], self[f"where_{each}"], each <= most) for each in numbers]

    def groups(self) -> list[list[Any]]:
        return [[self["within"], self["within_unit"], self["by"], self["of_name"]]]


class RetentionForm(ReportForm):
    kind = Retention
    usual: ClassVar[dict[str, Any]] = {"days": 56}
    event = shared.event_field(_("They begin with"))
    where = shared.where_field()
    back_event = shared.event_field(_("They come back with"), required=False)
    back_where = shared.where_field()
    every = shared.unit_field("day", "week", "month", initial="week")
    cohort = forms.ChoiceField(
        label=_("A cohort are"),
        choices=[("first", _("those who did it for the first time")), ("each", _("all who did it"))],
        initial="first",
    )
    columns = forms.CharField(label=_("Columns"), initial=COLUMNS, max_length=400)

    def asked(self, given: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "start": step_of(given, "event", "where"),
            "back": step_of(given, "back_event", "back_where"),
            "every": given["every"],
            "cohort": given["cohort"],
            "columns": _columns(given["columns"]),
        }

    def groups(self) -> list[list[Any]]:
        return [
            [self["event"], self["where"]],
            [self["back_event"], self["back_where"]],
            [self["every"], self["cohort"], self["columns"]],
        ]


def _columns(text: str) -> tuple[tuple[int, int], ...]:
    """`0 1 2 3-6`: units after the first, alone or from one to another."""
    found = []
    for word in text.replace(",", " ").split():
        begin, _dash, end = word.partition("-")
        if not (begin.isascii() and begin.isdigit()) or (end and not (end.isascii() and end.isdigit())):
            raise Problem("columns", _("Write numbers with spaces, and ranges as 0-3."))
        numbers = int(begin[:6]), int((end or begin)[:6]) + 1
        if not numbers[0] < numbers[1] <= FARTHEST + 1:
            raise Problem("columns", _("Write numbers with spaces, and ranges as 0-3."))
        found.append(numbers)
    return tuple(found)


class TrendForm(ReportForm):
    kind = Trend
    event = shared.event_field(_("Event"))
    where = shared.where_field()
    measure = forms.ChoiceField(
        label=_("Count"),
        choices=[
            ("times", _("how often")),
            ("people", _("how many people")),
            ("sum", _("the sum of a property")),
            ("average", _("the average of a property")),
        ],
        initial="times",
    )
    measured = shared.name_field(_("Property with the number"), "value-names")
    every = shared.unit_field("hour", "day", "week", "month", initial="day")
    by = shared.by_field()
    of_name = shared.of_field()

    def asked(self, given: Mapping[str, Any]) -> dict[str, Any]:
        number = given["measure"] in ("sum", "average")
        return {
            "step": step_of(given, "event", "where"),
            "measure": given["measure"],
            "of": _path("measured", given["measured"]) if number else (),
            "every": given["every"],
            "breakdown": breakdown_of(given),
        }

    def groups(self) -> list[list[Any]]:
        rows = (("event", "where"), ("measure", "measured", "every"), ("by", "of_name"))
        return [[self[name] for name in row] for row in rows]


class RfmForm(ReportForm):
    kind = Rfm
    usual: ClassVar[dict[str, Any]] = {"days": 365}
    event = shared.event_field(_("An order is"), initial=ORDER)
    where = shared.where_field()
    measured = shared.name_field(_("Property with the money"), "value-names", required=True, initial="total")
    currency = forms.CharField(label=_("Only in the currency"), required=False, max_length=20)

    def asked(self, given: Mapping[str, Any]) -> dict[str, Any]:
        path = _path("measured", given["measured"])
        return {"step": step_of(given, "event", "where"), "of": path, "currency": given["currency"] or None}

    def groups(self) -> list[list[Any]]:
        return [[self["event"], self["where"]], [self["measured"], self["currency"]]]


class LifecycleForm(ReportForm):
    kind = Lifecycle
    usual: ClassVar[dict[str, Any]] = {"days": 84}
    event = shared.event_field(pgettext_lazy("of people", "Active are those with"), required=False)
    where = shared.where_field()
    every = shared.unit_field("day", "week", "month", initial="week")

    def asked(self, given: Mapping[str, Any]) -> dict[str, Any]:
        return {"step": step_of(given, "event", "where"), "every": given["every"]}

    def groups(self) -> list[list[Any]]:
        return [[self["event"], self["where"], self["every"]]]


def _path(field: str, text: str) -> tuple[str, ...]:
    if not text.strip():
        raise Problem(field, _("Name the property that has the number."))
    try:
        return path_of(text)
    except forms.ValidationError as error:
        raise Problem(field, error) from None


FORMS: Final[dict[str, type[ReportForm]]] = {
    "funnel": FunnelForm,
    "retention": RetentionForm,
    "trend": TrendForm,
    "rfm": RfmForm,
    "lifecycle": LifecycleForm,
}
"""In the order in which they are offered."""


def fields_of(request: Request, segments: Sequence[Segment] = ()) -> dict[str, Any]:
    """What the form of this report says where it asks this; nearly this where a form cannot say it."""
    people: dict[str, Any] = {}
    match request.people:
        case None:
            pass
        case InSegment(segment_id=segment_id):
            people = {"segment": str(segment_id)}
        case condition:
            people = {"people": text_of(condition, segments)}
    found = {**period_fields(request.period), **_own_fields(request), **people}
    return {name: value for name, value in found.items() if value not in ("", None)}


def _own_fields(request: Request) -> dict[str, Any]:
    match request:
        case Funnel():
            found: dict[str, Any] = {}
            for number, step in enumerate(request.steps, start=1):
                found |= step_fields(step, f"event_{number}", f"where_{number}")
            fits = [unit for unit in ("day", "hour") if request.within % SECONDS[unit] == 0]
            unit = next(iter(fits), "minute")
            found |= {"within": max(1, request.within // SECONDS[unit]), "within_unit": unit}
            return found | shared.breakdown_fields(request.breakdown)
        case Retention():
            found = step_fields(request.start, "event", "where") | step_fields(request.back, "back_event", "back_where")
            words = (str(begin) if end == begin + 1 else f"{begin}-{end - 1}" for begin, end in request.columns)
            return found | {"every": request.every, "cohort": request.cohort, "columns": " ".join(words)}
        case Trend():
            found = step_fields(request.step, "event", "where") | shared.breakdown_fields(request.breakdown)
            measured = written_path(request.of) if request.of else ""
            return found | {"measure": request.measure, "measured": measured, "every": request.every}
        case Rfm():
            found = step_fields(request.step, "event", "where")
            return found | {"measured": written_path(request.of), "currency": request.currency or ""}
        case Lifecycle():
            return step_fields(request.step, "event", "where") | {"every": request.every}
    raise TypeError(f"{type(request).__name__} has no form")


def query_of(request: Request, segments: Sequence[Segment] = ()) -> str:
    """The parameters of the address that asks this."""
    return urlencode(fields_of(request, segments))
