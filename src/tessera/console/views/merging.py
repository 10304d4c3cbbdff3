"""Joining two people by hand, and undoing a merge."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from tessera.access.audit import record_audit_on
from tessera.console.forms import MergeForm
from tessera.console.permissions import Ability, StaffRequest, requires
from tessera.console.sight import seen_by
from tessera.console.views.card import AttributeLine, attribute_lines, find_person
from tessera.console.views.people import find_people, searched
from tessera.console.words import error_in_words
from tessera.foundation.errors import TesseraError
from tessera.foundation.pool import pool
from tessera.identity import actions as identity
from tessera.profiles.person import PersonView

CANDIDATES = 10


@require_GET
@requires(Ability.MERGE_PEOPLE)
def merge(request: StaffRequest, profile_id: UUID) -> HttpResponse:
    """Look for the other one; the person themselves is left out."""
    person = seen_by(request.staff, find_person(request.staff.workspace_id, profile_id))
    text = searched(request)
    found = find_people(request.staff, text, limit=CANDIDATES + 1).profiles if text else []
    candidates = [other for other in found if other.profile_id != person.profile_id][:CANDIDATES]
    template = "console/merge_candidates.html" if request.htmx else "console/merge.html"
    return render(request, template, {"person": person, "candidates": candidates, "q": text})


@require_http_methods(["GET", "POST"])
@requires(Ability.MERGE_PEOPLE)
def merge_with(request: StaffRequest, profile_id: UUID, other_id: UUID) -> HttpResponse:
    """Both side by side; POST makes them one."""
    workspace_id = request.staff.workspace_id
    person, other = find_person(workspace_id, profile_id), find_person(workspace_id, other_id)
    if person.profile_id == other.profile_id:
        messages.info(request, _("These are one person already."))
        return redirect("console:person", profile_id=person.profile_id)
    sides = {str(side.profile_id): side for side in (person, other)}
    choices = [(key, _label(seen_by(request.staff, side))) for key, side in sides.items()]
    form = MergeForm(request.POST or None, initial={"keep": _older(person, other)}, choices=choices)
    if request.method == "POST" and form.is_valid():
        keep = sides.pop(form.cleaned_data["keep"])
        (absorb,) = sides.values()
        try:
            _merge(request, keep, absorb, form.cleaned_data["reason"])
        except TesseraError as error:
            form.add_error(None, error_in_words(error))
        else:
            messages.success(request, _("They are one person now. Every event and identifier of both is on this card."))
            return redirect("console:person", profile_id=keep.profile_id)
    person, other = seen_by(request.staff, person), seen_by(request.staff, other)
    context = {"person": person, "other": other, "rows": _side_by_side(person, other), "form": form}
    return render(request, "console/merge_preview.html", context, status=400 if form.errors else 200)


def _label(person: PersonView) -> str:
    shown = person.name or (None if person.email_is_placeholder else person.email)
    return shown or f"{_('Anonymous')} {str(person.profile_id)[-6:]}"


def _older(person: PersonView, other: PersonView) -> str:
    return str(min((person, other), key=lambda side: side.created_at).profile_id)


def _side_by_side(
    person: PersonView, other: PersonView
) -> list[tuple[str, AttributeLine | None, AttributeLine | None]]:
    """Every attribute that either has, with both values."""
    left, right = ({line.name: line for line in attribute_lines(side)} for side in (person, other))
    names = [*left, *(name for name in right if name not in left)]
    return [((left.get(name) or right[name]).label, left.get(name), right.get(name)) for name in names]


def _merge(request: StaffRequest, keep: PersonView, absorb: PersonView, reason: str) -> None:
    """The merge and its audit entry, which is rolled back when the merge is refused. Raises `TesseraError`."""
    staff = request.staff
    with pool().connection() as connection, connection.transaction():
        record_audit_on(
            connection,
            workspace_id=staff.workspace_id,
            actor=staff.email,
            action="merge_profiles",
            target=f"profile:{keep.profile_id}",
            detail={"absorbed": str(absorb.profile_id), "reason": reason},
        )
        identity.merge_profiles(
            connection,
            workspace_id=staff.workspace_id,
            keep=keep.profile_id,
            absorb=absorb.profile_id,
            reason=reason,
            actor=staff.email,
            now=timezone.now(),
        )


@require_POST
@requires(Ability.MERGE_PEOPLE)
def split(request: StaffRequest, profile_id: UUID, merge_id: UUID) -> HttpResponse:
    """Undo one merge of this person and say where the other one is now."""
    staff = request.staff
    person = find_person(staff.workspace_id, profile_id)
    if merge_id not in {one.merge_id for one in person.merges}:
        raise Http404("no such merge of this person")
    try:
        with pool().connection() as connection, connection.transaction():
            record_audit_on(
                connection,
                workspace_id=staff.workspace_id,
                actor=staff.email,
                action="split_profiles",
                target=f"merge:{merge_id}",
            )
            undone = identity.split_profiles(
                connection, workspace_id=staff.workspace_id, merge_id=merge_id, actor=staff.email, now=timezone.now()
            )
    except TesseraError as error:
        messages.error(request, error_in_words(error))
        return redirect("console:person", profile_id=profile_id)
    there = reverse("console:person", kwargs={"profile_id": undone.absorbed})
    said = _("The merge is undone: both are people of their own again.")
    messages.success(request, format_html('{} <a href="{}">{}</a>', said, there, _("Open the other person")))
    return redirect("console:person", profile_id=undone.kept)
