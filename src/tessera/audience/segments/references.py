"""People as somebody names them in a list: a profile's id, `kind:value`, or an e-mail address or phone as it is."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import psycopg

from tessera.events.event import Identifier
from tessera.identity import queries as identity
from tessera.profiles.attributes import Misfit, normal_email, normal_phone
from tessera.profiles.queries import look_of

Connection = psycopg.Connection[Any]


def people_named(connection: Connection, workspace_id: int, items: Sequence[str]) -> dict[str, UUID]:
    """Whom each of these stands for (a root); who is not known is left out. Two statements, however many they are."""
    region = look_of(connection, workspace_id).region
    profiles: dict[str, UUID] = {}
    identifiers: dict[str, Identifier] = {}
    for item in items:
        named = _read(item, region)
        if isinstance(named, UUID):
            profiles[item] = named
        elif named is not None:
            identifiers[item] = named
    owners = identity.owners_of(connection, workspace_id, list(set(identifiers.values())))
    profiles |= {item: owners[named] for item, named in identifiers.items() if named in owners}
    roots = identity.roots_of(connection, list(set(profiles.values())), workspace_id=workspace_id)
    return {item: roots[profile] for item, profile in profiles.items() if profile in roots}


def _read(item: str, region: str) -> UUID | Identifier | None:
    text = item.strip()
    try:
        return UUID(text)
    except ValueError:
        pass
    kind, colon, value = text.partition(":")
    if not colon:
        kind, value = ("email", text) if "@" in text else ("phone", text) if text.startswith("+") else ("user_id", text)
    if kind == "external":
        system, _, value = value.partition(":")
        kind = f"external:{system}"
    value = value.strip()
    try:
        if kind == "email":
            value = normal_email(value)
        elif kind == "phone":
            value = normal_phone(value, region)
        elif kind == "profile_id":
            return UUID(value)
    except (Misfit, ValueError):
        return None
    return (kind, value) if value else None


def items_of_list(lines: Iterable[str]) -> list[str]:
    """The items of an uploaded list: the first cell of each line, once each; a heading that names a kind is none."""
    found = dict.fromkeys(line.split(",")[0].split(";")[0].strip().strip('"') for line in lines)
    return [item for item in found if item and item.lower() not in _HEADINGS]


_HEADINGS = frozenset({"email", "e-mail", "phone", "user_id", "userid", "id", "profile_id", "person_id", "identifier"})
