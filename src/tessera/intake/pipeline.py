"""The heart: a batch of acknowledged messages becomes profiles and history in one transaction.

    take → normalise → forget repeats → place on people → fold → history → tally → reactions → commit

Everything a batch changes commits with the removal of its inbox rows, so a process may die on any line. Locks are
taken in one order everywhere (see identity/store.py), so batches wait for each other but never in a circle.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from operator import itemgetter
from typing import Any, Final, NamedTuple
from uuid import UUID

import psycopg
from msgspec import Struct, field

from tessera.events import history, inbox, rejections, seen
from tessera.events.catalogue import Gate, Tally
from tessera.events.event import Event, Identifier
from tessera.events.inbox import InboxRow
from tessera.events.lanes import LANES
from tessera.events.messages import Rejected
from tessera.events.rejections import Rejection
from tessera.foundation.clock import now_micros
from tessera.foundation.errors import Outdated
from tessera.identity import store as identity_store
from tessera.identity.directory import Directory, merged_record
from tessera.identity.suppression import KEPT_OUT, SUPPRESSED, suppressed_by_workspace
from tessera.intake.named import named_by
from tessera.intake.normalise import normalise
from tessera.intake.reactions import Happened, Reaction
from tessera.profiles import store as profile_store
from tessera.profiles.fold import fold
from tessera.profiles.state import decode_state, encode_state
from tessera.profiles.store import Stored, WordChanges, words_of

Connection = psycopg.Connection[Any]
MOST_TRIES: Final = 20
EVENT_BLOCKED: Final = "event_blocked"
NOBODY: Final = "every identifier of this message is one that names nobody"


class RivalsTooFast(psycopg.errors.SerializationFailure):
    """Rivals kept changing the same people; the batch goes back and is taken again."""


class WorkspaceRules(Struct, frozen=True):
    """What intake needs to know of a workspace."""

    region: str = "US"
    blocked: frozenset[Identifier] = frozenset()


class Context(Struct):
    """What outlives a batch: caches and configuration of this worker."""

    rules: dict[int, WorkspaceRules] = field(default_factory=dict)
    gate: Gate = field(default_factory=Gate)
    reactions: Sequence[Reaction] = ()


class Outcome(Struct):
    """What a batch came to."""

    taken: int = 0
    recorded: int = 0
    repeated: int = 0
    rejected: int = 0
    merges: int = 0
    born: int = 0


_DEFAULT_RULES = WorkspaceRules()
_NOBODY: Final[frozenset[Identifier]] = frozenset()


def drain(connection: Connection, context: Context, *, after: int, lanes: int, most: int) -> tuple[Outcome, int]:
    """Take up to `most` rows from each of up to `lanes` lanes and act on them, in one transaction.

    Returns what it came to and the last lane served, to go on after.
    """
    try:
        with connection.transaction():
            positions = inbox.claim_lanes(connection, after=after, most=lanes)
            if not positions:
                return Outcome(), after
            rows = inbox.take(connection, positions, most=most)
            outcome = act_on(connection, context, rows, positions=positions)
    except BaseException:
        context.gate.forget_fresh()
        raise
    context.gate.keep_fresh()
    return outcome, max(positions, key=lambda lane: (lane - after - 1) % LANES)


def act_on(connection: Connection, context: Context, rows: Iterable[InboxRow], *, positions: dict[int, int]) -> Outcome:
    """Everything these messages do. The caller holds their lanes and commits."""
    events, refused, dropped = read(rows, context)
    events, kept_out = _without_suppressed(connection, context, events)
    refused += kept_out
    outcome = Outcome(taken=len(events) + len(refused) + len(dropped))
    new = seen.remember(connection, {event.event_id for event in events}) if events else set()
    events = _first_of_each(events, new)
    outcome.repeated = outcome.taken - len(events) - len(refused) - len(dropped)
    if dropped:
        refused += drop_blocked(connection, context, dropped)
    if refused:
        rejections.store(connection, refused)
        outcome.rejected = len(refused)
    if events:
        plan = apply_events(connection, context, events, positions=positions)
        outcome.recorded = len(events)
        outcome.merges, outcome.born = len(plan.merges), len(plan.new_profiles)
    return outcome


class Read(NamedTuple):
    """Messages, read: events in the order they came in whatever their lanes, refusals, and events that are blocked."""

    events: list[Event]
    refused: list[Rejection]
    dropped: list[Event]


def read(rows: Iterable[InboxRow], context: Context) -> Read:
    """What these messages say, judged by the rules of their workspaces."""
    numbered: list[tuple[int, Event]] = []
    found = Read([], [], [])
    for row in rows:
        rules = context.rules.get(row.workspace_id, _DEFAULT_RULES)
        try:
            event = normalise(row, region=rules.region, blocked=rules.blocked)
        except Rejected as error:
            found.refused.append(rejections.rejection_of(row, code=error.code, detail=error.detail))
            continue
        if event.identifiers and not context.gate.judge(event):
            found.dropped.append(event)
        elif event.identifiers:
            numbered.append((row.seq, event))
        else:  # none to begin with, or the only one stood in an attribute that is blocked
            found.refused.append(rejections.rejection_of(row, code="blocked_identifier", detail=NOBODY))
    numbered.sort(key=itemgetter(0))
    found.events.extend(event for _, event in numbered)
    return found


def drop_blocked(connection: Connection, context: Context, dropped: Sequence[Event]) -> list[Rejection]:
    """Count what is dropped, and give one refusal for all events of a name and source, with the first as excerpt.

    A blocked event is often one of too many; a row for each would be the flood it was blocked for.
    """
    tally = Tally(context.gate)
    alike: dict[tuple[int, int | None, str], list[Event]] = {}
    for event in dropped:
        tally.see_dropped(event)
        alike.setdefault((event.workspace_id, event.source_id, event.name), []).append(event)
    tally.write(connection, lane=dropped[0].lane, now=now_micros())
    return [
        Rejection(
            workspace, source, "intake", EVENT_BLOCKED, _said_of(name, events), rejections.excerpt(events[0].body_json)
        )
        for (workspace, source, name), events in alike.items()
        if source is not None
    ]


def _said_of(name: str, events: Sequence[Event]) -> str:
    return f"{name!r} is blocked in the catalogue: {len(events)} dropped in this batch"


def _without_suppressed(
    connection: Connection, context: Context, events: list[Event]
) -> tuple[list[Event], list[Rejection]]:
    """Refuse what carries an identifier that is kept out; the reason repeats nothing of it.

    Asked under the lanes, so that nothing slips in beside an erasure, which holds them all.
    """
    if not events:
        return events, []
    workspaces = {event.workspace_id for event in events}
    region_of = {workspace: context.rules.get(workspace, _DEFAULT_RULES).region for workspace in workspaces}
    kept_out = suppressed_by_workspace(
        connection, {workspace: partial(_named_in, events, workspace, region_of[workspace]) for workspace in workspaces}
    )
    if not any(kept_out.values()):
        return events, []
    let_in: list[Event] = []
    refused: list[Rejection] = []
    for event in events:
        if kept_out.get(event.workspace_id, _NOBODY).isdisjoint(named_by(event, region=region_of[event.workspace_id])):
            let_in.append(event)
        else:
            refused.append(Rejection(event.workspace_id, event.source_id, "intake", SUPPRESSED, KEPT_OUT, ""))
    return let_in, refused


def _named_in(events: list[Event], workspace_id: int, region: str) -> set[Identifier]:
    mine = (event for event in events if event.workspace_id == workspace_id)
    return {identifier for event in mine for identifier in named_by(event, region=region)}


def _first_of_each(events: list[Event], new: set[UUID]) -> list[Event]:
    """Each new event once, also where one batch holds the same message twice."""
    first: dict[UUID, Event] = {}
    for event in events:
        if event.event_id in new:
            first.setdefault(event.event_id, event)
    return list(first.values())


def apply_events(
    connection: Connection, context: Context, events: list[Event], *, positions: dict[int, int]
) -> Directory:
    """Place, fold and record events that are new. The caller holds their lanes and commits."""
    plan, placed = _place_and_fold(connection, events)
    now = now_micros()
    merged = [merged_record(merge) for merge in plan.merges]
    tally = Tally(context.gate)
    with history.appending(connection, positions=positions, now=now) as append:
        append([*placed, *merged])
        for event, profile in placed:  # while the database takes in what was appended
            tally.see(event, profile)
    tally.write(connection, lane=events[0].lane, now=now)
    if context.reactions:
        happened = [Happened(event, profile, plan.root_of(profile)) for event, profile in placed]
        for reaction in context.reactions:
            reaction.react(connection, happened)
    return plan


def _place_and_fold(connection: Connection, events: list[Event]) -> tuple[Directory, list[tuple[Event, UUID]]]:
    """Decide whose events these are and fold them; all of it again when a rival changed the same people meanwhile."""
    for _ in range(MOST_TRIES):
        try:
            with connection.transaction():
                plan = identity_store.read_directory(connection, events)
                placed = [(event, plan.place(event)) for event in events]
                if plan.changes_anything:
                    identity_store.write_plan(connection, plan)
                _fold(connection, placed)
        except Outdated:
            continue
        return plan, placed
    raise RivalsTooFast(f"people changed under a batch {MOST_TRIES} times in a row")


def _fold(connection: Connection, placed: list[tuple[Event, UUID]]) -> None:
    """One profile after the other, from bytes to bytes: a thousand decoded states at once would fit in no cache."""
    events_of: dict[UUID, list[Event]] = {}
    for event, profile in placed:
        events_of.setdefault(profile, []).append(event)
    words = WordChanges()

    def refold(profile: UUID, stored: Stored | None) -> Stored:
        events = events_of[profile]
        workspace, version, encoded = stored or Stored(events[0].workspace_id, 0, b"{}")
        state = decode_state(encoded)
        renaming = any(event.traits for event in events)
        before = words_of(state) if renaming else frozenset()
        fold(state, events)
        if renaming:
            words.note(workspace, profile, before, words_of(state))
        return Stored(workspace, version + 1, encode_state(state))

    profile_store.rewrite(connection, events_of.keys(), refold)
    words.write(connection)
