"""Where a name of the catalogue is used: asked before somebody blocks or declares it.

Rooms above (segments, journeys, templates) add a function to `USES`; each is asked and what they say stands in a list.
"""

from collections.abc import Callable
from typing import Final

from django.urls import reverse
from django.utils.translation import gettext as _
from msgspec import Struct

from tessera.audience.conditions.registry import from_json
from tessera.audience.segments.queries import all_segments
from tessera.events.event import Field
from tessera.events.vocabulary import NAMES
from tessera.foundation.pool import pool
from tessera.profiles.attributes import STANDARD
from tessera.profiles.fold import ORDER_COMPLETED

MOST_SEGMENTS: Final = 20
_MONEY: Final = frozenset({"revenue", "currency"})
_MONEY_OF_ORDERS: Final = frozenset({"total", "value", "products"})


class Use(Struct, frozen=True):
    """One place, in words; `href` leads there if there is an address."""

    text: str
    href: str = ""


def by_the_house(_workspace_id: int, field: Field) -> list[Use]:
    """What the house itself reads: identifiers, standard attributes, money, counters."""
    kind, parent, name = field
    if kind == "attribute":
        return _of_attribute(name)
    if kind == "property":
        if name in _MONEY or (parent == ORDER_COMPLETED and name in _MONEY_OF_ORDERS):
            return [Use(_("Purchases on the card: how much a person spent"))]
        return []
    if name == ORDER_COMPLETED:
        return [Use(_("Purchases on the card: how much a person spent")), Use(_("Counted on every person’s card"))]
    if name == NAMES["identify"]:
        return [Use(_("Says who people are: identifiers and attributes come with it"))]
    return [Use(_("Counted on every person’s card"))]


def _of_attribute(name: str) -> list[Use]:
    found: list[Use] = []
    if name in ("email", "phone"):
        found.append(Use(_("Recognises people: it is an identifier too")))
    if name in ("name", "first_name", "last_name"):
        found.append(Use(_("Finds people by name, and names them in lists")))
    if name in STANDARD:
        found.append(Use(_("A standard attribute with a type of its own")))
    return found or [Use(_("Shown on the card among the attributes"))]


def by_segments(workspace_id: int, field: Field) -> list[Use]:
    """The segments in use whose condition speaks of the event or the attribute; a property is asked of its event."""
    kind, parent, name = field
    asked = ("event", parent) if kind == "property" else (kind, name)
    with pool().connection() as connection:
        segments = all_segments(connection, workspace_id)
    found = [one for one in segments if one.condition is not None and asked in from_json(one.condition).reads()]
    return [
        Use(_("The segment “%(name)s”") % {"name": one.name}, reverse("console:segment", args=[one.id]))
        for one in found[:MOST_SEGMENTS]
    ]


USES: Final[list[Callable[[int, Field], list[Use]]]] = [by_the_house, by_segments]


def uses_of(workspace_id: int, field: Field) -> list[Use]:
    """Every place that says it uses the name."""
    return [use for ask in USES for use in ask(workspace_id, field)]
