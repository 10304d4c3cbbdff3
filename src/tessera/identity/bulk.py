"""Writing a large plan: packed while the database is busy with the one before, copied in when its turn comes."""

from collections.abc import Collection
from operator import itemgetter
from struct import Struct as Packer
from typing import Any, Final, NamedTuple
from uuid import UUID

import psycopg
from xxhash import xxh64_digest

from tessera.events.inbox import COPY_HEADER, COPY_TRAILER
from tessera.foundation.arrays import postgres_micros, uuids
from tessera.foundation.errors import Outdated
from tessera.foundation.ids import in_order
from tessera.identity import store
from tessera.identity.directory import Directory

Connection = psycopg.Connection[Any]

_COPY_PROFILES: Final = "COPY identity_profile (id, workspace_id, root_id, xxh, created_at) FROM STDIN (FORMAT BINARY)"
_COPY_IDENTIFIERS: Final = (
    "COPY identity_identifier (workspace_id, kind, value, profile_id, first_seen, event_id) FROM STDIN (FORMAT BINARY)"
)
_HOLD: Final = "SELECT 1 FROM identity_profile WHERE id = ANY(%b) ORDER BY id FOR KEY SHARE"
_WORKSPACE_OF: Final = itemgetter(0)
_VALUE_AND_KIND_OF: Final = itemgetter(2, 1)
"""Of a `NewIdentifier`."""
_PROFILE = Packer(">hi16siii16si8siq")
_WORKSPACE = Packer(">hiii")
_LENGTH = Packer(">i")
_REST = Packer(">i16siqi16s")


class PackedPlan(NamedTuple):
    """`plan` is there only where its identifiers are claimed one by one: what is packed could go to another process."""

    plan: Directory | None
    profiles: bytes
    identifiers: bytes
    changes: list[dict[str, Any]]


def pack(plan: Directory) -> PackedPlan:
    """Everything about a plan that can be done without the database."""
    if plan.merges or plan.refusals:
        raise AssertionError("a bulk plan joins nobody")
    profiles = []
    for profile_id, workspace, created in plan.new_profiles:
        raw, xxh = profile_id.bytes, xxh64_digest(str(profile_id).encode())
        profiles.append(_PROFILE.pack(5, 16, raw, 4, workspace, 16, raw, 8, xxh, 8, postgres_micros(created)))
    claimed = plan if plan.earlier else None
    identifiers = [] if claimed else _identifiers(plan)
    return PackedPlan(claimed, _copied(profiles), _copied(identifiers), store.changes_of(plan))


def _identifiers(plan: Directory) -> list[bytes]:
    """In the order in which everybody locks them: workspace, value, kind. (Two sorts are faster than one by three.)"""
    rows: list[bytes] = []
    heads: dict[tuple[int, str], bytes] = {}
    rests: dict[int, bytes] = {}
    found = sorted(plan.new_identifiers.values(), key=_VALUE_AND_KIND_OF)
    found.sort(key=_WORKSPACE_OF)
    for workspace, kind, value, profile_id, seen, event_id in found:
        head = heads.get((workspace, kind))
        if head is None:
            text = kind.encode()
            head = heads[workspace, kind] = _WORKSPACE.pack(6, 4, workspace, len(text)) + text
        rest = rests.get(event_id.int)  # an event gives to one profile, at one time
        if rest is None:
            rest = _REST.pack(16, profile_id.bytes, 8, postgres_micros(seen), 16, event_id.bytes)
            rests[event_id.int] = rest
        text = value.encode()
        rows += (head, _LENGTH.pack(len(text)), text, rest)
    return rows


def _copied(rows: list[bytes]) -> bytes:
    return b"".join((COPY_HEADER, *rows, COPY_TRAILER)) if rows else b""


def write(connection: Connection, packed: PackedPlan) -> None:
    """Write what the plan changes. Raises `Outdated` (roll back then) where a rival was faster."""
    try:
        if packed.plan is not None:
            store.claim_identifiers(connection, packed.plan)
        elif packed.identifiers:
            _copy(connection, _COPY_IDENTIFIERS, packed.identifiers)
    except psycopg.errors.UniqueViolation as error:
        raise Outdated from error
    if packed.profiles:
        _copy(connection, _COPY_PROFILES, packed.profiles)
    store.make_changes(connection, packed.changes)


def hold(connection: Connection, profiles: Collection[UUID]) -> None:
    """Keep these profiles from being removed until the transaction ends. Raises `Outdated` where one is gone."""
    if profiles and connection.execute(_HOLD, (uuids(in_order(profiles)),)).rowcount != len(profiles):
        raise Outdated


def _copy(connection: Connection, statement: str, data: bytes) -> None:
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(data)
