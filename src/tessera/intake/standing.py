"""What staff and programs say about a person, as events of the house: the status, the test mark, the picture."""

from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from tessera.events.vocabulary import AVATAR_CHANGED, STATUS_CHANGED, TEST_SUBSCRIBER_CHANGED
from tessera.intake.actions import record_fact
from tessera.profiles.avatars import drop_avatars, put_avatar
from tessera.profiles.facts import status_body
from tessera.profiles.pictures import read_picture

Connection = psycopg.Connection[Any]


def change_status(
    connection: Connection,
    *,
    workspace_id: int,
    profile_id: UUID,
    status: str,
    reason: str,
    actor: str,
    now: datetime,
) -> None:
    """Set the global status of a person, with the reason. Raises `InvalidStatus`, `NoSuchProfile`."""
    body = status_body(status, reason)
    record_fact(
        connection,
        workspace_id=workspace_id,
        profile_id=profile_id,
        name=STATUS_CHANGED,
        body=body,
        actor=actor,
        now=now,
    )


def mark_test_subscriber(
    connection: Connection, *, workspace_id: int, profile_id: UUID, on: bool, actor: str, now: datetime
) -> None:
    """Say whether a person is one of ours who tries things out. Raises `NoSuchProfile`."""
    record_fact(
        connection,
        workspace_id=workspace_id,
        profile_id=profile_id,
        name=TEST_SUBSCRIBER_CHANGED,
        body={"test_subscriber": on},
        actor=actor,
        now=now,
    )


def change_avatar(
    connection: Connection, *, workspace_id: int, profile_id: UUID, raw: bytes, actor: str, now: datetime
) -> str:
    """Give a person the picture in these bytes and return its digest. Raises `InvalidPicture`, `NoSuchProfile`."""
    picture = read_picture(raw)
    with connection.transaction():
        record_fact(
            connection,
            workspace_id=workspace_id,
            profile_id=profile_id,
            name=AVATAR_CHANGED,
            body={"digest": picture.digest},
            actor=actor,
            now=now,
        )
        put_avatar(connection, workspace_id, profile_id, picture, now=now)
    return picture.digest


def remove_avatar(connection: Connection, *, workspace_id: int, profile_id: UUID, actor: str, now: datetime) -> None:
    """Take a person's picture away and delete it. Raises `NoSuchProfile`."""
    with connection.transaction():
        record_fact(
            connection,
            workspace_id=workspace_id,
            profile_id=profile_id,
            name=AVATAR_CHANGED,
            body={"digest": None},
            actor=actor,
            now=now,
        )
        drop_avatars(connection, [profile_id])
