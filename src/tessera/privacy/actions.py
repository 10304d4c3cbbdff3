"""Erasing a person: everything of theirs goes in one transaction, and what was done is kept without them.

Locks: the turn of erasures, then every lane, then as everywhere (identity/store.py). While all lanes are held nothing
is placed, folded, merged or split, so no plan made before can bring anything back. Their own history is deleted, and
all that may name them elsewhere is read (`ahead.py`), before the lanes are taken: others wait only for what is new.
"""

import contextlib
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
import psycopg
from msgspec import Struct

from tessera.access.audit import record_audit_on
from tessera.audience.blotting import ask_to_blot
from tessera.events import history
from tessera.events.erasure import Place, erase_history, redact_history
from tessera.events.history import SystemRecord
from tessera.events.inbox import claim_all_lanes
from tessera.events.lanes import lane_of
from tessera.events.vocabulary import HISTORY_REDACTED, PERSON_ERASED
from tessera.foundation.clock import to_micros
from tessera.foundation.errors import Outdated
from tessera.foundation.ids import uuid7
from tessera.identity.erasure import erase_identity, redact_evidence
from tessera.identity.store import lock_profiles
from tessera.identity.suppression import suppress as keep_out
from tessera.intake.erasure import erase_messages
from tessera.intake.pipeline import RivalsTooFast
from tessera.privacy.ahead import Ahead, look_ahead
from tessera.privacy.person import Person, everyone_with, read_person
from tessera.privacy.traces import TRACES, Gone
from tessera.profiles.erasure import erase_profiles
from tessera.profiles.relations import RELATION_ADDED, RELATION_REMOVED

Connection = psycopg.Connection[Any]
LONGEST_REASON: Final = 500
MOST_TRIES: Final = 20
PLACES_AT_ONCE: Final = 5_000
"""Places in history that one record names."""
NOBODY: Final = UUID(int=0)
_BETWEEN_PEOPLE: Final = (RELATION_ADDED, RELATION_REMOVED)


class Blotted(NamedTuple):
    """What an erasure changes of other people: whose profiles, and which rows of their history."""

    profiles: list[UUID]
    places: list[Place]


class ErasureReport(Struct, frozen=True):
    """What one erasure removed. `counts` are rows per table; `suppressed` says how many contacts are kept out."""

    erasure_id: UUID
    profile_ids: list[UUID]
    counts: dict[str, int]
    suppressed: int
    erased_at: datetime


def erase_person(
    connection: Connection,
    *,
    workspace_id: int,
    profile_id: UUID,
    actor: str,
    reason: str,
    suppress: bool,
    now: datetime,
) -> ErasureReport:
    """Erase the person any of whose profiles has this id; nothing of them survives, and it cannot be undone.

    One transaction. `suppress` keeps each of their identifiers out from now on. A message that is acknowledged
    afterwards makes a new person, or is refused. Raises `NoSuchProfile`.
    """
    with connection.transaction():
        take_turn(connection)
        erasure_id = uuid7()
        report, said = erase_whole_person(
            connection,
            workspace_id=workspace_id,
            profile_id=profile_id,
            erasure_id=erasure_id,
            actor=actor,
            reason=reason,
            suppress=suppress,
            now=now,
        )
        connection.execute(
            "INSERT INTO privacy_erasure"
            " (workspace_id, id, asked_at, asked_by, reason, suppress, status, total, finished_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, 'done', 1, %s)",
            (workspace_id, erasure_id, now, actor, said, suppress, now),
        )
        connection.execute(
            "INSERT INTO privacy_erased (erasure_id, number, status, profile_ids, counts, suppressed, erased_at)"
            " VALUES (%s, 1, 'done', %s, %s, %s, %s)",
            (erasure_id, report.profile_ids, as_json(report.counts), report.suppressed, now),
        )
    return report


def take_turn(connection: Connection) -> None:
    """Wait until no other erasure runs. Taken before any lane, so that two erasures cannot wait in a circle."""
    connection.execute("SELECT id FROM privacy_turn WHERE id = 1 FOR UPDATE")


def erase_whole_person(
    connection: Connection,
    *,
    workspace_id: int,
    profile_id: UUID,
    erasure_id: UUID,
    actor: str,
    reason: str,
    suppress: bool,
    now: datetime,
) -> tuple[ErasureReport, str]:
    """The erasure itself, in the caller's transaction and turn; also the reason without what names the person.

    Raises `NoSuchProfile`.
    """
    person, counts, blotted, positions = _erase_everything(connection, workspace_id, profile_id)
    said = person.redactor.text(reason[:LONGEST_REASON])
    suppressed = 0
    if suppress:
        keep_out(connection, workspace_id=workspace_id, identifiers=person.identifiers, actor=actor, now=now)
        suppressed = len(person.identifiers)
    _record(connection, workspace_id, person, erasure_id, blotted, positions, now)
    root = person.members[0]
    detail = {"erasure": str(erasure_id), "reason": said, "suppressed": suppressed}
    record_audit_on(
        connection,
        workspace_id=workspace_id,
        actor=actor,
        action="erase_person",
        target=f"profile:{root}",
        detail=detail,
    )
    return ErasureReport(erasure_id, person.members, counts, suppressed, now), said


def _erase_everything(
    connection: Connection, workspace_id: int, profile_id: UUID
) -> tuple[Person, dict[str, int], Blotted, dict[int, int]]:
    """Who they were, how many rows of what are gone, whose history was changed, and the lanes' positions.

    What was recorded by now goes first, without a lane, and everything else is read; when a split took a profile away
    meanwhile, all of it is undone and done again. Raises `NoSuchProfile`.
    """
    for _ in range(MOST_TRIES):
        with contextlib.suppress(Outdated), connection.transaction():
            early = read_person(connection, workspace_id, profile_id)
            counts = {"events_history": erase_history(connection, early.members)}
            ahead = look_ahead(connection, workspace_id, early)
            positions = claim_all_lanes(connection)
            person = read_person(connection, workspace_id, profile_id)
            if not set(early.members) <= set(person.members):
                raise Outdated
            lock_profiles(connection, person.members)
            blotted = _erase_rows(connection, workspace_id, person, ahead, positions, counts)
            return person, counts, blotted, positions
    raise RivalsTooFast(f"the person changed {MOST_TRIES} times meanwhile")


def _erase_rows(
    connection: Connection,
    workspace_id: int,
    person: Person,
    ahead: Ahead,
    positions: dict[int, int],
    counts: dict[str, int],
) -> Blotted:
    """Room by room; `counts` learns what each removed. Returns what of other people was changed."""
    about: dict[str, Any] = {"profiles": person.members, "identifiers": person.identifiers}
    counts |= erase_messages(connection, workspace_id=workspace_id, passed=ahead.messages, **about)
    neighbours: set[UUID] = set()
    for erase in (erase_identity, erase_profiles):
        forgotten, named_by = erase(connection, workspace_id=workspace_id, **about)
        counts |= forgotten
        neighbours |= named_by
    counts["events_history"] += erase_history(connection, person.members)
    others = everyone_with(connection, neighbours)
    redact_evidence(connection, others, person.names)
    places = redact_history(
        connection,
        others,
        person.names,
        between_people=_BETWEEN_PEOPLE,
        seen=ahead.history,
        positions=positions,
    )
    ask_to_blot(
        connection,
        workspace_id=workspace_id,
        profiles=others,
        redactor=person.names,
        between_people=_BETWEEN_PEOPLE,
    )
    counts["events_history_of_others"] = len(places)
    gone = Gone(workspace_id, person.members, person.identifiers, person.redactor, ahead)
    for trace in TRACES:
        counts |= trace(connection, gone)
    return Blotted(others, places)


def _record(
    connection: Connection,
    workspace_id: int,
    person: Person,
    erasure_id: UUID,
    blotted: Blotted,
    positions: dict[int, int],
    now: datetime,
) -> None:
    """Tell the followers of history, which hold copies: ids of profiles and places in history, and nothing else."""
    root, at = person.members[0], to_micros(now)
    lane = lane_of(str(root))
    body = {"erasure_id": str(erasure_id), "profile_ids": [str(member) for member in person.members]}
    records = [SystemRecord(lane, uuid7(), workspace_id, root, PERSON_ERASED, at, body)]
    for start in range(0, max(len(blotted.places), len(blotted.profiles)), PLACES_AT_ONCE):
        span = slice(start, start + PLACES_AT_ONCE)
        said = {
            "erasure_id": str(erasure_id),
            "profile_ids": [str(profile) for profile in blotted.profiles[span]],
            "places": blotted.places[span],
        }
        records.append(SystemRecord(lane, uuid7(), workspace_id, NOBODY, HISTORY_REDACTED, at, said))
    history.append(connection, records, positions={lane: positions[lane]}, now=at)


def as_json(value: object) -> str:
    return msgspec.json.encode(value).decode()
