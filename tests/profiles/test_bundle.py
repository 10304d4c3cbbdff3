"""A person's whole record: what they were shown as, what they look like, whom they know, and all they did."""

from base64 import b64decode
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import msgspec
import psycopg
import pytest
from PIL import Image

from factories.people import ingest, message, root
from tessera.foundation.database import connect
from tessera.intake.standing import change_avatar
from tessera.profiles import bundle


@pytest.fixture
def live(database: str) -> Any:
    with connect(autocommit=True) as opened:
        yield opened


def test_the_record_has_picture_relations_and_every_event(live: psycopg.Connection[Any], workspace_id: int) -> None:
    ingest(live, workspace_id, [message(userId="ana", event=f"Step {number}") for number in range(1_205)])
    related = {"type": "referred_by", "to": "user_id:bo"}
    ingest(live, workspace_id, [message(userId="ana", event="Relation Added", properties=related)])
    ana, now = root(live, "user_id", "ana"), datetime.now(UTC)
    assert ana is not None
    drawn = BytesIO()
    Image.new("RGB", (300, 200), "teal").save(drawn, "PNG")
    change_avatar(live, workspace_id=workspace_id, profile_id=ana, raw=drawn.getvalue(), actor="eva", now=now)

    made = bundle.export_person(live, workspace_id, ana, now=now)
    assert made is not None
    record = msgspec.json.decode(b"".join(bundle.written(made, workspace_id, connect)))

    names = {event["name"] for event in record["events"]}
    assert names >= {f"Step {number}" for number in range(1_205)} | {"Relation Added"}
    assert [(one["type"], one["other"]["value"]) for one in record["relations"]] == [("referred_by", "bo")]
    assert Image.open(BytesIO(b64decode(record["picture"]))).size == (256, 256)
