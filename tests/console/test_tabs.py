"""The tabs of the card: what they show, and how each member of staff arranges them."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from factories.people import ingest, message, root
from tessera.console.views.tabs import _rearranged

Live = psycopg.Connection[Any]
PARTIAL = {"HX-Request": "true", "HX-Target": "tabs"}
CONTEXT = {
    "ip": "8.8.8.8",
    "timezone": "Europe/Madrid",
    "library": {"name": "analytics.js"},
    "page": {"url": "https://shop.example/join", "referrer": "https://search.example/"},
}


@pytest.fixture
def ana(live: Live, workspace_id: int, source: Any) -> UUID:
    traits = {"email": "ana@example.com", "firstName": "Ana", "gender": "f", "shoe size": 39, "website": "a.example"}
    ingest(
        live,
        workspace_id,
        [message("identify", userId="ana", traits=traits, context=CONTEXT, timestamp="2026-10-02T10:00:00Z")],
        source_id=source.id,
    )
    found = root(live, "user_id", "ana")
    assert found is not None
    return found


def shown(answer: Any) -> dict[str, Any]:
    return {line.label: line.value for line in answer.context["fields"]}


def tabs(answer: Any) -> list[str]:
    return [tab.label for tab in answer.context["tabs"]]


@pytest.mark.parametrize(
    ("tab", "expected"),
    [
        ("personal", {"First name": "Ana", "Gender": "F", "Country": "US", "Time zone": "Europe/Madrid"}),
        ("contact", {"E-mail": "ana@example.com", "Web site": "a.example"}),
        ("additional", {"shoe size": 39}),
    ],
)
def test_each_tab_has_its_part(desk: Callable[..., Client], ana: UUID, tab: str, expected: dict[str, Any]) -> None:
    client = desk("marketer")
    part = client.get(f"/people/{ana}?tab={tab}", headers=PARTIAL)
    assert shown(part) == expected
    assert "<html" not in part.text
    assert shown(client.get(f"/people/{ana}?tab={tab}")) == expected
    restored = client.get(f"/people/{ana}?tab={tab}", headers=PARTIAL | {"HX-History-Restore-Request": "true"})
    assert "<html" in restored.text, "going back asks for the whole page"


def test_registration_and_tracked_are_evidence(desk: Callable[..., Client], ana: UUID) -> None:
    client = desk()
    registration = shown(client.get(f"/people/{ana}?tab=registration"))
    tracked = shown(client.get(f"/people/{ana}?tab=tracked"))

    assert registration.pop("Registered").isoformat() == "2026-10-02T10:00:00+00:00"
    assert registration == {
        "Registered by": "Identified",
        "Registered at": "Web shop",
        "Registration IP": "8.8.8.8",
        "Registration country": "US",
        "Registration page": "https://shop.example/join",
        "Came to it from": "https://search.example/",
        "Sent by": "analytics.js",
    }
    assert (tracked["Last IP"], tracked["Last country"], tracked["Last source"]) == ("8.8.8.8", "US", "Web shop")
    assert tracked["Last time zone"] == "Europe/Madrid"


def test_contact_has_every_address(live: Live, desk: Callable[..., Client], ana: UUID, workspace_id: int) -> None:
    ingest(live, workspace_id, [message("identify", userId="ana", traits={"email": "ana@work.example"})])
    contacts = desk().get(f"/people/{ana}?tab=contact").context["contacts"]
    assert [one.facts.value for one in contacts] == ["ana@example.com", "ana@work.example"]


def test_an_attribute_is_changed_on_its_tab(desk: Callable[..., Client], ana: UUID) -> None:
    client = desk()
    form = client.get(f"/people/{ana}/attributes/form?tab=additional&name=shoe+size", headers={"HX-Request": "true"})
    said = client.post(
        f"/people/{ana}/attributes/set",
        {"name": "shoe size", "kind": "number", "value": "40", "tab": "additional"},
        headers={"HX-Request": "true"},
    )
    assert 'name="tab" value="additional"' in form.text
    assert shown(said) == {"shoe size": 40}
    assert "shoe size is saved." in said.text


def test_the_fields_of_main_are_chosen_by_each_for_themselves(desk: Callable[..., Client], ana: UUID) -> None:
    mine, theirs = desk(), desk("analyst")
    edit = f"/people/{ana}/tabs/main/edit"
    begun = mine.get(edit).context["chosen"]

    moved = mine.post(edit, {"field": ["orders", "status"], "do": "up:1"})
    added = mine.post(edit, {"field": ["status", "orders"], "do": "add", "add": "attribute:shoe size"})
    before = shown(mine.get(f"/people/{ana}"))
    saved = mine.post(edit, {"field": ["status", "attribute:shoe size"], "do": "save"})

    assert ("status", "Status") in [(pick.key, pick.label) for pick in begun]
    assert [pick.key for pick in moved.context["chosen"]] == ["status", "orders"]
    assert [pick.label for pick in added.context["chosen"]] == ["Status", "Orders", "shoe size"]
    assert "shoe size" not in before, "nothing is kept before it is saved"
    assert saved.url == f"/people/{ana}?tab=main"
    assert shown(mine.get(f"/people/{ana}")) == {"Status": "subscribed", "shoe size": 39}
    assert "Orders" in shown(theirs.get(f"/people/{ana}"))


def test_any_tab_can_be_first(desk: Callable[..., Client], ana: UUID) -> None:
    client = desk()
    client.post(f"/people/{ana}/tabs/tracked/pin")
    page = client.get(f"/people/{ana}")
    assert tabs(page) == ["Tracked", "Main", "Personal", "Contact", "Registration", "Additional fields"]
    assert page.context["tab"].id == "tracked"
    assert client.post(f"/people/{ana}/tabs/nothing/pin").status_code == 404


def test_a_tab_of_ones_own_is_made_renamed_pinned_and_deleted(desk: Callable[..., Client], ana: UUID) -> None:
    client, new = desk("analyst"), f"/people/{ana}/tabs/new/edit"

    made = client.post(new, {"name": " <b>Shoes</b> ", "field": ["attribute:shoe size", "nonsense"], "do": "save"})
    page = client.get(made.url)
    tab = page.context["tab"].id
    client.post(f"/people/{ana}/tabs/{tab}/edit", {"name": "Feet", "field": ["orders"], "do": "save"})
    client.post(f"/people/{ana}/tabs/{tab}/pin")
    pinned = client.get(f"/people/{ana}")
    client.post(f"/people/{ana}/tabs/{tab}/delete")
    after = client.get(f"/people/{ana}")

    assert shown(page) == {"shoe size": 39}
    assert "&lt;b&gt;Shoes&lt;/b&gt;" in page.text
    assert (tabs(pinned)[0], shown(pinned)) == ("Feet", {"Orders": 0})
    assert "Feet" not in tabs(after)
    assert after.context["tab"].id == "main"
    assert client.post(f"/people/{ana}/tabs/{tab}/delete").status_code == 404
    assert client.get(f"/people/{ana}/tabs/{tab}/edit").status_code == 404


@pytest.mark.parametrize("name", ["", "  ", "x" * 41, "SHOES"])
def test_a_tab_needs_a_name_of_its_own(desk: Callable[..., Client], ana: UUID, name: str) -> None:
    client, new = desk(), f"/people/{ana}/tabs/new/edit"
    client.post(new, {"name": "Shoes", "do": "save"})
    answer = client.post(new, {"name": name, "field": ["orders"], "do": "save"})
    assert answer.status_code == 400
    assert "A tab needs a name of its own" in answer.text
    assert [pick.key for pick in answer.context["chosen"]] == ["orders"], "what was chosen is not lost"
    assert len(tabs(client.get(f"/people/{ana}"))) == 7


def test_there_is_an_end_to_tabs_and_fields(desk: Callable[..., Client], ana: UUID) -> None:
    client, new = desk(), f"/people/{ana}/tabs/new/edit"
    for number in range(13):
        client.post(new, {"name": f"T{number}", "field": [f"attribute:a{n}" for n in range(100)], "do": "save"})
    page = client.get(f"/people/{ana}")
    assert len(tabs(page)) == 6 + 12
    last = page.context["tabs"][-1].id
    assert len(client.get(f"/people/{ana}?tab={last}").context["fields"]) == 40


def test_a_layout_nobody_can_read_is_begun_anew(live: Live, desk: Callable[..., Client], ana: UUID) -> None:
    client = desk()
    client.post(f"/people/{ana}/tabs/tracked/pin")
    live.execute("""UPDATE console_cardlayout SET document = '{"first": 7, "own": "x"}'""")
    assert client.get(f"/people/{ana}").context["tab"].id == "main"


@given(
    st.lists(st.sampled_from(["status", "orders", "revenue", "sessions", "events"]), unique=True),
    st.sampled_from(["up", "down", "away", "jump", ""]),
    st.one_of(st.integers(-3, 9).map(str), st.sampled_from(["", "x", "²", "9" * 400])),
)
def test_whatever_button_is_pressed_the_fields_stay_fields(fields: list[str], act: str, place: str) -> None:
    after = _rearranged(fields, f"{act}:{place}", "")
    assert sorted(after) == sorted(fields) or (
        act == "away" and set(after) < set(fields) and len(after) == len(fields) - 1
    )
