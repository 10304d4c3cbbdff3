"""The card: status, test mark, picture, signs of messages, and a history one can narrow."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from factories.people import NOON, ingest, message, root
from factories.pictures import SVG, picture

Live = psycopg.Connection[Any]
PARTIAL = {"HX-Request": "true"}


@pytest.fixture
def send(live: Live, workspace_id: int, source: Any) -> Callable[..., None]:
    def send(*messages: dict[str, Any]) -> None:
        ingest(live, workspace_id, messages, source_id=source.id)

    return send


@pytest.fixture
def ana(live: Live, send: Callable[..., None]) -> UUID:
    send(
        message("page", anonymousId="visitor", name="Pricing", timestamp="2026-10-01T23:30:00Z"),
        message("identify", userId="ana", traits={"email": "ana@example.com"}, timestamp="2026-10-02T10:00:00Z"),
        message(userId="ana", event="Email Sent", timestamp="2026-10-03T10:00:00Z"),
        message(userId="ana", event="Email Sent", timestamp="2026-10-04T10:00:00Z"),
        message(userId="ana", event="Email Link Clicked", timestamp="2026-10-05T10:00:00Z"),
        message("identify", userId="ana", anonymousId="visitor", timestamp="2026-10-06T10:00:00Z"),
    )
    found = root(live, "user_id", "ana")
    assert found is not None
    return found


def audit(workspace_id: int) -> list[tuple[str, str, dict[str, Any]]]:
    from tessera.access.queries import audit_entries

    made = [entry for entry in audit_entries(workspace_id) if entry.target.startswith("profile:")]
    return [(entry.actor, entry.action, entry.detail) for entry in made]


def titles(answer: Any) -> list[str]:
    return [line.title for line in answer.context["lines"]]


def test_a_status_is_changed_with_a_reason(desk: Callable[..., Client], ana: UUID, workspace_id: int) -> None:
    client, page = desk("support"), f"/people/{ana}"

    said = client.post(f"{page}/status", {"status": "complainer", "reason": "wrote <b>to</b> us"}, follow=True)

    person = said.context["person"]
    assert (person.status, person.standing.reason, person.standing.by) == (
        "complainer",
        "wrote <b>to</b> us",
        "support1@example.com",
    )
    assert "The status is changed." in said.text
    assert "wrote &lt;b&gt;to&lt;/b&gt; us" in said.text
    assert titles(said)[0] == "Status: Complained of spam"
    assert audit(workspace_id) == [
        ("support1@example.com", "change_status", {"status": "complainer", "reason": "wrote <b>to</b> us"})
    ]


@pytest.mark.parametrize(
    "fields", [{"status": "gone", "reason": "x"}, {"status": "invalid"}, {}, {"reason": "x" * 501}]
)
def test_a_status_that_will_not_do_changes_nothing(
    desk: Callable[..., Client], ana: UUID, workspace_id: int, fields: dict[str, str]
) -> None:
    said = desk().post(f"/people/{ana}/status", fields, follow=True)

    assert "Choose a status and say why" in said.text
    assert said.context["person"].status == "subscribed"
    assert audit(workspace_id) == []


def test_the_test_mark_comes_and_goes(desk: Callable[..., Client], ana: UUID) -> None:
    client, page = desk(), f"/people/{ana}"
    on = client.post(f"{page}/test-subscriber", {"on": "1"}, follow=True)
    off = client.post(f"{page}/test-subscriber", {"on": "0"}, follow=True)
    assert (on.context["person"].test_subscriber, off.context["person"].test_subscriber) == (True, False)
    assert titles(off)[:2] == ["No longer a test subscriber", "Marked as a test subscriber"]


def test_a_picture_is_uploaded_shown_and_removed(desk: Callable[..., Client], ana: UUID, workspace_id: int) -> None:
    client, page = desk(), f"/people/{ana}"
    upload = SimpleUploadedFile("../../me.svg", picture("JPEG"), "text/html")  # neither name nor type is believed

    shown = client.post(f"{page}/avatar", {"picture": upload}, follow=True)
    digest = shown.context["person"].avatar.digest
    address = f"{page}/avatar/{digest}/large"
    served = client.get(address)

    assert f'src="{address}"' in shown.text
    assert (served["Content-Type"], served["X-Content-Type-Options"]) == ("image/webp", "nosniff")
    assert served["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert served["Cache-Control"] == "private, no-cache"
    assert served.content[8:12] == b"WEBP"
    again = client.get(address, headers={"If-None-Match": served["ETag"]})
    assert (again.status_code, again["ETag"], again["Cache-Control"]) == (304, served["ETag"], "private, no-cache")
    assert client.get(f"{page}/avatar/{digest}/digest").status_code == 404, "a column is no size"
    assert client.get(f"{page}/avatar/0000/large").status_code == 404
    removed = client.post(f"{page}/avatar/remove", follow=True)
    assert removed.context["person"].avatar is None
    assert client.get(address).status_code == 404
    assert client.get(address, headers={"If-None-Match": served["ETag"]}).status_code == 404
    assert [action for _, action, _ in audit(workspace_id)] == ["remove_avatar", "change_avatar"]


def test_a_face_is_gone_with_the_person_and_with_the_right_to_see_it(
    live: Any, desk: Callable[..., Client], ana: UUID, workspace_id: int
) -> None:
    """A browser that kept it asks, and is told no."""
    from tessera.access.models import Staff
    from tessera.privacy.actions import erase_person

    client, marketer = desk(), desk("marketer")
    shown = client.post(f"/people/{ana}/avatar", {"picture": SimpleUploadedFile("a.png", picture())}, follow=True)
    address = f"/people/{ana}/avatar/{shown.context['person'].avatar.digest}/large"
    kept = {"If-None-Match": client.get(address)["ETag"]}
    assert [one.get(address, headers=kept).status_code for one in (client, marketer)] == [304, 304]

    Staff.objects.filter(role="marketer").update(sees_pii=False)
    assert [one.get(address, headers=kept).status_code for one in (client, marketer)] == [304, 403]

    about = {"workspace_id": workspace_id, "profile_id": ana, "actor": "eva", "reason": "", "suppress": False}
    erase_person(live, **about, now=datetime.now(UTC))
    assert client.get(address, headers=kept).status_code == 404


def test_a_face_is_personal(desk: Callable[..., Client], ana: UUID) -> None:
    shown = desk().post(f"/people/{ana}/avatar", {"picture": SimpleUploadedFile("a.png", picture())}, follow=True)
    digest = shown.context["person"].avatar.digest

    analyst = desk("analyst")

    assert f"/avatar/{digest}" not in analyst.get(f"/people/{ana}").text
    assert analyst.get(f"/people/{ana}/avatar/{digest}/large").status_code == 403


@pytest.mark.parametrize("raw", [SVG, b"", picture("BMP"), bytes(2_000_001)], ids=["svg", "empty", "bmp", "large"])
def test_an_upload_that_is_no_picture_changes_nothing(
    desk: Callable[..., Client], ana: UUID, workspace_id: int, raw: bytes
) -> None:
    client = desk()
    said = client.post(f"/people/{ana}/avatar", {"picture": SimpleUploadedFile("a.png", raw, "image/png")}, follow=True)
    assert "That is no picture we can take." in said.text
    assert client.post(f"/people/{ana}/avatar", {"picture": "text"}, follow=True).context["person"].avatar is None
    assert audit(workspace_id) == []


def test_signs_are_lit_by_what_happened(desk: Callable[..., Client], ana: UUID) -> None:
    channels = desk().get(f"/people/{ana}").context["channels"]
    assert [(one.label, [(sign.label, sign.count) for sign in one.signs]) for one in channels] == [
        (
            "E-mail",
            [
                ("Sent", 2),
                ("Delivered", 0),
                ("Opened", 0),
                ("Clicked", 1),
                ("Read for 12 seconds or more", 0),
                ("Replied", 0),
            ],
        ),
        ("SMS", [("Sent", 0), ("Delivered", 0), ("Clicked", 0), ("Replied", 0)]),
        ("Push", [("Sent", 0), ("Delivered", 0), ("Opened", 0), ("Clicked", 0)]),
    ]


def test_an_identifier_says_where_it_was_first_seen(desk: Callable[..., Client], ana: UUID) -> None:
    lines = desk().get(f"/people/{ana}").context["identifiers"]["first"]
    assert {(line.facts.value, line.source) for line in lines} == {
        ("ana", "Web shop"),
        ("ana@example.com", "Web shop"),
        ("visitor", "Web shop"),
    }


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"name": "Email Sent"}, ["Email Sent", "Email Sent"]),
        (
            {"name": ["Email Link Clicked", "Identified"]},
            ["Told who they are", "Email Link Clicked", "Told who they are"],
        ),
        ({"text": "CLICK"}, ["Email Link Clicked"]),
        ({"house": "1"}, ["Two profiles became one person"]),
        ({"house": "1", "name": "Email Link Clicked"}, ["Two profiles became one person", "Email Link Clicked"]),
        ({"since": "2026-10-04", "until": "2026-10-05"}, ["Email Link Clicked", "Email Sent"]),
        ({"until": "2026-10-01"}, ["Viewed a page"]),
        ({"until": "2026-10-01", "zone": "Europe/Madrid"}, []),
        (
            {"since": "2026-10-02", "until": "2026-10-02", "zone": "Asia/Bangkok"},
            ["Told who they are", "Viewed a page"],
        ),
        ({"source": "999999"}, []),
        ({"text": "page", "since": "nonsense", "source": "x", "zone": "../../etc/passwd"}, ["Viewed a page"]),
        ({"since": "0001-01-01", "until": "9999-12-31", "text": "page", "zone": "Asia/Bangkok"}, ["Viewed a page"]),
        ({"name": "a\0b"}, []),
    ],
)
def test_the_history_is_narrowed(
    desk: Callable[..., Client], ana: UUID, asked: dict[str, str], expected: list[str]
) -> None:
    client = desk("analyst")
    assert titles(client.get(f"/people/{ana}/history", asked, headers=PARTIAL)) == expected
    assert titles(client.get(f"/people/{ana}", asked)) == expected


def test_a_narrowed_history_goes_on_narrowed(desk: Callable[..., Client], send: Callable[..., None], ana: UUID) -> None:
    at = NOON - timedelta(days=3)
    send(
        *(
            message(userId="ana", event=f"E{n % 2}", timestamp=(at + timedelta(seconds=n)).isoformat())
            for n in range(60)
        )
    )
    client = desk()

    first = client.get(f"/people/{ana}/history", {"name": "E1", "tab": "main"}, headers=PARTIAL)
    more = client.get(f"/people/{ana}/history", {"name": "E1", "before": first.context["next"]}, headers=PARTIAL)
    plain = client.get(f"/people/{ana}/history", {"name": "E1", "before": first.context["next"]})

    assert f'?before={first.context["next"]}&amp;name=E1"' in first.text
    assert (titles(first), titles(more)) == (["E1"] * 20, ["E1"] * 10)
    assert more.context["next"] is None
    assert "<html" in plain.text
    assert titles(plain) == titles(more)
    without_scripts = client.get(f"/people/{ana}/history", {"name": "E1"})
    assert without_scripts.url == f"/people/{ana}?name=E1#history"


def test_an_empty_history_says_what_to_do(desk: Callable[..., Client], ana: UUID) -> None:
    page = desk().get(f"/people/{ana}/history", {"text": "zzz"}, headers=PARTIAL)
    assert "Widen the filter to see more." in page.text


def test_the_card_asks_as_often_whatever_the_person_has(
    live: Live,
    desk: Callable[..., Client],
    send: Callable[..., None],
    statements: Callable[[Callable[[], Any]], int],
) -> None:
    client = desk()
    send(message(userId="bob", event="E0"))
    small = f"/people/{root(live, 'user_id', 'bob')}"
    client.get(small)
    for_little = statements(lambda: client.get(small))
    send(*(message(userId="ana", event=f"E{n % 40}") for n in range(1000)))
    for number in range(9):
        send(message(anonymousId=f"v{number}"))
        send(message(userId="ana", anonymousId=f"v{number}", timestamp=f"2026-{number + 1:02}-01T00:00:00Z"))
    large = f"/people/{root(live, 'user_id', 'ana')}"
    client.post(f"{large}/avatar", {"picture": SimpleUploadedFile("a.png", picture())})
    client.post(f"{large}/status", {"status": "suspended", "reason": "x"})
    client.get(large)
    person = client.get(large).context["person"]
    assert len(person.members) == 10
    assert sum(counter.count for counter in person.events.values()) > 1000

    assert statements(lambda: client.get(large)) == for_little
    assert statements(lambda: client.get(f"{large}?name=E3&since=2026-01-01")) == for_little
