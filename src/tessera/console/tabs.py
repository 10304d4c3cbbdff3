"""The tabs of the card as the screen shows them."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.urls import reverse
from msgspec import Struct

from tessera.console.fields import FieldLine, chosen_lines, given_lines
from tessera.console.layouts import FIXED, MAIN, Layout, layout_of
from tessera.console.permissions import StaffRequest
from tessera.console.words import kind_in_words, tab_in_words
from tessera.profiles.person import IdentifierView, PersonView

EDITABLE = frozenset({"personal", "contact", "additional"})
"""Tabs of attributes: new ones are added here."""
_CONTACTS = frozenset({"email", "phone", "device_token"})


class TabLink(Struct, frozen=True):
    """`own` tabs are somebody's; `chosen` ones have fields that can be picked."""

    id: str
    label: str
    href: str
    current: bool
    pinned: bool
    own: bool

    @property
    def chosen(self) -> bool:
        return self.own or self.id == MAIN


class ContactLine(Struct, frozen=True):
    label: str
    facts: IdentifierView


def tab_context(
    request: StaffRequest, person: PersonView, sources: Mapping[int, str], *, wanted: str = "", **said: str
) -> dict[str, Any]:
    """Everything `console/person/tabs.html` needs: the tabs, and the one that is open (`?tab=`, else the first)."""
    layout = layout_of(request.staff.account_id, request.staff.workspace_id)
    wanted = wanted or request.GET.get("tab", "")
    current = wanted if wanted in layout.tabs else layout.tabs[0]
    links = [_link(layout, person, tab, current) for tab in layout.tabs]
    return {
        "person": person,
        "tabs": links,
        "tab": next(link for link in links if link.current),
        "fields": _with_names(lines_of(layout, person, current), sources),
        "contacts": _contacts(person) if current == "contact" else [],
        "editable": current in EDITABLE,
        **said,
    }


def lines_of(layout: Layout, person: PersonView, tab: str) -> list[FieldLine]:
    """The fields of a tab: chosen ones also where nothing is known, given ones only where something is."""
    chosen = layout.fields_of(tab)
    return given_lines(person, tab) if chosen is None else chosen_lines(person, chosen)


def _link(layout: Layout, person: PersonView, tab: str, current: str) -> TabLink:
    href = f"{reverse('console:person', args=[person.profile_id])}?tab={tab}"
    name = layout.name_of(tab)
    return TabLink(tab, name or tab_in_words(tab), href, tab == current, tab == layout.tabs[0], tab not in FIXED)


def _with_names(lines: Sequence[FieldLine], sources: Mapping[int, str]) -> list[FieldLine]:
    """Sources by their names."""
    return [
        FieldLine(line.key, line.label, sources.get(line.value) if line.value else None)
        if line.look == "source"
        else line
        for line in lines
    ]


def _contacts(person: PersonView) -> list[ContactLine]:
    return [ContactLine(kind_in_words(one.kind), one) for one in person.identifiers if one.kind in _CONTACTS]
