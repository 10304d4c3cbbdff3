"""How often a key may ask."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from tessera.access.requests import count_request
from tessera.foundation.database import connect
from tessera.foundation.settings import settings

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def at_noon(monkeypatch):
    """The door's clock stands still, so that no test runs into the next minute."""
    from tessera.api import door

    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return NOON + timedelta(seconds=15)

    monkeypatch.setattr(door, "datetime", Clock)


@pytest.fixture
def three_a_minute(monkeypatch, database):
    monkeypatch.setenv("TESSERA_API_RATE", "3")
    settings.cache_clear()


def test_beyond_the_limit_a_key_has_to_wait(at_noon, three_a_minute, api, key):
    answers = [
        api.get("stats"),
        api.get("profiles/nobody"),
        api.get("nowhere/else"),
        api.get("stats"),
        api.get("stats"),
    ]
    spent = [one for one in answers if one.has_header("RateLimit-Limit")]

    assert [one["RateLimit-Limit"] for one in spent] == ["3"] * len(spent)
    assert [one["RateLimit-Remaining"] for one in spent] == ["2", "1", "0", "0"]
    assert {one["RateLimit-Reset"] for one in spent} == {"45"}
    assert [one.status_code for one in answers] == [200, 404, 404, 200, 429]
    assert answers[-1].data["code"] == "rate_limited"
    assert answers[-1]["Retry-After"] == "45"
    assert key(name="other").get("stats").status_code == 200


def test_the_count_starts_anew_every_minute(live):
    made = [count_request(live, 1, now=NOON + timedelta(seconds=second)) for second in (0, 59, 60)]
    assert [(one.made, one.resets_in) for one in made] == [(1, 60), (2, 1), (1, 60)]


def test_requests_at_once_are_all_counted(live):
    def count(_):
        with connect(autocommit=True) as connection:
            return count_request(connection, 1, now=NOON).made

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(count, range(16))) == list(range(1, 17))
