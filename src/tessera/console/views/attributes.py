"""Changing a person's attributes by hand, in place on the card."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import reswap, retarget

from tessera.access.audit import record_audit_on
from tessera.console.forms import AttributeForm, kind_of_value, text_of_value
from tessera.console.permissions import Ability, StaffRequest, requires
from tessera.console.sight import seen_by, sight_of
from tessera.console.tabs import tab_context
from tessera.console.views.card import find_person, source_names
from tessera.console.words import ATTRIBUTES, attribute_in_words, error_in_words
from tessera.foundation.errors import TesseraError
from tessera.foundation.pool import pool
from tessera.intake import actions as intake


@require_GET
@requires(Ability.CHANGE_PEOPLE)
def attribute(request: StaffRequest, profile_id: UUID) -> HttpResponse:
    """The form for one attribute (`?name=`), or for a new one."""
    person = find_person(request.staff.workspace_id, profile_id)
    name = request.GET.get("name", "")
    if name not in person.attributes:
        return _form(request, profile_id, AttributeForm(initial={"kind": "text"}))
    value = person.attributes[name]
    mask = sight_of(request.staff, [person.profile_id])
    readable = mask is None or mask.attribute(name, value) == value
    # What is masked can be replaced without being read; the mask itself must not come back as the value.
    initial = {"name": name, "kind": kind_of_value(value), "value": text_of_value(value) if readable else ""}
    return _form(request, profile_id, AttributeForm(initial=initial), name=name)


@require_GET
@requires(Ability.READ)
def attributes(request: StaffRequest, profile_id: UUID) -> HttpResponse:
    """The section as it stands: what Cancel puts back."""
    return _section(request, profile_id)


@require_POST
@requires(Ability.CHANGE_PEOPLE)
def set_attribute(request: StaffRequest, profile_id: UUID) -> HttpResponse:
    find_person(request.staff.workspace_id, profile_id)
    form = AttributeForm(request.POST)
    editing = request.POST.get("editing", "")
    if not form.is_valid():
        return _again(request, profile_id, form, editing)
    name = form.cleaned_data["name"]
    try:
        _change(request, profile_id, {name: form.cleaned_data["read"]})
    except TesseraError as error:
        form.add_error("value", error_in_words(error))
        return _again(request, profile_id, form, editing)
    return _section(request, profile_id, changed=attribute_in_words(name))


@require_POST
@requires(Ability.CHANGE_PEOPLE)
def remove_attribute(request: StaffRequest, profile_id: UUID) -> HttpResponse:
    name = request.POST.get("name", "").replace("\0", "")
    try:
        _change(request, profile_id, {name: None})
    except TesseraError as error:
        return _section(request, profile_id, refused=error_in_words(error))
    return _section(request, profile_id, removed=attribute_in_words(name))


def _change(request: StaffRequest, profile_id: UUID, changes: dict[str, Any]) -> None:
    """The change and its audit entry. The entry is rolled back when the change is refused. Raises `TesseraError`."""
    staff = request.staff
    person = find_person(staff.workspace_id, profile_id)
    with pool().connection() as connection, connection.transaction():
        record_audit_on(
            connection,
            workspace_id=staff.workspace_id,
            actor=staff.email,
            action="change_attributes",
            target=f"profile:{person.profile_id}",
            detail={"attributes": sorted(changes)},
        )
        intake.change_attributes(
            connection,
            workspace_id=staff.workspace_id,
            profile_id=person.profile_id,
            changes=changes,
            actor=staff.email,
            now=timezone.now(),
        )


def _again(request: StaffRequest, profile_id: UUID, form: AttributeForm, editing: str) -> HttpResponse:
    """The form with what is wrong, in the form's own place instead of the section's."""
    return reswap(retarget(_form(request, profile_id, form, name=editing), "#attribute-form"), "innerHTML")


def _form(request: StaffRequest, profile_id: UUID, form: AttributeForm, *, name: str = "") -> HttpResponse:
    suggestions = [(known, attribute_in_words(known)) for known in ATTRIBUTES]
    context = {
        "form": form,
        "profile_id": profile_id,
        "editing": name,
        "suggestions": suggestions,
        "tab_id": _tab(request),
        "label": attribute_in_words(name),
    }
    return render(request, "console/person/attribute_form.html", context)


def _tab(request: StaffRequest) -> str:
    """The tab the form was opened on, to come back to."""
    return request.POST.get("tab") or request.GET.get("tab", "")


def _section(request: StaffRequest, profile_id: UUID, **said: str) -> HttpResponse:
    person = seen_by(request.staff, find_person(request.staff.workspace_id, profile_id))
    if not request.htmx:
        return redirect(f"{reverse('console:person', args=[person.profile_id])}?{urlencode({'tab': _tab(request)})}")
    context = tab_context(request, person, source_names(request.staff.workspace_id), wanted=_tab(request), **said)
    return render(request, "console/person/tabs.html", context)
