"""One batch into the database, with the checkpoint behind it: all of it in one transaction, or nothing.

Only what is needed for that is imported here: a process of its own may do it (imports/scribe.py), and starts with it.
"""

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

import psycopg
from msgspec import Struct

from tessera.events import history, inbox
from tessera.events.catalogue import leave_tally
from tessera.events.lanes import LANES
from tessera.foundation.clock import now_micros
from tessera.foundation.errors import Outdated
from tessera.identity import bulk as identity_bulk
from tessera.identity.bulk import PackedPlan
from tessera.identity.directory import Address
from tessera.identity.suppression import suppressed_among, workspaces_that_keep_out
from tessera.imports import store
from tessera.imports.records import Counts, RowProblem
from tessera.profiles import bulk as profile_bulk
from tessera.profiles.store import Stored, WordChanges

Connection = psycopg.Connection[Any]


class TakenOver(Exception):
    """Another process carries this import out, or nobody should any more: stop without a word."""


class Checkpoint(Struct, frozen=True):
    """How far the file is read when this batch is written."""

    import_id: UUID
    step: int
    lines: int
    row_number: int
    bytes_read: int


class Parcel(Struct, frozen=True, kw_only=True):
    """A batch as it is written. Whatever there is thousands of is packed already.

    `carried` are the identifiers of its rows, or None where nobody was kept out of the workspace when they were read.
    `counts` are the import's, this batch included.
    """

    workspace_id: int
    carried: frozenset[Address] | None
    identity: PackedPlan
    homes: frozenset[UUID]
    new_states: tuple[bytes, bytes]
    states: list[tuple[UUID, Stored]]
    words: WordChanges
    history: list[bytes]
    tally: str
    checkpoint: Checkpoint
    counts: Counts
    problems: list[tuple[RowProblem, str]]


_ADVANCE: Final = """
UPDATE imports_import
   SET step = step + 1, lines = %(lines)s, row_number = %(row_number)s, bytes_read = %(bytes_read)s,
       counts = %(counts)s, seen_at = now()
 WHERE id = %(import_id)s AND step = %(step)s AND state = 'running'
RETURNING wanted
"""
_STEP: Final = """
INSERT INTO imports_step (import_id, step, lane, first_position, last_position) VALUES (%s, %s, %s, %s, %s)
"""


def lane_of_step(step: int) -> int:
    """Rows of one batch share a lane, and batches go round the lanes: live events never wait for long."""
    return step % LANES


def advance(connection: Connection, checkpoint: Checkpoint, counts: Counts) -> str:
    """Move the checkpoint and hold the import's row; returns what someone wants of us. Raises `TakenOver`."""
    fields = {name: getattr(checkpoint, name) for name in checkpoint.__struct_fields__}
    row = connection.execute(_ADVANCE, {**fields, "counts": store.encode(counts)}).fetchone()
    if row is None:
        raise TakenOver
    return str(row[0])


def note_step(connection: Connection, checkpoint: Checkpoint, lane: int, first: int, last: int) -> None:
    if last >= first:
        connection.execute(_STEP, (checkpoint.import_id, checkpoint.step, lane, first, last))


def write(connection: Connection, parcel: Parcel, react: Callable[[Connection, int], None] | None = None) -> str:
    """Write one batch; returns what someone wants of us. Raises `Outdated` (plan again) and `TakenOver`.

    Locks in the house's order (identity/store.py); the import's own row comes right after the lane. `react` is called
    last, with the connection and the lane.
    """
    checkpoint = parcel.checkpoint
    with connection.transaction():
        lane, now = lane_of_step(checkpoint.step), now_micros()
        position = inbox.claim_lane(connection, lane, wait=True)[lane]
        wanted = advance(connection, checkpoint, parcel.counts)
        _insist_that_all_are_let_in(connection, parcel)
        identity_bulk.write(connection, parcel.identity)
        identity_bulk.hold(connection, parcel.homes)
        profile_bulk.copy_new(connection, parcel.new_states)
        profile_bulk.write_over(connection, parcel.states)
        parcel.words.write(connection)
        if parcel.history:
            last = history.append_packed(connection, parcel.history, lane=lane, position=position, now=now)
            note_step(connection, checkpoint, lane, position + 1, last)
        leave_tally(connection, parcel.tally, lane=lane)
        store.add_problems(connection, checkpoint.import_id, parcel.problems, dry=False)
        if react is not None:
            react(connection, lane)
    return wanted


def _insist_that_all_are_let_in(connection: Connection, parcel: Parcel) -> None:
    """Nobody who was erased and kept out since the rows were read slips in: an erasure holds every lane, we hold one.

    Raises `Outdated`: the rows are read again, and refused.
    """
    workspace = parcel.workspace_id
    if not workspaces_that_keep_out(connection, [workspace]):
        return
    if parcel.carried is None:
        raise Outdated
    if suppressed_among(connection, workspace, ((kind, value) for _, kind, value in parcel.carried)):
        raise Outdated
