"""What others may ask about who is who."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from factories.people import ingest, message
from tessera.identity.queries import count_people_since


def test_people_met_since_a_moment_are_counted_up_to_a_bound(live: psycopg.Connection[Any], workspace_id: int) -> None:
    start = datetime.now(UTC)
    ingest(live, workspace_id, [message(userId=f"user-{n}") for n in range(4)])
    ingest(live, workspace_id, [message("identify", userId="user-0", anonymousId="a"), message(anonymousId="a")])
    ingest(live, workspace_id + 1, [message(userId="stranger")])

    def counted(since: datetime, *, most: int = 100) -> int:
        return count_people_since(live, workspace_id, since, most=most)

    assert counted(start - timedelta(seconds=1)) == 4
    assert counted(start - timedelta(days=30), most=3) == 3
    assert counted(datetime.now(UTC) + timedelta(seconds=1)) == 0
