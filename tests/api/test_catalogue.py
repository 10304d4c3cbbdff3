"""The data dictionary and data quality through the API."""

from datetime import UTC, datetime

import pytest

from factories import people
from tessera.events.catalogue import add_up


@pytest.fixture
def shop(send, live):
    """A few names, some personal, some with values that do not fit."""
    send(
        people.message("identify", userId="u-1", traits={"plan": "pro", "email": "ana@example.com", "gender": "blue"}),
        people.message(userId="u-1", event="Bought / returned", properties={"total": 5, "note/1": "x"}),
    )
    while add_up(live):
        pass


def names(answer):
    return [entry["name"] for entry in answer.data["entries"]]


def test_filters_and_pages(api, shop):
    assert names(api.get("catalogue", kind="attribute")) == ["email", "gender", "plan"]
    assert names(api.get("catalogue", search="LA")) == ["plan"]
    assert names(api.get("catalogue", personal="true")) == ["email"]
    assert names(api.get("catalogue", type="number")) == ["total"]
    assert names(api.get("catalogue", parent="Bought / returned")) == ["note/1", "total"]
    found, after = [], {}
    while True:
        page = api.get("catalogue", limit=2, sort="volume", **after)
        found += names(page)
        if page.data["next"] is None:
            break
        after = {"next": page.data["next"]}
    assert sorted(found) == sorted(names(api.get("catalogue")))
    assert len(found) == 7
    assert api.get("catalogue", next="nonsense").data["code"] == "invalid_cursor"
    assert api.get("catalogue", colour="red").data["code"] == "unknown_parameter"


def test_declaring_keeps_intake_to_it(api, send, shop, live):
    declared = api.patch("catalogue/attribute/plan", declared_type="text", allowed=["free", "pro"], key="k")
    again = api.patch("catalogue/attribute/plan", declared_type="text", allowed=["free", "pro"], key="k")
    assert (declared.data["status"], declared.data["allowed"]) == ("declared", ["free", "pro"])
    assert (again.data, again["Idempotency-Replayed"]) == (declared.data, "true")

    send(people.message("identify", userId="u-1", traits={"plan": "gold"}))
    while add_up(live):
        pass

    assert api.get("profiles/user_id:u-1").data["attributes"]["plan"] == "pro"
    detail = api.get("catalogue/attribute/plan").data
    assert (detail["entry"]["misfits"], detail["problems"][0]["code"]) == (1, "not_allowed")
    assert api.patch("profiles/user_id:u-1", attributes={"plan": "gold"}).data["code"] == "invalid_attributes"


def test_names_with_slashes_have_an_address(api, shop):
    event, parent = "catalogue/event/Bought / returned", "Bought / returned"
    assert api.get(event).data["entry"]["name"] == parent
    assert api.get("catalogue/property/note/1", parent=parent).data["entry"]["name"] == "note/1"
    answer = api.patch(f"catalogue/property/note/1?parent={parent}", personal=True, description=" What was said ")
    assert (answer.data["personal"], answer.data["description"]) == (True, "What was said")


def test_blocking_and_letting_in_again(api, send, shop):
    assert api.patch("catalogue/event/Mouse Moved", status="blocked").data["volume"] == 0
    send(people.message(userId="u-9", event="Mouse Moved"))
    assert api.get("profiles/user_id:u-9").status_code == 404
    assert api.patch("catalogue/event/Mouse Moved", status="seen").data["status"] == "seen"
    send(people.message(userId="u-9", event="Mouse Moved"))
    assert api.get("profiles/user_id:u-9").status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("catalogue/event/Identified", {"status": "blocked"}, "cannot_block"),
        ("catalogue/attribute/email", {"declared_type": "number"}, "invalid_declaration"),
        ("catalogue/attribute/plan", {"allowed": ["a"]}, "invalid_declaration"),
        ("catalogue/attribute/plan", {"declared_type": "boolean", "allowed": [True]}, "invalid_declaration"),
        ("catalogue/property/total", {"status": "blocked"}, "invalid_name"),
        ("catalogue/attribute/plan", {"status": "exploded"}, "invalid_request"),
        ("catalogue/attribute/plan", {"colour": "red"}, "invalid_request"),
        ("catalogue/colour/plan", {}, "invalid_request"),
    ],
)
def test_what_makes_no_sense_is_refused(api, shop, path, body, code):
    before = api.get("catalogue").data
    assert api.patch(path, **body).data["code"] == code
    assert api.get("catalogue").data == before


def test_a_rehearsal_changes_nothing(api, live, workspace_id, shop):
    from tessera.workspaces.actions import create_source

    source = create_source(workspace_id=workspace_id, name="Shop")
    people.ingest(live, workspace_id, [people.message("identify", userId="u", traits={"n": n}) for n in (1, "2", "x")])
    live.execute("UPDATE events_history SET source_id = %s", (source.id,))
    found = api.get("catalogue/rehearsal", kind="attribute", name="n", type="number").data
    assert (found["values"], found["fitting"], found["misfits"]) == (3, 2, ["x"])
    assert api.get("catalogue/rehearsal", kind="attribute", name="n", type="colour").status_code == 422
    limited = api.get("catalogue/rehearsal", kind="attribute", name="plan", type="text", allowed=["free"]).data
    assert (limited["values"], limited["fitting"]) == (1, 0)


def test_personal_examples_are_masked_without_the_scope(key, shop):
    blind, sees = key("events:read"), key("events:read", "pii:read", name="sees")
    for client, shown in ((blind, "•••"), (sees, "ana@example.com")):
        (entry,) = client.get("catalogue", search="email").data["entries"]
        assert entry["example"] == shown
        assert client.get("catalogue/attribute/email").data["entry"]["example"] == shown
    assert "ana@" not in blind.get("catalogue").content.decode()


def test_problems_are_acknowledged(api, shop):
    (problem,) = api.get("data-quality", open="true").data["problems"]
    assert (problem["name"], problem["code"], problem["count"]) == ("gender", "does_not_fit", 1)
    named = {name: problem[name] for name in ("kind", "parent", "name", "code", "source_id")}
    known = api.post("data-quality/acknowledge", **named).data
    assert (known["open"], known["acknowledged_by"]) == (False, "api-key:crm")
    assert api.get("data-quality", open="true").data["problems"] == []
    assert api.post("data-quality/acknowledge", **named, acknowledged=False).data["open"] is True
    assert api.post("data-quality/acknowledge", **(named | {"source_id": 99})).data["code"] == "not_found"


def test_a_stranger_decides_nothing_here(api, stranger, shop):
    assert stranger.get("catalogue/attribute/plan").status_code == 404
    stranger.patch("catalogue/attribute/plan", status="blocked")
    assert api.get("catalogue/attribute/plan").data["entry"]["status"] == "seen"
    assert stranger.get("data-quality").data == {"problems": [], "next": None}
    (problem,) = api.get("data-quality").data["problems"]
    named = {name: problem[name] for name in ("kind", "parent", "name", "code", "source_id")}
    assert stranger.post("data-quality/acknowledge", **named).status_code == 404


def test_every_decision_is_in_the_audit_trail_once(api, workspace_id, shop):
    from tessera.access.queries import audit_entries

    api.patch("catalogue/attribute/plan", status="hidden", key="k")
    api.patch("catalogue/attribute/plan", status="hidden", key="k")
    api.patch("catalogue/attribute/plan", status="hidden")
    mine = [entry for entry in audit_entries(workspace_id) if entry.actor == "api-key:crm"]
    assert [(entry.action, entry.target, entry.detail) for entry in mine] == [
        ("change_catalogue", "attribute:plan", {"status": {"from": "seen", "to": "hidden"}})
    ]
    assert mine[0].at < datetime.now(UTC)
