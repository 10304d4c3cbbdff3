"""A person's timeline as a whole: what PostgreSQL has of it, and what retention left to the archive of the warehouse.

Both are read in one order and put together row by row: when something happened says little about when it was recorded,
so an event of an import of today may stand below one that was dropped years ago. Where the warehouse cannot be asked,
the page has what there is and says that it is incomplete.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import psycopg
import structlog

from tessera.audience.questions import NoAnalyst, NotAnswered, OldEvents, ask
from tessera.audience.warehouse.archive import place_in_time
from tessera.events import archived, history
from tessera.events.history import EVERYTHING, Recorded, Wanted
from tessera.identity import queries as identity
from tessera.profiles.timeline import TimelinePage, page_of, read_cursor

log = structlog.get_logger("timeline")
Connection = psycopg.Connection[Any]
PATIENCE: Final = 10.0
"""Seconds; a page of the card waits for it."""


def whole_timeline(
    connection: Connection,
    workspace_id: int,
    profile_id: UUID,
    *,
    before: str | None = None,
    limit: int = 50,
    wanted: Wanted = EVERYTHING,
) -> TimelinePage | None:
    """What happened to the person, newest first; None where there is no such person. Raises `InvalidCursor`.

    `connection` autocommits and is in no transaction.
    """
    root = identity.root_of(connection, workspace_id, profile_id)
    if root is None:
        return None
    ids = [member.profile_id for member in identity.members_of(connection, [root])]
    return whole_timeline_of(connection, workspace_id, ids, before=before, limit=limit, wanted=wanted)


def whole_timeline_of(
    connection: Connection,
    workspace_id: int,
    members: Sequence[UUID],
    *,
    before: str | None = None,
    limit: int = 50,
    wanted: Wanted = EVERYTHING,
) -> TimelinePage:
    """As `whole_timeline`, of a person whose profiles are known already."""
    place = read_cursor(before)
    rows = history.of_profiles(connection, members, before=place, limit=limit + 1, wanted=wanted)
    newest = archived.newest_dropped(connection)  # after the rows: what is dropped in between is in both
    if newest is None or not _may_be_below(newest, rows, place, limit, wanted):
        return page_of(rows, limit)
    question = OldEvents(profiles=list(members), before=place, limit=limit + 1, wanted=wanted)
    try:
        old = ask(connection, workspace_id, question, patience=PATIENCE)
    except (NoAnalyst, NotAnswered) as error:
        log.warning("older events could not be read", error=str(error))
        return page_of(rows, limit, incomplete=True)
    return page_of(_in_one_order(rows, old)[: limit + 1], limit)


def _may_be_below(
    newest: datetime, rows: Sequence[Recorded], before: tuple[datetime, int, int] | None, limit: int, wanted: Wanted
) -> bool:
    """Whether anything that was dropped can belong on a page for which PostgreSQL has these rows."""
    if wanted.since is not None and wanted.since > newest:
        return False
    return len(rows) <= limit or rows[limit - 1].occurred_at <= newest


def _in_one_order(rows: Sequence[Recorded], old: Sequence[Recorded]) -> list[Recorded]:
    """Newest first, each once; PostgreSQL is right about what both have."""
    by_place = {(row.lane, row.position): row for row in (*old, *rows)}
    return sorted(by_place.values(), key=place_in_time, reverse=True)
