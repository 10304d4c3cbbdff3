"""The audit itself: it is content with what intake makes, and sees each kind of damage."""

from collections.abc import Iterator
from typing import Any

import msgspec
import psycopg
import pytest

from tessera.events import inbox
from tessera.events.messages import decode_message
from tessera.foundation.clock import now_micros
from tessera.intake import chores
from tessera.intake.context import load_context
from tessera.intake.worker import Worker

from .audit import faults

MESSAGES = [
    {"type": "page", "anonymousId": "a1", "messageId": "1"},
    {"type": "track", "event": "Order Completed", "userId": "u1", "messageId": "2", "properties": {"revenue": 9.5}},
    {"type": "identify", "anonymousId": "a1", "userId": "u1", "messageId": "3", "traits": {"email": "ana@example.com"}},
    {"type": "track", "event": "Order Completed", "userId": "u2", "messageId": "4", "properties": {"revenue": 1}},
]
ACKNOWLEDGED = ["1", "2", "3", "4"]


@pytest.fixture
def taken_in(database: str, workspace_id: int) -> Iterator[psycopg.Connection[Any]]:
    """A database in which intake has acted on `MESSAGES`."""
    with psycopg.connect(database, autocommit=True, options="-c timezone=UTC") as connection:
        rows = [_row(message, workspace_id) for message in MESSAGES]
        with connection.cursor() as cursor, cursor.copy(inbox.COPY_INBOX) as copy:
            copy.write(b"".join((inbox.COPY_HEADER, *rows, inbox.COPY_TRAILER)))
        worker = Worker(connection, load_context(connection))
        while worker.drain_some().taken:
            pass
        chores.add_up_tallies(connection)
        yield connection


def _row(message: dict[str, Any], workspace_id: int) -> bytes:
    body = msgspec.json.encode(message)
    return inbox.copy_row(
        lane=inbox.lane_of_message(decode_message(body)),
        workspace_id=workspace_id,
        source_id=1,
        received_at=now_micros(),
        key=inbox.message_key(1, message["messageId"]),
        envelope=b"",
        body=body,
    )


def test_what_intake_makes_is_in_order(taken_in: psycopg.Connection[Any]) -> None:
    assert faults(taken_in, ACKNOWLEDGED) == []


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("DELETE FROM events_history WHERE body->>'messageId' = '2'", "1 acknowledged messages are lost"),
        (
            "INSERT INTO events_history SELECT lane, position + 1000, recorded_at, event_id, workspace_id, source_id,"
            " profile_id, kind, name, occurred_at, received_at, envelope, body FROM events_history"
            " WHERE body->>'messageId' = '2'",
            "1 events are in history more than once",
        ),
        ("UPDATE events_lane SET position = position + 1 WHERE lane = 0", "lane 0 says"),
        (
            "UPDATE profiles_state SET state = replace(state::text, '9500000', '9500001')::json",
            "1 of 3 states are not the fold",
        ),
        (
            "DELETE FROM profiles_state WHERE state::text LIKE '%9500000%'",
            "1 profiles have a state but no events, or events but no state",
        ),
        ("UPDATE events_catalogue SET volume = volume + 1 WHERE name = 'Order Completed'", "the catalogue counts"),
        (
            "UPDATE identity_profile SET root_id = (SELECT absorbed_id FROM identity_merge)"
            " WHERE id = root_id AND id <> (SELECT kept_id FROM identity_merge)",
            "profiles whose root is not a root",
        ),
        (
            "UPDATE identity_identifier SET profile_id = (SELECT kept_id FROM identity_merge) WHERE value = 'u2'",
            "1 people with two user ids",
        ),
        ("DELETE FROM identity_merge", "1 merges without their record in history, or records without a merge"),
        (
            "INSERT INTO events_tally (lane, tally) VALUES (0, '{}')",
            "1 rows are left in events_tally",
        ),
    ],
)
def test_damage_is_seen(taken_in: psycopg.Connection[Any], damage: str, said: str) -> None:
    taken_in.execute(damage)  # type: ignore[call-overload]

    assert any(said in fault for fault in faults(taken_in, ACKNOWLEDGED))


def test_a_message_that_nobody_sent_is_seen(taken_in: psycopg.Connection[Any]) -> None:
    assert faults(taken_in, ACKNOWLEDGED[:-1]) == ["1 events are in history that nobody sent"]
