"""What other rooms hold of a person beyond events, identity and profiles: each gives a function that forgets it."""

from collections.abc import Sequence
from typing import Any, Final, Protocol
from uuid import UUID

import psycopg

from tessera.access.erasure import erase_answers, erase_audit_details
from tessera.duplicates import actions as duplicates
from tessera.events.erasure import erase_excerpts
from tessera.events.event import Identifier
from tessera.events.examples import forget_examples
from tessera.events.problems import forget_profiles
from tessera.exports import actions as exports
from tessera.foundation.redaction import Redactor
from tessera.imports import traces as imports

Connection = psycopg.Connection[Any]


class Trace(Protocol):
    """Forgets what one room holds of the person, in the transaction of the erasure; returns counts per table.

    The caller holds every lane and the person's profiles. What is not the person's alone is blotted with `redactor`.
    """

    def __call__(
        self,
        connection: Connection,
        *,
        workspace_id: int,
        profiles: Sequence[UUID],
        identifiers: Sequence[Identifier],
        redactor: Redactor,
    ) -> dict[str, int]: ...


def _in_rejections(
    connection: Connection,
    *,
    workspace_id: int,
    profiles: Sequence[UUID],
    identifiers: Sequence[Identifier],
    redactor: Redactor,
) -> dict[str, int]:
    return {"events_rejection": erase_excerpts(connection, workspace_id=workspace_id, redactor=redactor)}


def _in_the_books(
    connection: Connection,
    *,
    workspace_id: int,
    profiles: Sequence[UUID],
    identifiers: Sequence[Identifier],
    redactor: Redactor,
) -> dict[str, int]:
    contacts = Redactor(value for kind, value in identifiers if kind in ("email", "phone", "user_id"))
    blotted = erase_audit_details(connection, workspace_id=workspace_id, profiles=profiles, contacts=contacts)
    gone = erase_answers(connection, workspace_id=workspace_id, profiles=profiles, redactor=redactor)
    return {"access_auditentry": blotted, "access_rememberedreply": gone}


def _in_the_catalogue(
    connection: Connection,
    *,
    workspace_id: int,
    profiles: Sequence[UUID],
    identifiers: Sequence[Identifier],
    redactor: Redactor,
) -> dict[str, int]:
    return {
        "events_catalogue": forget_examples(connection, workspace_id),
        "events_problem": forget_profiles(connection, workspace_id, profiles),
    }


def _in_duplicates(
    connection: Connection,
    *,
    workspace_id: int,
    profiles: Sequence[UUID],
    identifiers: Sequence[Identifier],
    redactor: Redactor,
) -> dict[str, int]:
    return duplicates.erase_traces(connection, workspace_id, profiles)


def _in_files(
    connection: Connection,
    *,
    workspace_id: int,
    profiles: Sequence[UUID],
    identifiers: Sequence[Identifier],
    redactor: Redactor,
) -> dict[str, int]:
    came = imports.erase_traces(connection, workspace_id, identifiers, profiles)
    went = exports.erase_traces(connection, workspace_id, identifiers, profiles)
    return came | went


TRACES: Final[tuple[Trace, ...]] = (_in_rejections, _in_the_books, _in_the_catalogue, _in_duplicates, _in_files)
"""A room that keeps files, rows or pictures of people adds its own function here."""
