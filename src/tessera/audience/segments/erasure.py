"""What segments hold of a person who is erased: membership, and contacts that somebody wrote into them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import psycopg

from tessera.audience.redacting import without_contacts
from tessera.audience.segments import membership, store
from tessera.audience.segments.records import Segment
from tessera.foundation.redaction import Redactor

Connection = psycopg.Connection[Any]


def erase_traces(
    connection: Connection, workspace_id: int, profiles: Sequence[UUID], redactor: Redactor
) -> dict[str, int]:
    """Take them out of every segment, and their contacts out of names and conditions, which then mean nobody by them.

    Questions that wait are dropped: whoever asked, asks again. Returns how many rows of each table were theirs.
    """
    connection.execute("DELETE FROM audience_question WHERE workspace_id = %s", (workspace_id,))
    blotted = sum(
        _blot(connection, segment, redactor) for segment in store.of_workspace(connection, workspace_id, archived=None)
    )
    return {"audience_member": membership.forget_people(connection, profiles), "audience_segment": blotted}


def hold_named(connection: Connection, workspace_id: int, redactor: Redactor) -> None:
    """Lock the segments that name who is erased: before any lane, as whoever evaluates a segment has it before one."""
    named = [
        each.id
        for each in store.of_workspace(connection, workspace_id, archived=None)
        if _without_contacts(each, redactor)
    ]
    store.hold(connection, workspace_id, named)


def _blot(connection: Connection, segment: Segment, redactor: Redactor) -> bool:
    fields = _without_contacts(segment, redactor)
    if fields:
        _write(connection, segment, fields)
    return bool(fields)


def _without_contacts(segment: Segment, redactor: Redactor) -> dict[str, Any]:
    """What has to be written otherwise."""
    fields: dict[str, Any] = {}
    for name in ("name", "description", "folder", "problem"):
        said = getattr(segment, name)
        if (blotted := redactor.text(said)) != said:
            fields[name] = blotted
    if (tags := [redactor.text(tag) for tag in segment.tags]) != list(segment.tags):
        fields["tags"] = tags
    condition = without_contacts(segment.condition.decode(), redactor) if segment.condition is not None else None
    if condition is not None:
        fields |= {"condition": condition, "version": segment.version + 1}
    return fields


def _write(connection: Connection, segment: Segment, fields: dict[str, Any]) -> None:
    """Two names that differed in contacts alone are told apart by something else: an erasure fails for no name."""
    try:
        with connection.transaction():
            store.change(connection, segment.workspace_id, segment.id, fields)
    except psycopg.errors.UniqueViolation:
        name = f"{fields['name'][:150]} {segment.id}"
        store.change(connection, segment.workspace_id, segment.id, {**fields, "name": name})
