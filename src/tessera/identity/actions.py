"""Merging and splitting people deliberately. Raw psycopg: the same tables and lock order as the pipeline."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import psycopg

from tessera.events import history, inbox
from tessera.events.history import SystemRecord
from tessera.events.lanes import lane_of
from tessera.events.vocabulary import PROFILES_SPLIT
from tessera.foundation.clock import to_micros
from tessera.foundation.errors import TesseraError
from tessera.foundation.ids import uuid7
from tessera.identity import queries, store
from tessera.identity.directory import MergeRefused, NoSuchProfile, PlannedMerge, merged_record
from tessera.identity.queries import MergeRecord
from tessera.identity.rules import roots_after, rules_against

Connection = psycopg.Connection[Any]

_OVERRIDABLE: Final = ("limit:", "kept_apart")
_NEVER: Final = "limit:user_id"
MOST_TRIES: Final = 20


class NoSuchMerge(TesseraError):
    code = "not_found"


class AlreadyOnePerson(TesseraError):
    code = "already_one_person"


class AlreadyUndone(TesseraError):
    code = "already_undone"


def merge_profiles(
    connection: Connection,
    *,
    workspace_id: int,
    keep: UUID,
    absorb: UUID,
    reason: str,
    actor: str,
    now: datetime,
    evidence: Mapping[str, Any] | None = None,
) -> MergeRecord:
    """Join the person of `absorb` to the person of `keep`; undone by `split_profiles`.

    `evidence` is what the clerk decided on, where there is more than a reason (JSON). A clerk's word outweighs the
    soft limits and an earlier split, never the rule that two user_ids are two people.
    Raises `MergeRefused`, `AlreadyOnePerson`, `NoSuchProfile`.
    """
    with connection.transaction():
        lane = lane_of(str(keep))
        positions = inbox.claim_lane(connection, lane, wait=True)
        roots = _lock_people(connection, workspace_id, (keep, absorb))
        kept, absorbed = roots[keep], roots[absorb]
        if kept == absorbed:
            raise AlreadyOnePerson(f"{keep} and {absorb} are one person already")
        members = _refuse_forbidden(connection, kept, absorbed, now)
        merge_id = uuid7()
        merge = PlannedMerge(
            merge_id=merge_id,
            workspace_id=workspace_id,
            kept=kept,
            absorbed=absorbed,
            kept_link=keep,
            absorbed_link=absorb,
            reason=reason,
            evidence={**(evidence or {}), "actor": actor, "reason": reason},
            at=to_micros(now),
            lane=lane,
        )
        store.add_merge(connection, merge)
        store.reroot(connection, {kept: kept} | dict.fromkeys(members, kept))
        history.append(connection, [merged_record(merge)], positions=positions, now=merge.at)
    found = queries.merge_by_id(connection, workspace_id, merge_id)
    assert found is not None
    return found


def hold_people(connection: Connection, *, workspace_id: int, keep: UUID, absorb: UUID) -> None:
    """Take the locks of merging these two (or splitting them) ahead, for who must lock rows that come after people.

    They are held until the caller's transaction ends. Raises `NoSuchProfile`.
    """
    inbox.claim_lane(connection, lane_of(str(keep)), wait=True)
    _lock_people(connection, workspace_id, (keep, absorb))


def _refuse_forbidden(connection: Connection, kept: UUID, absorbed: UUID, now: datetime) -> frozenset[UUID]:
    """The members that will move. Raises `MergeRefused`."""
    people, _ = store.read_people(connection, {kept, absorbed}, {})
    for rule in rules_against([people[kept], people[absorbed]], [], at=to_micros(now)):
        if rule == _NEVER or not rule.startswith(_OVERRIDABLE):
            raise MergeRefused(f"{rule}: {kept} and {absorbed} stay apart")
    return people[absorbed].members


def split_profiles(
    connection: Connection, *, workspace_id: int, merge_id: UUID, actor: str, now: datetime
) -> MergeRecord:
    """Undo a merge: each profile gets the root it would have if that merge had never been made.

    Events will not join the two again (a clerk may). Raises `NoSuchMerge`, `AlreadyUndone`.
    """
    with connection.transaction():
        merge = queries.merge_by_id(connection, workspace_id, merge_id)
        if merge is None:
            raise NoSuchMerge(f"there is no merge {merge_id}")
        lane = lane_of(str(merge.kept_link))
        positions = inbox.claim_lane(connection, lane, wait=True)
        roots = _lock_people(connection, workspace_id, (merge.kept_link, merge.absorbed_link))
        undone = connection.execute(
            "UPDATE identity_merge SET undone_at = %s, undone_by = %s WHERE merge_id = %s AND undone_at IS NULL",
            (now, actor, merge_id),
        )
        if undone.rowcount == 0:
            raise AlreadyUndone(f"merge {merge_id} was undone already")
        _reroot_without(connection, roots[merge.kept_link])
        body = {"merge_id": str(merge_id), "kept": str(merge.kept), "absorbed": str(merge.absorbed), "actor": actor}
        record = SystemRecord(lane, uuid7(), workspace_id, merge.kept, PROFILES_SPLIT, to_micros(now), body)
        history.append(connection, [record], positions=positions, now=to_micros(now))
    found = queries.merge_by_id(connection, workspace_id, merge_id)
    assert found is not None
    return found


def _reroot_without(connection: Connection, root: UUID) -> None:
    """Give the members of this root the roots that the merges still standing make."""
    members = [member.profile_id for member in queries.members_of(connection, [root])]
    links = queries.standing_links(queries.merges_of(connection, members), members)
    store.reroot(connection, roots_after(members, links))


def _lock_people(connection: Connection, workspace_id: int, profiles: Sequence[UUID]) -> dict[UUID, UUID]:
    """Lock every member of these profiles' people, in id order, and return the profiles' roots.

    Looks again after locking: a rival may have moved a profile to another person meanwhile.
    """
    known = queries.roots_of(connection, profiles)
    for _ in range(MOST_TRIES):
        for profile in profiles:
            if profile not in known or queries.root_of(connection, workspace_id, profile) is None:
                raise NoSuchProfile(f"there is no profile {profile}")
        again = known
        with connection.transaction():
            members = _members(connection, known)
            store.lock_profiles(connection, members)
            again = queries.roots_of(connection, profiles)
            if again == known and _members(connection, again) == members:
                return known
            raise psycopg.Rollback  # the locks go too: the next set must be taken in order again
        known = again
    raise MergeRefused("the people changed too often meanwhile; try again")


def _members(connection: Connection, roots: dict[UUID, UUID]) -> set[UUID]:
    return {member.profile_id for member in queries.members_of(connection, list(roots.values()))}
