"""A marker in every personal field of a person: in no answer, of console or API, for who must not see it."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.addresses import address_of, console_patterns
from factories.people import ingest, message, root

MARK = "zqxjkv"
"""Stands in every value below; a part of three letters or digits may show, the whole never."""

TRAITS: dict[str, Any] = {
    "firstName": f"F{MARK}",
    "lastName": f"L{MARK}",
    "name": f"N{MARK} O{MARK}",
    "email": f"{MARK}@{MARK}.example.com",
    "phone": "+34600777888",
    "birthday": "1985-07-09",
    "address": {"street": f"Calle {MARK} 7", "city": "Madrid", "postalCode": f"P{MARK}"},
    "avatar": f"https://pictures.example/{MARK}.png",
    "username": f"u_{MARK}",
    "website": f"https://{MARK}.example",
    "currentLocation": {"latitude": 40.123456789, "longitude": -3.987654321},
    "second_email": f"other.{MARK}@example.org",
    "note": f"call F{MARK} at +34 600 777 888 or write to {MARK}@{MARK}.example.com",
    "deep": {"list": [{"contact": f"deep.{MARK}@example.net"}, [f"F{MARK}"]], f"key.{MARK}@example.com": 1},
}
SECRETS = (MARK, "600777888", "600 777 888", "1985-07-09", "40.123456789", "3.987654321", "203.0.113.77")
"""Whole values that must not be read anywhere."""

CALLS: list[dict[str, Any]] = [
    message("identify", userId="u-1", anonymousId="a-1", traits=TRAITS, context={"ip": "203.0.113.77"}),
    message(
        "page",
        userId="u-1",
        name="Order",
        properties={"url": f"https://shop.example/?email={MARK}%40{MARK}.example.com&n=F{MARK}"},
        context={
            "ip": "203.0.113.77",
            "page": {"url": f"https://shop.example/u/u_{MARK}"},
            "device": {
                "id": f"d-{MARK}@example.com",
                "token": f"t{MARK}",
                "name": f"F{MARK}’s telephone",
                "type": "ios",
            },
            "location": {"latitude": 40.123456789, "longitude": -3.987654321},
            "traits": {"phone": "+34600777888"},
        },
    ),
    message(
        userId="u-1",
        event="Order Completed",
        properties={
            "order_id": "o-1",
            "revenue": 25.9,
            "shipping_address": f"Calle {MARK} 7",
            "gift_note": f"for F{MARK}, tel. 34600777888",
            "phone": 34600777888,
            "items": [{"engraving": f"F{MARK}"}],
        },
    ),
    message("group", userId="u-1", groupId="g-1", traits={"name": "Shop", "email": f"group.{MARK}@example.com"}),
    message("alias", userId="u-1", previousId=f"{MARK}@{MARK}.example.com"),
    message("identify", userId=f"crm.{MARK}@example.com", traits={"phone": "+34600777889"}),
]


@pytest.fixture
def marked(live: psycopg.Connection[Any], workspace_id: int, source: Any) -> UUID:
    """The person, once merged by hand, once refused, with rejections that quote them."""
    from tessera.events import rejections
    from tessera.identity import actions as identity

    ingest(live, workspace_id, CALLS, source_id=source.id)
    # Another user id with the same phone: refused, and the refusal quotes what it left out.
    ingest(
        live, workspace_id, [message("identify", userId="u-2", traits={"phone": "+34600777888"})], source_id=source.id
    )
    ingest(live, workspace_id, [message(anonymousId="guest")], source_id=source.id)
    person, guest = root(live, "user_id", "u-1"), root(live, "anonymous_id", "guest")
    assert person is not None
    assert guest is not None
    with live.transaction():
        identity.merge_profiles(
            live,
            workspace_id=workspace_id,
            keep=person,
            absorb=guest,
            reason=f"F{MARK} called from +34600777888",
            actor="owner1@example.com",
            now=datetime.now(UTC),
        )
    said = rejections.Rejection(
        workspace_id=workspace_id,
        source_id=source.id,
        stage="collect",
        code="missing_event_name",
        detail=f"no event from {MARK}@{MARK}.example.com",
        excerpt=json.dumps({"type": "track", "context": {"traits": TRAITS}}),
    )
    rejections.store(live, [said])
    return person


def leaks(text: str) -> list[str]:
    return [secret for secret in SECRETS if secret in text.lower()]


def test_no_screen_tells_it(desk: Callable[..., Client], marked: UUID, source: Any) -> None:
    """Every address of the console a support agent can open, about this person and about all."""
    seeing, masked = desk("owner"), desk("support")
    values = {"profile_id": marked, "other_id": marked, "source_id": source.id, "tab": "main"}
    looked = 0
    for pattern in console_patterns():
        for query in ({}, {"part": "1"}, {"q": "u-1"}, {"name": "email"}, {"name": "first_name"}):
            headers = {"HX-Request": "true"} if "part" in query else {}
            answer = masked.get(address_of(pattern, values), query, headers=headers)
            body = told(answer)
            assert leaks(body) == [], (pattern.name, query)
            looked += answer.status_code == 200
    assert looked > 30
    for path in ("", "/history"):
        assert leaks(seeing.get(f"/people/{marked}{path}", headers={"HX-Request": "true"}).text) != []


def test_a_mask_never_comes_back_as_the_value(desk: Callable[..., Client], marked: UUID) -> None:
    client = desk("support")

    for name in ("email", "first_name", "phone", "second_email", "note"):
        form = client.get(f"/people/{marked}/attributes/form", {"name": name}).context["form"]
        assert form.initial["value"] == "", name
    assert client.get(f"/people/{marked}/attributes/form", {"name": "language"}).status_code == 200


@pytest.mark.parametrize(
    "text", [f"F{MARK}", f"f{MARK}", MARK, MARK[:3], f"{MARK}@", "+3460077", "60077788", "u-", "Ca"]
)
def test_a_search_by_parts_finds_nobody(desk: Callable[..., Client], marked: UUID, text: str) -> None:
    client = desk("support")

    assert client.get("/people", {"q": text}).context["page"].profiles == []
    assert client.get(f"/people/{marked}/merge", {"q": text}).context["candidates"] == []
    assert client.get("/live/rows", {"show": "rejected", "name": text}).context["rows"] == []


@pytest.mark.parametrize(
    "text", ["u-1", f"{MARK}@{MARK}.example.com", f" {MARK.upper()}@{MARK}.Example.com", "+34 600 777 888", "a-1"]
)
def test_a_search_by_a_whole_identifier_finds_the_one(desk: Callable[..., Client], marked: UUID, text: str) -> None:
    page = desk("support").get("/people", {"q": text}).context["page"]

    assert [one.profile_id for one in page.profiles] == [marked]
    assert (page.profiles[0].email, page.profiles[0].phone) == ("z•••@z•••.com", "•••• 888")


def test_the_export_is_refused(desk: Callable[..., Client], marked: UUID) -> None:
    assert desk("support").get(f"/people/{marked}/export").status_code == 403


def test_the_look_of_a_mask_is_the_same_each_time(desk: Callable[..., Client], marked: UUID) -> None:
    client = desk("support")

    first, second = (client.get(f"/people/{marked}").context["person"] for _ in range(2))

    assert first == second
    assert first.name == "F••• L•••"
    assert first.attributes["email"] == "z•••@z•••.com"
    assert first.attributes["phone"] == "•••• 888"
    assert first.attributes["note"] == "call F••• at •••• 888 or write to z•••@z•••.com"


@pytest.fixture
def keys(live: object, workspace_id: int) -> Callable[..., Client]:
    from tessera.access.actions import create_api_key

    def make(*scopes: str) -> Client:
        token = create_api_key(workspace_id=workspace_id, name="k", scopes=scopes).token
        return Client(headers={"Authorization": f"Bearer {token}"})

    return make


ABOUT = ("", "/events", "/refusals", "/export")


def test_no_endpoint_tells_it_to_a_key_without_the_scope(keys: Callable[..., Client], marked: UUID) -> None:
    from tessera.access.scopes import SCOPES

    blind = keys(*(scope for scope in SCOPES if scope != "pii:read"))
    seeing = keys("profiles:write", "pii:read")
    texts = {path: told(blind.get(path)) for path in _readable()}
    texts |= {path: told(blind.get(f"/api/v1/profiles/{marked}{path}")) for path in ABOUT}
    texts["change"] = blind.patch(
        f"/api/v1/profiles/{marked}", {"attributes": {"plan": "pro"}}, content_type="application/json"
    ).text
    (merge,) = json.loads(blind.get(f"/api/v1/profiles/{marked}").text)["merges"][-1:]
    texts["split"] = blind.post(
        "/api/v1/profiles/split", {"merge_id": merge["merge_id"]}, content_type="application/json"
    ).text

    assert {path: leaks(text) for path, text in texts.items() if leaks(text)} == {}
    assert '"kept"' in texts["split"]
    for path in ABOUT[:2]:
        assert leaks(seeing.get(f"/api/v1/profiles/{marked}{path}").text) != []


def told(answer: Any) -> str:
    """The whole answer, also one that is written as it is read."""
    return b"".join(answer.streaming_content).decode() if answer.streaming else str(answer.text)


def _readable() -> Iterator[str]:
    """Every address of the API that is read without naming anything."""
    from tessera.api.schema import openapi

    return (path for path, operations in openapi()["paths"].items() if "get" in operations and "{" not in path)


@pytest.mark.parametrize("text", [f"F{MARK}", MARK, f"{MARK}@", "+3460077", "u-"])
def test_a_key_without_the_scope_finds_nobody_by_parts(keys: Callable[..., Client], marked: UUID, text: str) -> None:
    blind = keys("profiles:read")

    assert json.loads(blind.get("/api/v1/profiles", {"search": text}).text)["profiles"] == []
    assert len(json.loads(blind.get("/api/v1/profiles", {"search": "u-1"}).text)["profiles"]) == 1
    assert len(json.loads(keys("profiles:read", "pii:read").get("/api/v1/profiles?search=u-1").text)["profiles"]) == 1


def test_keys_made_before_the_scope_go_on_seeing(keys: Callable[..., Client], workspace_id: int) -> None:
    from importlib import import_module

    from django.apps import apps

    from tessera.access.queries import api_keys

    for scopes in (
        ("profiles:read",),
        ("profiles:write", "events:read"),
        ("events:read",),
        ("profiles:read", "pii:read"),
    ):
        keys(*scopes)

    import_module("tessera.access.migrations.0004_keys_keep_seeing_personal_data").grant(apps, None)

    assert [key.scopes for key in reversed(api_keys(workspace_id))] == [
        ("profiles:read", "pii:read"),
        ("events:read", "profiles:write", "pii:read"),
        ("events:read",),
        ("profiles:read", "pii:read"),
    ]


JSON = st.recursive(
    st.sampled_from(
        [MARK, f"a {MARK} b", f"{MARK}@x.example.com", f"x?e={MARK}%40x.example.com", 34600777888, "600777888"]
    )
    | st.none()
    | st.integers()
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(body=st.dictionaries(st.sampled_from(["properties", "traits", "context", "x"]), JSON), event=st.text(max_size=5))
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_is_known_is_found_at_any_depth(body: dict[str, Any], event: str) -> None:
    from tessera.profiles.masking import Mask

    mask = Mask(known=[MARK, "+34600777888", "600777888"])
    seen = mask.body(body, event=event)

    assert leaks(json.dumps(seen)) == []
    assert mask.body(body, event=event) == seen
