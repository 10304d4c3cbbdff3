"""Taking back what events said of who is who, when the events themselves are taken back (an import that is undone).

The caller holds every lane, so that nobody reads or writes any of this meanwhile.
"""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from tessera.foundation.arrays import moments, texts, uuids, whole
from tessera.foundation.clock import Micros
from tessera.identity import queries, store
from tessera.identity.directory import Address
from tessera.identity.rules import Link, roots_after

Connection = psycopg.Connection[Any]


class Held(NamedTuple):
    """An identifier with the event it was first seen in."""

    profile_id: UUID
    kind: str
    value: str
    first_seen: Micros
    event_id: UUID


def held_by(connection: Connection, profiles: Collection[UUID]) -> list[Held]:
    """The identifiers of these profiles."""
    rows = connection.execute(
        "SELECT profile_id, kind, value, (extract(epoch FROM first_seen) * 1000000)::bigint, event_id"
        " FROM identity_identifier WHERE profile_id = ANY(%b::uuid[])",
        (uuids(profiles),),
    )
    return [Held(*row) for row in rows]


def take_identifiers(connection: Connection, addresses: Sequence[Address]) -> int:
    """Remove identifiers that nothing speaks for any more; returns how many."""
    if not addresses:
        return 0
    workspaces, kinds, values = zip(*addresses, strict=True)
    return connection.execute(
        "DELETE FROM identity_identifier i USING unnest(%b::int[], %b::text[], %b::text[]) AS gone (w, kind, value)"
        " WHERE i.workspace_id = gone.w AND i.value = gone.value AND i.kind = gone.kind",
        (whole(workspaces), texts(kinds), texts(values)),
    ).rowcount


def redate_identifiers(connection: Connection, rows: Sequence[tuple[Address, Micros, UUID]]) -> None:
    """Identifiers that other events speak for, too, are as old as the oldest of those."""
    if not rows:
        return
    workspaces, kinds, values = zip(*(address for address, _, _ in rows), strict=True)
    connection.execute(
        "UPDATE identity_identifier i SET first_seen = new.seen, event_id = new.event"
        "  FROM unnest(%b::int[], %b::text[], %b::text[], %b::timestamptz[], %b::uuid[]) AS new (w, kind, value, seen,"
        "       event) WHERE i.workspace_id = new.w AND i.value = new.value AND i.kind = new.kind",
        (
            whole(workspaces), texts(kinds), texts(values), moments(seen for _, seen, _ in rows),
            uuids(event for _, _, event in rows),
        ),
    )  # fmt: skip


def take_merges(connection: Connection, profiles: Sequence[UUID], events: Collection[UUID]) -> int:
    """Undo the merges among these people that rest on one of these events, and forget what rules refused because of
    them. The people are what the merges that remain make of them. Returns how many merges."""
    named = [str(event) for event in events]
    connection.execute(
        "DELETE FROM identity_refusal WHERE profile_id = ANY(%s) AND evidence ->> 'event_id' = ANY(%s)",
        (list(profiles), named),
    )
    gone = connection.execute(
        "DELETE FROM identity_merge WHERE (kept_id = ANY(%(ids)s) OR absorbed_id = ANY(%(ids)s))"
        " AND evidence ->> 'event_id' = ANY(%(events)s) RETURNING kept_link, absorbed_link",
        {"ids": list(profiles), "events": named},
    ).fetchall()
    if gone:
        _reroot(connection, {profile for pair in gone for profile in pair})
    return len(gone)


def _reroot(connection: Connection, touched: Collection[UUID]) -> None:
    roots = set(queries.roots_of(connection, list(touched)).values())
    members = [member.profile_id for member in queries.members_of(connection, list(roots))]
    links = [
        Link(merge.kept_link, merge.absorbed_link)
        for merge in queries.merges_of(connection, members)
        if merge.undone_at is None and merge.kept_link in members and merge.absorbed_link in members
    ]
    store.reroot(connection, roots_after(members, links))


def take_profiles(connection: Connection, profiles: Collection[UUID]) -> int:
    """Remove profiles that nothing is left of; returns how many."""
    return connection.execute("DELETE FROM identity_profile WHERE id = ANY(%b::uuid[])", (uuids(profiles),)).rowcount
