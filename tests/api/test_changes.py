"""Merging, splitting and editing people, and the trail it leaves."""

import json
from uuid import uuid4

import pytest

from factories import people


def _without_merges(person):
    """As text, so that not even the order of anything may differ."""
    return json.dumps({name: value for name, value in person.items() if name != "merges"})


def _audit(live):
    made = "SELECT actor, action, target FROM access_auditentry WHERE actor <> 'system' ORDER BY id"
    return live.execute(made).fetchall()


def test_a_merge_joins_and_a_split_restores_both_sides_exactly(api, ana, guest):
    merged = api.post("profiles/merge", keep=ana["profile_id"], absorb=guest["profile_id"], reason="one customer")
    together = api.get(f"profiles/{guest['profile_id']}").data

    assert merged.status_code == 200
    assert merged.data["kept"] == ana["profile_id"]
    assert merged.data["absorbed"] == guest["profile_id"]
    assert merged.data["evidence"] == {"actor": "api-key:crm", "reason": "one customer"}
    assert merged.data["undone_at"] is None
    assert together["person_id"] == ana["person_id"]
    assert set(together["events"]) == {"Order Completed", "Page Viewed", "Product Viewed"}
    assert together["merges"] == [merged.data]

    undone = api.post("profiles/split", merge_id=merged.data["merge_id"])

    assert undone.data["undone_at"] is not None
    assert undone.data["undone_by"] == "api-key:crm"
    assert _without_merges(api.get(f"profiles/{ana['profile_id']}").data) == _without_merges(ana)
    assert _without_merges(api.get(f"profiles/{guest['profile_id']}").data) == _without_merges(guest)
    assert api.get(f"profiles/{guest['profile_id']}").data["merges"] == [undone.data]


def test_people_may_be_merged_by_any_name(api, ana, guest):
    merged = api.post("profiles/merge", keep="email:ana@example.com", absorb="anonymous_id:g-1", reason="one")
    assert (merged.data["kept"], merged.data["absorbed"]) == (ana["profile_id"], guest["profile_id"])


def test_what_cannot_be_merged_or_split_stays_as_it_is(api, ana, guest, send):
    send(people.message(userId="u-2"))
    merged = api.post("profiles/merge", keep=ana["profile_id"], absorb=guest["profile_id"], reason="one").data

    again = api.post("profiles/merge", keep=guest["profile_id"], absorb=ana["profile_id"], reason="one")
    refused = api.post("profiles/merge", keep=ana["profile_id"], absorb="user_id:u-2", reason="one")
    nobody = api.post("profiles/merge", keep=ana["profile_id"], absorb=str(uuid4()), reason="one")
    never = api.post("profiles/split", merge_id=str(uuid4()))
    api.post("profiles/split", merge_id=merged["merge_id"])
    twice = api.post("profiles/split", merge_id=merged["merge_id"])

    answers = [(one.status_code, one.data["code"]) for one in (again, refused, nobody, never, twice)]
    assert answers == [
        (409, "already_one_person"),
        (409, "merge_refused"),
        (404, "not_found"),
        (404, "not_found"),
        (409, "already_undone"),
    ]
    assert len(api.get(f"profiles/{ana['profile_id']}").data["merges"]) == 1
    assert api.get("profiles/user_id:u-2").data["merges"] == []


def test_attributes_are_set_counted_extended_and_removed(api, ana):
    api.patch("profiles/user_id:u-1", attributes={"visits": {"inc": 2}, "tags": {"add": ["vip", "new"]}})
    person = api.patch(
        "profiles/user_id:u-1",
        attributes={"visits": {"inc": 1}, "tags": {"remove": ["new"]}, "plan": None, "nested": {"a": [1, {"b": 2}]}},
    )

    assert person.status_code == 200
    assert person.data["attributes"] == {
        "email": "ana@example.com",
        "first_name": "Ana",
        "last_name": "Lee",
        "nested": {"a": [1, {"b": 2}]},
        "tags": ["vip"],
        "visits": 3,
    }
    assert api.get("profiles/user_id:u-1").data == person.data


def test_a_new_email_becomes_an_identifier(api, guest):
    api.patch("profiles/anonymous_id:g-1", attributes={"email": "Guest@Example.com"})
    assert api.get("profiles/email:guest@example.com").data["person_id"] == guest["person_id"]


def test_an_edit_is_made_whole_or_not_at_all(api, ana, guest):
    misfit = api.patch("profiles/user_id:u-1", attributes={"plan": "free", "gender": "blue"})
    taken = api.patch("profiles/anonymous_id:g-1", attributes={"plan": "free", "email": "ana@example.com"})

    assert (misfit.status_code, misfit.data["code"]) == (422, "invalid_attributes")
    assert "gender" in misfit.data["detail"]
    assert (taken.status_code, taken.data["code"]) == (409, "identifier_taken")
    assert api.get("profiles/user_id:u-1").data == ana
    assert api.get("profiles/anonymous_id:g-1").data == guest


def test_every_change_is_in_the_audit_trail_and_a_refused_one_is_not(api, ana, guest, live):
    api.patch(f"profiles/{ana['profile_id']}", attributes={"plan": "free"})
    api.patch(f"profiles/{ana['profile_id']}", attributes={"gender": "blue"})
    merged = api.post("profiles/merge", keep=ana["profile_id"], absorb=guest["profile_id"], reason="one").data
    api.post("profiles/merge", keep=ana["profile_id"], absorb=guest["profile_id"], reason="one")
    api.post("profiles/split", merge_id=merged["merge_id"])

    target = f"profile:{ana['profile_id']}"
    assert _audit(live) == [
        ("api-key:crm", "change_attributes", target),
        ("api-key:crm", "merge_profiles", target),
        ("api-key:crm", "split_profiles", target),
    ]


@pytest.mark.parametrize("body", [{}, {"attributes": {}}, {"attributes": []}, {"attributes": {"a": 1}, "more": 1}])
def test_an_edit_says_what_to_change(api, ana, body):
    answer = api.patch("profiles/user_id:u-1", **body)
    assert (answer.status_code, answer.data["code"]) == (422, "invalid_request")
    assert answer.data["errors"][0]["place"] == "body"
