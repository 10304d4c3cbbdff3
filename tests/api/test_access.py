"""Staff, keys and the audit trail by program: the console's rules, once each, and no secret kept in the open."""

from typing import Any
from uuid import UUID

import psycopg
import pytest

from tessera.access import actions, queries

ACCESS = ("access:write", "profiles:read", "pii:read")


@pytest.fixture
def bo(live, workspace_id) -> UUID:
    actions.create_staff(email="bo@example.com", role="support", workspace_id=workspace_id)
    return queries.staff_by_email("bo@example.com").account_id


@pytest.fixture
def ana(live, workspace_id) -> UUID:
    actions.create_staff(email="ana@example.com", role="owner", workspace_id=workspace_id)
    return queries.staff_by_email("ana@example.com").account_id


def test_somebody_is_invited_once_whatever_is_repeated(key, live: psycopg.Connection[Any]):
    client = key(*ACCESS)
    wanted = {"email": "Cy@Example.com", "role": "analyst", "personal_data": "shown"}

    first = client.post("staff", key="k-1", **wanted)
    again = client.post("staff", key="k-1", **wanted)

    assert first.status_code == 200
    assert first.data["path"].startswith("/join/tsi_")
    assert (again.data, again["Idempotency-Replayed"]) == (first.data, "true")
    (waiting,) = client.get("staff").data["invitations"]
    assert (waiting["email"], waiting["role"], waiting["pii_grant"]) == ("cy@example.com", "analyst", True)
    token = first.data["path"].removeprefix("/join/")
    (kept,) = live.execute("SELECT body FROM access_rememberedreply").fetchone()
    assert token.encode() not in bytes(kept)


def test_a_key_makes_and_changes_no_owners(key, ana, bo, workspace_id):
    client = key(*ACCESS)

    refusals = [
        client.post("staff", email="cy@example.com", role="owner"),
        client.patch(f"staff/{bo}", role="owner"),
        client.patch(f"staff/{ana}", role="support"),
        client.send("delete", f"staff/{ana}", b""),
    ]

    assert [(answer.status_code, answer.data["code"]) for answer in refusals] == [(403, "owners_only")] * 4
    assert {one.role for one in queries.staff_members(workspace_id)} == {"owner", "support"}
    assert [one.revoked_at for one in queries.staff_members(workspace_id)] == [None, None]


def test_a_member_is_changed_and_shut_out(key, ana, bo):
    client = key(*ACCESS)

    changed = client.patch(f"staff/{bo}", personal_data="shown").data
    moved = client.patch(f"staff/{bo}", role="marketer").data
    out = client.send("delete", f"staff/{bo}", b"").data

    assert (changed["role"], changed["sees_pii"]) == ("support", True)
    assert (moved["role"], moved["pii_grant"]) == ("marketer", True)
    assert out["revoked_at"] is not None
    told = client.get("audit", target="bo@example.com").data["entries"]
    assert [entry["action"] for entry in told] == ["revoke_staff", "change_staff", "change_staff", "create_staff"]


def test_a_key_that_sees_nothing_shows_nothing(key, bo):
    client = key("access:write")

    for answer in (
        client.patch(f"staff/{bo}", personal_data="shown"),
        client.patch(f"staff/{bo}", role="marketer"),
        client.post("staff", email="cy@example.com", role="admin"),
    ):
        assert (answer.status_code, answer.data["code"]) == (403, "cannot_grant_pii")


def test_a_key_makes_no_key_beyond_itself(key, workspace_id, live):
    client = key(*ACCESS)

    made = client.post("keys", key="k-1", name="child", scopes=["profiles:read", "access:read"])
    again = client.post("keys", key="k-1", name="child", scopes=["profiles:read", "access:read"])
    beyond = client.post("keys", name="child", scopes=["profiles:write"])
    nonsense = client.post("keys", name="child", scopes=["nonsense"])

    assert again.data == made.data
    assert (beyond.status_code, beyond.data["code"]) == (403, "scope_not_held")
    assert (nonsense.status_code, nonsense.data["code"]) == (422, "unknown_scope")
    assert queries.authenticate_api_key(made.data["token"]).scopes == ("access:read", "profiles:read")
    assert len(queries.api_keys(workspace_id)) == 2
    (kept,) = live.execute("SELECT body FROM access_rememberedreply WHERE body IS NOT NULL").fetchone()
    assert made.data["token"].encode() not in bytes(kept)


def test_a_revoked_key_is_out_and_stays_in_the_list(key, with_token, workspace_id):
    client = key(*ACCESS)
    made = client.post("keys", name="child", scopes=["access:read"]).data

    answers = [client.send("delete", f"keys/{made['id']}", b"") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert with_token(made["token"]).get("keys").status_code == 401
    assert [one["revoked_at"] is None for one in answers[0].data["keys"]] == [False, True]


def test_a_stranger_changes_nobody(key, stranger, ana, bo, workspace_id):
    mine = key(*ACCESS).get("keys").data["keys"][0]["id"]

    assert stranger.patch(f"staff/{bo}", role="analyst").status_code == 404
    assert stranger.send("delete", f"staff/{bo}", b"").status_code == 404
    assert stranger.send("delete", f"keys/{mine}", b"").status_code == 404
    assert stranger.get("audit", target="bo@example.com").data["entries"] == []
    assert [one.revoked_at for one in queries.staff_members(workspace_id)] == [None, None]


def test_the_trail_is_filtered_and_paged(key, bo, workspace_id):
    client = key(*ACCESS)
    for number in range(5):
        actions.record_audit(workspace_id=workspace_id, actor="x", action="counted", target=f"n:{number}")

    seen, before = [], None
    while True:
        page = client.get("audit", action="counted", limit=2, **({"before": before} if before else {})).data
        seen += [entry["target"] for entry in page["entries"]]
        before = page["next"]
        if before is None:
            break

    assert seen == [f"n:{number}" for number in (4, 3, 2, 1, 0)]
    assert client.get("audit", until="2020-01-01T00:00:00Z").data["entries"] == []
    assert client.get("audit", since="2020-01-01").data["code"] == "invalid_request"
    assert client.get("audit", before="nonsense").data["code"] == "invalid_cursor"
    assert client.get("audit", wat="1").data["code"] == "unknown_parameter"


def test_details_about_people_are_masked_without_the_scope(key, workspace_id):
    actions.record_audit(
        workspace_id=workspace_id, actor="x", action="y", target="z", detail={"reason": "zoe@quux.example called"}
    )

    assert key("access:read").get("audit").data["entries"][1]["detail"] == {"reason": "z•••@q•••.example called"}
    assert key("access:read", "pii:read").get("audit", action="y").data["entries"][0]["detail"] == {
        "reason": "zoe@quux.example called"
    }
