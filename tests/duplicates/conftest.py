"""People with known truth: who is whom is what the generator knows and the search does not."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest

from factories.people import ingest, message, root
from tessera.foundation.database import connect

Live = psycopg.Connection[Any]


@pytest.fixture
def live(database: str) -> Iterator[Live]:
    with connect(autocommit=True) as opened:
        yield opened


@pytest.fixture
def ana_twice(live: Live, workspace_id: int) -> tuple[UUID, UUID]:
    """Ana of the shop, and Ana at the till with a slip in her name: (older, newer)."""
    return make_twice(live, workspace_id)


def make_twice(live: Live, workspace_id: int, name: str = "García", number: int = 1) -> tuple[UUID, UUID]:
    shared = {"firstName": "Ana", "birthday": f"1980-02-{number:02d}", "home_city": "Madrid", "country": "ES"}
    said = [
        message(
            "identify",
            userId=f"ana{number}",
            traits={**shared, "lastName": name, "email": f"ana{name}{number}@example.com".lower()},
        ),
        message(
            "identify",
            anonymousId=f"till-{number}",
            traits={**shared, "lastName": name + "a", "email": f"anna{name}{number}@example.org".lower()},
        ),
    ]
    ingest(live, workspace_id, said)
    one, other = root(live, "user_id", f"ana{number}"), root(live, "anonymous_id", f"till-{number}")
    assert one is not None
    assert other is not None
    left, right = sorted((one, other))
    return left, right


@pytest.fixture
def look(live: Live, workspace_id: int) -> Callable[..., Any]:
    """Search now, in this process."""
    from datetime import UTC, datetime

    from tessera.duplicates import actions

    def find(**how: Any) -> Any:
        run = actions.ask_for_run(
            live, workspace_id=workspace_id, actor="a test", now=datetime.now(UTC), deferred=False
        )
        return actions.carry_out_run(live, workspace_id=workspace_id, run_id=run.run_id, **how)

    return find
