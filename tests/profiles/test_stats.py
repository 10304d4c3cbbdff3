"""How many people there are: exact while that is cheap, kept for a while where it is not."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from factories.people import ingest, message
from tessera.foundation.database import connect
from tessera.profiles import stats as profile_stats

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def live(database: str) -> Iterator[psycopg.Connection[Any]]:
    with connect(autocommit=True) as opened:
        yield opened


@pytest.mark.parametrize(
    ("most_exact", "after", "people"),
    [
        (2, timedelta(0), 3),  # two are counted anew each time
        (1, timedelta(seconds=59), 2),  # two are more than one: kept for a minute
        (1, timedelta(minutes=1), 3),
    ],
)
def test_a_count_is_kept_only_where_counting_takes_long(
    live: psycopg.Connection[Any],
    workspace_id: int,
    monkeypatch: pytest.MonkeyPatch,
    most_exact: int,
    after: timedelta,
    people: int,
) -> None:
    monkeypatch.setattr(profile_stats, "EXACT_UP_TO", most_exact)
    ingest(live, workspace_id, [message(userId="ana"), message(userId="bob")])
    first = profile_stats.stats(live, workspace_id, now=NOON)
    ingest(live, workspace_id, [message(userId="eve")])

    later = profile_stats.stats(live, workspace_id, now=NOON + after)

    assert (first.people, first.counted_at) == (2, NOON)
    assert later.people == people
    assert later.counted_at == (NOON if people == 2 else NOON + after)
    assert profile_stats.stats(live, workspace_id + 1, now=NOON).people == 0
