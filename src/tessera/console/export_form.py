"""What staff ask for when they take people or history out, as a form."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from tessera.console.words import attribute_in_words
from tessera.exports.wanted import Wanted, read_wanted

_SHARED: Final = ("what", "format", "gzip", "byte_order_mark", "people")
_DAYS: Final = {
    "people": ("created_from", "created_to", "seen_from", "seen_to"),
    "history": ("occurred_from", "occurred_to"),
}
_LISTS: Final = {"people": ("attributes",), "history": ("events", "sources")}


def _day(label: Any) -> forms.DateField:
    return forms.DateField(label=label, required=False, widget=forms.DateInput(attrs={"type": "date"}))


class ExportForm(forms.Form):
    """`wanted()` is what it asks for. Fields that do not apply to what is wanted are not read."""

    what = forms.ChoiceField(
        label=_("What to take out"),
        choices=[("people", _("People: one row for each")), ("history", _("History: one row for each event"))],
        widget=forms.RadioSelect,
        initial="people",
    )
    format = forms.ChoiceField(
        label=_("Kind of file"),
        choices=[
            ("csv", _("CSV, for spreadsheets")),
            ("ndjson", _("NDJSON, for programs: everything, nested")),
            ("parquet", _("Parquet, for analysis: typed columns")),
        ],
        widget=forms.RadioSelect,
        initial="csv",
    )
    byte_order_mark = forms.BooleanField(label=_("For old Excel (begin with a byte order mark)"), required=False)
    gzip = forms.BooleanField(label=_("Compress with gzip"), required=False)
    people = forms.CharField(
        label=_("Only these people"),
        required=False,
        max_length=500_000,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "placeholder": "ana@example.com"}),
        help_text=_("One per line: an e-mail, a profile ID, or an identifier as user_id:4711. Leave it empty for all."),
    )
    created_from = _day(_("Known since, from"))
    created_to = _day(_("Known since, to"))
    seen_from = _day(_("Last seen, from"))
    seen_to = _day(_("Last seen, to"))
    occurred_from = _day(_("Happened, from"))
    occurred_to = _day(_("Happened, to"))
    attributes = forms.MultipleChoiceField(label=_("Attributes"), required=False, widget=forms.CheckboxSelectMultiple)
    events = forms.MultipleChoiceField(label=_("Events"), required=False, widget=forms.CheckboxSelectMultiple)
    sources = forms.MultipleChoiceField(label=_("Sources"), required=False, widget=forms.CheckboxSelectMultiple)

    def __init__(
        self, *args: Any, attributes: list[str], events: list[str], sources: list[tuple[int, str]], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        fields: Any = self.fields
        fields["attributes"].choices = [(name, attribute_in_words(name)) for name in attributes]
        fields["events"].choices = [(name, name) for name in events]
        fields["sources"].choices = [(str(number), name) for number, name in sources]

    def wanted(self) -> Wanted:
        """What a valid form asks for. Raises `UnknownExport`."""
        given = self.cleaned_data
        what = given["what"]
        asked: dict[str, Any] = {name: given[name] for name in _SHARED if given[name]}
        asked["people"] = [line.strip() for line in given["people"].splitlines() if line.strip()]
        for name in _DAYS[what]:
            asked[name] = _begin(given[name], after=name.endswith("_to"))
        asked |= {name: given[name] for name in _LISTS[what]}
        if asked["format"] == "parquet":
            asked.pop("gzip", None)
        if asked["format"] != "csv":
            asked.pop("byte_order_mark", None)
        return read_wanted({name: value for name, value in asked.items() if value})


def _begin(day: date | None, *, after: bool) -> datetime | None:
    """The moment (UTC) a day begins, or the one after which it is over: people mean both ends of a range."""
    if day is None:
        return None
    return datetime.combine(day + timedelta(days=1) if after and day < date.max else day, time(), UTC)
