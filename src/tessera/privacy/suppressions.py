"""Keeping a contact out and letting it in again by hand. The contact itself is kept nowhere, nor in the audit trail."""

from datetime import datetime
from typing import Any

import psycopg
from msgspec import Struct

from tessera.access.audit import record_audit_on
from tessera.events.event import Identifier
from tessera.foundation.errors import NotFound
from tessera.identity import suppression
from tessera.identity.rules import PROFILE
from tessera.identity.suppression import Suppression
from tessera.profiles.queries import look_of
from tessera.profiles.references import InvalidReference, read_reference

Connection = psycopg.Connection[Any]


class SuppressionCounts(Struct, frozen=True):
    """How many contacts a workspace keeps out, by kind."""

    total: int
    kinds: dict[str, int]


def suppression_counts(connection: Connection, workspace_id: int) -> SuppressionCounts:
    kinds = suppression.count_suppressions(connection, workspace_id)
    return SuppressionCounts(sum(kinds.values()), kinds)


def read_contact(connection: Connection, workspace_id: int, text: str) -> Identifier:
    """`kind:value` as it is kept out. Raises `InvalidReference`; a profile's id is no contact."""
    contact = read_reference(text, region=look_of(connection, workspace_id).region)
    if contact[0] == PROFILE:
        raise InvalidReference("a profile's id is no contact: name an e-mail, a phone or another identifier")
    return contact


def check_suppression(connection: Connection, *, workspace_id: int, contact: str) -> Suppression | None:
    """Whether the contact is kept out, and since when. Raises `InvalidReference`."""
    identifier = read_contact(connection, workspace_id, contact)
    return suppression.find_suppression(connection, workspace_id=workspace_id, identifier=identifier)


def add_suppression(
    connection: Connection, *, workspace_id: int, contact: str, actor: str, now: datetime
) -> Suppression:
    """Keep the contact out from now on; repeating it changes nothing. Raises `InvalidReference`."""
    with connection.transaction():
        identifier = read_contact(connection, workspace_id, contact)
        added = suppression.suppress(
            connection, workspace_id=workspace_id, identifiers=[identifier], actor=actor, now=now
        )
        if added:
            _note(connection, workspace_id, actor, "suppress_contact", identifier)
    found = suppression.find_suppression(connection, workspace_id=workspace_id, identifier=identifier)
    assert found is not None
    return found


def lift_suppression(connection: Connection, *, workspace_id: int, contact: str, actor: str) -> Suppression:
    """Let the contact in again. Raises `NotFound` where it was not kept out, `InvalidReference`."""
    with connection.transaction():
        identifier = read_contact(connection, workspace_id, contact)
        found = suppression.find_suppression(connection, workspace_id=workspace_id, identifier=identifier)
        if found is None or not suppression.lift(connection, workspace_id=workspace_id, identifier=identifier):
            raise NotFound("this contact is not kept out")
        _note(connection, workspace_id, actor, "lift_suppression", identifier)
    return found


def _note(connection: Connection, workspace_id: int, actor: str, action: str, identifier: Identifier) -> None:
    record_audit_on(
        connection, workspace_id=workspace_id, actor=actor, action=action, target=f"suppression:{identifier[0]}"
    )
