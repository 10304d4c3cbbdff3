"""The list of people and the card."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.test import Client

from factories.people import ingest, message, root

Live = psycopg.Connection[Any]


@pytest.fixture
def send(live: Live, workspace_id: int, source: Any) -> Callable[..., None]:
    def send(*messages: dict[str, Any]) -> None:
        ingest(live, workspace_id, messages, source_id=source.id)

    return send


@pytest.fixture
def ana(live: Live, send: Callable[..., None]) -> UUID:
    """Ana came as a visitor, then said who she was, then bought something."""
    send(
        message(
            "page", anonymousId="visitor", name="Pricing", context={"campaign": {"source": "mail", "medium": "news"}}
        ),
        message("identify", userId="ana", traits={"email": "ana@example.com", "firstName": "Ana", "vip": True}),
        message("identify", userId="ana", anonymousId="visitor"),
        message(userId="ana", event="Order Completed", properties={"revenue": 25.9, "currency": "EUR"}),
    )
    found = root(live, "user_id", "ana")
    assert found is not None
    return found


def test_everybody_is_listed_newest_first_a_page_at_a_time(
    desk: Callable[..., Client], send: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tessera.console.views.people.PER_PAGE", 2)
    monkeypatch.setattr("tessera.console.views.people.find_people.__kwdefaults__", {"before": None, "limit": 2})
    for name in ("ana", "bob", "eve"):
        send(message("identify", userId=name, traits={"firstName": name.title()}))
    client = desk()

    first = client.get("/people")
    older = client.get("/people", {"before": str(first.context["page"].next)})

    assert [one.name for one in first.context["page"].profiles] == ["Eve", "Bob"]
    assert [one.name for one in older.context["page"].profiles] == ["Ana"]
    assert client.get("/people?before=nonsense").status_code == 404


def test_the_page_asks_for_the_rows_that_follow_and_gets_nothing_else(
    desk: Callable[..., Client], send: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tessera.console.views.people.find_people.__kwdefaults__", {"before": None, "limit": 2})
    for name in ("Ana", "Bob", "Eve"):
        send(message("identify", userId=name, traits={"firstName": name}))
    client = desk()
    page = client.get("/people")

    answer = client.get("/people", {"before": page.context["page"].next}, headers={"HX-Request": "true"})

    assert [template.name for template in page.templates].count("console/people_rows.html") == 1
    assert f'href="?before={page.context["page"].next}"' in page.text  # followed without a script too
    assert answer.text.lstrip().startswith("<tr>")
    assert "Ana" in answer.text
    assert "<table" not in answer.text
    assert "table__next" not in answer.text  # nobody is left


def test_a_search_says_how_many_it_found_to_those_who_do_not_see_it(desk: Callable[..., Client], ana: UUID) -> None:
    client = desk()

    found = client.get("/people", {"q": "ana"}, headers={"HX-Request": "true"})
    nobody = client.get("/people", {"q": "zzz"}, headers={"HX-Request": "true"})

    assert '<p id="people-said" hx-swap-oob="innerHTML">1 person found</p>' in found.text
    assert '<p id="people-said" hx-swap-oob="innerHTML">Nobody found</p>' in nobody.text
    assert "hx-swap-oob" not in client.get("/people").text


@pytest.mark.parametrize("text", ["ana@ex", "Ana", "ana", "visitor", "ANA@EXAMPLE.COM"])
def test_search_finds_by_any_beginning(desk: Callable[..., Client], ana: UUID, text: str) -> None:
    answer = desk().get("/people", {"q": text}, headers={"HX-Request": "true"})

    assert [one.profile_id for one in answer.context["page"].profiles] == [ana]
    assert "<html" not in answer.text


def test_an_empty_list_says_what_to_do_next(desk: Callable[..., Client]) -> None:
    assert "Nobody is here yet" in desk().get("/people").text
    assert "Nobody found for “zoe\x01”" in desk("analyst").get("/people", {"q": "zoe\x01\0"}).text
    assert "Send your first event" in desk("developer").get("/").text


def test_the_list_asks_the_database_as_often_for_three_as_for_one(
    desk: Callable[..., Client], send: Callable[..., None], statements: Callable[[Callable[[], Any]], int]
) -> None:
    client = desk()
    send(message("identify", userId="ana", traits={"email": "ana@example.com"}))
    client.get("/people")
    for_one = statements(lambda: client.get("/people"))
    send(message(userId="bob"), message(userId="eve"))

    assert statements(lambda: client.get("/people")) == for_one


def test_the_card_asks_as_often_for_three_profiles_as_for_one(
    live: Live, desk: Callable[..., Client], send: Callable[..., None], statements: Callable[[Callable[[], Any]], int]
) -> None:
    client = desk()
    send(message("identify", userId="ana"))
    page = f"/people/{root(live, 'user_id', 'ana')}"
    client.get(page)
    for_one = statements(lambda: client.get(page))
    for visitor in ("v1", "v2"):
        send(message(anonymousId=visitor), message("identify", userId="ana", anonymousId=visitor))
    page = f"/people/{root(live, 'user_id', 'ana')}"
    assert len(client.get(page).context["person"].members) == 3

    assert statements(lambda: client.get(page)) == for_one


def test_the_card_tells_who_this_is(desk: Callable[..., Client], ana: UUID) -> None:
    answer = desk("marketer").get(f"/people/{ana}")
    text = answer.text

    assert answer.context["event_total"] == 2
    for said in ("<h1>Ana</h1>", "ana@example.com", "visitor", "25.90", "mail / news", "Order Completed", "vip"):
        assert said in " ".join(text.split()).replace(" </h1>", "</h1>"), said
    assert "2 profiles, one person" in text
    assert str(answer.context["person"].md5) in text
    assert str(answer.context["person"].xxh) in text


def test_the_card_says_why_it_is_one_person(desk: Callable[..., Client], ana: UUID) -> None:
    (story,) = desk().get(f"/people/{ana}").context["merges"]

    assert (story.event, story.source) == ("Identified", "Web shop")
    assert {(one.kind, one.value) for one in story.linked} == {("User ID", "ana"), ("Anonymous ID", "visitor")}


def test_the_card_says_why_others_are_apart(
    live: Live, desk: Callable[..., Client], send: Callable[..., None], ana: UUID
) -> None:
    send(message("identify", userId="bob", traits={"email": "ana@example.com"}))

    page = desk().get(f"/people/{root(live, 'user_id', 'bob')}").text

    assert "Kept apart" in page
    assert "Two different user IDs are two people." in page
    assert f'href="/people/{ana}"' in page


def test_a_placeholder_address_is_marked(live: Live, desk: Callable[..., Client], send: Callable[..., None]) -> None:
    send(message("page", anonymousId="visitor"))
    anonymous = root(live, "anonymous_id", "visitor")

    page = desk().get(f"/people/{anonymous}").text

    assert f"{anonymous}@localhost" in page
    assert "not sendable" in page


def test_any_member_leads_to_the_person(live: Live, desk: Callable[..., Client], ana: UUID) -> None:
    (other,) = live.execute("SELECT id FROM identity_profile WHERE id <> root_id").fetchall()

    assert desk().get(f"/people/{other[0]}").url == f"/people/{ana}"


def test_history_goes_on_below(desk: Callable[..., Client], send: Callable[..., None], ana: UUID) -> None:
    send(*(message(userId="ana", event=f"E{n}", timestamp=f"2026-01-01T00:00:{n:02}Z") for n in range(30)))
    client = desk()

    first = client.get(f"/people/{ana}")
    rest = client.get(f"/people/{ana}/history", {"before": first.context["next"]})

    titles = [line.title for page in (first, rest) for line in page.context["lines"]]
    assert [title for title in titles if title.startswith("E")] == [f"E{n}" for n in reversed(range(30))]
    assert rest.context["next"] is None
    assert client.get(f"/people/{ana}/history?before=nonsense").status_code == 404


def test_attributes_are_set_changed_and_removed(desk: Callable[..., Client], ana: UUID, workspace_id: int) -> None:
    from tessera.access.queries import audit_entries

    client, page = desk("marketer"), f"/people/{ana}"

    client.post(f"{page}/attributes/set", {"name": "score", "kind": "number", "value": "12.5"})
    client.post(f"{page}/attributes/set", {"name": "tags", "kind": "json", "value": '["a", "b"]'})
    client.post(f"{page}/attributes/set", {"name": "vip", "kind": "boolean", "value": "no"})
    client.post(f"{page}/attributes/set", {"name": "first_name", "kind": "text", "value": "Anna"})
    client.post(f"{page}/attributes/remove", {"name": "score"})

    attributes = client.get(page).context["person"].attributes
    assert attributes == {"email": "ana@example.com", "first_name": "Anna", "tags": ["a", "b"], "vip": False}
    entries = [entry for entry in audit_entries(workspace_id) if entry.action == "change_attributes"]
    assert [entry.detail["attributes"] for entry in entries] == [
        ["score"],
        ["first_name"],
        ["vip"],
        ["tags"],
        ["score"],
    ]
    assert {entry.actor for entry in entries} == {"marketer1@example.com"}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": "score", "kind": "number", "value": "many"}, "That is not a number."),
        ({"name": "tags", "kind": "json", "value": "[1,"}, "That is not valid JSON."),
        ({"name": "tags", "kind": "json", "value": "[" * 9000}, "That is not valid JSON."),
        ({"name": "vip", "kind": "boolean", "value": "perhaps"}, "Write yes or no."),
        ({"name": "email", "kind": "text", "value": "nonsense"}, "That value does not fit the attribute."),
        ({"name": "email", "kind": "text", "value": "bob@example.com"}, "belongs to another person"),
        ({"name": "", "kind": "text", "value": "x"}, "This field is required."),
        ({"name": "a\0b", "kind": "text", "value": "x"}, "Null characters are not allowed."),
    ],
)
def test_what_does_not_fit_is_said_and_nothing_changes(
    desk: Callable[..., Client],
    send: Callable[..., None],
    ana: UUID,
    workspace_id: int,
    fields: dict[str, str],
    said: str,
) -> None:
    from tessera.access.queries import audit_entries

    send(message("identify", userId="bob", traits={"email": "bob@example.com"}))
    client = desk()
    before = client.get(f"/people/{ana}").context["person"].attributes

    answer = client.post(f"/people/{ana}/attributes/set", fields, headers={"HX-Request": "true"})

    assert said in answer.text
    assert answer["HX-Retarget"] == "#attribute-form"
    assert client.get(f"/people/{ana}").context["person"].attributes == before
    assert "change_attributes" not in {entry.action for entry in audit_entries(workspace_id)}


def test_an_export_is_a_document_and_is_noted(desk: Callable[..., Client], ana: UUID, workspace_id: int) -> None:
    from tessera.access.queries import audit_entries

    answer = desk().get(f"/people/{ana}/export")

    assert answer["Content-Disposition"] == f'attachment; filename="person-{ana}.json"'
    assert json.loads(b"".join(answer.streaming_content))["profile"]["attributes"]["email"] == "ana@example.com"
    assert audit_entries(workspace_id)[0].action == "export_person"


def test_a_stranger_sees_nobody(live: Live, desk: Callable[..., Client], ana: UUID, stranger_workspace: int) -> None:
    stranger = desk("owner", workspace=stranger_workspace)
    (merge,) = live.execute("SELECT merge_id FROM identity_merge").fetchall()

    assert "Nobody is here yet" in stranger.get("/people").text
    assert "Nobody found" in stranger.get("/people?q=ana").text
    own = ("/tabs/main/edit", f"/split/{merge[0]}", "/avatar/abc/large")
    for page in ("", "/history", "/export", "/merge", "/attributes", "/attributes/form", f"/merge/{ana}", *own):
        assert stranger.get(f"/people/{ana}{page}").status_code == 404, page
    about = ("status", "test-subscriber", "avatar", "avatar/remove", "tabs/main/pin", f"merge-again/{merge[0]}")
    for act in ("attributes/set", "attributes/remove", f"split/{merge[0]}", *about):
        answer = stranger.post(f"/people/{ana}/{act}", {"name": "x", "kind": "text", "value": "y"})
        assert answer.status_code == 404, act
    assert live.execute("SELECT count(*) FROM identity_merge WHERE undone_at IS NULL").fetchone() == (1,)
