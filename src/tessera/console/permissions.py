"""Who may do what in the console: the table of `access.abilities`, asked by every view and every button."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase

from tessera.access.abilities import ABILITIES as ABILITIES
from tessera.access.abilities import Ability as Ability
from tessera.access.abilities import abilities_of_role, scopes_of_role
from tessera.access.queries import StaffFacts

P = ParamSpec("P")


class StaffRequest(HttpRequest):
    """A request that `StaffOnly` let through. `staff` is read anew from the database for each."""

    staff: StaffFacts
    htmx: Any


def abilities_of(staff: StaffFacts) -> frozenset[Ability]:
    """What this member may do: what the role says, and personal data as it was granted to or taken from them."""
    return abilities_of_role(staff.role, sees_pii=staff.sees_pii)


def scopes_of(staff: StaffFacts) -> list[str]:
    """The scopes a key made by this member may have: never more than they can do themselves."""
    return scopes_of_role(staff.role, sees_pii=staff.sees_pii)


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
            if ability not in abilities_of(staff):
                raise PermissionDenied(f"{staff.role} may not {ability}")
            return view(request, *args, **kwargs)  # type: ignore[arg-type]

        guarded.ability = ability  # type: ignore[attr-defined]
        return guarded

    return wrap
