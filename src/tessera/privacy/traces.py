"""What other rooms hold of a person beyond events, identity and profiles: each gives a function that forgets it."""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

import psycopg

from tessera.access.erasure import erase_answers, erase_audit_details
from tessera.audience.insight import erasure as reports
from tessera.audience.segments import erasure as segments
from tessera.deliveries import actions as deliveries
from tessera.duplicates import actions as duplicates
from tessera.events.erasure import erase_excerpts
from tessera.events.event import Identifier
from tessera.events.examples import forget_examples
from tessera.events.problems import forget_profiles
from tessera.exports import actions as exports
from tessera.foundation.redaction import Redactor
from tessera.imports import traces as imports
from tessera.privacy.ahead import Ahead

Connection = psycopg.Connection[Any]


class Gone(NamedTuple):
    """Who is erased. What is not theirs alone is blotted with `redactor`; what was read `ahead` is not read again."""

    workspace_id: int
    profiles: Sequence[UUID]
    identifiers: Sequence[Identifier]
    redactor: Redactor
    ahead: Ahead


Trace = Callable[[Connection, Gone], dict[str, int]]
"""Forgets what one room holds of the person, in the transaction of the erasure; returns counts per table.

The caller holds every lane and the person's profiles.
"""


def _in_rejections(connection: Connection, gone: Gone) -> dict[str, int]:
    passed = gone.ahead.excerpts if gone.ahead.values == gone.redactor.values else ()
    erased = erase_excerpts(connection, workspace_id=gone.workspace_id, redactor=gone.redactor, passed=passed)
    return {"events_rejection": erased}


def _in_the_books(connection: Connection, gone: Gone) -> dict[str, int]:
    contacts = Redactor(value for kind, value in gone.identifiers if kind in ("email", "phone", "user_id"))
    blotted = erase_audit_details(connection, workspace_id=gone.workspace_id, profiles=gone.profiles, contacts=contacts)
    emptied = erase_answers(connection, workspace_id=gone.workspace_id, profiles=gone.profiles, redactor=gone.redactor)
    return {"access_auditentry": blotted, "access_rememberedreply": emptied}


def _in_the_catalogue(connection: Connection, gone: Gone) -> dict[str, int]:
    return {
        "events_catalogue": forget_examples(connection, gone.workspace_id),
        "events_problem": forget_profiles(connection, gone.workspace_id, gone.profiles),
    }


def _in_duplicates(connection: Connection, gone: Gone) -> dict[str, int]:
    return duplicates.erase_traces(connection, gone.workspace_id, gone.profiles)


def _in_segments(connection: Connection, gone: Gone) -> dict[str, int]:
    return segments.erase_traces(connection, gone.workspace_id, gone.profiles, gone.redactor)


def _in_deliveries(connection: Connection, gone: Gone) -> dict[str, int]:
    return deliveries.erase_traces(connection, gone.workspace_id, gone.profiles, gone.redactor)


def _in_reports(connection: Connection, gone: Gone) -> dict[str, int]:
    return reports.erase_traces(connection, gone.workspace_id, gone.redactor)


def _in_files(connection: Connection, gone: Gone) -> dict[str, int]:
    came = imports.erase_traces(connection, gone.workspace_id, gone.identifiers, gone.profiles, gone.ahead.files)
    went = exports.erase_traces(connection, gone.workspace_id, gone.identifiers, gone.profiles)
    return came | went


def _in_requests(connection: Connection, gone: Gone) -> dict[str, int]:
    """Reasons of every request, and names kept for another try. No row is the person's alone, so there is no count."""
    reasons = connection.execute(
        "SELECT id, reason FROM privacy_erasure WHERE workspace_id = %s AND reason <> ''", (gone.workspace_id,)
    ).fetchall()
    for erasure_id, reason in reasons:
        if (said := gone.redactor.text(reason)) != reason:
            connection.execute(
                "UPDATE privacy_erasure SET reason = %s WHERE workspace_id = %s AND id = %s",
                (said, gone.workspace_id, erasure_id),
            )
    kept = connection.execute(
        "SELECT i.erasure_id, i.number, i.reference FROM privacy_erased i JOIN privacy_erasure e ON e.id = i.erasure_id"
        " WHERE e.workspace_id = %s AND i.status = 'failed' AND i.reference IS NOT NULL",
        (gone.workspace_id,),
    ).fetchall()
    names = {*map(str, gone.profiles), *(value.lower() for _, value in gone.identifiers)}
    for erasure_id, number, reference in kept:
        if gone.redactor.found_in(reference) or _value_of(reference) in names:
            connection.execute(
                "UPDATE privacy_erased SET reference = NULL WHERE erasure_id = %s AND number = %s", (erasure_id, number)
            )
    return {}


def _value_of(reference: str) -> str:
    """Of `kind:value`, `external:system:value` or a profile's id."""
    parts = reference.strip().lower().split(":", 2 if reference.strip().lower().startswith("external:") else 1)
    return parts[-1].strip()


TRACES: Final[tuple[Trace, ...]] = (
    _in_rejections,
    _in_the_books,
    _in_the_catalogue,
    _in_duplicates,
    _in_deliveries,
    _in_segments,
    _in_reports,
    _in_files,
    _in_requests,
)
"""A room that keeps files, rows or pictures of people adds its own function here."""
