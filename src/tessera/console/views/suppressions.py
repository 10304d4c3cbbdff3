"""Who is kept out: ask about a contact, keep one out, let one in again. Contacts cannot be listed."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from tessera.console.permissions import Ability, StaffRequest, requires
from tessera.console.words import IDENTIFIER_KINDS, error_in_words, kind_in_words
from tessera.foundation.errors import NotFound, TesseraError
from tessera.foundation.pool import pool
from tessera.privacy import suppressions as privacy

KINDS = ("email", "phone", "user_id", "anonymous_id", "device_token")


class ContactForm(forms.Form):
    kind = forms.ChoiceField(label=gettext_lazy("Kind"), choices=[(kind, IDENTIFIER_KINDS[kind]) for kind in KINDS])
    value = forms.CharField(
        label=gettext_lazy("Contact"), max_length=500, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )

    def contact(self) -> str:
        """As actions take it; a system's own id is typed as `external:crm:4711`."""
        value = str(self.cleaned_data["value"])
        return value if value.startswith("external:") else f"{self.cleaned_data['kind'] or 'email'}:{value}"


@require_GET
@requires(Ability.ERASE_PEOPLE)
def suppressions(request: StaffRequest) -> HttpResponse:
    """How many are kept out, by kind, and the form to ask."""
    return _page(request, ContactForm(initial={"kind": "email"}))


@require_POST
@requires(Ability.ERASE_PEOPLE)
def check_contact(request: StaffRequest) -> HttpResponse:
    """Whether this one is kept out. By POST: a contact does not belong in an address or a log."""
    form = ContactForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=400)
    try:
        with pool().connection() as connection:
            found = privacy.check_suppression(
                connection, workspace_id=request.staff.workspace_id, contact=form.contact()
            )
    except TesseraError as error:
        form.add_error("value", error_in_words(error))
        return _page(request, form, status=400)
    return _page(request, form, asked=True, found=found)


@require_POST
@requires(Ability.ERASE_PEOPLE)
def keep_out(request: StaffRequest) -> HttpResponse:
    form = ContactForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=400)
    try:
        with pool().connection() as connection:
            privacy.add_suppression(
                connection,
                workspace_id=request.staff.workspace_id,
                contact=form.contact(),
                actor=request.staff.email,
                now=timezone.now(),
            )
    except TesseraError as error:
        form.add_error("value", error_in_words(error))
        return _page(request, form, status=400)
    messages.success(request, _("The contact is kept out: what carries it is refused from now on."))
    return redirect("console:suppressions")


@require_POST
@requires(Ability.ERASE_PEOPLE)
def let_in(request: StaffRequest) -> HttpResponse:
    form = ContactForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=400)
    try:
        with pool().connection() as connection:
            privacy.lift_suppression(
                connection,
                workspace_id=request.staff.workspace_id,
                contact=form.contact(),
                actor=request.staff.email,
            )
    except NotFound:
        messages.info(request, _("That contact was not kept out."))
    except TesseraError as error:
        form.add_error("value", error_in_words(error))
        return _page(request, form, status=400)
    else:
        messages.success(request, _("The contact may come in again."))
    return redirect("console:suppressions")


def _page(request: StaffRequest, form: ContactForm, *, status: int = 200, **said: object) -> HttpResponse:
    with pool().connection() as connection:
        counts = privacy.suppression_counts(connection, request.staff.workspace_id)
    kinds = [(kind_in_words(kind), number) for kind, number in counts.kinds.items()]
    context = {"form": form, "total": counts.total, "kinds": kinds, **said}
    return render(request, "console/suppressions.html", context, status=status)
