"""What an API key may be allowed: `<room>:read` or `<room>:write` (writing includes reading), and `pii:read`.

Without `pii:read` a key reads personal data masked.
"""

from collections.abc import Iterable
from typing import Final

from tessera.foundation.errors import TesseraError

ROOMS: Final = (
    "access",
    "workspaces",
    "events",
    "identity",
    "profiles",
    "imports",
    "exports",
    "duplicates",
    "audience",
    "privacy",
)
SEE_PII: Final = "pii:read"
SCOPES: Final = (*(f"{room}:{right}" for room in ROOMS for right in ("read", "write")), SEE_PII)


class UnknownScope(TesseraError):
    """A scope that this version does not have; the message lists those it has."""

    code = "unknown_scope"


class ScopeNotHeld(TesseraError):
    """Nobody makes a key that can do more than they can."""

    code = "scope_not_held"


def check_held(scopes: Iterable[str], *, held: Iterable[str]) -> None:
    """Raises `ScopeNotHeld` unless each of `scopes` is allowed by `held`."""
    mine = tuple(held)
    if beyond := [scope for scope in scopes if not allows(mine, scope)]:
        raise ScopeNotHeld(f"the maker of a key must hold its scopes; not held: {', '.join(beyond)}")


def checked_scopes(scopes: Iterable[str]) -> list[str]:
    """The scopes, each once, in the order of `SCOPES`. Raises `UnknownScope`; a key needs at least one."""
    wanted = set(scopes)
    if unknown := sorted(wanted - set(SCOPES)):
        raise UnknownScope(f"no such scope: {', '.join(unknown)}. Scopes are {', '.join(SCOPES)}")
    if not wanted:
        raise UnknownScope(f"a key needs at least one scope. Scopes are {', '.join(SCOPES)}")
    return [scope for scope in SCOPES if scope in wanted]


def allows(granted: Iterable[str], scope: str) -> bool:
    """Whether a key with the scopes `granted` may do what asks for `scope`."""
    room, _, right = scope.partition(":")
    held = set(granted)
    return scope in held or (right == "read" and f"{room}:write" in held)
