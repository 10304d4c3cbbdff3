"""Of whom a workspace may demand a second factor."""

from typing import Final

from tessera.access.roles import ADMINS

NOBODY: Final = "nobody"
DEMANDS: Final = (NOBODY, "admins", "everybody")
"""`admins` are owners and administrators."""


def is_demanded(demand: str | None, role: str) -> bool:
    """Whether this demand asks a second factor of somebody in this role."""
    return demand == "everybody" or (demand == "admins" and role in ADMINS)
