"""Many people at once, as whole as one person's card: for those who copy a workspace."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from msgspec import Struct

from tessera.foundation.clock import day_of, to_micros
from tessera.identity import queries as identity
from tessera.identity.queries import HeldIdentifier, Member
from tessera.profiles.person import PersonView, view_of
from tessera.profiles.queries import look_of
from tessera.profiles.state import State, merge_states
from tessera.profiles.store import read_states

Connection = psycopg.Connection[Any]


class Gathered(Struct, frozen=True):
    """Everything that is kept of one person: all their profiles, what these say together, and what names them."""

    root: UUID
    members: list[Member]
    state: State
    identifiers: list[HeldIdentifier]


def gather(connection: Connection, roots: Sequence[UUID]) -> list[Gathered]:
    """The people these profiles stand for, in the given order; a few statements for all."""
    members: dict[UUID, list[Member]] = {}
    for member in identity.members_of(connection, roots):
        members.setdefault(member.root_id, []).append(member)
    home = {member.profile_id: root for root, group in members.items() for member in group}
    held: dict[UUID, list[HeldIdentifier]] = {}
    for identifier in identity.identifiers_of(connection, list(home)):
        held.setdefault(home[identifier.profile_id], []).append(identifier)
    states = read_states(connection, list(home))
    return [
        Gathered(
            root,
            members[root],
            merge_states(states[m.profile_id] for m in members[root] if m.profile_id in states),
            held.get(root, []),
        )
        for root in roots
        if root in members
    ]


def whole_people(
    connection: Connection, workspace_id: int, roots: Sequence[UUID], *, now: datetime
) -> list[PersonView]:
    """The people these profiles stand for, in the given order, without their merges; a few statements for all."""
    currency = look_of(connection, workspace_id).currency
    today = day_of(to_micros(now))
    return [
        view_of(
            found.root,
            found.state,
            members=found.members,
            identifiers=found.identifiers,
            merges=[],
            currency=currency,
            today=today,
        )
        for found in gather(connection, roots)
    ]
