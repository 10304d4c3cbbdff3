"""Sources and their keys through the screens."""

import re
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.test import Client

NEW = {"name": "Web shop", "kind": "site", "allowed_origins": "https://shop.example\nhttps://www.shop.example"}


def test_a_new_source_can_send_at_once(desk: Callable[..., Client], workspace_id: int) -> None:
    from tessera.workspaces import queries

    answer = desk("developer").post("/sources/new", NEW, follow=True)

    source = queries.source_by_name(workspace_id, "Web shop")
    assert source is not None
    assert source.allowed_origins == ("https://shop.example", "https://www.shop.example")
    (key,) = queries.write_keys(workspace_id, source_id=source.id)
    assert f'writeKey: "{key.key}", cdnURL: "http://127.0.0.1:8001"' in answer.text.replace("&quot;", '"')
    assert f'analytics.write_key = "{key.key}"' in answer.text.replace("&quot;", '"')


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"allowed_origins": "shop.example"}, "“shop.example” is not a web origin. Did you mean https://shop.example?"),
        ({"allowed_origins": "https://*.shop.example"}, "“https://*.shop.example” is not a web origin."),
        ({"name": ""}, "This field is required."),
        ({"kind": "spaceship"}, "Select a valid choice."),
    ],
)
def test_what_will_not_do_is_said_and_nothing_is_made(
    desk: Callable[..., Client], workspace_id: int, fields: dict[str, str], said: str
) -> None:
    from tessera.workspaces import queries

    answer = desk().post("/sources/new", NEW | fields)

    assert answer.status_code == 400
    assert said in answer.text
    assert queries.sources(workspace_id) == []


def test_two_sources_cannot_have_one_name(desk: Callable[..., Client], source: Any) -> None:
    assert "There is a source of that name already." in desk().post("/sources/new", NEW).text


def test_keys_come_and_go(desk: Callable[..., Client], workspace_id: int, source: Any) -> None:
    from tessera.access.queries import audit_entries
    from tessera.workspaces import queries

    client, page = desk(), f"/sources/{source.id}"
    assert "Without a key nothing can be sent." in client.get(page).text

    client.post(f"{page}/keys", {"name": "Shop front"})
    (key,) = queries.write_keys(workspace_id)
    client.post(f"{page}/keys/{key.id}/revoke")

    (key,) = queries.write_keys(workspace_id)
    assert key.revoked_at is not None
    assert "revoked" in client.get(page).text
    assert [entry.action for entry in audit_entries(workspace_id)][:2] == ["revoke_write_key", "create_write_key"]


def test_a_key_of_another_source_is_not_revoked_from_here(
    desk: Callable[..., Client], workspace_id: int, source: Any
) -> None:
    from tessera.workspaces import actions, queries

    other = actions.create_source(workspace_id=workspace_id, name="Till")
    key = actions.create_write_key(other.id, workspace_id=workspace_id, name="key")

    assert desk().post(f"/sources/{source.id}/keys/{key.id}/revoke").status_code == 404
    assert [one.revoked_at for one in queries.write_keys(workspace_id)] == [None]


def test_a_source_is_changed_disabled_and_enabled(desk: Callable[..., Client], workspace_id: int, source: Any) -> None:
    from tessera.workspaces import queries

    client, page = desk(), f"/sources/{source.id}"

    client.post(f"{page}/edit", {"name": "Shop", "kind": "app", "allowed_origins": "*"})
    client.post(f"{page}/disable")
    changed = queries.source_by_id(workspace_id, source.id)
    assert changed is not None
    assert (changed.name, changed.kind, changed.allowed_origins) == ("Shop", "app", ("*",))
    assert changed.disabled_at is not None
    client.post(f"{page}/enable")

    changed = queries.source_by_id(workspace_id, source.id)
    assert changed is not None
    assert changed.disabled_at is None


def test_a_stranger_sees_no_source(desk: Callable[..., Client], source: Any, stranger_workspace: int) -> None:
    stranger = desk("owner", workspace=stranger_workspace)

    for page in ("", "/edit", "/live", "/live/rows"):
        assert stranger.get(f"/sources/{source.id}{page}").status_code == 404
    for act in ("keys", "disable", "enable", "keys/1/revoke"):
        assert stranger.post(f"/sources/{source.id}/{act}", {"name": "x"}).status_code == 404
    assert "No sources yet" in stranger.get("/sources").text


def test_the_list_asks_the_database_as_often_for_three_as_for_one(
    desk: Callable[..., Client], workspace_id: int, source: Any, statements: Callable[[Callable[[], Any]], int]
) -> None:
    from tessera.workspaces import actions

    client = desk()
    client.get("/sources")
    for_one = statements(lambda: client.get("/sources"))
    for name in ("Till", "App"):
        actions.create_source(workspace_id=workspace_id, name=name)

    assert statements(lambda: client.get("/sources")) == for_one


def test_a_name_is_text_wherever_it_stands(
    live: psycopg.Connection[Any], desk: Callable[..., Client], workspace_id: int
) -> None:
    from tessera.workspaces import actions

    evil = '"><script>alert(1)</script>'
    source = actions.create_source(workspace_id=workspace_id, name=evil)
    actions.create_write_key(source.id, workspace_id=workspace_id, name=evil)
    client = desk()

    for page in ("/", "/sources", f"/sources/{source.id}", f"/sources/{source.id}/edit", f"/sources/{source.id}/live"):
        assert "<script>alert" not in client.get(page).text, page


@pytest.mark.parametrize(
    ("kind", "first", "said"),
    [
        ("site", "Web", 'writeKey: "{key}"'),
        ("server", "Server", 'Segment::init("{key}"'),
        ("till", "Server", "-u {key}: -H"),
        ("app", "Mobile", 'createClient(Configuration(\n  "{key}"'),
    ],
)
def test_the_snippets_for_the_kind_of_source_come_first_with_the_key_filled_in(
    desk: Callable[..., Client], workspace_id: int, kind: str, first: str, said: str
) -> None:
    from tessera.workspaces import actions

    source = actions.create_source(workspace_id=workspace_id, name="Here", kind=kind)
    key = actions.create_write_key(source.id, workspace_id=workspace_id, name="key").key
    page = desk().get(f"/sources/{source.id}").text.replace("&quot;", '"').replace("&#x27;", "'")

    assert re.findall(r'<h3 id="install-[a-z]+">(\w+)</h3>', page)[0] == first
    assert said.replace("{key}", key) in page
    assert "WRITE_KEY" not in page
    assert "{host}" not in page
    titles = set(re.findall(r'data-tab="([^"]+)"', page))
    assert titles >= {"npm", "Python", "Node", "PHP", "curl", "iOS", "Android", "React Native", "Flutter"}


def test_a_source_tells_what_was_refused_and_what_is_wrong_with_its_values(
    live: psycopg.Connection[Any], desk: Callable[..., Client], workspace_id: int, source: Any
) -> None:
    from factories.people import ingest, message
    from tessera.events import catalogue
    from tessera.events.rejections import Rejection, store

    store(live, [Rejection(workspace_id, source.id, "collect", "malformed_json", "no JSON", "{")])
    ingest(live, workspace_id, [message("identify", userId="u1", traits={"gender": "blue"})], source_id=source.id)
    while catalogue.add_up(live):
        pass
    client = desk("analyst")

    page = client.get(f"/sources/{source.id}").text
    assert "what was sent is not valid JSON" in page
    assert "Values that do not fit the standard attribute" in page
    assert "show=rejected" in client.get("/sources").text


def test_brands_are_made_and_renamed(desk: Callable[..., Client], workspace_id: int, stranger_workspace: int) -> None:
    from tessera.access.queries import audit_entries
    from tessera.workspaces import queries

    client = desk("developer")
    assert "Make the first brand" in client.get("/brands").text
    client.post("/brands/new", {"name": "Casa Luna"})
    (brand,) = queries.brands(workspace_id)
    again = client.post("/brands/new", {"name": "casa luna"})
    assert (again.status_code, "There is a brand of that name already." in again.text) == (400, True)
    client.post(f"/brands/{brand.id}/rename", {f"b{brand.id}-name": "Casa Sol"})
    (renamed,) = queries.brands(workspace_id)
    assert (renamed.name, renamed.slug) == ("Casa Sol", "casa-luna")
    assert client.post(f"/brands/{brand.id}/rename", {f"b{brand.id}-name": ""}).status_code == 400
    assert "0 sources" in client.get("/brands").text
    assert [entry.action for entry in audit_entries(workspace_id)][:2] == ["rename_brand", "create_brand"]

    stranger = desk("owner", workspace=stranger_workspace)
    assert stranger.post(f"/brands/{brand.id}/rename", {f"b{brand.id}-name": "Stolen"}).status_code == 404
    assert "Casa Sol" not in stranger.get("/brands").text
