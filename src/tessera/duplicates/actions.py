"""Looking for duplicates, and saying of a pair what it is. What staff or keys do leaves an audit entry.

Locks: the lane and the people before the pair, as an erasure holds them when it removes its pairs.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
import psycopg

from tessera.access.audit import record_audit_on
from tessera.duplicates import reading, store
from tessera.duplicates.search import THRESHOLD, find_pairs
from tessera.duplicates.store import MERGED, OPEN, REJECTED, Pair, Run
from tessera.foundation.clock import now_micros, to_datetime
from tessera.foundation.database import may_pass
from tessera.foundation.errors import TesseraError
from tessera.identity import actions as identity
from tessera.identity import queries as people
from tessera.identity.directory import NoSuchProfile
from tessera.jobs import LONG, defer

Connection = psycopg.Connection[Any]
log = logging.getLogger(__name__)

FIND: Final = "duplicates.find"
REASON: Final = "duplicate review"
ABANDONED: Final = timedelta(hours=3)
"""A run that was asked for so long ago and is not over has lost its process for good."""


class AlreadyLooking(TesseraError):
    """A search of this workspace waits or is under way."""

    code = "already_looking"


class NoSuchPair(TesseraError):
    code = "not_found"


class NoSuchRun(TesseraError):
    code = "not_found"


class AlreadyDecided(TesseraError):
    """Somebody else was quicker; the message says who and what."""

    code = "already_decided"


class PairIsStale(TesseraError):
    """One of the two has become another person since the pair was found."""

    code = "pair_is_stale"


class NotInPair(TesseraError):
    """The profile that is to stand is neither of the two."""

    code = "not_in_pair"


class NotDecided(TesseraError):
    """There is nothing to take back."""

    code = "not_decided"


def ask_for_run(connection: Connection, *, workspace_id: int, actor: str, now: datetime, deferred: bool = True) -> Run:
    """Have the workspace searched, by a job unless not `deferred` (then `carry_out_run` is the caller's to call).

    Raises `AlreadyLooking`.
    """
    with connection.transaction():
        store.give_up_on(connection, workspace_id, asked_before=now - ABANDONED, now=now)
        run_id = store.add_run(connection, workspace_id, asked_by=actor, now=now)
        if run_id is None:
            raise AlreadyLooking("a search for duplicates is under way; wait for it to end")
        _note(connection, workspace_id, actor, "find_duplicates", f"run:{run_id}")
        if deferred:
            lock = f"duplicates:{workspace_id}"
            defer(connection, FIND, queue=LONG, lock=lock, workspace_id=workspace_id, run_id=str(run_id))
        run = store.run_by_id(connection, workspace_id, run_id)
    assert run is not None
    return run


def carry_out_run(connection: Connection, *, workspace_id: int, run_id: UUID, threshold: float = THRESHOLD) -> Run:
    """Search, and put what was found into the queue. Takes memory: give it a process of its own.

    Doing it again after a crash is right; a run that is over is left alone. The connection must autocommit. Raises
    `NoSuchRun`, or whatever went wrong: after writing it down, but where it may pass (`may_pass`); then the run stays
    begun, for its job is tried again.
    """
    if store.begin_run(connection, workspace_id, run_id, now=_now()):
        try:
            _search(connection, workspace_id, run_id, threshold)
        except Exception as error:
            if may_pass(error):
                raise
            store.fail_run(connection, workspace_id, run_id, f"{type(error).__name__}: {error}", now=_now())
            raise
    run = store.run_by_id(connection, workspace_id, run_id)
    if run is None:
        raise NoSuchRun(f"there is no run {run_id}")
    return run


def _search(connection: Connection, workspace_id: int, run_id: UUID, threshold: float) -> None:
    records = reading.read_everybody(connection, workspace_id)
    found = find_pairs(records, threshold=threshold)
    ids = {person for pair in found.pairs for person in (pair.left, pair.right)}
    prints = reading.fingerprints(records, ids)
    with connection.transaction():
        roots = people.roots_of(connection, list(ids))  # somebody may have been merged while we searched
        pairs = [
            pair for pair in found.pairs if roots.get(pair.left) == pair.left and roots.get(pair.right) == pair.right
        ]
        proposed = store.propose(connection, workspace_id, run_id, pairs, prints, now=_now())
        remembered = len(pairs) - proposed
        store.end_run(connection, workspace_id, run_id, found, proposed=proposed, remembered=remembered, now=_now())
    log.info("looked for duplicates: %d people, %d pairs compared, %d proposed", found.people, found.compared, proposed)


def _now() -> datetime:
    return to_datetime(now_micros())


def ask_for_nightly_runs(connection: Connection, *, now: datetime) -> list[Run]:
    """A run for every workspace in which somebody has ever looked, but where one is under way."""
    runs = []
    for workspace_id in store.workspaces_with_runs(connection):
        try:
            runs.append(ask_for_run(connection, workspace_id=workspace_id, actor="every night", now=now))
        except AlreadyLooking:
            continue
    return runs


def accept_pair(
    connection: Connection, *, workspace_id: int, pair_id: UUID, keep: UUID | None = None, actor: str, now: datetime
) -> Pair:
    """They are one: merge them. `keep` stands for the person from now on; the older profile when not said.

    Raises `NoSuchPair`, `AlreadyDecided`, `PairIsStale`, `NotInPair`, and what `merge_profiles` raises.
    """
    with connection.transaction():
        pair = _pair(connection, workspace_id, pair_id)
        keep = keep or pair.left  # ids are made in the order of time
        if keep not in (pair.left, pair.right):
            raise NotInPair(f"{keep} is neither of the two")
        _hold(connection, workspace_id, keep, pair.right if keep == pair.left else pair.left)
        pair = _open_pair(connection, workspace_id, pair_id)
        merge = identity.merge_profiles(
            connection,
            workspace_id=workspace_id,
            keep=keep,
            absorb=pair.right if keep == pair.left else pair.left,
            reason=REASON,
            actor=actor,
            now=now,
            evidence={
                "pair_id": str(pair.pair_id),
                "probability": pair.probability,
                "weights": msgspec.to_builtins(pair.weights),
            },
        )
        store.decide(connection, pair, MERGED, by=actor, now=now, merge_id=merge.merge_id)
        _note(
            connection, workspace_id, actor, "accept_duplicate", f"profile:{keep}", pair=pair_id, merge=merge.merge_id
        )
        return _as_it_is(connection, workspace_id, pair_id)


def reject_pair(connection: Connection, *, workspace_id: int, pair_id: UUID, actor: str, now: datetime) -> Pair:
    """They are two: not proposed again until what is compared of either changes.

    Raises `NoSuchPair`, `AlreadyDecided`, `PairIsStale`.
    """
    with connection.transaction():
        pair = _open_pair(connection, workspace_id, pair_id)
        store.decide(connection, pair, REJECTED, by=actor, now=now)
        _note(connection, workspace_id, actor, "reject_duplicate", f"profile:{pair.left}", pair=pair_id)
        return _as_it_is(connection, workspace_id, pair_id)


def undo_decision(connection: Connection, *, workspace_id: int, pair_id: UUID, actor: str, now: datetime) -> Pair:
    """Take the decision back: a merge is split, and the pair waits for a review again.

    Raises `NoSuchPair`, `NotDecided`, and `AlreadyUndone` where the merge was split elsewhere.
    """
    with connection.transaction():
        pair = _decided_pair(connection, workspace_id, pair_id)
        if pair.merge_id is not None:
            identity.split_profiles(connection, workspace_id=workspace_id, merge_id=pair.merge_id, actor=actor, now=now)
        store.decide(connection, pair, OPEN, by=None, now=None)
        _note(connection, workspace_id, actor, "undo_duplicate", f"profile:{pair.left}", pair=pair_id)
        return _as_it_is(connection, workspace_id, pair_id)


def erase_traces(connection: Connection, workspace_id: int, profile_ids: Sequence[UUID]) -> dict[str, int]:
    """Remove what is kept here about these people; rows removed, by table."""
    return {"duplicates_pair": store.forget(connection, workspace_id, profile_ids)}


def _pair(connection: Connection, workspace_id: int, pair_id: UUID, *, lock: bool = False) -> Pair:
    pair = store.pair_by_id(connection, workspace_id, pair_id, lock=lock)
    if pair is None:
        raise NoSuchPair(f"there is no pair {pair_id}")
    return pair


def _hold(connection: Connection, workspace_id: int, keep: UUID, absorb: UUID) -> None:
    """Whoever is erased takes their pairs along, so where one of the two is gone, so is the pair."""
    try:
        identity.hold_people(connection, workspace_id=workspace_id, keep=keep, absorb=absorb)
    except NoSuchProfile:
        raise NoSuchPair("one of the two is gone, and the pair with them") from None


def _decided_pair(connection: Connection, workspace_id: int, pair_id: UUID) -> Pair:
    """The pair, locked, once it is decided; where that was a merge, with the locks of splitting it."""
    seen = _pair(connection, workspace_id, pair_id)
    if seen.merge_id is not None:
        merge = people.merge_by_id(connection, workspace_id, seen.merge_id)
        if merge is not None:
            _hold(connection, workspace_id, merge.kept_link, merge.absorbed_link)
    pair = _pair(connection, workspace_id, pair_id, lock=True)
    if pair.state not in (MERGED, REJECTED) or pair.merge_id != seen.merge_id:
        raise NotDecided("nothing was decided about this pair, or another decision was quicker")
    return pair


def _open_pair(connection: Connection, workspace_id: int, pair_id: UUID) -> Pair:
    """The pair, locked, while it still waits and both are still the people they were."""
    pair = _pair(connection, workspace_id, pair_id, lock=True)
    if pair.state in (MERGED, REJECTED):
        raise AlreadyDecided(f"{pair.decided_by} has {pair.state} this pair already")
    roots = people.roots_of(connection, [pair.left, pair.right])
    if pair.state != OPEN or roots != {pair.left: pair.left, pair.right: pair.right}:
        raise PairIsStale("one of the two has changed since the pair was found; the next search looks again")
    return pair


def _as_it_is(connection: Connection, workspace_id: int, pair_id: UUID) -> Pair:
    pair = store.pair_by_id(connection, workspace_id, pair_id)
    assert pair is not None
    return pair


def _note(connection: Connection, workspace_id: int, actor: str, action: str, target: str, **detail: UUID) -> None:
    record_audit_on(
        connection,
        workspace_id=workspace_id,
        actor=actor,
        action=action,
        target=target,
        detail={name: str(value) for name, value in detail.items()},
    )
