"""Making people the way they come about: messages through the inbox and the real pipeline."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from tessera.events import inbox
from tessera.events.messages import decode_message
from tessera.foundation.clock import Micros, now_micros
from tessera.intake.context import load_context
from tessera.intake.reactions import Reaction
from tessera.intake.worker import Worker
from tessera.profiles.state import State, encode_state, merge_states
from tessera.profiles.store import read_states

Connection = psycopg.Connection[Any]
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
_numbers = count()


def message(kind: str = "track", **fields: Any) -> dict[str, Any]:
    """A message of the tracking API with an id of its own: `message(userId="ana", event="Signed Up")`."""
    basis: dict[str, Any] = {"type": kind, "messageId": f"m-{next(_numbers)}"}
    if kind == "track":
        basis["event"] = "Product Viewed"
    return basis | fields


def put_in_inbox(
    connection: Connection,
    workspace_id: int,
    messages: Iterable[dict[str, Any]],
    *,
    source_id: int = 1,
    received_at: Micros | None = None,
    envelope: bytes = b"",
) -> None:
    """What collect does: encode, copy, commit."""
    rows = []
    for fields in messages:
        body = msgspec.json.encode(fields)
        said = decode_message(body)
        key = inbox.message_key(source_id, said.message_id or "")
        rows.append(
            inbox.copy_row(
                lane=inbox.lane_of_message(said),
                workspace_id=workspace_id,
                source_id=source_id,
                received_at=received_at or now_micros(),
                key=key,
                envelope=envelope,
                body=body,
            )
        )
    with connection.cursor() as cursor, cursor.copy(inbox.COPY_INBOX) as copy:
        copy.write(inbox.COPY_HEADER + b"".join(rows) + inbox.COPY_TRAILER)


def drain(connection: Connection, reactions: Sequence[Reaction] | None = None) -> None:
    """What a worker does, until nothing waits. The connection must autocommit."""
    worker = Worker(connection, load_context(connection, reactions))
    while worker.drain_some().taken:
        pass


def ingest(
    connection: Connection,
    workspace_id: int,
    messages: Iterable[dict[str, Any]],
    *,
    source_id: int = 1,
    received_at: Micros | None = None,
) -> None:
    """Messages in, people out."""
    put_in_inbox(connection, workspace_id, messages, source_id=source_id, received_at=received_at)
    drain(connection)


def owner(connection: Connection, kind: str, value: str) -> UUID | None:
    """The profile an identifier was first seen on."""
    row = connection.execute(
        "SELECT profile_id FROM identity_identifier WHERE kind = %s AND value = %s", (kind, value)
    ).fetchone()
    return row[0] if row else None


def root(connection: Connection, kind: str, value: str) -> UUID | None:
    """The person an identifier leads to."""
    row = connection.execute(
        "SELECT p.root_id FROM identity_identifier i JOIN identity_profile p ON p.id = i.profile_id"
        " WHERE i.kind = %s AND i.value = %s",
        (kind, value),
    ).fetchone()
    return row[0] if row else None


def people(connection: Connection) -> dict[frozenset[tuple[str, str]], bytes]:
    """Every person as (identifiers → canonical state): what must not depend on order, repetition or batches."""
    members: dict[UUID, list[UUID]] = {}
    for profile, of in connection.execute("SELECT id, root_id FROM identity_profile"):
        members.setdefault(of, []).append(profile)
    held: dict[UUID, set[tuple[str, str]]] = {}
    for profile, kind, value in connection.execute("SELECT profile_id, kind, value FROM identity_identifier"):
        held.setdefault(profile, set()).add((kind, value))
    states = read_states(connection, [profile for profiles in members.values() for profile in profiles])
    return {
        frozenset(pair for profile in profiles for pair in held.get(profile, ())): encode_state(
            merge_states(states.get(profile, State()) for profile in profiles)
        )
        for profiles in members.values()
    }
