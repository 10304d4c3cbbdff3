"""Asking for a file, seeing how far it is, taking it away."""

import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.test import Client

from factories.people import ingest, message


@pytest.fixture
def people(live: psycopg.Connection[Any], workspace_id: int) -> None:
    from tessera.events import catalogue

    said = [
        message("identify", userId=f"u-{n}", traits={"email": f"u{n}@example.com", "plan": "pro"}) for n in range(3)
    ]
    ingest(live, workspace_id, said)
    catalogue.add_up(live)


def made(live: psycopg.Connection[Any]) -> list[tuple[str, str, dict[str, Any]]]:
    rows = live.execute("SELECT id::text, state, wanted FROM exports_export ORDER BY id")
    return [(row[0], row[1], row[2]) for row in rows]


def run_all(live: psycopg.Connection[Any]) -> None:
    from uuid import UUID

    from tessera.exports.actions import run_export

    for export_id, _state, _wanted in made(live):
        run_export(UUID(export_id))


def test_asked_for_shown_and_taken(live: psycopg.Connection[Any], desk: Callable[..., Client], people: None) -> None:
    client = desk()
    assert "Nothing was taken out yet" in client.get("/exports").text

    answer = client.post("/exports/new", {"what": "people", "format": "csv", "people": "u1@example.com\nuser_id:u-2\n"})

    assert answer.status_code == 302
    ((export_id, state, wanted),) = made(live)
    assert (state, wanted) == ("waiting", {"what": "people", "people": ["email:u1@example.com", "user_id:u-2"]})
    assert "every 2s" in client.get("/exports").text
    run_all(live)
    shown = client.get(f"/exports/{export_id}/row").text
    assert "every 2s" not in shown
    assert "Download" in shown
    file = client.get(f"/exports/{export_id}/file")
    body = b"".join(file.streaming_content).decode()
    assert (file["Content-Type"], int(file["Content-Length"])) == ("text/csv; charset=utf-8", len(body))
    assert file["Content-Disposition"].startswith('attachment; filename="people-')
    assert [line.count("u1@example.com") > 0 for line in body.splitlines()] == [False, True, False]
    taken = live.execute("SELECT actor FROM access_auditentry WHERE action = 'download_export'").fetchall()
    assert taken == [("owner1@example.com",)]


def test_only_what_applies_is_asked_for(
    live: psycopg.Connection[Any], desk: Callable[..., Client], people: None, source: Any
) -> None:
    fields = {
        "format": "parquet",
        "gzip": "on",
        "byte_order_mark": "on",
        "attributes": ["plan"],
        "sources": [str(source.id)],
        "seen_from": "2026-01-01",
        "occurred_from": "2026-01-01",
        "occurred_to": "2026-01-31",
    }
    client = desk()
    assert client.post("/exports/new", {"what": "people"} | fields).status_code == 302
    assert client.post("/exports/new", {"what": "history"} | fields).status_code == 302

    first, second = (wanted for _, _, wanted in made(live))
    assert first == {
        "what": "people",
        "format": "parquet",
        "attributes": ["plan"],
        "seen_from": "2026-01-01T00:00:00Z",
    }
    assert second == {
        "what": "history",
        "format": "parquet",
        "sources": [source.id],
        "occurred_from": "2026-01-01T00:00:00Z",
        "occurred_to": "2026-02-01T00:00:00Z",
    }


@pytest.mark.parametrize(
    "fields",
    [
        {"people": "nobody in particular"},
        {"seen_from": "2026-02-01", "seen_to": "2026-01-01"},
        {"seen_from": "yesterday"},
        {"format": "xlsx"},
        {"attributes": ["unheard_of"]},
        {"what": ""},
    ],
)
def test_what_makes_no_sense_is_said_and_kept(
    live: psycopg.Connection[Any], desk: Callable[..., Client], people: None, fields: dict[str, Any]
) -> None:
    client = desk()
    answer = client.post("/exports/new", {"what": "people", "format": "csv"} | fields)

    assert answer.status_code == 400
    assert made(live) == []
    assert client.post("/exports/preview", {"what": "people", "format": "csv"} | fields).status_code == 200


def test_the_preview_shows_columns_and_first_rows(desk: Callable[..., Client], people: None) -> None:
    client = desk()
    page = client.get("/exports/new").text
    assert "u2@example.com" in page
    shown = client.post("/exports/preview", {"what": "people", "format": "csv", "attributes": ["plan"]}).text
    assert "<code>plan</code>" in shown
    assert "<code>email</code>" not in shown
    history = client.post("/exports/preview", {"what": "history", "format": "csv"}).text
    assert "<code>occurred_at</code>" in history


def test_cancel_and_delete(live: psycopg.Connection[Any], desk: Callable[..., Client], people: None) -> None:
    client = desk()
    client.post("/exports/new", {"what": "history", "format": "ndjson"})
    ((export_id, _, _),) = made(live)

    assert client.post(f"/exports/{export_id}/cancel").status_code == 302
    assert [state for _, state, _ in made(live)] == ["cancelled"]
    assert client.get(f"/exports/{export_id}/file").status_code == 302
    assert client.post(f"/exports/{export_id}/delete").status_code == 302
    assert made(live) == []
    assert client.post(f"/exports/{export_id}/delete").status_code == 404


def test_a_stranger_sees_nothing(
    live: psycopg.Connection[Any], desk: Callable[..., Client], people: None, stranger_workspace: int
) -> None:
    desk().post("/exports/new", {"what": "people", "format": "csv"})
    run_all(live)
    ((export_id, _, _),) = made(live)
    stranger = desk(workspace=stranger_workspace)

    assert export_id not in stranger.get("/exports").text
    for path in ("row", "file"):
        assert stranger.get(f"/exports/{export_id}/{path}").status_code == 404
    for path in ("cancel", "delete"):
        assert stranger.post(f"/exports/{export_id}/{path}").status_code == 404
    assert "u1@example.com" not in stranger.get("/exports/new").text
    assert [state for _, state, _ in made(live)] == ["done"]


def test_the_list_asks_as_often_for_many_as_for_one(
    desk: Callable[..., Client], people: None, statements: Callable[..., int]
) -> None:
    client = desk()
    client.post("/exports/new", {"what": "people", "format": "csv"})
    one = statements(lambda: client.get("/exports"))
    for _ in range(2):
        client.post("/exports/new", {"what": "people", "format": "csv"})

    assert statements(lambda: client.get("/exports")) == one


def test_the_file_of_a_person_is_json(desk: Callable[..., Client], live: Any, people: None) -> None:
    from factories.people import root

    person = root(live, "user_id", "u-1")
    answer = desk().get(f"/people/{person}/export")
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    assert json.loads(body)["profile"]["email"] == "u1@example.com"
