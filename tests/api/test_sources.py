"""Brands, sources and write keys through the API."""

import pytest

from tessera.access.queries import audit_entries
from tessera.workspaces import queries


def test_a_shop_is_set_up_by_a_program(api, workspace_id):
    brand = api.post("brands", name="  Casa   Luna ").data
    assert brand == {"id": brand["id"], "name": "Casa Luna", "slug": "casa-luna"}
    source = api.post(
        "sources", name="Shop", kind="site", allowed_origins=["https://Shop.example:443/"], brand_id=brand["id"]
    ).data
    assert (source["allowed_origins"], source["brand"]) == (["https://shop.example"], "Casa Luna")
    key = api.post(f"sources/{source['id']}/keys", name="Front").data
    assert key["key"].startswith("twk_")
    assert api.get(f"sources/{source['id']}/keys").data == {"keys": [key]}
    ended = api.post(f"sources/{source['id']}/keys/{key['id']}/revoke").data
    again = api.post(f"sources/{source['id']}/keys/{key['id']}/revoke").data
    assert ended["revoked_at"] is not None
    assert again == ended
    actions = [entry.action for entry in audit_entries(workspace_id) if entry.actor == "api-key:crm"]
    assert actions == ["revoke_write_key", "create_write_key", "create_source", "create_brand"]


def test_what_is_made_once_is_made_once(api, workspace_id):
    first = api.post("sources", name="Shop", key="k")
    again = api.post("sources", name="Shop", key="k")
    assert first.data == again.data
    key = api.post(f"sources/{first.data['id']}/keys", name="Front", key="k2").data
    assert api.post(f"sources/{first.data['id']}/keys", name="Front", key="k2").data == key
    assert len(queries.write_keys(workspace_id)) == 1


def test_changes_leave_the_rest_as_it_is(api, workspace_id):
    brand = api.post("brands", name="Luna").data["id"]
    made = api.post("sources", name="Shop", allowed_origins=["https://shop.example"], brand_id=brand).data
    path = f"sources/{made['id']}"
    assert api.patch(path, name="Web").data == made | {"name": "Web"}
    assert api.patch(path, brand_id=None).data["brand"] is None
    assert api.patch(path, disabled=True).data["disabled_at"] is not None
    assert api.patch(path, disabled=False).data["disabled_at"] is None
    assert api.patch(path, kind="app", allowed_origins=[]).data["allowed_origins"] == []
    assert api.get(path).data["kind"] == "app"
    renamed = api.patch(f"brands/{brand}", name="Casa Sol").data
    assert (renamed["name"], renamed["slug"]) == ("Casa Sol", "luna")
    assert api.get("brands").data == {"brands": [renamed]}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"name": "Taken"}, 409, "source_exists"),
        ({"name": "   "}, 422, "invalid_name"),
        ({"name": "S", "kind": "spaceship"}, 422, "unknown_kind"),
        ({"name": "S", "allowed_origins": ["https://*.shop.example"]}, 422, "invalid_origin"),
        ({"name": "S", "allowed_origins": ["https://a@shop.example"]}, 422, "invalid_origin"),
        ({"name": "S", "allowed_origins": ["https://shop.example:99999"]}, 422, "invalid_origin"),
        ({"name": "S", "brand_id": 999}, 422, "unknown_brand"),
        ({"name": "S", "colour": "red"}, 422, "invalid_request"),
    ],
)
def test_what_will_not_do_is_refused_and_nothing_is_made(api, workspace_id, body, status, code):
    api.post("sources", name="Taken")
    answer = api.post("sources", **body)
    assert (answer.status_code, answer.data["code"]) == (status, code)
    assert [source.name for source in queries.sources(workspace_id)] == ["Taken"]


def test_brands_have_names_of_their_own(api):
    api.post("brands", name="Luna")
    assert api.post("brands", name="LUNA").data["code"] == "brand_exists"
    assert api.post("brands", name="Луна").data["slug"] == "brand"
    assert api.post("brands", name="ลูนา").data["slug"] == "brand-2"
    other = api.post("brands", name="Sol").data["id"]
    assert api.patch(f"brands/{other}", name="luna").data["code"] == "brand_exists"
    assert api.patch("brands/999", name="x").status_code == 404


def test_a_stranger_reaches_nothing(api, stranger, workspace_id):
    source = api.post("sources", name="Shop").data["id"]
    key = api.post(f"sources/{source}/keys", name="Front").data["id"]
    brand = api.post("brands", name="Luna").data["id"]
    for path in (f"sources/{source}", f"sources/{source}/keys"):
        assert stranger.get(path).status_code == 404
    assert stranger.patch(f"sources/{source}", name="Stolen").status_code == 404
    assert stranger.post(f"sources/{source}/keys", name="Stolen").status_code == 404
    assert stranger.post(f"sources/{source}/keys/{key}/revoke").status_code == 404
    assert stranger.patch(f"brands/{brand}", name="Stolen").status_code == 404
    assert stranger.post("sources", name="Theirs", brand_id=brand).data["code"] == "unknown_brand"
    assert stranger.get("brands").data == {"brands": []}
    other = api.post("sources", name="Till").data["id"]
    assert api.post(f"sources/{other}/keys/{key}/revoke").status_code == 404, "a key of another source"
    assert [one.revoked_at for one in queries.write_keys(workspace_id)] == [None]
