"""What is to be carried where, and when, as a form."""

from typing import Any, Final
from uuid import UUID

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tessera.console.words import attribute_in_words, kind_in_words
from tessera.deliveries.folders import place_of
from tessera.deliveries.records import Bucket, Destination, Folder, SegmentExport, Webhook
from tessera.deliveries.schedules import checked_schedule
from tessera.foundation.errors import TesseraError
from tessera.foundation.outbound import read_address

_NEEDED: Final = {"folder": ("path",), "s3": ("bucket", "key_id"), "webhook": ("url",)}
_PLAIN: Final = forms.TextInput(attrs={"spellcheck": "false", "autocomplete": "off"})
_ADDRESS: Final = forms.TextInput(
    attrs={"inputmode": "url", "placeholder": "https://", "spellcheck": "false", "autocomplete": "off"}
)


class SegmentExportForm(forms.Form):
    """`wanted()` is what it asks for. Fields that do not belong to the chosen place or schedule are not read."""

    segment = forms.ChoiceField(label=gettext_lazy("Segment"))
    name = forms.CharField(label=gettext_lazy("Name"), max_length=200)
    to = forms.ChoiceField(
        label=gettext_lazy("Where to"),
        choices=[
            ("folder", gettext_lazy("A folder of the server")),
            ("s3", gettext_lazy("A bucket (S3)")),
            ("webhook", gettext_lazy("A webhook")),
        ],
        widget=forms.RadioSelect,
        initial="webhook",
    )
    path = forms.CharField(
        label=gettext_lazy("Folder"),
        required=False,
        max_length=1_000,
        widget=_PLAIN,
        help_text=gettext_lazy("Its whole path. TESSERA_EXPORT_ROOTS says below which folders exports may write."),
    )
    url = forms.CharField(
        label=gettext_lazy("Address of the webhook"),
        required=False,
        max_length=1_000,
        widget=_ADDRESS,
    )
    bucket = forms.RegexField(
        r"^[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9]$", label=gettext_lazy("Bucket"), required=False, widget=_PLAIN
    )
    within = forms.CharField(label=gettext_lazy("Prefix"), required=False, max_length=400, widget=_PLAIN)
    endpoint = forms.CharField(
        label=gettext_lazy("Endpoint"),
        required=False,
        max_length=1_000,
        widget=_ADDRESS,
        help_text=gettext_lazy("Leave it empty for Amazon’s own."),
    )
    region = forms.RegexField(r"^[a-z0-9\-]{0,40}$", label=gettext_lazy("Region"), required=False, widget=_PLAIN)
    key_id = forms.CharField(label=gettext_lazy("Access key ID"), required=False, max_length=200, widget=_PLAIN)
    secret = forms.CharField(
        label=gettext_lazy("Secret access key"),
        required=False,
        max_length=500,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    when = forms.ChoiceField(
        label=gettext_lazy("When"),
        choices=[
            ("change", gettext_lazy("Within seconds of every change")),
            ("hourly", gettext_lazy("Every hour")),
            ("daily", gettext_lazy("Every day")),
            ("cron", gettext_lazy("By a cron expression")),
        ],
        widget=forms.RadioSelect,
        initial="change",
    )
    minute = forms.IntegerField(label=gettext_lazy("At minute"), required=False, min_value=0, max_value=59, initial=0)
    time = forms.TimeField(
        label=gettext_lazy("At"), required=False, widget=forms.TimeInput(attrs={"type": "time"}), initial="03:00"
    )
    cron = forms.CharField(label=gettext_lazy("Cron expression"), required=False, max_length=100, widget=_PLAIN)
    format = forms.ChoiceField(
        label=gettext_lazy("Kind of file"),
        choices=[("csv", "CSV"), ("ndjson", "NDJSON"), ("parquet", "Parquet")],
        widget=forms.RadioSelect,
        initial="csv",
    )
    everybody = forms.BooleanField(label=gettext_lazy("Begin with everybody who is in it now"), required=False)
    identifiers = forms.MultipleChoiceField(
        label=gettext_lazy("Identifiers"), required=False, widget=forms.CheckboxSelectMultiple
    )
    attributes = forms.MultipleChoiceField(
        label=gettext_lazy("Attributes"), required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(
        self,
        *args: Any,
        segments: list[tuple[str, str]],
        identifiers: list[str],
        attributes: list[str],
        of: SegmentExport | None = None,
        **kwargs: Any,
    ) -> None:
        if of is not None:
            kwargs["initial"] = _initial(of)
        super().__init__(*args, **kwargs)
        fields: Any = self.fields
        self._of = of
        if of is not None:
            del fields["segment"], fields["everybody"]
            identifiers, attributes = _with(identifiers, of.identifiers), _with(attributes, of.attributes)
        else:
            fields["segment"].choices = segments
        fields["identifiers"].choices = [(kind, kind_in_words(kind)) for kind in identifiers]
        fields["attributes"].choices = [(name, attribute_in_words(name)) for name in attributes]

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        for name in _NEEDED.get(given.get("to", ""), ()):
            if name not in self.errors and not given.get(name):
                self.add_error(name, _("This is needed."))
        if self.errors:
            return given
        if given["to"] == "s3" and not given["secret"] and not (self._of and isinstance(self._of.destination, Bucket)):
            self.add_error("secret", _("This is needed."))
        self._check_place(given)
        try:
            given["schedule"] = checked_schedule(self._schedule(given))
        except TesseraError:
            self.add_error("cron", _("That is no schedule: five fields, as in 30 2 * * 1-5."))
        return given

    def _check_place(self, given: dict[str, Any]) -> None:
        try:
            if given["to"] == "folder":
                place_of(given["path"])
        except TesseraError:
            self.add_error("path", _("Exports may not write there."))
        for kind, name in (("webhook", "url"), ("s3", "endpoint")):
            try:
                if given["to"] == kind and given[name]:
                    read_address(given[name])
            except TesseraError:
                self.add_error(name, _("That is no address of the web. It begins with https://."))
        if given["to"] == "s3" and ".." in given["within"].split("/"):
            self.add_error("within", _("A prefix is a way without two dots."))

    def _schedule(self, given: dict[str, Any]) -> str:
        match given["when"]:
            case "hourly":
                return f"hourly:{given['minute'] or 0}"
            case "daily":
                at = given["time"]
                return f"daily:{at.hour}:{at.minute:02d}" if at else "daily:"
            case "cron":
                return f"cron:{given['cron']}"
        return "change"

    def segment_id(self) -> UUID:
        return UUID(self.cleaned_data["segment"])

    def wanted(self) -> dict[str, Any]:
        """What a valid form asks for, by the names of `NewSegmentExport` and `SegmentExportChange`."""
        given = self.cleaned_data
        found = {name: given[name] for name in ("name", "format", "schedule")}
        found |= {"identifiers": tuple(given["identifiers"]), "attributes": tuple(given["attributes"])}
        if given["to"] == "s3" and given["secret"]:
            found["secret"] = given["secret"]
        return {**found, "destination": self._destination(given)}

    def _destination(self, given: dict[str, Any]) -> Destination:
        match given["to"]:
            case "folder":
                return Folder(path=given["path"])
            case "webhook":
                return Webhook(url=given["url"])
        same = {name: given[name] for name in ("bucket", "key_id", "endpoint", "region")}
        return Bucket(**same, prefix=given["within"])


def _with(known: list[str], chosen: tuple[str, ...]) -> list[str]:
    """What is chosen stays on offer where nobody has it any more."""
    return [*known, *(name for name in chosen if name not in known)]


def _initial(of: SegmentExport) -> dict[str, Any]:
    to = of.destination
    found: dict[str, Any] = {"name": of.name, "format": of.format, "identifiers": of.identifiers}
    found |= {"attributes": of.attributes, "to": str(to.__struct_config__.tag)}
    found |= {{"prefix": "within"}.get(name, name): getattr(to, name) for name in to.__struct_fields__}
    kind, _colon, rest = of.schedule.partition(":")
    found["when"] = kind
    if kind == "hourly":
        found["minute"] = int(rest)
    elif kind == "daily":
        hour, _colon, minute = rest.partition(":")
        found["time"] = f"{int(hour):02d}:{minute}"
    else:
        found["cron"] = rest
    return found
