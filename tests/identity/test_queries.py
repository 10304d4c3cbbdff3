"""What others may ask about who is who."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg

from factories.people import ingest, message
from tessera.identity.queries import count_new_people


def test_people_met_since_a_moment_are_counted_up_to_a_bound(live: psycopg.Connection[Any], workspace_id: int) -> None:
    start = datetime.now(UTC)
    ingest(live, workspace_id, [message(userId=f"user-{n}") for n in range(4)])
    ingest(live, workspace_id, [message("identify", userId="user-0", anonymousId="a"), message(anonymousId="a")])
    ingest(live, workspace_id + 1, [message(userId="stranger")])

    def counted(since: datetime, *, most: int = 100) -> int:
        return sum(count_new_people(live, workspace_id, since, most=most).days.values())

    assert counted(start - timedelta(seconds=1)) == 4
    assert counted(start - timedelta(days=30), most=3) == 3
    assert counted(datetime.now(UTC) + timedelta(seconds=1)) == 0


def test_new_people_are_counted_by_the_days_of_the_readers_zone(
    live: psycopg.Connection[Any], workspace_id: int
) -> None:
    ingest(live, workspace_id, [message(userId=f"user-{n}") for n in range(4)])
    live.execute("UPDATE identity_profile SET created_at = date_trunc('day', now(), 'UTC') - interval '4 hours'")
    live.execute(
        "UPDATE identity_profile SET created_at = now() - interval '90 days'"
        " WHERE id = (SELECT max(id::text)::uuid FROM identity_profile)"
    )
    now = datetime.now(UTC)

    def days(zone: str, most: int = 100) -> dict[date, int]:
        return count_new_people(live, workspace_id, now - timedelta(days=9), most=most, zone=zone).days

    assert days("UTC") == {now.date() - timedelta(days=1): 3}
    assert days("Asia/Bangkok") == {now.date(): 3}
    assert days("UTC", most=2) == {now.date() - timedelta(days=1): 1}


def test_days_are_whole_from_the_moment_of_the_last_who_was_read(
    live: psycopg.Connection[Any], workspace_id: int
) -> None:
    ingest(live, workspace_id, [message(userId=f"user-{n}") for n in range(4)])
    since = datetime.now(UTC) - timedelta(days=1)

    assert count_new_people(live, workspace_id, since, most=5).whole_since is None
    found = count_new_people(live, workspace_id, since, most=3).whole_since
    assert found is not None
    assert since < found <= datetime.now(UTC)
