"""A small world to take out: two people, their history, and a stranger's workspace beside it."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from factories.people import ingest, message


@pytest.fixture
def live(database: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection that commits as it goes."""
    from tessera.foundation.database import connect
    from tessera.foundation.pool import close_pools

    with connect(autocommit=True) as opened:
        yield opened
    close_pools()


@pytest.fixture
def world(live: psycopg.Connection[Any], workspace_id: int) -> None:
    """Ana, who bought twice and has attributes of every type; Ben, of whom little is known."""
    from tessera.events import catalogue

    traits = {
        "email": "Ana@Example.com",
        "firstName": "Ana",
        "phone": "+34600111222",
        "birthday": "1990-05-17",
        "plan": "pro",
        "points": 12.5,
        "visits": 3,
        "vip": True,
        "since": "2020-01-02T03:04:05Z",
        "tags": ["a", "b"],
        "shoe": {"size": 38},
        "note": '=HYPERLINK("http://evil.example")',
    }
    ingest(
        live,
        workspace_id,
        [
            message("identify", userId="u-1", traits=traits, timestamp="2026-10-01T10:00:00Z"),
            message(
                userId="u-1",
                event="Order Completed",
                properties={"revenue": 29.9, "currency": "EUR"},
                timestamp="2026-10-02T10:00:00Z",
            ),
            message(
                userId="u-1",
                event="Order Completed",
                properties={"revenue": 30.1, "currency": "EUR"},
                timestamp="2026-10-03T10:00:00Z",
            ),
        ],
    )
    traits = {"email": "ben@example.com", "points": -4}
    ingest(
        live, workspace_id, [message("identify", anonymousId="a-2", traits=traits, timestamp="2026-11-01T10:00:00Z")]
    )
    catalogue.add_up(live)


@pytest.fixture
def stranger_workspace(live: object) -> int:
    from tessera.workspaces import actions

    return actions.create_workspace(slug="other", name="Other").id


@pytest.fixture
def written(live: object, workspace_id: int) -> Callable[..., bytes]:
    """`written(what="people", format="csv")` is the file, as the command line writes it."""
    import io

    from tessera.exports import produce
    from tessera.exports.wanted import read_wanted

    def write(*, workspace: int = workspace_id, **asked: Any) -> bytes:
        sink = io.BytesIO()
        with produce.picture() as reading:
            now = produce.moment_of(reading)
            produce.write_all(reading, workspace, read_wanted(asked), sink, now=now, progress=lambda *_: None)
        return sink.getvalue()

    return write
