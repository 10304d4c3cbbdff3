"""Arranging the tabs of the card: which fields, in which order, which tab comes first, tabs of one's own.

The form is drawn by the server at every step (up, down, away, add), so it works by keyboard and without scripts.
"""

from collections.abc import Sequence
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect
from msgspec import Struct
from xxhash import xxh32_hexdigest

from tessera.console import layouts
from tessera.console.fields import choices, label_of
from tessera.console.layouts import MAIN, Layout, checked_fields, layout_of, save_layout
from tessera.console.permissions import Ability, StaffRequest, requires
from tessera.console.sight import seen_by
from tessera.console.views.card import find_person
from tessera.console.words import error_in_words, tab_in_words
from tessera.foundation.errors import NotFound, TesseraError
from tessera.profiles.person import PersonView

NEW = "new"


class Pick(Struct, frozen=True):
    """A field on the form. `mark` is the same wherever it moves, so that the button pressed keeps the focus."""

    key: str
    label: str
    mark: str


@require_http_methods(["GET", "POST"])
@requires(Ability.READ)
def edit_tab(request: StaffRequest, profile_id: UUID, tab: str) -> HttpResponse:
    """The form for one tab (`main`, one of one's own, or `new`). A POST's `do` says which button was pressed."""
    person = seen_by(request.staff, find_person(request.staff.workspace_id, profile_id))
    layout = _layout(request)
    if tab not in (MAIN, NEW) and layout.name_of(tab) is None:
        raise Http404("there is no such tab")
    if request.method == "GET":
        return _form(request, person, tab, layout.name_of(tab) or "", layout.fields_of(tab) or ())
    fields, name, do = (
        checked_fields(request.POST.getlist("field")),
        request.POST.get("name", ""),
        request.POST.get("do"),
    )
    if do != "save":
        return _form(request, person, tab, name, _rearranged(fields, do or "", request.POST.get("add", "")))
    try:
        changed, saved = layouts.with_tab(layout, None if tab == NEW else tab, name=name, fields=fields)
    except TesseraError as error:
        return _form(request, person, tab, name, fields, wrong=error_in_words(error))
    _save(request, changed)
    return _back(request, person, saved)


@require_POST
@requires(Ability.READ)
def pin_tab(request: StaffRequest, profile_id: UUID, tab: str) -> HttpResponse:
    """Put a tab first."""
    return _with(request, profile_id, tab, lambda layout: layouts.pinned(layout, tab))


@require_POST
@requires(Ability.READ)
def delete_tab(request: StaffRequest, profile_id: UUID, tab: str) -> HttpResponse:
    """Delete a tab of one's own; the fields' values stay what they are."""
    return _with(request, profile_id, "", lambda layout: layouts.without_tab(layout, tab))


def _with(request: StaffRequest, profile_id: UUID, tab: str, change: "layouts.Change") -> HttpResponse:
    person = find_person(request.staff.workspace_id, profile_id)
    try:
        _save(request, change(_layout(request)))
    except NotFound as error:
        raise Http404(str(error)) from None
    return _back(request, person, tab)


def _layout(request: StaffRequest) -> Layout:
    return layout_of(request.staff.account_id, request.staff.workspace_id)


def _save(request: StaffRequest, layout: Layout) -> None:
    save_layout(request.staff.account_id, request.staff.workspace_id, layout)


def _back(request: StaffRequest, person: PersonView, tab: str) -> HttpResponse:
    address = reverse("console:person", args=[person.profile_id]) + (f"?tab={tab}" if tab else "")
    return HttpResponseClientRedirect(address) if request.htmx else redirect(address)


def _rearranged(fields: Sequence[str], do: str, added: str) -> list[str]:
    """The fields after one press of a button: `up:3`, `down:3`, `away:3` (places count from 0) or `add`."""
    order = list(fields)
    act, _, place = do.partition(":")
    if act == "add":
        return list(checked_fields([*order, added]))
    if not place.isascii() or not place.isdigit() or int(place[:4]) >= len(order):
        return order
    at = int(place)
    if act == "away":
        del order[at]
    other = at + {"up": -1, "down": 1}.get(act, 0)
    if act in ("up", "down") and 0 <= other < len(order):
        order[at], order[other] = order[other], order[at]
    return order


def _form(
    request: StaffRequest, person: PersonView, tab: str, name: str, fields: Sequence[str], *, wrong: str = ""
) -> HttpResponse:
    context = {
        "person": person,
        "tab_id": tab,
        "named": tab != MAIN,
        "title": tab_in_words(MAIN) if tab == MAIN else name,
        "name": name,
        "chosen": [Pick(field, label_of(field), xxh32_hexdigest(field.encode())) for field in fields],
        "choices": choices(person, fields),
        "full": len(fields) >= layouts.MOST_FIELDS,
        "wrong": wrong,
    }
    template = "console/person/tab_form.html" if request.htmx else "console/person/tab_page.html"
    return render(request, template, context, status=400 if wrong else 200)
