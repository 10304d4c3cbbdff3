"""Who may ask what: keys, scopes, workspaces."""

import re
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from tessera.access import queries, staffing
from tessera.access.actions import create_api_key, create_staff, revoke_api_key

ANY = "any key"
SOMEBODY = "0199c0de-7a3b-7c4d-8e5f-0a1b2c3d4e5f"
ASKED = [
    ("get", "profiles", "profiles:read"),
    ("get", "profiles/user_id:u-1", "profiles:read"),
    ("get", "profiles/user_id:u-1/events", "profiles:read"),
    ("get", "profiles/user_id:u-1/refusals", "profiles:read"),
    ("get", "profiles/user_id:u-1/export", "profiles:read"),
    ("post", "profiles/merge", "profiles:write"),
    ("post", "profiles/split", "profiles:write"),
    ("patch", "profiles/user_id:u-1", "profiles:write"),
    ("get", "profiles/user_id:u-1/relations", "profiles:read"),
    ("put", "profiles/user_id:u-1/relations", "profiles:write"),
    ("delete", "profiles/user_id:u-1/relations", "profiles:write"),
    ("get", "relation-types", "profiles:read"),
    ("put", "relation-types/plan", "profiles:write"),
    ("delete", "profiles/user_id:u-1", "privacy:write"),
    ("post", "erasures", "privacy:write"),
    ("get", "erasures", "privacy:read"),
    ("get", "erasures/1", "privacy:read"),
    ("post", "erasures/1/retry", "privacy:write"),
    ("get", "suppressions", "privacy:read"),
    ("post", "suppressions", "privacy:write"),
    ("delete", "suppressions", "privacy:write"),
    ("get", "duplicates", "duplicates:read"),
    ("get", "duplicates/runs/user_id:u-1", "duplicates:read"),
    ("post", "duplicates/runs", "duplicates:write"),
    ("post", "duplicates/user_id:u-1/accept", "duplicates:write"),
    ("post", "duplicates/user_id:u-1/reject", "duplicates:write"),
    ("post", "duplicates/user_id:u-1/undo", "duplicates:write"),
    ("put", "profiles/user_id:u-1/status", "profiles:write"),
    ("put", "profiles/user_id:u-1/test-subscriber", "profiles:write"),
    ("get", "profiles/user_id:u-1/avatar", "profiles:read"),
    ("put", "profiles/user_id:u-1/avatar", "profiles:write"),
    ("delete", "profiles/user_id:u-1/avatar", "profiles:write"),
    ("get", "catalogue", "events:read"),
    ("get", "catalogue/rehearsal", "events:read"),
    ("get", "catalogue/attribute/plan", "events:read"),
    ("patch", "catalogue/attribute/plan", "events:write"),
    ("get", "data-quality", "events:read"),
    ("post", "data-quality/acknowledge", "events:write"),
    ("get", "sources", "workspaces:read"),
    ("post", "sources", "workspaces:write"),
    ("get", "sources/1", "workspaces:read"),
    ("patch", "sources/1", "workspaces:write"),
    ("get", "sources/1/keys", "workspaces:write"),
    ("post", "sources/1/keys", "workspaces:write"),
    ("post", "sources/1/keys/1/revoke", "workspaces:write"),
    ("get", "brands", "workspaces:read"),
    ("post", "brands", "workspaces:write"),
    ("patch", "brands/1", "workspaces:write"),
    ("get", "stats", ANY),
    ("post", "exports", "exports:write"),
    ("get", "exports", "exports:read"),
    ("get", "exports/user_id:u-1", "exports:read"),
    ("get", "exports/user_id:u-1/file", "exports:read"),
    ("post", "exports/user_id:u-1/cancel", "exports:write"),
    ("delete", "exports/user_id:u-1", "exports:write"),
    ("post", "imports", "imports:write"),
    ("post", "imports/file", "imports:write"),
    ("get", "imports", "imports:read"),
    ("get", "imports/user_id:u-1", "imports:read"),
    ("get", "imports/user_id:u-1/inspection", "imports:read"),
    ("get", "imports/user_id:u-1/errors", "imports:read"),
    ("put", "imports/user_id:u-1/chunks/1", "imports:write"),
    ("put", "imports/user_id:u-1/plan", "imports:write"),
    *(
        ("post", f"imports/user_id:u-1/{act}", "imports:write")
        for act in ("uploaded", "dry-run", "start", "pause", "cancel", "resume", "undo")
    ),
    ("delete", "imports/user_id:u-1", "imports:write"),
    ("get", "analyst", "audience:read"),
    ("get", "reports", "audience:read"),
    ("post", "reports", "audience:write"),
    ("get", "reports/schema", "audience:read"),
    ("post", "reports/run", "audience:read"),
    ("get", "reports/user_id:u-1", "audience:read"),
    ("patch", "reports/user_id:u-1", "audience:write"),
    ("delete", "reports/user_id:u-1", "audience:write"),
    ("post", "reports/user_id:u-1/run", "audience:read"),
    ("get", "segments", "audience:read"),
    ("post", "segments", "audience:write"),
    ("get", "segments/condition-schema", "audience:read"),
    ("post", "segments/preview", "audience:read"),
    ("post", "segments/explain", "audience:read"),
    ("get", "profiles/user_id:u-1/segments", "audience:read"),
    ("get", "segments/user_id:u-1/exports", "exports:read"),
    ("post", "segments/user_id:u-1/exports", "exports:write"),
    ("get", "segments/user_id:u-1/exports/1", "exports:read"),
    ("patch", "segments/user_id:u-1/exports/1", "exports:write"),
    ("delete", "segments/user_id:u-1/exports/1", "exports:write"),
    ("post", "segments/user_id:u-1/exports/1/run", "exports:write"),
    ("post", "segments/user_id:u-1/exports/1/secret", "exports:write"),
    ("get", "segments/user_id:u-1/exports/1/deliveries", "exports:read"),
    ("get", "segments/user_id:u-1/exports/1/deliveries/1/content", "exports:read"),
    ("get", "segments/user_id:u-1", "audience:read"),
    ("patch", "segments/user_id:u-1", "audience:write"),
    ("delete", "segments/user_id:u-1", "audience:write"),
    *(
        ("get", f"segments/user_id:u-1/{part}", "audience:read")
        for part in ("count", "members", "sizes", "used-by", "explain")
    ),
    *(
        ("post", f"segments/user_id:u-1/{act}", "audience:write")
        for act in ("members/add", "members/remove", "duplicate", "archive", "restore", "snapshot", "refresh")
    ),
    ("get", "staff", "access:read"),
    ("post", "staff", "access:write"),
    ("patch", f"staff/{SOMEBODY}", "access:write"),
    ("delete", f"staff/{SOMEBODY}", "access:write"),
    ("get", "keys", "access:read"),
    ("post", "keys", "access:write"),
    ("delete", "keys/987654", "access:write"),
    ("get", "audit", "access:read"),
]
HELD = [
    *("profiles:read", "profiles:write", "events:read", "events:write", "workspaces:read", "workspaces:write"),
    *(
        "identity:write",
        "audience:read",
        "audience:write",
        "privacy:read",
        "duplicates:write",
        "access:read",
        "access:write",
        "pii:read",
    ),
]


def _ask(client, method, path):
    if method == "get":
        return client.get(path)
    takes_bytes = path.endswith(("chunks/1", "imports/file"))
    kind = "application/octet-stream" if takes_bytes else "application/json"
    if method == "put" and path.endswith("/avatar"):
        kind = "image/png"
    return client.send(method, path, b"{}", content_type=kind)


@pytest.mark.parametrize("held", HELD)
def test_a_key_may_do_what_its_scope_says_and_nothing_else(key, held):
    client = key(held)
    for method, path, scope in ASKED:
        answer = _ask(client, method, path)
        granted = scope in (ANY, held, held.replace("write", "read"))
        assert (answer.status_code != 403) is granted, (method, path)
        if not granted:
            assert answer.data["code"] == "missing_scope"
            assert answer.data["detail"] == f"this key lacks the scope {scope}"


def test_every_endpoint_is_in_the_table_above():
    from tessera.api.schema import openapi

    examples = {
        "id": "user_id:u-1",
        "kind": "attribute",
        "name": "plan",
        "account_id": SOMEBODY,
    }
    said = {
        (
            method,
            re.sub(
                r"\{(\w+)\}",
                lambda part: examples.get(part[1], "1"),
                path.removeprefix("/api/v1/")
                .replace("keys/{key_id}", "keys/987654")
                .replace("987654/revoke", "1/revoke"),
            ),
            operation["x-required-scope"],
        )
        for path, operations in openapi()["paths"].items()
        for method, operation in operations.items()
    }
    assert said == {(method, path, scope.replace(ANY, "any")) for method, path, scope in ASKED}


def test_without_a_key_nothing_is_told(with_token, ana):
    for method, path, _ in ASKED:
        answer = _ask(with_token(None), method, path)
        assert (answer.status_code, answer.data["code"]) == (401, "missing_api_key")
        assert answer["WWW-Authenticate"] == 'Bearer realm="tessera"'


@pytest.mark.parametrize("token", ["tsk_unknown", "ünknown", "x" * 5000])
def test_a_key_nobody_made_opens_nothing(with_token, ana, token):
    answer = with_token(token).get("profiles")
    assert (answer.status_code, answer.data["code"]) == (401, "unknown_api_key")
    assert answer["WWW-Authenticate"] == 'Bearer realm="tessera", error="invalid_token"'


def test_a_revoked_key_is_out_at_once(with_token, workspace_id, live):
    made = create_api_key(workspace_id=workspace_id, name="crm", scopes=["profiles:read"])
    client = with_token(made.token)
    before = client.get("profiles").status_code
    revoke_api_key(made.id, workspace_id=workspace_id, now=datetime.now(UTC))
    assert (before, client.get("profiles").status_code) == (200, 401)


def test_the_use_of_a_key_is_noted(api, workspace_id):
    (before,) = queries.api_keys(workspace_id)
    api.get("stats")
    (after,) = queries.api_keys(workspace_id)
    assert before.last_used_at is None
    assert after.last_used_at is not None


def test_a_stranger_sees_nothing(stranger, api, ana, guest):
    assert stranger.get("profiles").data == {"profiles": [], "next": None}
    assert stranger.get("profiles", search="ana").data == {"profiles": [], "next": None}
    stats = stranger.get("stats").data
    assert [stats[name] for name in ("people", "profiles", "events", "waiting")] == [0, 0, 0, 0]
    assert stranger.get("catalogue").data == {"entries": [], "next": None}
    assert stranger.get("sources").data == {"sources": []}
    assert stranger.get("staff").data == {"staff": [], "invitations": []}
    assert [key["name"] for key in stranger.get("keys").data["keys"]] == ["stranger"]
    assert {entry["target"] for entry in stranger.get("audit").data["entries"]} == {
        f"api-key:{stranger.get('keys').data['keys'][0]['id']}",
        "other",
    }
    names = [ana["profile_id"], "email:ana@example.com", "user_id:u-1", f"md5:{ana['md5']}", f"xxh:{ana['xxh']}"]
    for name in names:
        for part in ("", "/events", "/refusals", "/export", "/avatar"):
            assert stranger.get(f"profiles/{name}{part}").status_code == 404
        assert stranger.patch(f"profiles/{name}", attributes={"plan": "stolen"}).status_code == 404
        assert stranger.put(f"profiles/{name}/status", status="invalid", reason="x").status_code == 404
        assert stranger.put(f"profiles/{name}/test-subscriber", test_subscriber=True).status_code == 404
        assert stranger.delete(f"profiles/{name}/avatar").status_code == 404
    for name in names[1:]:
        assert stranger.get("profiles", identifier=name).data == {"profiles": [], "next": None}


def test_a_stranger_changes_nothing(stranger, api, ana, guest):
    merge = {"keep": ana["profile_id"], "absorb": guest["profile_id"], "reason": "mine"}
    assert stranger.post("profiles/merge", **merge).status_code == 404
    made = api.post("profiles/merge", **merge).data
    assert stranger.post("profiles/split", merge_id=made["merge_id"]).status_code == 404
    assert stranger.post("profiles/split", merge_id=str(uuid4())).status_code == 404
    assert api.get(f"profiles/{guest['profile_id']}").data["merges"] == [made]


def test_an_answer_carries_no_session(api, ana):
    answer = api.get(f"profiles/{ana['profile_id']}")
    assert not answer.cookies
    assert not answer.has_header("Set-Cookie")


def test_keys_made_by_a_key_are_its_makers_too_and_end_with_them(workspace_id, with_token):
    """No chain of keys and links outlives the member it began with, nor lets them raise themselves."""
    create_staff(email="adm@example.com", role="admin", workspace_id=workspace_id)
    adm = queries.staff_by_email("adm@example.com")
    first = create_api_key(workspace_id=workspace_id, name="first", scopes=["access:write"], made_by=adm.account_id)
    client = with_token(first.token)
    second = with_token(client.post("keys", name="second", scopes=["access:read"]).data["token"])
    assert client.post("staff", email="sock@example.com", role="support").status_code == 200
    refused = client.patch(f"staff/{adm.account_id}", role="developer")
    assert (refused.status_code, refused.data["code"]) == (403, "not_oneself")

    owner = staffing.By("own@example.com", makes_owners=True, sees_pii=True)
    staffing.shut_out(adm.account_id, workspace_id=workspace_id, by=owner, now=datetime.now(UTC))

    assert client.get("staff").status_code == second.get("staff").status_code == 401
    assert queries.open_invitations(workspace_id, now=datetime.now(UTC)) == []
