"""What the command palette finds: people, screens, actions. Never more than the one who asks may open."""

from typing import Final, NamedTuple

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from tessera.console.navigation import places_for
from tessera.console.permissions import Ability, StaffRequest, abilities_of, requires
from tessera.console.views.people import find_people, searched

PEOPLE_SHOWN: Final = 7


class Choice(NamedTuple):
    label: str | Promise
    icon: str
    href: str
    hint: str = ""


class Action(NamedTuple):
    """Something to do. `fragment` names a dialog of every page instead of a screen."""

    label: str | Promise
    icon: str
    view: str
    needs: Ability = Ability.READ
    fragment: str = ""


ACTIONS: Final = (
    Action(gettext_lazy("Build a segment"), "donut_small", "console:new_segment", Ability.MANAGE_SEGMENTS),
    Action(gettext_lazy("Make a source"), "add", "console:new_source", Ability.MANAGE_SOURCES),
    Action(gettext_lazy("Import a file"), "upload_file", "console:new_import", Ability.IMPORT_PEOPLE),
    Action(gettext_lazy("Make an export"), "download", "console:new_export", Ability.EXPORT_PEOPLE),
    Action(gettext_lazy("Look at data quality"), "rule", "console:problems"),
    Action(gettext_lazy("Keep a contact out"), "person_off", "console:suppressions", Ability.ERASE_PEOPLE),
    Action(gettext_lazy("Make an API key"), "key", "console:new_api_key", Ability.MANAGE_KEYS),
    Action(gettext_lazy("Invite a colleague"), "person_add", "console:invite", Ability.MANAGE_STAFF),
    Action(gettext_lazy("Change password"), "password", "console:password"),
    Action(gettext_lazy("Security of your account"), "shield_lock", "console:security"),
    Action(gettext_lazy("Your settings"), "tune", "console:preferences"),
    Action(gettext_lazy("Keyboard shortcuts"), "keyboard", "", fragment="#shortcuts"),
)


@require_GET
@requires(Ability.READ)
def palette(request: StaffRequest) -> HttpResponse:
    """Groups of choices for `q`: people by the same search as their list, screens and actions by their words."""
    text = searched(request)
    can = abilities_of(request.staff)
    people = _people(request, text) if text else []
    found = [(_("People"), people), (_("Screens"), _screens(text, can)), (_("Actions"), _actions(text, can))]
    context = {"groups": [(title, choices) for title, choices in found if choices]}
    return render(request, "console/palette_results.html", context)


def _people(request: StaffRequest, text: str) -> list[Choice]:
    page = find_people(request.staff, text, limit=PEOPLE_SHOWN)
    return [
        Choice(
            one.name or ("" if one.email_is_placeholder else one.email) or _("Without a name"),
            "person",
            reverse("console:person", args=[one.profile_id]),
            one.email if one.name and not one.email_is_placeholder else one.phone or "",
        )
        for one in page.profiles
    ]


def _screens(text: str, can: frozenset[Ability]) -> list[Choice]:
    entries = places_for(can)
    return [
        Choice(place.label, place.icon, href, place.keys) for place, href, _here in entries if fits(place.label, text)
    ]


def _actions(text: str, can: frozenset[Ability]) -> list[Choice]:
    return [
        Choice(action.label, action.icon, (reverse(action.view) if action.view else "") + action.fragment)
        for action in ACTIONS
        if action.needs in can and fits(action.label, text)
    ]


def fits(label: str | Promise, text: str) -> bool:
    """Whether every word typed begins a word of the label."""
    words = str(label).casefold().split()
    return all(any(word.startswith(part) for word in words) for part in text.casefold().split())
