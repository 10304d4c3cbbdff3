"""Who may do what in the console: one table, asked by every view and by the screens that offer a button."""

from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase

from tessera.access.queries import StaffFacts

P = ParamSpec("P")


class StaffRequest(HttpRequest):
    """A request that `StaffOnly` let through. `staff` is read anew from the database for each."""

    staff: StaffFacts
    htmx: Any


class Ability(StrEnum):
    READ = "read"
    """See people, their cards, sources and the live debugger."""
    CHANGE_PEOPLE = "change_people"
    """Merge, split, edit attributes, export a person."""
    MANAGE_SOURCES = "manage_sources"
    """Make and change sources, see and make write keys."""


_PEOPLE: Final = frozenset({Ability.READ, Ability.CHANGE_PEOPLE})
_SOURCES: Final = frozenset({Ability.READ, Ability.MANAGE_SOURCES})
ABILITIES: Final[dict[str, frozenset[Ability]]] = {
    "owner": _PEOPLE | _SOURCES,
    "admin": _PEOPLE | _SOURCES,
    "marketer": _PEOPLE,
    "support": _PEOPLE,
    "developer": _SOURCES,
    "analyst": frozenset({Ability.READ}),
}


def abilities_of(role: str) -> frozenset[Ability]:
    """What the role may do; a role the table does not know may do nothing."""
    return ABILITIES.get(role, frozenset())


def requires(
    ability: Ability,
) -> Callable[
    [Callable[Concatenate[StaffRequest, P], HttpResponseBase]], Callable[Concatenate[HttpRequest, P], HttpResponseBase]
]:
    """Refuse a view (403) to staff whose role lacks the ability."""

    def wrap(
        view: Callable[Concatenate[StaffRequest, P], HttpResponseBase],
    ) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            staff: StaffFacts = request.staff  # type: ignore[attr-defined]  # StaffOnly put it there
            if ability not in abilities_of(staff.role):
                raise PermissionDenied(f"{staff.role} may not {ability}")
            return view(request, *args, **kwargs)  # type: ignore[arg-type]

        guarded.ability = ability  # type: ignore[attr-defined]
        return guarded

    return wrap
