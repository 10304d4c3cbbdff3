"""What a role means before anything is granted to or taken from one person."""

from typing import Final

SEE_PII_BY_ROLE: Final = frozenset({"owner", "admin", "marketer"})
"""Roles that see personal data as it is unless it was taken from the person. The console's table says the same."""

ADMINS: Final = frozenset({"owner", "admin"})


def sees_pii(role: str, grant: bool | None) -> bool:
    """Whether somebody of this role sees personal data: what was granted or denied to them counts before the role."""
    return role in SEE_PII_BY_ROLE if grant is None else grant
