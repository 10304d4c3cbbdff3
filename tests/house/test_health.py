"""What the console's process says of itself."""

import json
from collections.abc import Iterator

import psycopg
import pytest
from django.test import Client

from tessera.project import health


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setattr(health, "_migrated", False)
    return Client(headers={"host": "any.example"})


@pytest.fixture
def database_away(database: str) -> Iterator[None]:
    """This test's database refuses everybody."""
    name = psycopg.conninfo.conninfo_to_dict(database)["dbname"]
    with psycopg.connect(psycopg.conninfo.make_conninfo(database, dbname="postgres"), autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        yield


def test_alive_asks_nobody(client: Client) -> None:
    """There is no database in this test at all."""
    assert client.get("/healthz").json() == {"status": "ok"}


def test_ready_with_a_migrated_database(client: Client, database: str) -> None:
    reply = client.get("/readyz")

    assert (reply.status_code, reply.json()) == (200, {"status": "ok"})
    assert "no-store" in reply["Cache-Control"]


def test_not_ready_before_the_migrations(client: Client, connection: psycopg.Connection) -> None:
    connection.execute("DELETE FROM django_migrations WHERE app = 'sessions'")
    connection.commit()

    reply = client.get("/readyz")

    assert (reply.status_code, reply["Content-Type"]) == (503, "application/problem+json")
    assert json.loads(reply.content) == {
        "type": "about:blank",
        "title": "Not ready",
        "status": 503,
        "code": "not_migrated",
        "detail": "1 migrations are to go; run tessera migrate",
    }


def test_not_ready_while_the_database_is_away(client: Client, database_away: None) -> None:
    reply = client.get("/readyz")

    document = json.loads(reply.content)
    assert (reply.status_code, document["code"]) == (503, "database_away")
    assert document["detail"] == "the database does not answer; the log says why"  # no host, no user, no file
    assert reply["Retry-After"] == "1"


def test_metrics_say_how_much_work_waits(client: Client, connection: psycopg.Connection) -> None:
    connection.execute("INSERT INTO events_cursor (follower, lane) VALUES ('warehouse', 3)")
    connection.execute("UPDATE events_lane SET position = 7 WHERE lane = 3")
    connection.commit()

    lines = client.get("/metrics").content.decode().splitlines()

    assert "tessera_database_up 1.0" in lines
    assert "tessera_inbox_waiting 0.0" in lines
    assert 'tessera_follower_lag{follower="warehouse"} 7.0' in lines
    assert any(line.startswith("process_resident_memory_bytes ") for line in lines)


def test_metrics_are_served_while_the_database_is_away(client: Client, database_away: None) -> None:
    lines = client.get("/metrics").content.decode().splitlines()

    assert "tessera_database_up 0.0" in lines
    assert not any(line.startswith("tessera_inbox_waiting") for line in lines)
