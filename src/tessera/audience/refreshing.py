"""Evaluating a segment and writing down what comes of it.

Whoever evaluates holds the segment's row from before it looks until it has written: no older answer ever overwrites a
newer one.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from tessera.audience.conditions.registry import from_json
from tessera.audience.evaluation import Evaluator
from tessera.audience.segments import membership, store
from tessera.audience.segments.membership import Moved

Connection = psycopg.Connection[Any]


def evaluate_and_write(
    connection: Connection, evaluator: Evaluator, workspace_id: int, segment_id: UUID, *, now: datetime
) -> Moved:
    """Evaluate the whole segment: its size, and its members where they are kept. Raises `NoSuchSegment`."""
    with connection.transaction():
        segment = store.read(connection, workspace_id, segment_id, lock=True)
        moved, size = Moved(), segment.size or 0
        if segment.condition is None:
            size = membership.count(connection, segment_id)
        elif segment.freshness == "kept":
            people = evaluator.ids(evaluator.narrow(from_json(segment.condition)))
            moved, size = membership.become(connection, segment, people, now=now), len(people)
            fields = {"refreshed_at": now, "refreshed_version": segment.version, "problem": ""}
            store.change(connection, workspace_id, segment_id, fields)
        else:
            size = evaluator.count(evaluator.narrow(from_json(segment.condition)))
            store.change(connection, workspace_id, segment_id, {"problem": ""})
        store.note_size(connection, segment, size, now)
    return moved


def look_again(
    connection: Connection,
    evaluator: Evaluator,
    workspace_id: int,
    segment_id: UUID,
    people: Collection[UUID],
    *,
    now: datetime,
) -> Moved:
    """Evaluate a kept segment for these people only; nothing where its condition changed and it waits for the whole."""
    with connection.transaction():
        segment = store.read(connection, workspace_id, segment_id, lock=True)
        if segment.condition is None or not segment.current or segment.archived_at is not None:
            return Moved()
        inside = evaluator.among(from_json(segment.condition), sorted(people))
        moved = membership.change(connection, segment, inside=inside, outside=set(people) - inside, now=now)
        if moved.entered or moved.left:
            size = (segment.size or 0) + len(moved.entered) - len(set(moved.left))
            store.note_size(connection, segment, max(size, 0), now)
    return moved
