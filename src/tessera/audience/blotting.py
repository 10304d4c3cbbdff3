"""Blotting who is erased out of other people's archived rows, which PostgreSQL has no more and so cannot blot itself.

An erasure asks (`ask_to_blot`, in its own transaction), the analyst does it (`blot_next`), in the archive and in what
conditions see. The request, and with it the values that name who was erased, is deleted when it is done; done half, it
is done again.
"""

from collections.abc import Collection
from typing import Any, Final
from uuid import UUID

import psycopg

from tessera.audience.analyst import Analyst, add_events
from tessera.audience.reading import COUNTED
from tessera.audience.warehouse.archive import Archive, place_in_time
from tessera.events import archived
from tessera.events.erasure import redacted_row
from tessera.events.history import EVERYTHING, Recorded
from tessera.foundation.ids import uuid7
from tessera.foundation.redaction import Redactor

Connection = psycopg.Connection[Any]
AT_ONCE: Final = 2_000
_NEXT: Final = """
SELECT id, workspace_id, profile_ids, named_by, between_people FROM audience_blotting ORDER BY asked_at LIMIT 1
"""


def ask_to_blot(
    connection: Connection,
    *,
    workspace_id: int,
    profiles: Collection[UUID],
    redactor: Redactor,
    between_people: Collection[str],
) -> None:
    """In the transaction of the erasure. Nothing is asked where there is no archive, or nobody else to look at."""
    if not profiles or not redactor.values or not archived.exists(connection):
        return
    connection.execute(
        "INSERT INTO audience_blotting (id, workspace_id, profile_ids, named_by, between_people)"
        " VALUES (%s, %s, %s, %s, %s)",
        (uuid7(), workspace_id, sorted(profiles), sorted(redactor.values), sorted(between_people)),
    )


def blot_next(connection: Connection, analyst: Analyst) -> bool:
    """Do what was asked first; false where nothing is. Not while a rebuild copies what is to be blotted."""
    row = connection.execute(_NEXT).fetchone()
    if row is None:
        return False
    key, workspace_id, profiles, named_by, between_people = row
    archive = analyst.archives.there(workspace_id)
    if archive is not None:
        _blot(analyst, archive, workspace_id, profiles, Redactor(named_by), between_people)
    connection.execute("DELETE FROM audience_blotting WHERE id = %s", (key,))
    return True


def _blot(
    analyst: Analyst,
    archive: Archive,
    workspace_id: int,
    profiles: list[UUID],
    redactor: Redactor,
    between_people: Collection[str],
) -> None:
    before = None
    while rows := archive.page(profiles, before=before, limit=AT_ONCE, wanted=EVERYTHING):
        before = place_in_time(rows[-1])
        blotted = [redacted_row(row, redactor, between_people=between_people) for row in rows]
        changed = [new for new, row in zip(blotted, rows, strict=True) if new is not row]
        if changed:
            with analyst.engine.transaction():
                _put(analyst, archive, workspace_id, changed)


def _put(analyst: Analyst, archive: Archive, workspace_id: int, rows: list[Recorded]) -> None:
    """What conditions see first: broken off in between, the archive still says what is to be done."""
    warehouse = analyst.warehouse(workspace_id)
    warehouse.take_back_at([(row.lane, row.position) for row in rows])
    add_events(warehouse, [row for row in rows if row.kind in COUNTED])
    archive.replace(rows)
