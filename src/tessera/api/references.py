"""How callers name a person: the id of any of their profiles, or any of their identifiers."""

import re
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import psycopg

from tessera.api.problems import Refused
from tessera.events.messages import MAX_ID
from tessera.foundation.errors import NotFound
from tessera.identity import queries as identity
from tessera.profiles import queries as profiles
from tessera.profiles.person import PersonView

Connection = psycopg.Connection[Any]

MOST_LETTERS: Final = 600
_PROFILE_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_KIND = re.compile(r"[a-z][a-z0-9_]{0,63}")


def read_identifier(text: str) -> tuple[str, str]:
    """`kind:value`, such as `email:ana@example.com`, `md5:…` or `external:crm:4711`. Raises `Refused`."""
    kind, colon, value = text.partition(":")
    if kind == "external":
        system, colon, value = value.partition(":")
        kind = f"external:{system}" if 0 < len(system) <= 64 else ""
    elif not _KIND.fullmatch(kind):
        kind = ""
    if not kind or not colon or not value.strip() or len(value) > MAX_ID:
        raise Refused("invalid_identifier", "an identifier is written kind:value, such as email:ana@example.com")
    return kind, value.strip()


def find_profile(connection: Connection, workspace_id: int, reference: str) -> UUID:
    """A profile of the person named so: the very one when it is named by its id, else the one that stands for them.

    Raises `NotFound` when there is none in this workspace.
    """
    found: UUID | None = None
    if _PROFILE_ID.fullmatch(reference):
        profile = UUID(reference)
        found = profile if identity.root_of(connection, workspace_id, profile) else None
    elif ":" in reference:
        found = profiles.root_by_identifier(connection, workspace_id, *read_identifier(reference))
    if found is None:
        raise no_such_person(reference)
    return found


def find_person(connection: Connection, workspace_id: int, reference: str) -> PersonView:
    """The person named so. Raises `NotFound`."""
    profile = find_profile(connection, workspace_id, reference)
    view = profiles.person(connection, workspace_id, profile, now=datetime.now(UTC))
    if view is None:
        raise no_such_person(reference)
    return view


def no_such_person(reference: object) -> NotFound:
    return NotFound(f"there is nobody known as {str(reference)[:100]}")
