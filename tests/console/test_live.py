"""The live debugger."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.test import Client

from factories.people import ingest, message, root
from tessera.events import rejections
from tessera.events.rejections import Rejection

Live = psycopg.Connection[Any]


@pytest.fixture
def refuse(live: Live, workspace_id: int, source: Any) -> Callable[..., None]:
    def note(
        code: str = "missing_event_name", detail: str = "a track call needs an event name", text: str = "{}"
    ) -> None:
        rejections.store(live, [Rejection(workspace_id, source.id, "collect", code, detail, text)])

    return note


def test_accepted_and_refused_stand_side_by_side(
    live: Live, desk: Callable[..., Client], workspace_id: int, source: Any, refuse: Callable[..., None]
) -> None:
    ingest(live, workspace_id, [message(userId="ana", event="Signed Up")], source_id=source.id)
    refuse(text='{"type": "track"}')

    page = desk().get(f"/sources/{source.id}/live").text

    assert "<b>Signed Up</b>" in page
    assert f'href="/people/{root(live, "user_id", "ana")}"' in page
    assert "<code>missing_event_name</code>" in page
    assert "a track call needs an event name" in page
    assert "{&quot;type&quot;: &quot;track&quot;}" in page


def test_only_what_is_new_comes_after_a_cursor(
    live: Live, desk: Callable[..., Client], workspace_id: int, source: Any
) -> None:
    ingest(live, workspace_id, [message(userId="ana", event="Old")], source_id=source.id)
    live.execute("UPDATE events_history SET recorded_at = recorded_at - interval '10 seconds'")
    client = desk()
    cursor = int(client.get("/live").text.split('data-cursor="')[1].split('"')[0])

    nothing = client.get(f"/live/rows?after={cursor + 5_000_000}")
    ingest(live, workspace_id, [message(userId="ana", event="New")], source_id=source.id)
    something = client.get(f"/live/rows?after={cursor + 5_000_000}")

    assert nothing.status_code == 204
    assert "<b>New</b>" in something.text
    assert "<b>Old</b>" not in something.text


@pytest.mark.parametrize(
    ("query", "seen"),
    [
        ("", {"Signed Up", "Order Completed", "missing_event_name"}),
        ("?show=accepted", {"Signed Up", "Order Completed"}),
        ("?show=rejected", {"missing_event_name"}),
        ("?name=order", {"Order Completed"}),
        ("?name=EVENT+NAME", {"missing_event_name"}),
        ("?name=%25", set()),
        ("?show=nonsense&after=nonsense", {"Signed Up", "Order Completed", "missing_event_name"}),
    ],
)
def test_filters(
    live: Live,
    desk: Callable[..., Client],
    workspace_id: int,
    source: Any,
    refuse: Callable[..., None],
    query: str,
    seen: set[str],
) -> None:
    messages = [message(userId="ana", event=name) for name in ("Signed Up", "Order Completed")]
    ingest(live, workspace_id, messages, source_id=source.id)
    refuse()

    page = desk().get(f"/live/rows{query}").text

    assert {name for name in ("Signed Up", "Order Completed", "missing_event_name") if f">{name}<" in page} == seen


def test_at_most_fifty_rows_newest_first(
    live: Live, desk: Callable[..., Client], workspace_id: int, source: Any
) -> None:
    ingest(live, workspace_id, [message(userId="ana", event=f"E{n}") for n in range(60)], source_id=source.id)

    assert desk().get("/live/rows").text.count("<li ") == 50


def test_what_clients_send_is_never_markup(
    live: Live, desk: Callable[..., Client], workspace_id: int, source: Any, refuse: Callable[..., None]
) -> None:
    evil = "<img src=x onerror=alert(1)>"
    said = message(userId="ana", event=evil, properties={evil: evil}, context={"traits": {"firstName": evil}})
    ingest(live, workspace_id, [said], source_id=source.id)
    refuse(code="invalid_field", detail=evil, text=evil)
    client = desk()

    for page in ("/", "/live", "/people", f"/people/{root(live, 'user_id', 'ana')}", "/people?q=%3Cimg+src"):
        text = client.get(page).text
        assert "<img src=x" not in text, page
    assert "&lt;img src=x" in client.get("/live").text


def test_a_stranger_sees_nothing(
    live: Live,
    desk: Callable[..., Client],
    workspace_id: int,
    source: Any,
    stranger_workspace: int,
    refuse: Callable[..., None],
) -> None:
    ingest(live, workspace_id, [message(userId="ana", event="Signed Up")], source_id=source.id)
    refuse()
    stranger = desk("owner", workspace=stranger_workspace)

    for page in ("/", "/live", "/live/rows"):
        text = stranger.get(page).text
        assert "missing_event_name" not in text
        assert "Signed Up</b>" not in text


def test_what_waits_for_a_worker_is_said(
    live: Live, desk: Callable[..., Client], workspace_id: int, source: Any
) -> None:
    from factories.people import put_in_inbox

    put_in_inbox(live, workspace_id, [message(userId="ana"), message(userId="bob")], source_id=source.id)

    assert "2 events are accepted and wait for a worker." in desk().get("/live").text
