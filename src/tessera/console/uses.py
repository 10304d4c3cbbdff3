"""Where a name of the catalogue is used: asked before somebody blocks or declares it.

Rooms above (segments, journeys, templates) add a function to `USES`; each is asked and what they say stands in a list.
"""

from collections.abc import Callable
from typing import Final

from django.utils.translation import gettext as _
from msgspec import Struct

from tessera.events.event import Field
from tessera.events.vocabulary import NAMES
from tessera.profiles.attributes import STANDARD
from tessera.profiles.fold import ORDER_COMPLETED

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


USES: Final[list[Callable[[int, Field], list[Use]]]] = [by_the_house]


def uses_of(workspace_id: int, field: Field) -> list[Use]:
    """Every place that says it uses the name."""
    return [use for ask in USES for use in ask(workspace_id, field)]
