"""Who is erased: all their profiles, everything they are called, and the people near them."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

import psycopg
from msgspec import Struct

from tessera.events.event import Identifier
from tessera.foundation.redaction import Redactor
from tessera.identity import queries as identity
from tessera.identity.directory import NoSuchProfile
from tessera.profiles.erasure import telling_values
from tessera.profiles.state import merge_states
from tessera.profiles.store import read_states

Connection = psycopg.Connection[Any]


class Person(Struct, frozen=True):
    """`redactor` knows all that tells of them in the house's papers; `names`, what they are called in history."""

    members: list[UUID]
    identifiers: list[Identifier]
    redactor: Redactor
    names: Redactor


def members_of(connection: Connection, workspace_id: int, profile_id: UUID) -> list[UUID]:
    """All profiles of the person; the one that stands for them comes first. Raises `NoSuchProfile`."""
    root = identity.root_of(connection, workspace_id, profile_id)
    if root is None:
        raise NoSuchProfile(f"there is no profile {profile_id}")
    others = [member.profile_id for member in identity.members_of(connection, [root]) if member.profile_id != root]
    return [root, *others]


def read_person(connection: Connection, workspace_id: int, profile_id: UUID) -> Person:
    """Everything they are called. Raises `NoSuchProfile`."""
    members = members_of(connection, workspace_id, profile_id)
    identifiers = [(held.kind, held.value) for held in identity.identifiers_of(connection, members)]
    state = merge_states(read_states(connection, members).values())
    values = [value for _, value in identifiers]
    return Person(
        members,
        identifiers,
        redactor=Redactor(values + telling_values(state)),
        names=Redactor(values + [str(member) for member in members]),
    )


def everyone_with(connection: Connection, profiles: Collection[UUID]) -> list[UUID]:
    """All profiles of the people that these belong to."""
    roots = set(identity.roots_of(connection, list(profiles)).values())
    return [member.profile_id for member in identity.members_of(connection, list(roots))]
