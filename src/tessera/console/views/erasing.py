"""Erasing a person by hand, and what was erased."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from tessera.console.erasure_words import removed_lines
from tessera.console.permissions import Ability, StaffRequest, requires
from tessera.console.second_step import ask_for_proof, freshly_proved, proved_lately
from tessera.console.sight import seen_by
from tessera.console.views.card import find_person
from tessera.console.words import error_in_words
from tessera.foundation.errors import NotFound, TesseraError
from tessera.foundation.pool import pool
from tessera.privacy import queries
from tessera.privacy.actions import LONGEST_REASON, ErasureReport
from tessera.privacy.actions import erase_person as erase_for_good
from tessera.privacy.queries import ErasureDetail
from tessera.privacy.requests import try_again
from tessera.profiles.person import PersonView

PER_PAGE = 50
ITEMS_SHOWN = 200


class ErasureForm(forms.Form):
    """`confirm` must be what the page asks to be typed: a slip of the mouse must not erase anybody."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=LONGEST_REASON,
        help_text=gettext_lazy("Kept with the report for good. A ticket number will do; name nobody."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    suppress = forms.BooleanField(
        label=gettext_lazy("Keep their contacts out from now on"),
        required=False,
        initial=True,
        help_text=gettext_lazy("Only a keyed hash of each is kept. Without it, a new event makes a new person."),
    )
    confirm = forms.CharField(label="", max_length=500, widget=forms.TextInput(attrs={"autocomplete": "off"}))

    def __init__(self, *args: Any, word: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._word = word
        self.fields["confirm"].label = _("Type “%(word)s” to confirm") % {"word": word}

    def clean_confirm(self) -> str:
        typed = " ".join(str(self.cleaned_data["confirm"]).split())
        if typed.casefold() != " ".join(self._word.split()).casefold():
            raise forms.ValidationError(_("That is not what the page asks for. Nothing was erased."))
        return typed


@require_http_methods(["GET", "POST"])
@requires(Ability.ERASE_PEOPLE)
def erase(request: StaffRequest, profile_id: UUID) -> HttpResponse:
    """What would be removed, and the question; POST erases, freshly proved. htmx gets the card's dialog."""
    person = find_person(request.staff.workspace_id, profile_id)
    person, known = seen_by(request.staff, person), person
    # A mask cannot be typed, and the name must not be asked for.
    word = word_for(known) if known == person else _("erase")
    form = ErasureForm(request.POST or None, word=word)
    if request.method == "POST" and not proved_lately(request):
        return ask_for_proof(request)
    if request.method == "POST" and form.is_valid():
        try:
            report = _erase(request, person, form)
        except TesseraError as error:
            form.add_error(None, error_in_words(error))
        else:
            messages.success(request, _("The person is erased. This report is all that is left."))
            return redirect("console:erasure", erasure_id=report.erasure_id)
    with pool().connection() as connection:
        preview = queries.preview(connection, request.staff.workspace_id, profile_id)
    context = {"person": person, "form": form, "lines": removed_lines(preview.counts)}
    template = "console/person/erase_form.html" if request.htmx else "console/erase.html"
    return render(request, template, context, status=400 if form.errors else 200)


def word_for(person: PersonView) -> str:
    """What must be typed: the name, else the e-mail, else a word."""
    return person.name or (_("erase") if person.email_is_placeholder else person.email)


def _erase(request: StaffRequest, person: PersonView, form: ErasureForm) -> ErasureReport:
    with pool().connection() as connection:
        return erase_for_good(
            connection,
            workspace_id=request.staff.workspace_id,
            profile_id=person.profile_id,
            actor=request.staff.email,
            reason=form.cleaned_data["reason"],
            suppress=form.cleaned_data["suppress"],
            now=timezone.now(),
        )


@require_GET
@requires(Ability.ERASE_PEOPLE)
def erasures(request: StaffRequest) -> HttpResponse:
    """What was erased, newest first."""
    try:
        before = UUID(request.GET["before"]) if request.GET.get("before") else None
    except ValueError:
        raise Http404("no such page") from None
    with pool().connection() as connection:
        page = queries.erasures(connection, request.staff.workspace_id, before=before, limit=PER_PAGE)
    return render(request, "console/erasures.html", {"page": page, "before": before})


@require_GET
@requires(Ability.ERASE_PEOPLE)
def erasure(request: StaffRequest, erasure_id: UUID) -> HttpResponse:
    """The report of one erasure, to be printed or filed."""
    after = request.GET.get("after", "0")
    try:
        with pool().connection() as connection:
            found = queries.erasure(
                connection,
                request.staff.workspace_id,
                erasure_id,
                after=int(after) if after.isdecimal() and len(after) < 7 else 0,
                limit=ITEMS_SHOWN,
            )
            again = queries.to_try_again(connection, request.staff.workspace_id, erasure_id)
    except NotFound:
        raise Http404("no such erasure in this workspace") from None
    context = {"erasure": found.erasure, "items": found.items, "next": found.next, "lines": removed_lines(_sum(found))}
    return render(request, "console/erasure.html", context | {"again": again})


@require_POST
@requires(Ability.ERASE_PEOPLE)
@freshly_proved
def again(request: StaffRequest, erasure_id: UUID) -> HttpResponseBase:
    """Have what failed on our side tried again, and go back to the report."""
    staff = request.staff
    try:
        with pool().connection() as connection, connection.transaction():
            try_again(connection, workspace_id=staff.workspace_id, erasure_id=erasure_id, actor=staff.email)
    except NotFound:
        raise Http404("nothing of that erasure is to be tried again") from None
    messages.success(request, _("It is tried again. This page shows how far it is."))
    return redirect("console:erasure", erasure_id=erasure_id)


def _sum(found: ErasureDetail) -> dict[str, int]:
    counts: dict[str, int] = {}
    for item in found.items:
        for table, rows in item.counts.items():
            counts[table] = counts.get(table, 0) + rows
    return counts
