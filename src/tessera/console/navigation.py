"""What every page of the console knows: who looks, where they can go, what they may do."""

from typing import Any, NamedTuple

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from tessera.access.queries import StaffFacts
from tessera.console.permissions import Ability, abilities_of
from tessera.console.words import ROLES


class Place(NamedTuple):
    """One entry of the menu. `views` are the names of the views under it."""

    label: str | Promise
    icon: str
    view: str
    views: frozenset[str]


PLACES = (
    Place(_("Home"), "home", "console:home", frozenset({"home"})),
    Place(
        _("People"),
        "group",
        "console:people",
        frozenset({"people", "person", "merge", "merge_with", "attribute"}),
    ),
    Place(_("Duplicates"), "compare", "console:duplicates", frozenset({"duplicates", "duplicate"})),
    Place(_("Sources"), "sensors", "console:sources", frozenset({"sources", "new_source", "source", "edit_source"})),
    Place(_("Live events"), "bolt", "console:live", frozenset({"live", "live_of_source"})),
)


def console(request: HttpRequest) -> dict[str, Any]:
    """Context processor: `staff`, `can_…`, `places`, `languages`. Pages for strangers get no menu."""
    staff: StaffFacts | None = getattr(request, "staff", None)
    context: dict[str, Any] = {"staff": staff, "languages": settings.LANGUAGES}
    if staff is None:
        return context
    match = request.resolver_match
    here = match.url_name if match else None
    can = abilities_of(staff.role)
    return context | {
        "places": [(place, reverse(place.view), here in place.views) for place in PLACES],
        "role": ROLES.get(staff.role, staff.role),
        **{f"can_{ability}": ability in can for ability in Ability},
    }
