"""Joining two people by hand, and undoing a merge."""

from collections.abc import Mapping
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from msgspec import Struct

from tessera.access.audit import record_audit_on
from tessera.console.evidence import stories_of_merges
from tessera.console.fields import FieldLine, attribute_lines
from tessera.console.forms import MergeForm
from tessera.console.permissions import Ability, StaffRequest, requires
from tessera.console.sight import seen_by, sight_of
from tessera.console.toasts import toast
from tessera.console.views.card import find_person, source_names
from tessera.console.views.people import find_people, searched
from tessera.console.words import error_in_words
from tessera.foundation.errors import TesseraError
from tessera.foundation.pool import pool
from tessera.identity import actions as identity
from tessera.identity.queries import MergeRecord, root_of, roots_after_split
from tessera.profiles.person import IdentifierView, MergeView, PersonView

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
            made = _merge(request, keep.profile_id, absorb.profile_id, form.cleaned_data["reason"])
        except TesseraError as error:
            form.add_error(None, error_in_words(error))
        else:
            _offer_split(request, made)
            return redirect("console:person", profile_id=keep.profile_id)
    person, other = seen_by(request.staff, person), seen_by(request.staff, other)
    context = {"person": person, "other": other, "rows": _side_by_side(person, other), "form": form}
    return render(request, "console/merge_preview.html", context, status=400 if form.errors else 200)


def _label(person: PersonView) -> str:
    shown = person.name or (None if person.email_is_placeholder else person.email)
    return shown or f"{_('Anonymous')} {str(person.profile_id)[-6:]}"


def _older(person: PersonView, other: PersonView) -> str:
    return str(min((person, other), key=lambda side: side.created_at).profile_id)


def _side_by_side(person: PersonView, other: PersonView) -> list[tuple[str, FieldLine | None, FieldLine | None]]:
    """Every attribute that either has, with both values."""
    left, right = ({line.name: line for line in attribute_lines(side)} for side in (person, other))
    names = [*left, *(name for name in right if name not in left)]
    return [((left.get(name) or right[name]).label, left.get(name), right.get(name)) for name in names]


def _merge(request: StaffRequest, keep: UUID, absorb: UUID, reason: str) -> MergeRecord:
    """The merge and its audit entry, which is rolled back when the merge is refused. Raises `TesseraError`."""
    staff = request.staff
    with pool().connection() as connection, connection.transaction():
        record_audit_on(
            connection,
            workspace_id=staff.workspace_id,
            actor=staff.email,
            action="merge_profiles",
            target=f"profile:{keep}",
            detail={"absorbed": str(absorb), "reason": reason},
        )
        return identity.merge_profiles(
            connection,
            workspace_id=staff.workspace_id,
            keep=keep,
            absorb=absorb,
            reason=reason,
            actor=staff.email,
            now=timezone.now(),
        )


def _offer_split(request: StaffRequest, made: MergeRecord) -> None:
    text = _("They are one person now. Every event and identifier of both is on this card.")
    toast(request, text, undo_url=reverse("console:split", args=[made.kept, made.merge_id]))


class Side(Struct, frozen=True):
    """What one of the two people would be after the split."""

    profile_id: UUID
    profiles: int
    identifiers: list[IdentifierView]


@require_http_methods(["GET", "POST"])
@requires(Ability.MERGE_PEOPLE)
def split(request: StaffRequest, profile_id: UUID, merge_id: UUID) -> HttpResponse:
    """What would move if this merge of the person were undone; POST undoes it."""
    staff = request.staff
    person = find_person(staff.workspace_id, profile_id)
    merge = next((one for one in person.merges if one.merge_id == merge_id), None)
    if merge is None:
        raise Http404("no such merge of this person")
    if request.method == "POST":
        return _split(request, merge)
    with pool().connection() as connection:
        roots = roots_after_split(connection, staff.workspace_id, merge_id)
    if roots is None:
        messages.info(request, _("This merge was undone already."))
        return redirect("console:person", profile_id=person.profile_id)
    mask = sight_of(staff, [person.profile_id])
    shown = mask.merge(merge) if mask else merge
    person = mask.person(person) if mask else person
    (story,) = stories_of_merges([shown], source_names(staff.workspace_id))
    context = {"person": person, "merge": story, "sides": _sides(person, roots)}
    return render(request, "console/split.html", context)


def _sides(person: PersonView, roots: Mapping[UUID, UUID]) -> list[Side]:
    """The person who stays first, then who leaves."""
    order = sorted(set(roots.values()), key=lambda root: (root != roots[person.profile_id], root))
    return [
        Side(
            root,
            sum(1 for standing in roots.values() if standing == root),
            [one for one in person.identifiers if roots.get(one.profile_id) == root],
        )
        for root in order
    ]


def _split(request: StaffRequest, merge: MergeView) -> HttpResponse:
    """Undo the merge, say where the other one is now, and offer to join them again."""
    staff = request.staff
    try:
        with pool().connection() as connection, connection.transaction():
            record_audit_on(
                connection,
                workspace_id=staff.workspace_id,
                actor=staff.email,
                action="split_profiles",
                target=f"merge:{merge.merge_id}",
            )
            undone = identity.split_profiles(
                connection,
                workspace_id=staff.workspace_id,
                merge_id=merge.merge_id,
                actor=staff.email,
                now=timezone.now(),
            )
            kept, absorbed = (
                root_of(connection, staff.workspace_id, one) for one in (undone.kept_link, undone.absorbed_link)
            )
    except TesseraError as error:
        messages.error(request, error_in_words(error))
        return redirect("console:person", profile_id=merge.kept)
    there = reverse("console:person", args=[absorbed])
    said = _("The merge is undone: both are people of their own again.")
    text = format_html('{} <a href="{}">{}</a>', said, there, _("Open the other person"))
    toast(request, text, undo_url=reverse("console:merge_again", args=[kept, merge.merge_id]))
    return redirect("console:person", profile_id=kept)


@require_POST
@requires(Ability.MERGE_PEOPLE)
def merge_again(request: StaffRequest, profile_id: UUID, merge_id: UUID) -> HttpResponse:
    """Join again what a split has just parted: a new merge of the same two, for the same reason."""
    person = find_person(request.staff.workspace_id, profile_id)
    merge = next((one for one in person.merges if one.merge_id == merge_id and one.undone_at), None)
    if merge is None:
        raise Http404("no such undone merge of this person")
    reason = _("A split was taken back.") if merge.reason == "event" else merge.reason
    try:
        made = _merge(request, merge.kept_link, merge.absorbed_link, reason)
    except TesseraError as error:
        messages.error(request, error_in_words(error))
        return redirect("console:person", profile_id=person.profile_id)
    _offer_split(request, made)
    return redirect("console:person", profile_id=made.kept)
