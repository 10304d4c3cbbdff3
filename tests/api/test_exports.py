"""Programs that take people and history out."""

import json
from uuid import UUID, uuid4

import pytest


def run(export_id: str) -> None:
    from tessera.exports.actions import run_export

    run_export(UUID(export_id))


def test_asked_for_waited_for_and_fetched(api, ana, live):
    asked = api.post("exports", what="people", format="ndjson").data
    assert (asked["state"], asked["rows"]) == ("waiting", 0)
    early = api.get(f"exports/{asked['export_id']}/file")
    assert (early.status_code, early.data["code"]) == (409, "export_not_ready")

    run(asked["export_id"])

    done = api.get(f"exports/{asked['export_id']}").data
    assert (done["state"], done["rows"]) == ("done", 1)
    file = api.get(f"exports/{asked['export_id']}/file")
    assert file["Content-Disposition"] == f'attachment; filename="{done["file_name"]}"'
    assert file["Content-Type"] == "application/x-ndjson"
    assert int(file["Content-Length"]) == len(file.body) == done["bytes"]
    assert json.loads(file.body)["email"] == "ana@example.com"
    assert api.get("exports").data == {"exports": [done], "next": None}
    noted = live.execute("SELECT action, actor FROM access_auditentry WHERE target LIKE 'export:%%' ORDER BY id")
    assert noted.fetchall() == [("request_export", "api-key:crm"), ("download_export", "api-key:crm")]


def test_the_same_request_makes_one_export(api, ana):
    first = api.post("exports", key="k-1", what="history")
    again = api.post("exports", key="k-1", what="history")

    assert again["Idempotency-Replayed"] == "true"
    assert again.data == first.data
    assert len(api.get("exports").data["exports"]) == 1


def test_cancel_and_delete(api, ana):
    export_id = api.post("exports", what="people").data["export_id"]

    assert api.post(f"exports/{export_id}/cancel").data["state"] == "cancelled"
    assert api.delete(f"exports/{export_id}").data == {"export_id": export_id, "deleted": True}
    assert api.get(f"exports/{export_id}").status_code == 404
    assert api.delete(f"exports/{export_id}").status_code == 404


def test_pages_follow_each_other(api, ana):
    made = [api.post("exports", what="people").data["export_id"] for _ in range(3)]

    first = api.get("exports", limit=2).data
    second = api.get("exports", limit=2, next=first["next"]).data

    assert [one["export_id"] for one in (*first["exports"], *second["exports"])] == made[::-1]
    assert second["next"] is None


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"what": "everything"}, "invalid_request"),
        ({"what": "people", "format": "xlsx"}, "invalid_request"),
        ({"what": "people", "colour": "red"}, "invalid_request"),
        ({"what": "people", "events": ["a"]}, "invalid_export"),
        ({"what": "people", "people": ["nobody"]}, "invalid_export"),
        ({"what": "people", "seen_from": "yesterday"}, "invalid_export"),
        ({"what": "history", "occurred_from": "2026-01-01T00:00:00"}, "invalid_export"),
    ],
)
def test_what_makes_no_sense_is_refused(api, ana, body, code):
    refused = api.post("exports", **body)

    assert (refused.status_code, refused.data["code"]) == (422, code)
    assert api.get("exports").data["exports"] == []


@pytest.mark.parametrize("scopes", [("exports:write",), ("pii:read",), ("profiles:write", "pii:read")])
def test_a_key_needs_both_scopes(api, key, ana, scopes):
    export_id = api.post("exports", what="people").data["export_id"]
    run(export_id)
    weak = key(*scopes, name="weak")

    answers = [
        weak.post("exports", what="people"),
        weak.get("exports"),
        weak.get(f"exports/{export_id}"),
        weak.get(f"exports/{export_id}/file"),
        weak.post(f"exports/{export_id}/cancel"),
        weak.delete(f"exports/{export_id}"),
    ]

    assert [(answer.status_code, answer.data["code"]) for answer in answers] == [(403, "missing_scope")] * 6


def test_reading_is_not_writing(api, key, ana):
    reader = key("exports:read", "pii:read", name="reader")
    export_id = api.post("exports", what="people").data["export_id"]

    assert reader.get(f"exports/{export_id}").status_code == 200
    assert reader.post("exports", what="people").status_code == 403
    assert reader.delete(f"exports/{export_id}").status_code == 403


def test_a_stranger_finds_nothing(api, stranger, ana):
    export_id = api.post("exports", what="people").data["export_id"]
    run(export_id)

    assert stranger.get("exports").data["exports"] == []
    for answer in (
        stranger.get(f"exports/{export_id}"),
        stranger.get(f"exports/{export_id}/file"),
        stranger.post(f"exports/{export_id}/cancel"),
        stranger.delete(f"exports/{export_id}"),
        stranger.get(f"exports/{uuid4()}"),
    ):
        assert (answer.status_code, answer.data["code"]) == (404, "not_found")
    assert api.get(f"exports/{export_id}").data["state"] == "done"


def test_a_person_is_told_whole_however_long(api, ana, send, monkeypatch):
    from tessera.profiles import bundle

    monkeypatch.setattr(bundle, "PAGE", 2)
    whole = api.get("profiles/user_id:u-1/export").data
    listed = api.get("profiles/user_id:u-1/events", limit=200).data["events"]

    assert whole["events"] == listed
    assert len(listed) == 4
    assert whole["profile"] == ana
