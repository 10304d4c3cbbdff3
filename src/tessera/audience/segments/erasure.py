"""What segments hold of a person who is erased: membership, and contacts that somebody wrote into them."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
import psycopg

from tessera.audience.segments import membership, store
from tessera.audience.segments.records import Segment
from tessera.foundation.redaction import Redactor

Connection = psycopg.Connection[Any]
_OURS: Final = frozenset({"is", "kind", "measure", "name", "path", "relation", "segment_id", "which"})
"""Fields of a condition in which words of the language and names of fields stand."""


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


def _blot(connection: Connection, segment: Segment, redactor: Redactor) -> bool:
    fields: dict[str, Any] = {}
    for name in ("name", "description", "folder", "problem"):
        said = getattr(segment, name)
        if (blotted := redactor.text(said)) != said:
            fields[name] = blotted
    if (tags := [redactor.text(tag) for tag in segment.tags]) != list(segment.tags):
        fields["tags"] = tags
    if segment.condition is not None and redactor.found_in_document(segment.condition.decode()):
        document = redactor.document(msgspec.json.decode(segment.condition), keep=_OURS)
        fields |= {"condition": msgspec.json.encode(document).decode(), "version": segment.version + 1}
    if fields:
        store.change(connection, segment.workspace_id, segment.id, fields)
    return bool(fields)
