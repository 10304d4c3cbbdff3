"""The catalogue through the screens."""

import re
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.test import Client

from factories.people import ingest, message
from tessera.events import catalogue, dictionary
from tessera.events.event import Field

Connection = psycopg.Connection[Any]
PLAN: Field = ("attribute", "", "plan")
ENTRY = "/catalogue/entry?kind=attribute&name=plan"


@pytest.fixture
def shop(live: Connection, workspace_id: int, source: Any) -> int:
    """Names, some of them personal, and a value that does not fit."""
    ingest(
        live,
        workspace_id,
        [
            message("identify", userId="u1", traits={"plan": "pro", "email": "ana@example.com", "gender": "blue"}),
            message(userId="u1", event="Bought", properties={"total": 5, "billing_email": "ana@example.com"}),
        ],
        source_id=source.id,
    )
    while catalogue.add_up(live):
        pass
    return workspace_id


def change(client: Client, field: Field, action: str, **more: str) -> Any:
    kind, parent, name = field
    sent = {"kind": kind, "parent": parent, "name": name, "action": action, **more}
    return client.post("/catalogue/entry/change", sent, follow=True)


def entry(live: Connection, workspace_id: int, field: Field = PLAN) -> dictionary.Entry:
    found = dictionary.entry_of(live, workspace_id, field)
    assert found is not None
    return found


def undo(client: Client, page: Any) -> Any:
    token = re.search(r'name="token" value="([^"]+)"', page.text)
    assert token is not None
    return client.post("/catalogue/undo", {"token": token[1]}, follow=True)


def test_tabs_search_and_filters(desk: Callable[..., Client], shop: int) -> None:
    client = desk("analyst")

    def names(query: str) -> set[str]:
        return set(
            re.findall(r'class="table__name"><a href="[^"]+">([^<]+)</a>', client.get(f"/catalogue?{query}").text)
        )

    assert names("") == {"Bought", "Identified"}
    assert names("kind=attribute") == {"plan", "email", "gender"}
    assert names("kind=attribute&q=LA") == {"plan"}
    assert names("kind=attribute&personal=yes") == {"email"}
    assert names("kind=attribute&sort=misfits&status=blocked") == set()
    assert "No name is like that" in client.get("/catalogue?kind=attribute&q=nothing-like-it").text
    alone = client.get("/catalogue?kind=attribute", headers={"HX-Request": "true", "HX-Target": "catalogue-results"})
    assert "<html" not in alone.text
    assert client.get("/catalogue?after=nonsense").status_code == 404


def test_an_empty_workspace_is_told_what_to_do(desk: Callable[..., Client]) -> None:
    client = desk()
    assert "Nothing has been seen yet" in client.get("/catalogue").text
    assert "No open problems" in client.get("/catalogue/problems").text


def test_declare_with_a_preview_and_undo(live: Connection, desk: Callable[..., Client], shop: int) -> None:
    client = desk("developer")
    preview = client.get(f"{ENTRY.replace('entry?', 'entry/rehearse?')}&action=declare&type=number")
    assert "0 of 1 values in the newest 2 events would fit." in preview.text

    page = change(client, PLAN, "declare", type="text", allowed="free\npro\n")
    assert (entry(live, shop).declared_type, entry(live, shop).allowed) == ("text", ["free", "pro"])
    assert "Undone." in undo(client, page).text
    assert (entry(live, shop).status, entry(live, shop).allowed) == ("seen", None)
    assert "was not undone" in undo(client, page).text


def test_block_hide_flag_and_describe(live: Connection, desk: Callable[..., Client], shop: int) -> None:
    from tessera.access.queries import audit_entries

    client = desk("developer")
    change(client, PLAN, "block")
    assert entry(live, shop).status == "blocked"
    assert "Unblock" in client.get(ENTRY).text
    change(client, PLAN, "unblock")
    change(client, PLAN, "hide")
    assert catalogue.hidden_fields(live, shop) == {PLAN}
    change(client, PLAN, "show")
    change(client, PLAN, "personal")
    change(client, PLAN, "describe", description="What they pay for")
    found = entry(live, shop)
    assert (found.status, found.personal, found.description) == ("seen", True, "What they pay for")
    assert [one.action for one in audit_entries(shop)][:6] == ["change_catalogue"] * 6
    assert audit_entries(shop)[0].detail == {"description": {"from": "", "to": "What they pay for"}}


def test_what_will_not_do_is_said_at_the_form_which_keeps_what_was_typed(
    live: Connection, desk: Callable[..., Client], shop: int
) -> None:
    answer = change(desk(), PLAN, "declare", type="number", allowed="many")
    assert answer.status_code == 400
    assert "is not a value of the type number" in answer.text
    assert ">many</textarea>" in answer.text
    assert entry(live, shop).status == "seen"
    blocked = change(desk("admin"), ("event", "", "Identified"), "block")
    assert (blocked.status_code, "It cannot be blocked" in blocked.text) == (400, True)
    assert change(desk("developer"), PLAN, "explode").status_code == 404


def test_personal_examples_are_masked_for_those_who_may_not_see_them(desk: Callable[..., Client], shop: int) -> None:
    page = "/catalogue/entry?kind=attribute&name=email"
    assert "ana@example.com" in desk("marketer").get(page).text
    for role in ("analyst", "developer"):
        client = desk(role)
        assert "ana@example.com" not in client.get(page).text
        inside = client.get("/catalogue/entry?kind=property&parent=Bought&name=billing_email").text
        assert "ana@example.com" not in inside
    rehearsal = client_preview(desk("admin"), "email")
    assert "1 of the newest 2 events carry a value" in rehearsal


def client_preview(client: Client, name: str) -> str:
    return client.get(f"/catalogue/entry/rehearse?kind=attribute&name={name}&action=block").text


def test_a_problem_leads_to_the_person_and_is_acknowledged(
    live: Connection, desk: Callable[..., Client], shop: int
) -> None:
    from factories import people

    client = desk("developer")
    page = client.get("/catalogue/problems").text
    assert f"/people/{people.owner(live, 'user_id', 'u1')}#history" in page
    assert "Web shop" in page
    assert "blue" in client.get("/catalogue/entry?kind=attribute&name=gender").text

    known = {"kind": "attribute", "name": "gender", "code": "does_not_fit", "source_id": "1"}
    source_id = re.search(r'name="source_id" value="(\d+)"', page)
    assert source_id is not None
    known["source_id"] = source_id[1]
    assert "Acknowledged." in client.post("/catalogue/problems/acknowledge", known, follow=True).text
    assert "No open problems" in client.get("/catalogue/problems").text
    assert "gender" in client.get("/catalogue/problems?show=acknowledged").text
    client.post("/catalogue/problems/acknowledge", known | {"undo": "yes"})
    assert "gender" in client.get("/catalogue/problems").text
    for broken in ({"source_id": "x"}, {"source_id": "77"}, {"code": "no"}):
        assert client.post("/catalogue/problems/acknowledge", known | broken).status_code == 404


def test_a_stranger_sees_nothing_and_undoes_nothing(
    live: Connection, desk: Callable[..., Client], shop: int, stranger_workspace: int
) -> None:
    token = change(desk(), PLAN, "hide")
    stranger = desk("owner", workspace=stranger_workspace)
    assert stranger.get(ENTRY).status_code == 404
    assert change(stranger, PLAN, "block").status_code == 404
    assert undo(stranger, token).status_code == 404
    assert stranger.post("/catalogue/undo", {"token": "forged"}).status_code == 404
    assert "Nothing has been seen yet" in stranger.get("/catalogue?kind=attribute").text
    assert "No open problems" in stranger.get("/catalogue/problems").text
    assert entry(live, shop).status == "hidden"


def test_lists_ask_the_database_as_often_for_three_as_for_one(
    live: Connection, desk: Callable[..., Client], shop: int, statements: Callable[[Callable[[], Any]], int]
) -> None:
    client = desk()
    for page in ("/catalogue?kind=attribute&q=pl", "/catalogue/problems?code=does_not_fit", ENTRY):
        client.get(page)
    before = [
        statements(lambda: client.get("/catalogue?kind=attribute")),
        statements(lambda: client.get("/catalogue/problems")),
        statements(lambda: client.get("/catalogue/entry?kind=event&name=Bought")),
    ]
    traits = {"plan2": "x", "plan3": "y", "country": "Atlantis", "dob": "never"}
    ingest(live, shop, [message("identify", userId="u1", traits=traits)])
    ingest(live, shop, [message(userId="u1", event="Bought", properties={"a": 1, "b": 2})])
    while catalogue.add_up(live):
        pass
    assert before == [
        statements(lambda: client.get("/catalogue?kind=attribute")),
        statements(lambda: client.get("/catalogue/problems")),
        statements(lambda: client.get("/catalogue/entry?kind=event&name=Bought")),
    ]


def test_names_are_text_wherever_they_stand(live: Connection, desk: Callable[..., Client], shop: int) -> None:
    evil = '"><script>alert(1)</script>'
    ingest(live, shop, [message(userId="u1", event=evil, properties={evil: evil})])
    ingest(live, shop, [message("identify", userId="u1", traits={evil: evil})])
    while catalogue.add_up(live):
        pass
    client = desk()
    from urllib.parse import quote

    for page in (
        "/catalogue",
        "/catalogue?kind=attribute",
        "/catalogue?kind=property",
        f"/catalogue/entry?kind=attribute&name={quote(evil)}",
        f"/catalogue/entry?kind=event&name={quote(evil)}",
        f"/catalogue/entry?kind=property&parent={quote(evil)}&name={quote(evil)}",
    ):
        answer = client.get(page)
        assert answer.status_code == 200, page
        assert "<script>alert" not in answer.text, page
