"""Taking an import back: its events leave history, and whoever they touched becomes what the other events make of them.

Slice by slice, each one transaction that holds every lane for its moment, so that nothing else happens to anybody
meanwhile; killed on any line it goes on with the next slice. A profile whose present state its history does not add up
to (retention dropped a part of it) is left as it is and listed.
"""

import time
from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

import psycopg
import structlog
from msgspec import Struct, field

from tessera.events import history, inbox, seen
from tessera.events.event import SYSTEM, Event
from tessera.events.history import Recorded, SystemRecord
from tessera.events.inbox import InboxRow
from tessera.events.messages import Rejected
from tessera.events.vocabulary import IMPORT_UNDONE
from tessera.foundation.clock import Micros, now_micros, to_micros
from tessera.foundation.database import connect, plan_once
from tessera.foundation.ids import uuid7
from tessera.identity import store as identity_store
from tessera.identity import withdrawal
from tessera.identity.directory import Address
from tessera.imports import store
from tessera.imports.records import UndoReport
from tessera.intake.context import load_context
from tessera.intake.normalise import normalise
from tessera.intake.pipeline import Context
from tessera.profiles import bulk as profile_bulk
from tessera.profiles import store as profile_store
from tessera.profiles.facts import fold_fact
from tessera.profiles.fold import fold_event
from tessera.profiles.state import State, decode_state, encode_state
from tessera.profiles.store import Stored, WordChanges, words_of

log = structlog.get_logger("imports")
Connection = psycopg.Connection[Any]
SLICE: Final = 1_000
"""Rows taken back at once, at most."""
MOST_READ: Final = 20_000
"""Rows of history that a slice reads anew, but for the one person it has at least: all intake waits for that long."""
_GROUP: Final = 100
NAP: Final = 10.0
"""Seconds after which whoever rests says that it is alive."""
MOST_LISTED: Final = 1_000
NOBODY: Final = UUID(int=0)


def undo_import(import_id: UUID) -> None:
    """Take back what is left of an import that is being undone. Safe to call again, and by two at once."""
    with connect(autocommit=True, application="tessera import") as connection:
        plan_once(connection)
        found = store.read(connection, None, import_id)
        if found.state != "undoing":
            return
        context = load_context(connection, workspace_id=found.workspace_id)
        report = found.undo or UndoReport()
        began = time.monotonic()
        while _one_slice(connection, context, import_id, found.workspace_id, _how_many(connection, import_id)):
            _rest(connection, import_id, time.monotonic() - began)
            began = time.monotonic()
        report = store.read(connection, None, import_id).undo or UndoReport()
        log.info("import undone", id=str(import_id), events=report.events, people=report.people)


def _rest(connection: Connection, import_id: UUID, seconds: float) -> None:
    """Leave the lanes to everybody else for as long as they have waited."""
    while seconds > 0:
        time.sleep(min(seconds, NAP))
        seconds -= NAP
        store.heard_of(connection, import_id)


def _how_many(connection: Connection, import_id: UUID) -> int:
    """How many rows from the end a slice takes: of so many people as have `MOST_READ` rows of history, and of one.

    Counted before the lanes are taken. Somebody to whom much happens meanwhile makes that slice a little longer.
    """
    step = store.last_step(connection, import_id)
    if step is None:
        return SLICE
    _, lane, first, last = step
    rows = [row for row in history.between(connection, lane, max(first, last - SLICE + 1), last) if row.kind != SYSTEM]
    roots = identity_store.roots_of(connection, {row.profile_id for row in rows})
    ends = {roots[row.profile_id]: row.position for row in rows if row.profile_id in roots}
    newest = sorted(ends, key=lambda root: -ends[root])
    left = MOST_READ
    for at in range(0, len(newest), _GROUP):
        members = identity_store.read_members(connection, newest[at : at + _GROUP])
        sizes = dict.fromkeys(newest[at : at + _GROUP], 0)
        for profile, size in history.sizes_of(connection, list(members), most=MOST_READ + 1).items():
            sizes[members[profile]] += size
        for root, size in sizes.items():
            left -= size
            if left < 0 and root != newest[0]:
                return last - ends[root]
    return SLICE


def _one_slice(connection: Connection, context: Context, import_id: UUID, workspace_id: int, most: int) -> bool:
    """One transaction; false when nothing is left to do."""
    with connection.transaction():
        positions = inbox.claim_all_lanes(connection)
        found = store.read(connection, None, import_id, lock=True)
        if found.state != "undoing":
            return False
        report = found.undo or UndoReport()
        step = store.last_step(connection, import_id)
        if step is None:
            store.set_state(connection, import_id, "undone", undo=store.encode(report), wanted="")
            connection.execute("UPDATE imports_import SET finished_at = now() WHERE id = %s", (import_id,))
            return False
        number, lane, first, last = step
        start = max(first, last - most + 1)
        rows = history.between(connection, lane, start, last)
        _Slice(connection, context, workspace_id, lane, rows, report).take_back()
        _tell(connection, import_id, workspace_id, lane, (start, last), {row.profile_id for row in rows}, positions)
        store.shorten_step(connection, import_id, number, start - 1 if start > first else None)
        store.change(connection, import_id, undo=store.encode(report))
        store.heard_of(connection, import_id)
    return True


def _tell(
    connection: Connection, import_id: UUID, workspace_id: int, lane: int, gone: tuple[int, int],
    profiles: set[UUID], positions: dict[int, int],
) -> None:  # fmt: skip
    """Whoever follows history learns which of its rows are gone, and whose they were."""
    now = now_micros()
    body = {
        "import_id": str(import_id),
        "lane": lane,
        "first_position": gone[0],
        "last_position": gone[1],
        "profile_ids": sorted(map(str, profiles)),
    }
    record = SystemRecord(lane, uuid7(), workspace_id, NOBODY, IMPORT_UNDONE, now, body)
    history.append(connection, [record], positions={lane: positions[lane]}, now=now)


class _Left(Struct):
    """A profile as all its events make it, and as those make it that stay."""

    whole: State = field(default_factory=State)
    rest: State = field(default_factory=State)
    staying: int = 0
    sources: dict[Address, tuple[Micros, UUID]] = {}
    """Each identifier that an event names which stays, with the oldest of those."""


class _Slice:
    """Some rows of an import that are next to each other in history."""

    def __init__(
        self, connection: Connection, context: Context, workspace_id: int, lane: int, rows: Sequence[Recorded],
        report: UndoReport,
    ) -> None:  # fmt: skip
        self._connection = connection
        self._context = context
        self._workspace_id = workspace_id
        self._lane = lane
        self._rows = rows
        self._report = report
        self._gone = {row.event_id for row in rows if row.kind != SYSTEM}
        self._touched = {row.profile_id for row in rows if row.kind != SYSTEM}

    def take_back(self) -> None:
        """Everything these rows did that nothing else did, too."""
        roots = identity_store.roots_of(self._connection, self._touched)
        members = identity_store.read_members(self._connection, roots.values())
        left = self._read(members)
        stored = profile_store.read_stored(self._connection, self._touched)
        kept = self._incomplete(left, stored)
        self._take_history(kept)
        self._take_who(members, left, kept)
        self._take_what(left, stored, members, kept)

    def _read(self, members: Iterable[UUID]) -> dict[UUID, _Left]:
        """What remains of everybody, by their history."""
        left: dict[UUID, _Left] = {profile: _Left() for profile in members}
        for row in history.everything_of(self._connection, list(left)):
            mine = left[row.profile_id]
            stays = row.event_id not in self._gone
            mine.staying += stays
            if row.kind == SYSTEM and row.profile_id in self._touched:
                record = history.system_record_of(row)
                fold_fact(mine.whole, record)
                fold_fact(mine.rest, record)
            event = self._event(row)
            if event is None:
                continue
            if row.profile_id in self._touched:
                fold_event(mine.whole, event)
            if stays:
                if row.profile_id in self._touched:
                    fold_event(mine.rest, event)
                self._note(mine, event)
        return left

    def _event(self, row: Recorded) -> Event | None:
        if row.kind == SYSTEM:
            return None
        rules = self._context.rules[row.workspace_id]
        message = InboxRow(
            row.lane, 0, row.workspace_id, row.source_id, to_micros(row.received_at), row.event_id,
            b"" if row.envelope == b"{}" else row.envelope, row.body,
        )  # fmt: skip
        try:
            event = normalise(message, region=rules.region, blocked=rules.blocked)
        except Rejected:
            return None  # it was sound when it came in; the profile will not add up, and be left alone
        self._context.gate.judge(event)
        return event

    def _note(self, mine: _Left, event: Event) -> None:
        for kind, value in event.identifiers:
            address = (event.workspace_id, kind, value)
            known = mine.sources.get(address)
            if known is None or (event.occurred_at, event.event_id) < known:
                mine.sources[address] = (event.occurred_at, event.event_id)

    def _incomplete(self, left: dict[UUID, _Left], stored: dict[UUID, Stored]) -> set[UUID]:
        """Profiles that their history does not add up to."""
        kept = set()
        for profile in self._touched:
            state = stored.get(profile)
            if state is None or profile not in left or encode_state(left[profile].whole) != _canonical(state.state):
                kept.add(profile)
        report = self._report
        room = MOST_LISTED - len(report.incomplete)
        report.incomplete += sorted(kept - set(report.incomplete))[: max(room, 0)]
        return kept

    def _take_history(self, kept: set[UUID]) -> None:
        mine = [row for row in self._rows if row.profile_id not in kept and row.kind != SYSTEM]
        self._gone = {row.event_id for row in mine}
        merged = [row for row in self._rows if row.kind == SYSTEM]
        self._report.events += history.remove(self._connection, self._lane, [row.position for row in mine])
        history.remove(self._connection, self._lane, [row.position for row in merged])
        seen.forget(self._connection, self._gone)

    def _take_who(self, members: dict[UUID, UUID], left: dict[UUID, _Left], kept: set[UUID]) -> None:
        """Merges and identifiers that rested on these rows alone."""
        self._report.merges += withdrawal.take_merges(self._connection, list(members), self._gone)
        evidence: dict[tuple[UUID, Address], tuple[Micros, UUID]] = {}
        for profile, mine in left.items():
            for address, source in mine.sources.items():
                key = (members[profile], address)
                evidence[key] = min(evidence.get(key, source), source)
        taken: list[Address] = []
        redated = []
        times = {to_micros(row.occurred_at) for row in self._rows}
        for held in withdrawal.held_by(self._connection, self._touched - kept):
            address = (self._workspace_id, held.kind, held.value)
            found = evidence.get((members[held.profile_id], address))
            if found is None:
                if held.event_id in self._gone:
                    taken.append(address)
            elif held.event_id in self._gone or held.first_seen in times:
                redated.append((address, found[0], found[1] if held.event_id in self._gone else held.event_id))
        self._report.identifiers += withdrawal.take_identifiers(self._connection, taken)
        withdrawal.redate_identifiers(self._connection, redated)

    def _take_what(
        self, left: dict[UUID, _Left], stored: dict[UUID, Stored], members: dict[UUID, UUID], kept: set[UUID]
    ) -> None:
        """States that rested on these rows, and the people of whom nothing is left."""
        alone = _alone(members)
        touched = self._touched - kept
        named = {held.profile_id for held in withdrawal.held_by(self._connection, touched)}
        gone = {each for each in touched if not left[each].staying and each not in named and each in alone}
        gone -= profile_bulk.related(self._connection, self._workspace_id, gone)
        words, states = WordChanges(), []
        for profile in touched - gone:
            rest, before = left[profile].rest, stored[profile]
            words.note(self._workspace_id, profile, words_of(decode_state(before.state)), words_of(rest))
            states.append((profile, Stored(self._workspace_id, before.version + 1, encode_state(rest))))
        profile_bulk.write_over(self._connection, states)
        words.write(self._connection)
        profile_bulk.take_states(self._connection, gone)
        self._report.people += withdrawal.take_profiles(self._connection, gone)
        self._report.refolded += len(states)


def _canonical(state: bytes) -> bytes:
    """As this version writes it, whatever wrote it."""
    return encode_state(decode_state(state))


def _alone(members: dict[UUID, UUID]) -> set[UUID]:
    """The profiles that are a whole person by themselves."""
    count: dict[UUID, int] = {}
    for root in members.values():
        count[root] = count.get(root, 0) + 1
    return {profile for profile, root in members.items() if profile == root and count[root] == 1}
