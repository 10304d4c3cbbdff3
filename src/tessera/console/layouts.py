"""How a member of staff has arranged the card: the fields of Main, tabs of their own, the tab that comes first."""

from collections.abc import Callable, Iterable
from typing import Final
from uuid import UUID, uuid4

import msgspec
from msgspec import Struct

from tessera.console.fields import is_field
from tessera.console.models import CardLayout
from tessera.foundation.errors import NotFound, TesseraError

MAIN: Final = "main"
FIXED: Final = (MAIN, "personal", "contact", "registration", "tracked", "additional")
"""The tabs everybody has (reference semantics §3.1), in their order."""

MOST_TABS: Final = 12
MOST_FIELDS: Final = 40
LONGEST_NAME: Final = 40
DEFAULT_MAIN: Final = (
    "status",
    "attribute:email",
    "attribute:phone",
    "attribute:country",
    "attribute:language",
    "registration.at",
    "last_seen_at",
    "orders",
    "revenue",
    "test_subscriber",
)


class InvalidTab(TesseraError):
    """The tab has no name, a name that is taken or too long, or there are too many tabs."""

    code = "invalid_tab"


class OwnTab(Struct, frozen=True):
    """A tab somebody made."""

    id: str
    name: str
    fields: tuple[str, ...]


class Layout(Struct, frozen=True, omit_defaults=True):
    """`first` is the id of the tab that was pinned: a fixed one's name or an own one's id."""

    first: str = MAIN
    main: tuple[str, ...] = DEFAULT_MAIN
    own: tuple[OwnTab, ...] = ()

    @property
    def tabs(self) -> tuple[str, ...]:
        """The ids of all tabs in the order they are shown in."""
        known = (*FIXED, *(tab.id for tab in self.own))
        first = self.first if self.first in known else MAIN
        return (first, *(tab for tab in known if tab != first))

    def fields_of(self, tab: str) -> tuple[str, ...] | None:
        """The fields somebody chose for the tab; None for tabs whose fields are given."""
        return self.main if tab == MAIN else next((own.fields for own in self.own if own.id == tab), None)

    def name_of(self, tab: str) -> str | None:
        """The name of somebody's own tab."""
        return next((own.name for own in self.own if own.id == tab), None)


Change = Callable[[Layout], Layout]


def layout_of(account_id: UUID, workspace_id: int) -> Layout:
    """The member's arrangement, or the one everybody begins with."""
    found = CardLayout.objects.filter(account_id=account_id, workspace_id=workspace_id).first()
    if found is None:
        return Layout()
    try:
        return msgspec.convert(found.document, Layout)
    except msgspec.ValidationError:  # an older version's, or somebody's hand in the table: begin anew
        return Layout()


def save_layout(account_id: UUID, workspace_id: int, layout: Layout) -> None:
    """Remember the arrangement. It is the member's own view of the card: nobody else sees it, no audit entry is due."""
    document = msgspec.to_builtins(layout)
    CardLayout.objects.update_or_create(
        account_id=account_id, workspace_id=workspace_id, defaults={"document": document}
    )


def checked_fields(fields: Iterable[str]) -> tuple[str, ...]:
    """Those that are fields, each once, at most forty."""
    return tuple(field for field in dict.fromkeys(fields) if is_field(field))[:MOST_FIELDS]


def with_tab(layout: Layout, tab: str | None, *, name: str, fields: Iterable[str]) -> tuple[Layout, str]:
    """The layout with this tab's fields (and name) as given; `None` makes a new tab. Gives the tab's id too.

    Raises `InvalidTab`, `NotFound`.
    """
    chosen = checked_fields(fields)
    if tab == MAIN:
        return msgspec.structs.replace(layout, main=chosen), MAIN
    name = _checked_name(layout, tab, name)
    if tab is None:
        if len(layout.own) >= MOST_TABS:
            raise InvalidTab(f"there may be {MOST_TABS} tabs of one's own")
        made = OwnTab(uuid4().hex[:8], name, chosen)
        return msgspec.structs.replace(layout, own=(*layout.own, made)), made.id
    if layout.name_of(tab) is None:
        raise NotFound(f"there is no tab {tab}")
    own = tuple(OwnTab(tab, name, chosen) if one.id == tab else one for one in layout.own)
    return msgspec.structs.replace(layout, own=own), tab


def _checked_name(layout: Layout, tab: str | None, name: str) -> str:
    name = " ".join(name.replace("\0", "").split())
    taken = {own.name.casefold() for own in layout.own if own.id != tab}
    if not name or len(name) > LONGEST_NAME or name.casefold() in taken:
        raise InvalidTab(f"a tab has a name of its own, of at most {LONGEST_NAME} characters")
    return name


def without_tab(layout: Layout, tab: str) -> Layout:
    """The layout without this tab of one's own. Raises `NotFound`."""
    if layout.name_of(tab) is None:
        raise NotFound(f"there is no tab {tab}")
    own = tuple(one for one in layout.own if one.id != tab)
    return msgspec.structs.replace(layout, own=own, first=MAIN if layout.first == tab else layout.first)


def pinned(layout: Layout, tab: str) -> Layout:
    """The layout with this tab first. Raises `NotFound`."""
    if tab not in layout.tabs:
        raise NotFound(f"there is no tab {tab}")
    return msgspec.structs.replace(layout, first=tab)
