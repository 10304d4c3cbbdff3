"""Status, test mark and picture by the API."""

from io import BytesIO
from typing import get_args

import pytest
from PIL import Image

from factories.pictures import SVG, picture
from tessera.api.standing import StatusChange
from tessera.profiles.facts import STATUSES


def _audit(live):
    made = "SELECT action, detail FROM access_auditentry WHERE actor = 'api-key:crm' ORDER BY id"
    return live.execute(made).fetchall()


def _put(api, path, raw, content_type="image/png", key=None):
    return api.send("put", path, raw, content_type=content_type, key=key)


def test_the_statuses_are_those_of_the_room():
    assert get_args(StatusChange.model_fields["status"].annotation) == STATUSES


@pytest.mark.parametrize("status", STATUSES)
def test_a_status_is_set_with_its_reason(api, ana, live, status):
    changed = api.put("profiles/email:ana@example.com/status", status=status, reason=" by telephone ")

    assert changed.status_code == 200
    assert changed.data["status"] == status
    assert changed.data["standing"]["reason"] == "by telephone"
    assert changed.data["standing"]["by"] == "api-key:crm"
    assert (ana["status"], ana["standing"]) == ("subscribed", None)
    assert changed.data["last_seen_at"] == ana["last_seen_at"], "a clerk's word is not the person's activity"
    assert _audit(live) == [("change_status", {"status": status, "reason": "by telephone"})]
    (told,) = api.get("profiles/user_id:u-1/events", type="system", name="Status Changed").data["events"]
    assert told["body"] == {"status": status, "reason": "by telephone", "actor": "api-key:crm"}


@pytest.mark.parametrize(
    "body", [{"status": "gone", "reason": "x"}, {"status": "invalid"}, {"status": "invalid", "reason": "  "}, {}]
)
def test_a_status_that_will_not_do_changes_nothing(api, ana, live, body):
    answer = api.put("profiles/user_id:u-1/status", **body)
    assert (answer.status_code, answer.data["code"]) == (422, "invalid_request")
    assert api.get("profiles/user_id:u-1").data == ana
    assert _audit(live) == []


def test_the_test_mark_comes_and_goes(api, ana, live):
    on = api.put("profiles/user_id:u-1/test-subscriber", test_subscriber=True)
    off = api.put("profiles/user_id:u-1/test-subscriber", test_subscriber=False)
    assert (ana["test_subscriber"], on.data["test_subscriber"], off.data["test_subscriber"]) == (False, True, False)
    assert [detail["test_subscriber"] for _, detail in _audit(live)] == [True, False]


def test_a_picture_is_put_read_and_removed(api, ana, live):
    put = _put(api, "profiles/user_id:u-1/avatar", picture("PNG"))
    large = api.get("profiles/user_id:u-1/avatar")
    small = api.get("profiles/user_id:u-1/avatar", size="small")
    removed = api.delete("profiles/user_id:u-1/avatar")

    assert put.data["avatar"]["profile_id"] == ana["profile_id"]
    assert (large["Content-Type"], large["X-Content-Type-Options"]) == ("image/webp", "nosniff")
    assert large["Content-Security-Policy"] == "default-src 'none'"
    assert [Image.open(BytesIO(one.content)).size for one in (large, small)] == [(256, 256), (64, 64)]
    assert removed.data["avatar"] is None
    assert api.get("profiles/user_id:u-1/avatar").data["code"] == "not_found"
    assert live.execute("SELECT count(*) FROM profiles_avatar").fetchone() == (0,)
    assert [action for action, _ in _audit(live)] == ["change_avatar", "remove_avatar"]


@pytest.mark.parametrize(
    ("raw", "content_type", "status", "code"),
    [
        (SVG, "image/svg+xml", 415, "unsupported_media_type"),
        (SVG, "image/png", 422, "invalid_picture"),
        (b"{}", "application/json", 415, "unsupported_media_type"),
        (bytes(2_000_001), "image/png", 413, "body_too_large"),
        (b"", "image/png", 422, "invalid_picture"),
    ],
    ids=["svg", "svg as png", "json", "large", "empty"],
)
def test_what_is_no_picture_changes_nothing(api, ana, live, raw, content_type, status, code):
    answer = _put(api, "profiles/user_id:u-1/avatar", raw, content_type)
    assert (answer.status_code, answer.data["code"]) == (status, code)
    assert api.get("profiles/user_id:u-1").data == ana
    assert live.execute("SELECT count(*) FROM profiles_avatar").fetchone() == (0,)
    assert _audit(live) == []


def test_almost_two_megabytes_go_through(api, ana):
    raw = picture("PNG") + bytes(1_990_000)
    assert _put(api, "profiles/user_id:u-1/avatar", raw).status_code == 200


def test_a_picture_put_twice_under_one_key_is_put_once(api, ana, live):
    first = _put(api, "profiles/user_id:u-1/avatar", picture(), key="once")
    again = _put(api, "profiles/user_id:u-1/avatar", picture(), key="once")
    other = _put(api, "profiles/user_id:u-1/avatar", picture(color="blue"), key="once")
    assert (again["Idempotency-Replayed"], again.data) == ("true", first.data)
    assert other.data["code"] == "idempotency_key_reused"
    assert len(_audit(live)) == 1


def test_each_has_their_own_again_after_a_split(api, ana, guest):
    _put(api, f"profiles/{ana['profile_id']}/avatar", picture(color="red"))
    api.put(f"profiles/{ana['profile_id']}/status", status="suspended", reason="holidays")
    _put(api, f"profiles/{guest['profile_id']}/avatar", picture(color="blue"))
    api.put(f"profiles/{guest['profile_id']}/status", status="complainer", reason="wrote to us")
    before = [api.get(f"profiles/{one['profile_id']}").data for one in (ana, guest)]

    merge = api.post("profiles/merge", keep=ana["profile_id"], absorb=guest["profile_id"], reason="one").data
    together = api.get(f"profiles/{ana['profile_id']}").data
    shown = api.get(f"profiles/{ana['profile_id']}/avatar").content
    api.post("profiles/split", merge_id=merge["merge_id"])
    after = [api.get(f"profiles/{one['profile_id']}").data | {"merges": []} for one in (ana, guest)]

    assert (together["status"], together["avatar"]) == ("complainer", before[1]["avatar"]), "the later word holds"
    assert shown == api.get(f"profiles/{guest['profile_id']}/avatar").content
    assert after == before


def test_history_is_narrowed(api, ana, send, live):
    page = "profiles/user_id:u-1/events"

    def names(**query):
        return [event["name"] for event in api.get(page, **query).data["events"]]

    assert names(name=["Order Completed", "Page Viewed"]) == ["Order Completed", "Order Completed", "Page Viewed"]
    assert names(type="identify") == ["Identified"]
    assert names(text="ORDER") == ["Order Completed", "Order Completed"]
    assert names(text="%") == []
    assert names(source=1, type=["page", "identify"]) == ["Identified", "Page Viewed"]
    assert names(source=99) == []
    assert names(since="2026-10-02T10:00:00Z", until="2026-10-03T10:00:00") == ["Order Completed"]
    assert names(since="2026-10-03T11:00:00+01:00") == ["Order Completed"]
    first = api.get(page, name="Order Completed", limit=1).data
    assert names(name="Order Completed", before=first["next"]) == ["Order Completed"]
    for wrong in ({"type": "nothing"}, {"since": "yesterday"}, {"source": 0}, {"text": "x" * 101}):
        assert api.get(page, **wrong).data["code"] == "invalid_request", wrong
    assert api.get(page, kind="track").data["code"] == "unknown_parameter"
