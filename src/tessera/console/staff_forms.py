"""What is typed in about staff, second factors and API keys, checked before it goes to an action."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from tessera.access.scopes import SCOPES
from tessera.console.forms import LONGEST_PASSWORD
from tessera.console.words import DEMANDS, ROLES

LONGEST_CODE = 40


class CodeForm(forms.Form):
    code = forms.CharField(
        label=_("Code"),
        max_length=LONGEST_CODE,
        help_text=_("The six digits your authenticator app shows now, or one of your recovery codes."),
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "spellcheck": "false", "autocapitalize": "off", "autofocus": True}
        ),
    )


class ConfirmTotpForm(CodeForm):
    code = forms.CharField(
        label=_("Code"),
        max_length=LONGEST_CODE,
        help_text=_("The six digits the app shows now."),
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True}),
    )


class ProofForm(forms.Form):
    """`by_code`: the account has a second factor, so its password alone proves nothing."""

    secret = forms.CharField(
        label=_("Password"),
        max_length=LONGEST_PASSWORD,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
    )

    def __init__(self, *args: Any, by_code: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if by_code:
            secret = self.fields["secret"]
            secret.label = _("Code")
            secret.widget = forms.TextInput(attrs={"autocomplete": "one-time-code", "autofocus": True})


class PasskeyForm(forms.Form):
    name = forms.CharField(
        label=_("Name of the passkey"), max_length=100, help_text=_("Where it lives: “My laptop”, “Blue key”.")
    )


class JoinForm(forms.Form):
    new = forms.CharField(
        label=_("Your password"),
        help_text=_("At least 10 characters. A few words in a row are easy to remember and hard to guess."),
        max_length=LONGEST_PASSWORD,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "autofocus": True}),
    )
    again = forms.CharField(
        label=_("Your password again"),
        max_length=LONGEST_PASSWORD,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean_again(self) -> str:
        if self.cleaned_data["again"] != self.cleaned_data.get("new"):
            raise forms.ValidationError(_("The two are not the same."))
        return str(self.cleaned_data["again"])


_PII = (("role", _("As the role says")), ("yes", _("Shown")), ("no", _("Masked")))


def _pii_of(text: str) -> bool | None:
    return {"yes": True, "no": False}.get(text)


class MemberForm(forms.Form):
    role = forms.ChoiceField(label=_("Role"))
    pii = forms.ChoiceField(
        label=_("Personal data"),
        choices=_PII,
        help_text=_("Names, e-mails, phones, addresses and the like. Masked, they read like a•••@e•••.com."),
    )

    def __init__(self, *args: Any, makes_owners: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = [  # type: ignore[attr-defined]
            (role, label) for role, label in ROLES.items() if makes_owners or role != "owner"
        ]

    @property
    def sees_pii(self) -> bool | None:
        return _pii_of(self.cleaned_data["pii"])


class InviteForm(MemberForm):
    field_order = ("email", "role", "pii")
    email = forms.EmailField(
        label=_("E-mail"), max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "off", "autofocus": True})
    )


class DemandForm(forms.Form):
    of = forms.ChoiceField(label=_("A second factor is demanded of"), choices=list(DEMANDS.items()))


class ApiKeyForm(forms.Form):
    name = forms.CharField(
        label=_("Name"), max_length=200, help_text=_("The program that will use it: “CRM sync”, “Night report”.")
    )
    scopes = forms.MultipleChoiceField(
        label=_("What it may do"), choices=[(scope, scope) for scope in SCOPES], widget=forms.CheckboxSelectMultiple
    )
