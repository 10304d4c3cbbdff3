"""Relations between people through the API and from events."""

import pytest

from factories import people


def _told(answer):
    return [
        (one["type"], one["label"], one["outgoing"], one["other"]["value"], one["other"]["name"])
        for one in answer.data["relations"]
    ]


def test_a_relation_is_seen_from_both_sides(api, ana, guest):
    api.patch(f"profiles/{guest['profile_id']}", attributes={"first_name": "Bo"})
    put = api.put("profiles/user_id:u-1/relations", type="referred_by", to="anonymous_id:g-1", properties={"via": "qr"})
    there = api.get("profiles/anonymous_id:g-1/relations")

    assert _told(put) == [("referred_by", "Referred by", True, "g-1", "Bo")]
    assert put.data["relations"][0]["properties"] == {"via": "qr"}
    assert put.data["relations"][0]["other"]["profile_id"] == guest["profile_id"]
    assert _told(there) == [("referred_by", "Referred", False, ana["profile_id"], "Ana Lee")]


def test_the_far_end_may_be_somebody_not_seen_yet(api, ana, send):
    put = api.put("profiles/user_id:u-1/relations", type="household", to="email:Later@Example.com")
    send(people.message("identify", userId="u-9", traits={"email": "later@example.com", "name": "Late Comer"}))

    assert put.data["relations"][0]["other"]["profile_id"] is None
    assert _told(api.get("profiles/user_id:u-1/relations")) == [
        ("household", "Same household", True, "later@example.com", "Late Comer")
    ]
    assert _told(api.get("profiles/user_id:u-9/relations")) == [
        ("household", "Same household", False, ana["profile_id"], "Ana Lee")
    ]


@pytest.mark.parametrize("side", ["near", "far"])
def test_a_relation_is_ended_from_either_side(api, ana, guest, side):
    api.put("profiles/user_id:u-1/relations", type="follows", to="anonymous_id:g-1")
    if side == "near":
        left = api.delete("profiles/user_id:u-1/relations", type="follows", to=guest["profile_id"])
    else:
        left = api.delete("profiles/anonymous_id:g-1/relations", type="follows", to="user_id:u-1", outgoing="false")

    assert (left.status_code, left.data) == (200, {"relations": []})
    assert api.get("profiles/user_id:u-1/relations").data == {"relations": []}
    assert api.get("profiles/anonymous_id:g-1/relations").data == {"relations": []}
    assert [event["name"] for event in api.get("profiles/user_id:u-1/events").data["events"]][:2] == [
        "Relation Removed",
        "Relation Added",
    ]


def test_a_workspace_declares_kinds_of_its_own(api, stranger, ana, guest):
    before = api.put("profiles/user_id:u-1/relations", type="sold_by", to="anonymous_id:g-1")
    declared = api.put("relation-types/sold_by", label="Sold by", inverse="Sold to")
    after = api.put("profiles/user_id:u-1/relations", type="sold_by", to="anonymous_id:g-1")

    assert (before.status_code, before.data["code"]) == (422, "unknown_relation_type")
    assert declared.data == {"name": "sold_by", "label": "Sold by", "inverse": "Sold to", "own": True}
    assert [one["label"] for one in after.data["relations"]] == ["Sold by"]
    assert [one["label"] for one in api.get("profiles/anonymous_id:g-1/relations").data["relations"]] == ["Sold to"]
    assert len(api.get("relation-types").data["types"]) == len(stranger.get("relation-types").data["types"]) + 1
    for name in ("Bad Name", "household"):
        refused = api.put(f"relation-types/{name}", label="a", inverse="b")
        assert (refused.status_code, refused.data["code"]) == (422, "invalid_relation_type")


def test_what_cannot_be_a_relation(api, ana, guest, stranger):
    def ask(**body):
        answer = api.put("profiles/user_id:u-1/relations", **({"type": "follows", "to": "anonymous_id:g-1"} | body))
        return answer.status_code, answer.data["code"]

    assert ask(to="email:ana@example.com") == (422, "invalid_relation")
    assert ask(to="email:nonsense") == (422, "invalid_identifier")
    assert ask(to="anonymous_id:00000") == (422, "invalid_identifier")
    assert ask(properties={"x": "y" * 5000}) == (422, "invalid_relation")
    assert ask(properties={"to": "z"}) == (422, "invalid_relation")
    assert stranger.get("profiles/user_id:u-1/relations").status_code == 404
    assert api.get("profiles/user_id:u-1/relations").data == {"relations": []}


def test_a_stranger_of_the_same_id_is_nobody_here(api, ana, stranger, live):
    from tessera.workspaces.queries import workspaces

    other = next(one.id for one in workspaces() if one.slug == "other")
    people.ingest(live, other, [people.message(userId="u-x")])
    there = stranger.get("profiles/user_id:u-x").data["profile_id"]
    put = api.put("profiles/user_id:u-1/relations", type="follows", to=there)

    assert put.data["relations"][0]["other"] == {
        "kind": "profile_id",
        "value": there,
        "profile_id": None,
        "name": None,
        "email": None,
    }
    assert stranger.get("profiles/user_id:u-x/relations").data == {"relations": []}
