"""What staff type in, checked before it goes to an action."""

import math
from typing import Any
from zoneinfo import available_timezones

import msgspec
from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from tessera.workspaces import queries as workspaces

LONGEST_PASSWORD = 1024


class LoginForm(forms.Form):
    email = forms.CharField(
        label=_("E-mail"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=LONGEST_PASSWORD,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).strip().lower()


class PasswordForm(forms.Form):
    current = forms.CharField(
        label=_("Current password"),
        max_length=LONGEST_PASSWORD,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    new = forms.CharField(
        label=_("New password"),
        help_text=_("At least 10 characters. A few words in a row are easy to remember and hard to guess."),
        max_length=LONGEST_PASSWORD,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label=_("New password again"),
        max_length=LONGEST_PASSWORD,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean_again(self) -> str:
        if self.cleaned_data["again"] != self.cleaned_data.get("new"):
            raise forms.ValidationError(_("The two are not the same."))
        return str(self.cleaned_data["again"])


class PreferencesForm(forms.Form):
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)
    time_zone = forms.CharField(
        label=_("Time zone"),
        help_text=_("Times are shown in it, on every device. Leave it empty to follow the browser."),
        required=False,
        max_length=64,
        widget=forms.TextInput(attrs={"list": "zones", "autocomplete": "off", "placeholder": "Europe/Madrid"}),
    )

    def clean_time_zone(self) -> str:
        zone = str(self.cleaned_data["time_zone"]).strip()
        if zone and zone not in available_timezones():
            raise forms.ValidationError(_("There is no such time zone. Choose one of the list."))
        return zone


class SourceForm(forms.Form):
    name = forms.CharField(
        label=_("Name"), max_length=200, help_text=_("What your team calls it: “Web shop”, “Till in Madrid”.")
    )
    kind = forms.ChoiceField(label=_("Kind"))
    brand_id = forms.TypedChoiceField(label=_("Brand"), required=False, coerce=int, empty_value=None)
    allowed_origins = forms.CharField(
        label=_("Allowed web origins"),
        required=False,
        help_text=_(
            "The sites whose pages may send events, one per line: https://shop.example. A single * allows all."
        ),
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, workspace_id: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["kind"].choices = workspaces.source_kinds()  # type: ignore[attr-defined]
        brands = workspaces.brands(workspace_id)
        if brands:
            choices = [("", _("No brand")), *((brand.id, brand.name) for brand in brands)]
            self.fields["brand_id"].choices = choices  # type: ignore[attr-defined]
        else:
            del self.fields["brand_id"]

    def clean_allowed_origins(self) -> list[str]:
        return str(self.cleaned_data["allowed_origins"]).replace(",", " ").split()


class BrandForm(forms.Form):
    name = forms.CharField(label=_("Name of the brand"), max_length=200)


class KeyForm(forms.Form):
    name = forms.CharField(label=_("What is the key for?"), max_length=200)


class MergeForm(forms.Form):
    keep = forms.ChoiceField(label=_("Whose profile stands for the person?"), widget=forms.RadioSelect)
    reason = forms.CharField(
        label=_("Reason"),
        max_length=500,
        help_text=_("Kept with the merge, so that anybody can see why they are one person."),
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def __init__(self, *args: Any, choices: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["keep"].choices = choices  # type: ignore[attr-defined]


class AttributeForm(forms.Form):
    """One attribute. `kind` says how the text is to be read."""

    name = forms.CharField(label=_("Attribute"), max_length=255)
    kind = forms.ChoiceField(
        label=_("Type"),
        choices=[
            ("text", _("Text")),
            ("number", _("Number")),
            ("boolean", _("Yes or no")),
            ("json", _("List or object (JSON)")),
        ],
    )
    value = forms.CharField(
        label=_("Value"), max_length=20_000, widget=forms.Textarea(attrs={"rows": 1, "data-grow": True})
    )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if "value" in cleaned and "kind" in cleaned:
            try:
                cleaned["read"] = read_value(cleaned["kind"], cleaned["value"])
            except ValueError as error:
                self.add_error("value", str(error))
        return cleaned


def read_value(kind: str, text: str) -> Any:
    """The text as a value of this kind. Raises `ValueError` in the words of the screen."""
    match kind:
        case "number":
            return _read_number(text.strip())
        case "boolean":
            if text.strip().lower() in {"yes", "true", "1", str(_("yes")).lower()}:
                return True
            if text.strip().lower() in {"no", "false", "0", str(_("no")).lower()}:
                return False
            raise ValueError(_("Write yes or no."))
        case "json":
            try:
                value = msgspec.json.decode(text)
            except (msgspec.DecodeError, RecursionError):
                raise ValueError(_("That is not valid JSON.")) from None
            if value is None:
                raise ValueError(_("To remove the attribute, use Remove."))
            return value
    return text


def _read_number(text: str) -> int | float:
    try:
        return int(text) if len(text) < 19 else float(text)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(_("That is not a number."))
    return number


def kind_of_value(value: Any) -> str:
    """The `kind` under which a value can be edited."""
    match value:
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "text"
    return "json"


def text_of_value(value: Any) -> str:
    """The value as the form shows it; `read_value` takes it back."""
    match value:
        case bool():
            return str(_("yes") if value else _("no"))
        case str():
            return value
    return msgspec.json.encode(value).decode()
