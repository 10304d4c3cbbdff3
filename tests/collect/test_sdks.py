"""The official server libraries of Segment and RudderStack, unmodified, against the real edge."""

from typing import Any

import pytest
from rudderstack.analytics.client import Client as RudderClient
from segment.analytics.client import Client as SegmentClient

from .conftest import Collect, NewSource


def bodies_of(collect: Collect, source: NewSource) -> list[dict[str, Any]]:
    sql = "SELECT convert_from(body, 'UTF8')::json FROM events_inbox WHERE source_id = %s ORDER BY seq"
    return [body for (body,) in collect.rows(sql, source.id)]


def say_everything(client: Any) -> None:
    client.identify("u1", {"email": "ana@example.com", "note": "ñandú"})
    client.track("u1", "Order Completed", {"revenue": 9.5})
    client.page("u1", "Docs", "Home", {"path": "/"})
    client.screen("u1", "App", "Home")
    client.group("u1", "g1", {"name": "Acme"})
    client.alias("a1", "u1")


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("library", ["segment", "rudderstack"])
def test_every_call_of_the_library_arrives(collect: Collect, source: NewSource, library: str, packed: bool) -> None:
    make = SegmentClient if library == "segment" else RudderClient
    failures: list[Exception] = []
    host = f"http://127.0.0.1:{collect.port}"
    client = make(source.key, host=host, gzip=packed, on_error=lambda error, _: failures.append(error), max_retries=0)

    say_everything(client)
    client.flush()
    client.join()

    assert failures == []
    bodies = bodies_of(collect, source)
    assert [body["type"] for body in bodies] == ["identify", "track", "page", "screen", "group", "alias"]
    traits = bodies[0]["traits"] if library == "segment" else bodies[0]["context"]["traits"]
    assert traits == {"email": "ana@example.com", "note": "ñandú"}
    assert bodies[5]["previousId"] == "a1"
    assert len({body["messageId"] for body in bodies}) == 6


@pytest.mark.parametrize("library", ["segment", "rudderstack"])
def test_the_library_learns_why_its_key_is_refused(collect: Collect, library: str) -> None:
    make = SegmentClient if library == "segment" else RudderClient
    failures: list[Any] = []
    host = f"http://127.0.0.1:{collect.port}"
    client = make("nobody", host=host, on_error=lambda error, _: failures.append(error), max_retries=0)

    client.track("u1", "A")
    client.flush()
    client.join()

    assert [(error.status, error.code) for error in failures] == [(401, "unknown_write_key")]
