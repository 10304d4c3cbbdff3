"""What every page of the console knows: who looks, where they can go, what they may do."""

from typing import Any, Final, NamedTuple

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from tessera.access.queries import StaffFacts
from tessera.console.permissions import Ability, abilities_of
from tessera.console.reports.words import KINDS
from tessera.console.words import ROLES

Text = str | Promise


class Place(NamedTuple):
    """One entry of the menu. `views` are the names of the views under it, `keys` the shortcut that leads there."""

    label: Text
    icon: str
    view: str
    views: frozenset[str]
    keys: str = ""
    needs: Ability = Ability.READ


class Group(NamedTuple):
    label: Text
    places: tuple[Place, ...]


class Entry(NamedTuple):
    """A place as the page shows it."""

    place: Place
    href: str
    here: bool


MAIN: Final = (
    Place(_("Home"), "home", "console:home", frozenset({"home"}), "g h"),
    Place(
        _("People"),
        "group",
        "console:people",
        frozenset({"people", "person", "merge", "merge_with", "attribute", "erase", "split", "edit_tab", "history"}),
        "g p",
    ),
    Place(_("Live events"), "bolt", "console:live", frozenset({"live", "live_of_source"}), "g l"),
)
"""The tabs at the foot of a phone's screen; everything else is under “More”."""

GROUPS: Final = (
    Group(
        _("Audience"),
        (
            Place(
                _("Segments"),
                "donut_small",
                "console:segments",
                frozenset({"segments", "segment", "new_segment", "edit_segment", "new_list", "segment_members"}),
                "g m",
            ),
            Place(
                _("Reports"),
                "monitoring",
                "console:reports",
                frozenset({"reports", "saved_report", *(f"report_{kind}" for kind in KINDS)}),
                "g r",
            ),
        ),
    ),
    Group(
        _("Data"),
        (
            Place(
                _("Sources"),
                "sensors",
                "console:sources",
                frozenset({"sources", "new_source", "source", "edit_source", "brands", "new_brand", "rename_brand"}),
                "g s",
            ),
            Place(
                _("Catalogue"),
                "menu_book",
                "console:catalogue",
                frozenset({"catalogue", "catalogue_entry", "change_entry", "problems"}),
                "g c",
            ),
            Place(
                _("Imports"),
                "upload_file",
                "console:imports",
                frozenset({"imports", "new_import", "import", "import_file", "import_columns"}),
                "g i",
                Ability.IMPORT_PEOPLE,
            ),
            Place(
                _("Exports"),
                "download",
                "console:exports",
                frozenset({"exports", "new_export"}),
                "g e",
                Ability.EXPORT_PEOPLE,
            ),
            Place(
                _("Automatic exports"),
                "sync",
                "console:segment_exports",
                frozenset({"segment_exports", "new_segment_export", "segment_export", "edit_segment_export"}),
                needs=Ability.EXPORT_PEOPLE,
            ),
            Place(
                _("Duplicates"),
                "compare",
                "console:duplicates",
                frozenset({"duplicates", "duplicate"}),
                "g d",
                Ability.MERGE_PEOPLE,
            ),
        ),
    ),
    Group(
        _("Settings"),
        (
            Place(
                _("Staff"),
                "badge",
                "console:staff",
                frozenset({"staff", "invite", "member"}),
                "g t",
                Ability.MANAGE_STAFF,
            ),
            Place(
                _("API keys"),
                "key",
                "console:api_keys",
                frozenset({"api_keys", "new_api_key"}),
                "g k",
                Ability.MANAGE_KEYS,
            ),
            Place(_("Audit trail"), "policy", "console:audit", frozenset({"audit"}), "g a", Ability.READ_AUDIT),
            Place(
                _("Erasures"),
                "person_remove",
                "console:erasures",
                frozenset({"erasures", "erasure", "suppressions", "check_contact", "keep_out", "let_in"}),
                needs=Ability.ERASE_PEOPLE,
            ),
        ),
    ),
)


def console(request: HttpRequest) -> dict[str, Any]:
    """Context processor: `staff`, `can_…`, `main_places`, `place_groups`, `languages`. Strangers get no menu."""
    staff: StaffFacts | None = getattr(request, "staff", None)
    context: dict[str, Any] = {"staff": staff, "languages": settings.LANGUAGES}
    if staff is None:
        return context
    if staff.must_set_up_second_factor:
        return context | {"main_places": [], "place_groups": [], "role": ROLES.get(staff.role, staff.role)}
    match = request.resolver_match
    here = match.url_name if match else None
    can = abilities_of(staff)
    groups = [(group.label, _entries(group.places, can, here)) for group in GROUPS]
    return context | {
        "main_places": _entries(MAIN, can, here),
        "place_groups": [(label, entries) for label, entries in groups if entries],
        "role": ROLES.get(staff.role, staff.role),
        **{f"can_{ability}": ability in can for ability in Ability},
    }


def places_for(can: frozenset[Ability]) -> list[Entry]:
    """Every place the abilities open, in the order of the menu."""
    everything = (*MAIN, *(place for group in GROUPS for place in group.places))
    return _entries(everything, can, None)


def _entries(places: tuple[Place, ...], can: frozenset[Ability], here: str | None) -> list[Entry]:
    return [Entry(place, reverse(place.view), here in place.views) for place in places if place.needs in can]
