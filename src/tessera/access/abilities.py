"""What each role may do, and so what a key made by somebody of that role may do: one table for console and API."""

from enum import StrEnum
from typing import Final

from tessera.access.scopes import SCOPES, SEE_PII


class Ability(StrEnum):
    READ = "read"
    """See people, their cards, sources, the catalogue and the live debugger; personal data masked."""
    SEE_PII = "see_pii"
    """See personal data as it is. Can be granted to or taken from one member of staff, whatever the role."""
    CHANGE_PEOPLE = "change_people"
    """Edit attributes, status, picture, the test flag and relations."""
    MERGE_PEOPLE = "merge_people"
    """Merge and split, review likely duplicates."""
    EXPORT_PEOPLE = "export_people"
    """Take people out: everything about one, or lists and history of many. Needs SEE_PII too."""
    IMPORT_PEOPLE = "import_people"
    """Import files of people and undo it."""
    MANAGE_SEGMENTS = "manage_segments"
    """Make and change segments, choose the people of static ones, save reports."""
    ERASE_PEOPLE = "erase_people"
    """Erase a person for good and keep contacts from coming back."""
    MANAGE_SOURCES = "manage_sources"
    """Make and change sources, see and make write keys."""
    MANAGE_CATALOGUE = "manage_catalogue"
    """Declare, block and hide events and fields, flag personal data."""
    MANAGE_KEYS = "manage_keys"
    """Make and revoke API keys."""
    MANAGE_STAFF = "manage_staff"
    """Invite staff, change roles and grants, revoke, demand a second factor."""
    READ_AUDIT = "read_audit"
    """Read who changed what."""


_READ: Final = frozenset({Ability.READ})
_DATA: Final = frozenset({Ability.MANAGE_SOURCES, Ability.MANAGE_CATALOGUE})
ABILITIES: Final[dict[str, frozenset[Ability]]] = {
    "owner": frozenset(Ability),
    "admin": frozenset(Ability),
    "marketer": _READ
    | {
        Ability.SEE_PII,
        Ability.CHANGE_PEOPLE,
        Ability.MERGE_PEOPLE,
        Ability.EXPORT_PEOPLE,
        Ability.IMPORT_PEOPLE,
        Ability.MANAGE_SEGMENTS,
    },
    "support": _READ | {Ability.CHANGE_PEOPLE, Ability.MERGE_PEOPLE},
    "developer": _READ | _DATA | {Ability.MANAGE_KEYS},
    "analyst": _READ | {Ability.MANAGE_SEGMENTS},
}


def abilities_of_role(role: str, *, sees_pii: bool) -> frozenset[Ability]:
    """What the role says, and personal data as it was granted to or taken from the member.

    Who sees personal data masked takes nobody out. A role the table does not know may do nothing.
    """
    of_role = ABILITIES.get(role, frozenset())
    if not of_role:
        return of_role
    if sees_pii:
        return of_role | {Ability.SEE_PII}
    return of_role - {Ability.SEE_PII, Ability.EXPORT_PEOPLE}


_NEEDED: Final[dict[str, frozenset[Ability]]] = {
    "access:read": frozenset({Ability.READ_AUDIT}),
    "access:write": frozenset({Ability.MANAGE_STAFF, Ability.MANAGE_KEYS, Ability.READ_AUDIT}),
    "workspaces:write": frozenset({Ability.MANAGE_SOURCES}),
    "events:write": frozenset({Ability.MANAGE_CATALOGUE}),
    "identity:write": frozenset({Ability.MERGE_PEOPLE}),
    "profiles:write": frozenset({Ability.CHANGE_PEOPLE, Ability.MERGE_PEOPLE}),
    "imports:read": frozenset({Ability.IMPORT_PEOPLE}),
    "imports:write": frozenset({Ability.IMPORT_PEOPLE}),
    "exports:read": frozenset({Ability.EXPORT_PEOPLE}),
    "exports:write": frozenset({Ability.EXPORT_PEOPLE}),
    "duplicates:write": frozenset({Ability.MERGE_PEOPLE}),
    "audience:write": frozenset({Ability.MANAGE_SEGMENTS}),
    "privacy:read": frozenset({Ability.ERASE_PEOPLE}),
    "privacy:write": frozenset({Ability.ERASE_PEOPLE}),
    SEE_PII: frozenset({Ability.SEE_PII}),
}
"""What somebody must be able to do at the screen to make a key that does it by program. Other scopes need READ."""


def scopes_of_role(role: str, *, sees_pii: bool) -> list[str]:
    """The scopes a key made by such a member may have: never more than they can do themselves."""
    can = abilities_of_role(role, sees_pii=sees_pii)
    return [scope for scope in SCOPES if _NEEDED.get(scope, frozenset({Ability.READ})) <= can]
