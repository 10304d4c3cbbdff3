"""One batch into the database, with the checkpoint behind it: all of it in one transaction, or nothing."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import psycopg
from msgspec import Struct

from tessera.events import history, inbox
from tessera.events.lanes import LANES
from tessera.foundation.clock import now_micros
from tessera.foundation.errors import Outdated
from tessera.identity import bulk as identity_bulk
from tessera.identity.suppression import suppressed_among
from tessera.imports import store
from tessera.imports.placing import Placement
from tessera.imports.records import Counts, RowProblem
from tessera.intake.reactions import Happened, Reaction, wants
from tessera.profiles import bulk as profile_bulk

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


def write(
    connection: Connection,
    placement: Placement,
    checkpoint: Checkpoint,
    counts: Counts,
    problems: Sequence[tuple[RowProblem, str]],
    reactions: Sequence[Reaction],
) -> str:
    """Write one batch; returns what someone wants of us. Raises `Outdated` (plan again) and `TakenOver`.

    Locks in the house's order (identity/store.py); the import's own row comes right after the lane.
    """
    with connection.transaction():
        lane, now = lane_of_step(checkpoint.step), now_micros()
        position = inbox.claim_lane(connection, lane, wait=True)[lane]
        wanted = advance(connection, checkpoint, counts)
        _insist_that_all_are_let_in(connection, placement)
        identity_bulk.write(connection, placement.identity)
        identity_bulk.hold(connection, placement.homes)
        profile_bulk.copy_new(connection, placement.new_states)
        profile_bulk.write_over(connection, placement.states)
        placement.words.write(connection)
        if placement.history:
            last = history.append_packed(connection, placement.history, lane=lane, position=position, now=now)
            note_step(connection, checkpoint, lane, position + 1, last)
        placement.tally.write(connection, lane=lane, now=now)
        store.add_problems(connection, checkpoint.import_id, problems, dry=False)
        _react(connection, placement, reactions, lane)
    return wanted


def _insist_that_all_are_let_in(connection: Connection, placement: Placement) -> None:
    """Nobody who was erased and kept out since the rows were read slips in: an erasure holds every lane, we hold one.

    Raises `Outdated`: the rows are read again, and refused.
    """
    for workspace_id in {address[0] for address in placement.addresses}:
        carried = ((kind, value) for workspace, kind, value in placement.addresses if workspace == workspace_id)
        if suppressed_among(connection, workspace_id, carried):
            raise Outdated


def _react(connection: Connection, placement: Placement, reactions: Sequence[Reaction], lane: int) -> None:
    wanting = [reaction for reaction in reactions if wants(reaction, "identify")]
    if not wanting or not placement.events:
        return
    happened = []
    for event, profile in placement.events:
        event.lane = lane
        event.message.context = event.context
        happened.append(Happened(event, profile, placement.identity.plan.root_of(profile)))
    for reaction in wanting:
        reaction.react(connection, happened)
