"""Automatic exports at the screen: made, looked at, changed, told their secret once, ended."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.test import Client

from factories.people import ingest, message
from tessera.foundation.settings import settings

Live = psycopg.Connection[Any]
HOOK = {"name": "Hook", "to": "webhook", "url": "https://lake.example.com/in", "when": "change", "format": "csv"}


@pytest.fixture
def segment(live: Live, workspace_id: int) -> str:
    from tessera.audience.segments import actions
    from tessera.audience.segments.records import NewSegment
    from tessera.events import catalogue

    ingest(live, workspace_id, [message("identify", userId="ana", traits={"email": "ana@example.com", "plan": "pro"})])
    catalogue.add_up(live)
    said: dict[str, Any] = {"workspace_id": workspace_id, "actor": "ana", "now": datetime.now(UTC)}
    with live.transaction():
        made = actions.create(live, new=NewSegment(name="Friends"), **said)
    actions.add_people(live, segment_id=made.id, items=["user_id:ana"], **said)
    return str(made.id)


def exports(live: Live) -> list[tuple[Any, ...]]:
    columns = "id::text, name, destination, schedule, format, attributes, identifiers, state, everybody"
    return live.execute(f"SELECT {columns} FROM deliveries_export ORDER BY created_at").fetchall()  # noqa: S608


def deliver(export_id: str) -> None:
    from uuid import UUID

    from tessera.deliveries.run import run

    run(UUID(export_id))


def test_a_webhook_is_made_and_its_secret_told_once(live: Live, desk: Callable[..., Client], segment: str) -> None:
    client = desk()
    assert "Nothing is delivered automatically yet" in client.get("/segment-exports").text
    answer = client.post(
        "/segment-exports/new", HOOK | {"segment": segment, "identifiers": ["email"], "everybody": "on"}
    )
    (secret,) = re.findall(r"tws_[\w-]+", answer.text)
    ((export_id, name, destination, schedule, *rest),) = exports(live)
    assert (name, schedule, rest) == ("Hook", "change", ["csv", [], ["email"], "active", True])
    assert destination == {"to": "webhook", "url": "https://lake.example.com/in"}
    page = client.get(f"/segment-exports/{export_id}").text
    assert secret not in page
    assert "https://lake.example.com/in" in page
    assert "Friends" in client.get(f"/segment-exports?segment={segment}").text
    (another,) = re.findall(r"tws_[\w-]+", client.post(f"/segment-exports/{export_id}/secret").text)
    assert another != secret


def test_a_folder_is_delivered_to_and_its_file_taken(
    live: Live, desk: Callable[..., Client], segment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = desk()
    asked = HOOK | {"segment": segment, "to": "folder", "path": str(tmp_path / "lake"), "everybody": "on",
                    "when": "daily", "time": "02:30", "attributes": ["plan"]}  # fmt: skip
    refused = client.post("/segment-exports/new", asked)
    assert (refused.status_code, "Exports may not write there." in refused.text) == (400, True)
    monkeypatch.setenv("TESSERA_EXPORT_ROOTS", str(tmp_path))
    settings.cache_clear()
    assert client.post("/segment-exports/new", asked).status_code == 302
    ((export_id, *_, schedule, _format, _attributes, _identifiers, _state, _everybody),) = exports(live)
    assert schedule == "daily:2:30"
    deliver(export_id)
    page = client.get(f"/segment-exports/{export_id}").text
    assert "000001-everybody.csv" in page
    assert "every day at 02:30 (UTC)" in page
    file = client.get(f"/segment-exports/{export_id}/deliveries/1")
    (written,) = tmp_path.rglob("*.csv")
    assert file.content == written.read_bytes()
    assert b",pro" in file.content
    assert client.get(f"/segment-exports/{export_id}/deliveries/2").status_code == 404
    settings.cache_clear()


def test_it_is_changed_paused_resumed_and_deleted(live: Live, desk: Callable[..., Client], segment: str) -> None:
    client = desk()
    client.post("/segment-exports/new", HOOK | {"segment": segment})
    export_id = exports(live)[0][0]
    at = f"/segment-exports/{export_id}"
    bucket = {"name": "Lake", "to": "s3", "bucket": "lake", "key_id": "us", "within": "a/b", "when": "cron",
              "cron": "0 8 * * 1", "format": "parquet"}  # fmt: skip
    assert "This is needed." in client.post(f"{at}/edit", bucket).text
    assert client.post(f"{at}/edit", bucket | {"secret": "key"}).status_code == 302
    assert client.post(f"{at}/edit", bucket).status_code == 302, "the key stays"
    (_, name, destination, schedule, format, *_) = exports(live)[0]
    assert (name, schedule, format, destination["prefix"]) == ("Lake", "cron:0 8 * * 1", "parquet", "a/b")
    assert 'value="0 8 * * 1"' in client.get(f"{at}/edit").text
    for act, state in (("pause", "paused"), ("resume", "active")):
        assert client.post(f"{at}/{act}").status_code == 302
        assert exports(live)[0][7] == state
    assert client.post(f"{at}/run").status_code == 302
    assert client.post(f"{at}/delete").status_code == 302
    assert exports(live) == []
    assert client.get(at).status_code == 404


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"url": "https://ana:secret@example.com"}, "That is no address of the web"),
        ({"url": ""}, "This is needed."),
        ({"when": "cron", "cron": "never"}, "That is no schedule"),
        ({"when": "daily", "time": ""}, "That is no schedule"),
        ({"to": "s3", "bucket": "lake", "key_id": "us", "secret": "x", "within": "../up"}, "A prefix is a way"),
        ({"segment": "0199d2b0-0a1b-7c2d-8e3f-405162738495"}, "Select a valid choice"),
    ],
)
def test_what_will_not_do_is_said_at_its_field(
    live: Live, desk: Callable[..., Client], segment: str, fields: dict[str, str], said: str
) -> None:
    answer = desk().post("/segment-exports/new", HOOK | {"segment": segment} | fields)
    assert (answer.status_code, said in answer.text) == (400, True)
    assert exports(live) == []


def test_a_strangers_export_is_not_there(
    live: Live, desk: Callable[..., Client], segment: str, stranger_workspace: int
) -> None:
    desk().post("/segment-exports/new", HOOK | {"segment": segment})
    stranger = desk(workspace=stranger_workspace)
    at = f"/segment-exports/{exports(live)[0][0]}"
    assert "Hook" not in stranger.get("/segment-exports").text
    for way in ("", "/edit", "/deliveries/1"):
        assert stranger.get(at + way).status_code == 404
    for act in ("run", "pause", "resume", "secret", "delete"):
        assert stranger.post(f"{at}/{act}").status_code == 404
