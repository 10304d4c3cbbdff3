"""How a person is named in a text or a document: by a profile's id, or by an identifier as `kind:value`."""

import re
from typing import Any, Final
from uuid import UUID

import psycopg

from tessera.events.event import Identifier
from tessera.events.messages import MAX_ID
from tessera.foundation.errors import TesseraError
from tessera.identity import queries as identity
from tessera.identity.rules import PROFILE, is_blocked
from tessera.profiles.attributes import Misfit, normal_email, normal_phone
from tessera.profiles.queries import look_of

Connection = psycopg.Connection[Any]
_KIND: Final = re.compile(r"[a-z][a-z0-9_]{0,63}|external:[^\0]{1,64}")


class InvalidReference(TesseraError):
    """That names nobody; the message says how a person is named."""

    code = "invalid_identifier"


def read_reference(told: Any, *, region: str) -> Identifier:
    """`{"kind", "value"}`, `"kind:value"` or a profile's id, as (kind, value); e-mail and phone in their normal form.

    A profile's id comes out under the kind `profile_id`. Raises `InvalidReference`.
    """
    kind, value = _told(told)
    try:
        match kind:
            case "profile_id":
                return PROFILE, str(UUID(value))
            case "email":
                value = normal_email(value)
            case "phone":
                value = normal_phone(value, region)
    except (Misfit, ValueError):
        raise InvalidReference(f"that is no {kind}") from None
    if is_blocked(value):
        raise InvalidReference("that value names nobody")
    return kind, value


def _told(told: Any) -> Identifier:
    kind: Any = None
    value: Any = None
    if isinstance(told, dict):
        kind, value = told.get("kind"), told.get("value")
    elif isinstance(told, str) and _is_uuid(told.strip()):
        kind, value = PROFILE, told
    elif isinstance(told, str):
        kind, _, value = told.strip().partition(":")
        if kind == "external":
            system, _, value = value.partition(":")
            kind = f"external:{system}" if system else ""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(kind, str) or not isinstance(value, str) or not kind.strip() or not value.strip():
        raise InvalidReference("name a person by kind:value, such as email:bo@example.com, or by a profile's id")
    if not _KIND.fullmatch(kind.strip()) or len(value) > MAX_ID or "\0" in kind + value:
        raise InvalidReference(f"an identifier is written kind:value, with {MAX_ID} characters at most")
    return kind.strip(), value.strip()


def _is_uuid(text: str) -> bool:
    try:
        return len(text) == 36 and bool(UUID(text))
    except ValueError:
        return False


def profile_named(connection: Connection, workspace_id: int, reference: str) -> UUID | None:
    """A profile of the person named so, or None where this workspace has nobody of that name.

    The very profile when it is named by its id, else the one that stands for the person. Raises `InvalidReference`.
    """
    kind, value = read_reference(reference, region=look_of(connection, workspace_id).region)
    if kind == PROFILE:
        return UUID(value) if identity.root_of(connection, workspace_id, UUID(value)) else None
    roots = identity.roots_by_identifier(connection, workspace_id, kind, value)
    return roots[0] if roots else None
