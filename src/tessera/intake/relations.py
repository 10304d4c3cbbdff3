"""Relating people by hand: checked first, then recorded as the very event that a client would send."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import psycopg

from tessera.events.event import Identifier
from tessera.events.messages import Json
from tessera.foundation.errors import TesseraError
from tessera.foundation.ids import uuid7
from tessera.identity import queries as identity
from tessera.identity.directory import NoSuchProfile
from tessera.identity.rules import PROFILE
from tessera.intake.actions import apply
from tessera.profiles.queries import look_of
from tessera.profiles.references import read_reference
from tessera.profiles.relation_types import UnknownRelationType, relation_types
from tessera.profiles.relations import (
    MOST_RELATIONS,
    RELATION_ADDED,
    RELATION_REMOVED,
    InvalidRelation,
    count_relations,
    read_properties,
)

Connection = psycopg.Connection[Any]
_OWN_NAMES: Final = frozenset({"type", "to"})


class TooManyRelations(TesseraError):
    """The person has as many relations as one may have."""

    code = "too_many_relations"


def add_relation(
    connection: Connection,
    *,
    workspace_id: int,
    profile_id: UUID,
    type: str,
    to: str,
    properties: Json,
    actor: str,
    now: datetime,
) -> None:
    """Relate the person to whoever `to` names, seen already or not; repeated, it renews the properties.

    Raises `UnknownRelationType`, `InvalidReference`, `InvalidRelation`, `TooManyRelations`, `NoSuchProfile`.
    """
    end = _read_end(connection, workspace_id, type, to)
    if taken := sorted(_OWN_NAMES & properties.keys()):
        raise InvalidRelation(f"{taken[0]} is not a property's name")
    read_properties(properties)
    root = _root(connection, workspace_id, profile_id)
    if _stands_for(connection, workspace_id, end) == root:
        raise InvalidRelation("a person is not related to themselves")
    members = [member.profile_id for member in identity.members_of(connection, [root])]
    if count_relations(connection, members, type=type, other=end) >= MOST_RELATIONS:
        raise TooManyRelations(f"one person may have {MOST_RELATIONS} relations")
    _say(connection, RELATION_ADDED, workspace_id, root, type, end, properties, actor, now)


def remove_relation(
    connection: Connection,
    *,
    workspace_id: int,
    profile_id: UUID,
    type: str,
    to: str,
    outgoing: bool,
    actor: str,
    now: datetime,
) -> None:
    """End a relation. One that the other person said (`outgoing` is false) is taken back in that person's name.

    Raises `UnknownRelationType`, `InvalidReference`, `NoSuchProfile`; ending what is not there changes nothing.
    """
    end = _read_end(connection, workspace_id, type, to)
    root = _root(connection, workspace_id, profile_id)
    if outgoing:
        _say(connection, RELATION_REMOVED, workspace_id, root, type, end, {}, actor, now)
        return
    other = _stands_for(connection, workspace_id, end)
    if other is None:
        raise NoSuchProfile(f"there is nobody known as {to[:100]}")
    _say(connection, RELATION_REMOVED, workspace_id, other, type, (PROFILE, str(root)), {}, actor, now)


def _read_end(connection: Connection, workspace_id: int, type: str, to: str) -> Identifier:
    if type not in relation_types(connection, workspace_id):
        raise UnknownRelationType(f"this workspace has no relation type {type[:60]}")
    return read_reference(to, region=look_of(connection, workspace_id).region)


def _root(connection: Connection, workspace_id: int, profile_id: UUID) -> UUID:
    root = identity.root_of(connection, workspace_id, profile_id)
    if root is None:
        raise NoSuchProfile(f"there is no profile {profile_id}")
    return root


def _stands_for(connection: Connection, workspace_id: int, end: Identifier) -> UUID | None:
    """The person at that end, where there is one."""
    kind, value = end
    if kind == PROFILE:
        return identity.root_of(connection, workspace_id, UUID(value))
    return next(iter(identity.roots_by_identifier(connection, workspace_id, kind, value)), None)


def _say(
    connection: Connection,
    event: str,
    workspace_id: int,
    profile_id: UUID,
    type: str,
    end: Identifier,
    properties: Json,
    actor: str,
    now: datetime,
) -> None:
    kind, value = end
    body = {
        "type": "track",
        "event": event,
        "messageId": str(uuid7()),
        "properties": {**properties, "type": type, "to": {"kind": kind, "value": value}},
        "context": {"channel": "server", "actor": actor},
    }
    apply(connection, workspace_id=workspace_id, profile_id=profile_id, body=body, now=now)
