"""Single calls: each type, its short form, what is stored, what is refused and with which code."""

from collections.abc import Callable
from uuid import UUID

import pytest

from .conftest import Collect, NewSource

TRACK = {"userId": "u1", "event": "Product Viewed"}
BODIES = {
    "identify": {"userId": "u1", "traits": {"email": "ana@example.com"}},
    "track": TRACK,
    "page": {"anonymousId": "a1", "name": "Home"},
    "screen": {"anonymousId": "a1", "name": "Home"},
    "group": {"userId": "u1", "groupId": "g1"},
    "alias": {"userId": "u1", "previousId": "a1"},
}


@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize("path", ["/v1/{kind}", "/v1/{kind[0]}", "/v1/{kind}/"])
def test_each_call_is_committed_before_it_is_answered(
    collect: Collect, new_id: Callable[[], str], kind: str, path: str
) -> None:
    message_id = new_id()
    answer = collect.post(path.format(kind=kind), {**BODIES[kind], "messageId": message_id})

    assert answer.status_code == 200
    assert answer.json() == {"success": True, "accepted": 1, "rejected": []}
    assert collect.stored(messageId=message_id) == [{**BODIES[kind], "messageId": message_id, "type": kind}]


def test_the_path_says_the_type_whatever_the_body_says(collect: Collect, new_id: Callable[[], str]) -> None:
    message_id = new_id()
    collect.post("/v1/track", {**TRACK, "type": "identify", "messageId": message_id})

    assert collect.stored(messageId=message_id)[0]["type"] == "track"


@pytest.mark.parametrize("absent", [{}, {"messageId": None}, {"messageId": ""}])
def test_a_message_without_an_id_is_given_one(
    collect: Collect, source: NewSource, message_key_of: Callable[[int, str], UUID], absent: dict[str, str | None]
) -> None:
    collect.post("/v1/track", {**TRACK, **absent}, key=source.key)

    ((key, body),) = collect.rows(
        "SELECT message_key, convert_from(body, 'UTF8')::json FROM events_inbox WHERE source_id = %s", source.id
    )
    assert UUID(body["messageId"]).version == 7
    assert key == message_key_of(source.id, body["messageId"])


def test_the_row_says_whose_it_is_and_what_the_request_said(
    collect: Collect, source: NewSource, new_id: Callable[[], str], message_key_of: Callable[[int, str], UUID]
) -> None:
    message_id = new_id()
    collect.post("/v1/track", {**TRACK, "messageId": message_id}, key=source.key, headers={"user-agent": "till/3"})

    ((workspace, key, envelope, age),) = collect.rows(
        "SELECT workspace_id, message_key, convert_from(envelope, 'UTF8')::json, now() - received_at < '1 minute'"
        "  FROM events_inbox WHERE source_id = %s",
        source.id,
    )
    assert (workspace, key) == (source.workspace_id, message_key_of(source.id, message_id))
    assert envelope == {"ip": "127.0.0.1", "userAgent": "till/3"}
    assert age


def test_one_client_keeps_to_one_lane(collect: Collect, source: NewSource) -> None:
    for kind in ("track", "identify", "page"):
        collect.post(f"/v1/{kind}", {**TRACK, "anonymousId": "a1", "userId": "lane"}, key=source.key)

    assert len(collect.rows("SELECT DISTINCT lane FROM events_inbox WHERE source_id = %s", source.id)) == 1


def test_fields_that_nobody_here_reads_are_kept_byte_for_byte(collect: Collect, source: NewSource) -> None:
    raw = '{"type":"track", "messageId":"kept","userId":"u1","event":"É","x":{"n":1.0e2,"big":123456789012345678901}}'
    collect.post("/v1/track", raw.encode(), key=source.key)

    assert collect.rows("SELECT body FROM events_inbox WHERE source_id = %s", source.id) == [(raw.encode(),)]


@pytest.mark.parametrize(
    ("kind", "body", "code"),
    [
        ("track", {"event": "A"}, "missing_identity"),
        ("track", {"userId": "", "anonymousId": "", "event": "A"}, "missing_identity"),
        ("track", {"userId": "u"}, "missing_event_name"),
        ("track", {"userId": "u", "event": "e" * 256}, "name_too_long"),
        ("page", {"userId": "u", "name": "n" * 256}, "name_too_long"),
        ("group", {"userId": "u"}, "missing_group_id"),
        ("alias", {"userId": "u"}, "missing_previous_id"),
        ("track", {**TRACK, "messageId": "m" * 101}, "message_id_too_long"),
        ("track", {**TRACK, "userId": "u" * 501}, "id_too_long"),
        ("track", {**TRACK, "userId": 1.5}, "invalid_field"),
        ("track", {**TRACK, "properties": [1]}, "invalid_field"),
        ("track", {**TRACK, "properties": {str(n): n for n in range(301)}}, "too_many_fields"),
        ("track", {**TRACK, "timestamp": "yesterday"}, "invalid_timestamp"),
        ("track", {**TRACK, "originalTimestamp": "2024-13-01T00:00:00Z"}, "invalid_timestamp"),
        ("track", {**TRACK, "sentAt": ""}, "invalid_timestamp"),
        ("track", {**TRACK, "timestamp": 1700000000}, "invalid_field"),
        ("track", {**TRACK, "properties": {"a": "\0"}}, "nul_character"),
        ("track", [TRACK], "invalid_field"),
    ],
)
def test_a_refused_call_says_why_and_stores_nothing(
    collect: Collect, source: NewSource, kind: str, body: object, code: str
) -> None:
    answer = collect.post(f"/v1/{kind}", body, key=source.key)

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["code"], problem["title"]) == (400, code, "Bad Request")
    assert problem["detail"]
    assert collect.rows("SELECT FROM events_inbox WHERE source_id = %s", source.id) == []
    assert [row[:3] for row in collect.rejections(source.id)] == [("collect", code, problem["detail"])]


@pytest.mark.parametrize(
    "moment",
    [
        "1970-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999Z",
        "0001-01-01",
        "1997-06-02",
        "2024-02-29T12:00:00.123456789+05:30",
    ],
)
def test_any_readable_date_is_taken(collect: Collect, new_id: Callable[[], str], moment: str) -> None:
    message_id = new_id()
    answer = collect.post("/v1/track", {**TRACK, "messageId": message_id, "timestamp": moment})

    assert answer.status_code == 200
    assert collect.stored(messageId=message_id)[0]["timestamp"] == moment


def test_numbers_beyond_every_machine_word_are_refused_or_kept_whole(collect: Collect, source: NewSource) -> None:
    huge = b'{"userId":"u","event":"e","properties":{"n":1e999}}'
    long = b'{"userId":"u","event":"e","properties":{"n":' + b"9" * 400 + b"}}"

    assert collect.post("/v1/track", huge, key=source.key).json()["code"] == "invalid_field"
    assert collect.post("/v1/track", long, key=source.key).status_code == 200
    ((body,),) = collect.rows("SELECT body FROM events_inbox WHERE source_id = %s", source.id)
    assert b'{"n":' + b"9" * 400 + b"}" in body


def test_half_an_emoji_is_mended(collect: Collect, source: NewSource) -> None:
    cut = b'{"userId":"u","event":"\\ud83d","properties":{"whole":"\\ud83d\\ude00","low":"\\ude00!"},"later":"\\ud83d"}'
    answer = collect.post("/v1/track", cut, key=source.key)

    assert answer.status_code == 200
    ((body,),) = collect.rows(
        "SELECT convert_from(body, 'UTF8')::json FROM events_inbox WHERE source_id = %s", source.id
    )
    assert (body["event"], body["later"]) == ("\ufffd", "\ufffd")
    assert body["properties"] == {"whole": "😀", "low": "\ufffd!"}


@pytest.mark.parametrize("depth", [65, 900, 15_000])
@pytest.mark.parametrize("field", ["properties", "unread"])
def test_deep_nesting_is_refused(collect: Collect, source: NewSource, depth: int, field: str) -> None:
    deep = b'{"userId":"u","event":"e","%s":{"a":%s%s}}' % (field.encode(), b"[" * depth, b"]" * depth)

    assert collect.post("/v1/track", deep, key=source.key).json()["code"] == "nested_too_deep"


def test_sixty_four_deep_is_taken_however_many_brackets_there_are(collect: Collect, source: NewSource) -> None:
    wide = b",".join([b'{"brackets":"[[[{{{\\"[["}'] * 200)
    body = b'{"userId":"u","event":"e","context":{"a":%s%s},"properties":{"b":[%s]}}' % (b"[" * 62, b"]" * 62, wide)

    assert collect.post("/v1/track", body, key=source.key).status_code == 200


def test_an_event_may_have_32_kilobytes_and_no_more(collect: Collect, source: NewSource) -> None:
    def of(size: int) -> bytes:
        return b'{"userId":"u","event":"e","type":"track","messageId":"%s","x":"%s"}' % (b"m", b"y" * (size - 64))

    exactly, over = of(32 * 1024), of(32 * 1024 + 1)
    assert (len(exactly), len(over)) == (32 * 1024, 32 * 1024 + 1)
    assert collect.post("/v1/track", exactly, key=source.key).status_code == 200
    refused = collect.post("/v1/track", over, key=source.key)
    assert (refused.status_code, refused.json()["code"]) == (413, "event_too_large")


def test_metrics_of_client_libraries_are_taken_and_dropped(collect: Collect) -> None:
    before = collect.count()

    assert collect.post("/v1/m", {"series": []}, key="").status_code == 200
    assert collect.count() == before


@pytest.mark.parametrize(
    ("method", "path", "status", "code", "allow"),
    [
        ("GET", "/v1/track", 405, "method_not_allowed", "POST, OPTIONS"),
        ("PUT", "/v1/batch", 405, "method_not_allowed", "POST, OPTIONS"),
        ("POST", "/healthz", 405, "method_not_allowed", "GET, HEAD, OPTIONS"),
        ("POST", "/v1/projects/k/settings", 405, "method_not_allowed", "GET, HEAD, OPTIONS"),
        ("GET", "/", 404, "not_found", None),
        ("POST", "/v2/track", 404, "not_found", None),
        ("GET", "/v1/projects//settings", 404, "not_found", None),
    ],
)
def test_wrong_methods_and_addresses_are_said_to_be_wrong(
    collect: Collect, method: str, path: str, status: int, code: str, allow: str | None
) -> None:
    answer = collect.client.request(method, path)

    assert (answer.status_code, answer.json()["code"], answer.headers.get("allow")) == (status, code, allow)
