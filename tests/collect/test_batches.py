"""Batches: every message judged on its own, one answer for all, the limits of the whole."""

import json
from collections.abc import Callable

import pytest

from .conftest import Collect, NewSource


def track(**fields: object) -> dict[str, object]:
    return {"type": "track", "userId": "u1", "event": "A", **fields}


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/import", "/v1/b", "/beacon/v1/batch"])
def test_a_batch_is_taken_whole(collect: Collect, new_id: Callable[[], str], path: str) -> None:
    batch = [track(messageId=new_id()), {"type": "identify", "userId": "u1", "messageId": new_id()}]
    answer = collect.post(path, {"batch": batch})

    assert (answer.status_code, answer.json()) == (200, {"success": True, "accepted": 2, "rejected": []})
    assert [collect.stored(messageId=message["messageId"]) for message in batch] == [[batch[0]], [batch[1]]]


def test_bad_messages_do_not_hold_back_their_neighbours(collect: Collect, source: NewSource) -> None:
    batch = [
        track(messageId="good-1"),
        {"type": "track", "userId": "u1", "messageId": "nameless"},
        track(messageId="good-2"),
        {"type": "purchase", "userId": "u1"},
        7,
        track(messageId="big", properties={"x": "y" * 33_000}),
        track(messageId="good-3"),
    ]
    answer = collect.post("/v1/batch", {"batch": batch}, key=source.key).json()

    assert (answer["success"], answer["accepted"]) == (True, 3)
    assert [(item["index"], item["messageId"], item["code"]) for item in answer["rejected"]] == [
        (1, "nameless", "missing_event_name"),
        (3, None, "unknown_type"),
        (4, None, "invalid_field"),
        (5, "big", "event_too_large"),
    ]
    assert all(item["detail"] for item in answer["rejected"])
    rows = collect.rows(
        "SELECT convert_from(body, 'UTF8')::json->>'messageId' FROM events_inbox WHERE source_id = %s ORDER BY seq",
        source.id,
    )
    assert rows == [("good-1",), ("good-2",), ("good-3",)]


def test_refusals_are_on_record_with_what_was_sent(collect: Collect, source: NewSource) -> None:
    batch = [{"type": "track", "userId": "u1", "text": "a\0b"}, track(properties={"x": "é" * 16_500})]
    collect.post("/v1/batch", json.dumps({"batch": batch}, ensure_ascii=False).encode(), key=source.key)

    first, second = collect.rejections(source.id, at_least=2)
    assert first[:2] == ("collect", "nul_character")
    assert first[3] == '{"type": "track", "userId": "u1", "text": "a\\u0000b"}'
    assert second[:2] == ("collect", "event_too_large")
    assert len(second[3]) == 500


def test_a_flood_of_refusals_is_counted_but_not_kept(collect: Collect, source: NewSource) -> None:
    before = collect.metric('tessera_collect_messages_rejected_total{code="unknown_type"}')
    answer = collect.post("/v1/batch", {"batch": [{"type": "no"}] * 500}, key=source.key).json()

    assert (answer["accepted"], len(answer["rejected"])) == (0, 500)
    assert len(collect.rejections(source.id, at_least=50)) == 50
    assert collect.metric('tessera_collect_messages_rejected_total{code="unknown_type"}') == before + 500


def test_what_the_batch_says_for_all_is_kept_with_each(collect: Collect, new_id: Callable[[], str]) -> None:
    ids = [new_id(), new_id()]
    said = {"context": {"app": {"name": "Till"}}, "integrations": {"All": False}, "sentAt": "2024-05-01T10:00:00Z"}
    collect.post("/v1/batch", {"batch": [track(messageId=one) for one in ids], **said})

    for one in ids:
        ((body, envelope),) = collect.stored_with_envelopes(messageId=one)
        assert body == track(messageId=one)
        assert {name: envelope[name] for name in said} == said
        assert envelope["ip"] == "127.0.0.1"


def test_a_batch_may_have_2500_events_and_no_more(collect: Collect, source: NewSource) -> None:
    small = {"type": "page", "userId": "u"}
    taken = collect.post("/v1/batch", {"batch": [small] * 2_500}, key=source.key)
    refused = collect.post("/v1/batch", {"batch": [small] * 2_501}, key=source.key)

    assert taken.json()["accepted"] == 2_500
    assert (refused.status_code, refused.json()["code"]) == (400, "too_many_events")
    assert collect.rows("SELECT count(*) FROM events_inbox WHERE source_id = %s", source.id) == [(2_500,)]


def test_an_empty_batch_is_no_mistake(collect: Collect) -> None:
    assert collect.post("/v1/batch", {"batch": []}).json() == {"success": True, "accepted": 0, "rejected": []}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "malformed_json"),
        (b'{"batch":[', "malformed_json"),
        (b'{"batch":[]} trailing', "malformed_json"),
        (b"{batch:[]}", "malformed_json"),
        (b"\xff\xfe", "malformed_json"),
        (b"{}", "invalid_batch"),
        (b"[]", "invalid_batch"),
        (b'{"batch":{}}', "invalid_batch"),
        (b'{"batch":null}', "invalid_batch"),
        (b'{"batch":[],"context":7}', "invalid_batch"),
        (b'{"batch":[],"sentAt":"soon"}', "invalid_timestamp"),
        (b'{"batch":[],"context":{"a":"\\u0000"}}', "nul_character"),
        (b'{"batch":[],"context":{"a":"%s"}}' % (b"x" * 33_000), "context_too_large"),
        (b'{"batch":[],"context":{"a":%s%s}}' % (b"[" * 200, b"]" * 200), "nested_too_deep"),
        (b'{"batch":[],"context":{"a":%s%s}}' % (b"[" * 100_000, b"]" * 100_000), "nested_too_deep"),
    ],
)
def test_a_batch_that_cannot_be_understood_is_refused_whole(
    collect: Collect, source: NewSource, body: bytes, code: str
) -> None:
    answer = collect.post("/v1/batch", body, key=source.key)

    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert [row[1] for row in collect.rejections(source.id)] == [code]
    assert collect.rows("SELECT FROM events_inbox WHERE source_id = %s", source.id) == []


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (b'{"type":"track","userId":"u","event":"e","x":%s%s}' % (b"[" * 20_000, b"]" * 20_000), "nested_too_deep"),
        (b'{"type":"track","userId":"u","event":"e","x":%s%s}' % (b"[" * 5_000, b"]" * 5_000), "nested_too_deep"),
        (b'{"type":"track","userId":"u","event":"e","x":"\xff\xfe"}', "malformed_json"),
        (b'{"type":"track","userId":"u","event":"\xed\xa0\x80"}', "malformed_json"),
    ],
)
def test_a_message_that_breaks_the_decoder_is_refused_alone(
    collect: Collect, source: NewSource, bad: bytes, code: str
) -> None:
    good = b'{"type":"track","userId":"u","event":"e"}'
    answer = collect.post("/v1/batch", b'{"batch":[%s,%s,%s]}' % (good, bad, good), key=source.key).json()

    assert answer["accepted"] == 2
    assert [(item["index"], item["code"]) for item in answer["rejected"]] == [(1, code)]


def test_half_an_emoji_in_one_message_spoils_none(collect: Collect, source: NewSource) -> None:
    body = b'{"batch":[{"type":"track","userId":"u","event":"\\ud83d"},{"type":"track","userId":"u","event":"ok"}]}'

    assert collect.post("/v1/batch", body, key=source.key).json()["accepted"] == 2
    names = collect.rows(
        "SELECT convert_from(body, 'UTF8')::json->>'event' FROM events_inbox WHERE source_id = %s ORDER BY seq",
        source.id,
    )
    assert names == [("\ufffd",), ("ok",)]
