"""The SQL of identity: what a batch reads, locks and writes. Raw psycopg, as it runs once per batch of events.

Locks are always taken in this order, each set sorted: lanes, message keys, identifiers, profiles, states. That is why
opposite merges and parallel first contacts cannot deadlock.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from xxhash import xxh64_digest

from tessera.events.event import Event
from tessera.foundation.arrays import moments, texts, uuids, whole
from tessera.foundation.clock import to_datetime
from tessera.foundation.errors import Outdated
from tessera.foundation.ids import uuid7s
from tessera.identity.directory import Address, Directory, Owner, PlannedMerge
from tessera.identity.keyed import KeyedDirectory
from tessera.identity.rules import PREVIOUS, PROFILE, Known, PersonFacts

Connection = psycopg.Connection[Any]
KnownPeople = tuple[dict[Address, Owner], dict[UUID, UUID], dict[UUID, int], dict[UUID, PersonFacts]]

_encode_json = msgspec.json.Encoder().encode

_OWNERS = """
SELECT i.workspace_id, i.kind, i.value, i.profile_id,
       (extract(epoch FROM i.first_seen) * 1000000)::bigint
  FROM unnest(%b::int[], %b::text[], %b::text[]) AS wanted (workspace_id, kind, value)
  JOIN identity_identifier i USING (workspace_id, value, kind)
"""
_MEMBERS = "SELECT id, root_id FROM identity_profile WHERE root_id = ANY(%b)"
_VERSIONS = "SELECT id, version FROM identity_profile WHERE id = ANY(%b)"
_IDENTIFIERS = """
SELECT profile_id, kind, value, (extract(epoch FROM first_seen) * 1000000)::bigint
  FROM identity_identifier WHERE profile_id = ANY(%b)
"""
_MERGES = """
SELECT merge_id, kept_id, kept_link, absorbed_link, undone_at IS NOT NULL
  FROM identity_merge WHERE kept_id = ANY(%(members)s) OR absorbed_id = ANY(%(members)s)
"""
_LOCK = "SELECT id FROM identity_profile WHERE id = %s FOR UPDATE"
_CHANGE = """
UPDATE identity_profile SET root_id = %(root)s, version = version + 1
 WHERE id = %(id)s AND version = coalesce(%(version)s, version)
"""

_CLAIM_IDENTIFIERS = """
INSERT INTO identity_identifier AS mine (workspace_id, kind, value, profile_id, first_seen, event_id)
SELECT * FROM unnest(%b::int[], %b::text[], %b::text[], %b::uuid[], %b::timestamptz[], %b::uuid[])
ON CONFLICT (workspace_id, value, kind) DO UPDATE SET first_seen = least(mine.first_seen, excluded.first_seen)
RETURNING workspace_id, kind, value, profile_id
"""
_ADD_PROFILES = """
INSERT INTO identity_profile (id, workspace_id, root_id, xxh, created_at)
SELECT id, workspace_id, id, xxh, created_at
  FROM unnest(%b::uuid[], %b::int[], %b::bytea[], %b::timestamptz[]) AS new (id, workspace_id, xxh, created_at)
"""
_ADD_MERGE = """
INSERT INTO identity_merge
       (kept_id, merge_id, workspace_id, absorbed_id, kept_link, absorbed_link, reason, evidence, at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
_ADD_REFUSAL = """
INSERT INTO identity_refusal AS known
       (profile_id, rule, dropped_kind, dropped_value, workspace_id, other_id, times, first_at, last_at, evidence)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (profile_id, rule, dropped_kind, dropped_value) DO UPDATE
   SET times = known.times + excluded.times,
       first_at = least(known.first_at, excluded.first_at),
       last_at = greatest(known.last_at, excluded.last_at),
       other_id = coalesce(excluded.other_id, known.other_id)
"""


def read_directory(connection: Connection, events: Iterable[Event]) -> Directory:
    """What is known, right now and unlocked, about everyone these events speak of."""
    events = list(events)
    addresses = {address for event in events for address in _addresses(event)}
    named = {each for event in events for each in _named(event)}
    return Directory(*_read_known(connection, events, AskedOwners(connection, addresses), named))


def read_keyed(
    connection: Connection, events: Sequence[Event], asked: "AskedOwners", named: set[UUID]
) -> KeyedDirectory:
    """As `read_directory`, for rows that are placed by a key and join nobody.

    `asked` was asked for all identifiers of theirs; `named` are the profiles that they name by their id.
    """
    return KeyedDirectory(*_read_known(connection, events, asked, named), make_id=uuid7s(len(events)).__next__)


def _read_known(connection: Connection, events: Sequence[Event], asked: "AskedOwners", named: set[UUID]) -> KnownPeople:
    owners = asked.answer()
    profiles = {owner.profile_id for owner in owners.values()} | named
    roots = _read_roots(connection, profiles, {event.workspace_id for event in events})
    judged = _roots_to_judge(events, owners, roots)
    people, versions = read_people(connection, judged, roots) if judged else ({}, {})
    return owners, roots, versions, people


def _addresses(event: Event) -> Iterator[Address]:
    workspace = event.workspace_id
    for kind, value in event.identifiers:
        if kind == PREVIOUS:
            yield (workspace, "user_id", value)
            yield (workspace, "anonymous_id", value)
        elif kind != PROFILE:
            yield (workspace, kind, value)


def _named(event: Event) -> list[UUID]:
    return [UUID(value) for kind, value in event.identifiers if kind == PROFILE]


class AskedOwners:
    """Who has these identifiers, asked at once. In a pipeline the answer comes while other things are done."""

    def __init__(self, connection: Connection, addresses: set[Address]) -> None:
        self._cursor: psycopg.Cursor[Any] | None = None
        if addresses:
            workspaces, kinds, values = zip(*addresses, strict=True)
            wanted = (whole(workspaces), texts(kinds), texts(values))
            self._cursor = connection.execute(_OWNERS, wanted, binary=True)

    def answer(self) -> dict[Address, Owner]:
        rows = self._cursor.fetchall() if self._cursor else []
        return {(workspace, kind, value): Owner(profile, seen) for workspace, kind, value, profile, seen in rows}


def _read_roots(connection: Connection, profiles: set[UUID], workspaces: set[int]) -> dict[UUID, UUID]:
    if not profiles:
        return {}
    rows = connection.execute(
        "SELECT id, root_id FROM identity_profile WHERE id = ANY(%b) AND workspace_id = ANY(%b)",
        (list(profiles), list(workspaces)),
        binary=True,
    )
    return dict(rows.fetchall())


def _roots_to_judge(events: Sequence[Event], owners: dict[Address, Owner], roots: dict[UUID, UUID]) -> set[UUID]:
    """The people about whom an event says something new: a new identifier, or two people at once."""
    judged: set[UUID] = set()
    if not roots:
        return judged
    for event in events:
        found: set[UUID] = set()
        unknown = False
        for address in _addresses(event):
            entry = owners.get(address)
            if entry is None:
                unknown = True
            elif entry.profile_id in roots:
                found.add(roots[entry.profile_id])
        found |= {roots[named] for named in _named(event) if named in roots}
        if unknown or len(found) > 1:
            judged |= found
    return judged


def roots_of(connection: Connection, profiles: Collection[UUID]) -> dict[UUID, UUID]:
    """Each profile's root, of those there are."""
    rows = connection.execute(
        "SELECT id, root_id FROM identity_profile WHERE id = ANY(%s)", (list(profiles),), binary=True
    )
    return dict(rows.fetchall())


def read_members(connection: Connection, roots: Iterable[UUID]) -> dict[UUID, UUID]:
    """Every profile of these people, with its root."""
    return dict(connection.execute(_MEMBERS, (list(roots),), binary=True).fetchall())


def read_people(
    connection: Connection, wanted: set[UUID], roots: dict[UUID, UUID]
) -> tuple[dict[UUID, PersonFacts], dict[UUID, int]]:
    """Facts about the people with these roots; `roots` learns all their members.

    Versions are read before the facts they vouch for: a change in between is then noticed when the locks are held.
    A change before them is noticed here, because the members no longer are where `roots` says. Raises `Outdated`.
    """
    claimed = {profile: root for profile, root in roots.items() if root in wanted}
    versions: dict[UUID, int] = dict(connection.execute(_VERSIONS, (list(wanted),), binary=True).fetchall())
    member_rows = connection.execute(_MEMBERS, (list(wanted),), binary=True).fetchall()
    members: dict[UUID, set[UUID]] = {root: set() for root in wanted}
    home = dict(member_rows)
    for member, root in member_rows:
        members[root].add(member)
        roots[member] = root
    if any(home.get(profile) != root for profile, root in claimed.items()):
        raise Outdated
    everyone = list(home)
    identifiers: dict[UUID, list[Known]] = {root: [] for root in wanted}
    for profile, kind, value, seen in connection.execute(_IDENTIFIERS, (everyone,), binary=True):
        identifiers[home[profile]].append(Known(kind, value, seen))
    standing: dict[UUID, set[UUID]] = {root: set() for root in wanted}
    apart: dict[UUID, set[frozenset[UUID]]] = {root: set() for root in wanted}
    for merge, kept, kept_link, absorbed_link, undone in connection.execute(
        _MERGES, {"members": everyone}, binary=True
    ):
        for link in (kept_link, absorbed_link):
            if undone and link in home:
                apart[home[link]].add(frozenset((kept_link, absorbed_link)))
        if not undone and kept in home:
            standing[home[kept]].add(merge)
    people = {
        root: PersonFacts(
            frozenset(members[root]), tuple(identifiers[root]), len(standing[root]), frozenset(apart[root])
        )
        for root in wanted
    }
    return people, versions


def write_plan(connection: Connection, plan: Directory) -> None:
    """Write what the plan changes. Raises `Outdated` (write nothing then: roll back) where a rival was faster."""
    claim_identifiers(connection, plan)
    _add_profiles(connection, plan)
    change_judged(connection, plan)
    _write_merges(connection, plan)
    _write_refusals(connection, plan)


def claim_identifiers(connection: Connection, plan: Directory) -> None:
    """Give the identifiers the plan gives. Raises `Outdated` where a rival gave one to somebody else."""
    rows = [tuple(new) for new in plan.new_identifiers.values()]
    nobody = UUID(int=0)
    rows += [(*address, plan.owner_of(address), first_seen, nobody) for address, first_seen in plan.earlier.items()]
    if not rows:
        return
    rows.sort(key=lambda row: (row[0], row[2], row[1]))
    workspaces, kinds, values, profiles, seen, events = (list(column) for column in zip(*rows, strict=True))
    answered = connection.execute(
        _CLAIM_IDENTIFIERS,
        (whole(workspaces), texts(kinds), texts(values), uuids(profiles), moments(seen), uuids(events)),
        binary=True,
    )
    for workspace, kind, value, profile in answered:
        if profile != plan.owner_of((workspace, kind, value)):
            raise Outdated


def change_judged(connection: Connection, plan: Directory) -> None:
    """Re-root who moved and mark who changed, in id order, each only at the version that the plan was made from."""
    make_changes(connection, changes_of(plan))


def changes_of(plan: Directory) -> list[dict[str, Any]]:
    """What `make_changes` makes of those who moved or changed, without the database."""
    touched = plan.judged | plan.moved
    if not touched:
        return []
    born = {new.profile_id for new in plan.new_profiles}
    return [
        {"id": profile, "root": plan.root_of(profile), "version": plan.versions.get(profile)}
        for profile in sorted(touched)
        if profile not in born or plan.root_of(profile) != profile
    ]


def make_changes(connection: Connection, changes: Sequence[dict[str, Any]]) -> None:
    """Raises `Outdated` where somebody is no longer at the version that the plan was made from."""
    if changes and _change(connection, changes) != len(changes):
        raise Outdated


def _change(connection: Connection, changes: Sequence[dict[str, Any]]) -> int:
    """One statement per profile, so that they are locked in this order; returns how many were as expected."""
    with connection.cursor() as cursor:
        cursor.executemany(_CHANGE, changes)
        return cursor.rowcount


def lock_profiles(connection: Connection, profiles: Iterable[UUID]) -> None:
    """Lock these profiles, in id order, until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.executemany(_LOCK, [(profile,) for profile in sorted(profiles)])


def keep_profiles(connection: Connection, profiles: Iterable[UUID]) -> set[UUID]:
    """Which of these there are; none of them is erased before the transaction ends. Waits for who is being erased."""
    rows = connection.execute(
        "SELECT id FROM identity_profile WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE", (list(profiles),)
    )
    return {row[0] for row in rows}


def reroot(connection: Connection, roots: dict[UUID, UUID]) -> None:
    """Point these profiles at their roots and mark them changed. The caller holds them locked."""
    _change(connection, [{"id": profile, "root": roots[profile], "version": None} for profile in sorted(roots)])


def _add_profiles(connection: Connection, plan: Directory) -> None:
    if not plan.new_profiles:
        return
    ids, workspaces, created = zip(*plan.new_profiles, strict=True)
    hashes = [xxh64_digest(str(profile).encode()) for profile in ids]
    connection.execute(
        _ADD_PROFILES, (list(ids), list(workspaces), hashes, [to_datetime(moment) for moment in created])
    )


def _write_merges(connection: Connection, plan: Directory) -> None:
    for merge in plan.merges:
        add_merge(connection, merge)


def add_merge(connection: Connection, merge: PlannedMerge) -> None:
    """Remember a merge. Its place in the order of merges is that of this call; the caller holds both people."""
    evidence = _encode_json(merge.evidence).decode()
    connection.execute(
        _ADD_MERGE,
        (
            merge.kept, merge.merge_id, merge.workspace_id, merge.absorbed, merge.kept_link, merge.absorbed_link,
            merge.reason, evidence, to_datetime(merge.at),
        ),
    )  # fmt: skip


def _write_refusals(connection: Connection, plan: Directory) -> None:
    for refusal in _counted(plan.refusals):
        connection.execute(_ADD_REFUSAL, refusal)


def _counted(refusals: Sequence[Any]) -> list[tuple[Any, ...]]:
    """One row per distinct refusal of the batch, sorted, so that rivals lock them in one order."""
    rows: dict[tuple[UUID, str, str, str], list[Any]] = {}
    for profile, rule, (kind, value), workspace, other, moment, evidence in refusals:
        key = (profile, rule, kind, value)
        if key in rows:
            row = rows[key]
            row[2] += 1
            row[3], row[4] = min(row[3], moment), max(row[4], moment)
        else:
            rows[key] = [workspace, other, 1, moment, moment, _encode_json(evidence).decode()]
    return [
        (*key, workspace, other, times, to_datetime(first), to_datetime(last), evidence)
        for key, (workspace, other, times, first, last, evidence) in sorted(rows.items())
    ]
