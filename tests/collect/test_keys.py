"""Write keys: the ways to send one, and how fast the edge learns what became of it."""

from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from tessera.workspaces import actions

from .conftest import Collect, NewSource, eventually

TRACK = {"userId": "u1", "event": "A"}


def basic(text: str) -> dict[str, str]:
    return {"authorization": "Basic " + b64encode(text.encode()).decode()}


@pytest.mark.parametrize(
    "headers",
    [
        lambda key: basic(f"{key}:"),
        lambda key: basic(f"{key}:ignored"),
        lambda key: basic(key),
        lambda key: {"authorization": "bAsIc   " + b64encode(f"{key}:".encode()).decode()},
        lambda key: {"authorization": f"Bearer {key}"},
        lambda key: basic(f"{key}:") | {"anonymousid": "YTE="},
    ],
)
def test_headers_carry_the_key(collect: Collect, source: NewSource, headers: Callable[[str], dict[str, str]]) -> None:
    assert collect.post("/v1/track", TRACK, key="", headers=headers(source.key)).status_code == 200
    assert collect.rows("SELECT count(*) FROM events_inbox WHERE source_id = %s", source.id) == [(1,)]


@pytest.mark.parametrize("path", ["/v1/track", "/v1/batch"])
def test_bodies_carry_the_key(collect: Collect, source: NewSource, path: str) -> None:
    body = TRACK if path == "/v1/track" else {"batch": [{"type": "track", **TRACK}]}

    assert collect.post(path, {**body, "writeKey": source.key}, key="").status_code == 200
    assert collect.rows("SELECT count(*) FROM events_inbox WHERE source_id = %s", source.id) == [(1,)]


def test_a_body_with_half_an_emoji_still_carries_the_key(collect: Collect, source: NewSource) -> None:
    body = b'{"userId":"u","event":"\\ud83d","writeKey":"%s"}' % source.key.encode()

    assert collect.post("/v1/track", body, key="").status_code == 200


def test_a_beacon_carries_the_key_in_its_address(collect: Collect, source: NewSource) -> None:
    body = {"batch": [{"type": "track", **TRACK}]}
    answer = collect.post(
        f"/beacon/v1/batch?writeKey={source.key}", body, key="", headers={"content-type": "text/plain"}
    )

    assert answer.json()["accepted"] == 1


def test_an_oauth_token_beside_the_key_is_no_obstacle(collect: Collect, source: NewSource) -> None:
    headers = {"authorization": "Bearer some.oauth.token"}

    assert collect.post("/v1/track", {**TRACK, "writeKey": source.key}, key="", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("headers", "body", "code"),
    [
        ({}, TRACK, "missing_write_key"),
        ({}, {**TRACK, "writeKey": None}, "missing_write_key"),
        ({}, {**TRACK, "writeKey": 7}, "missing_write_key"),
        ({}, [TRACK], "missing_write_key"),
        ({"authorization": "Digest x"}, TRACK, "missing_write_key"),
        (basic(":"), TRACK, "missing_write_key"),
        (basic("nobody:"), TRACK, "unknown_write_key"),
        ({"authorization": "Bearer nobody"}, TRACK, "unknown_write_key"),
        ({"authorization": "Basic A"}, TRACK, "unknown_write_key"),
        ({}, {**TRACK, "writeKey": "nobody"}, "unknown_write_key"),
    ],
)
def test_without_a_known_key_nothing_is_stored(
    collect: Collect, headers: dict[str, str], body: object, code: str
) -> None:
    before = collect.count()
    answer = collect.post("/v1/track", body, key="", headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert collect.count() == before


def test_strangers_leave_no_trace_on_record(collect: Collect) -> None:
    (before,) = collect.rows("SELECT count(*) FROM events_rejection")
    collect.post("/v1/track", b"not json", key="nobody")
    collect.post("/v1/track", b"not json", key="")

    assert collect.rows("SELECT count(*) FROM events_rejection") == [before]


def test_a_new_key_works_at_once(collect: Collect) -> None:
    for _ in range(3):
        assert collect.post("/v1/track", TRACK, key=NewSource().key).status_code == 200


def test_a_revoked_key_stops_working_within_five_seconds(collect: Collect, source: NewSource) -> None:
    assert collect.post("/v1/track", TRACK, key=source.key).status_code == 200
    actions.revoke_write_key(source.key_id, workspace_id=source.workspace_id, now=datetime.now(UTC))

    refused = eventually(
        lambda: answer if (answer := collect.post("/v1/track", TRACK, key=source.key)).status_code != 200 else None,
        seconds=5,
    )
    assert (refused.status_code, refused.json()["code"]) == (401, "unknown_write_key")


def test_a_disabled_source_is_told_so_until_it_is_enabled(collect: Collect, source: NewSource) -> None:
    actions.disable_source(source.id, workspace_id=source.workspace_id, now=datetime.now(UTC))
    refused = eventually(
        lambda: answer if (answer := collect.post("/v1/track", TRACK, key=source.key)).status_code != 200 else None,
        seconds=5,
    )
    assert (refused.status_code, refused.json()["code"]) == (403, "source_disabled")
    assert collect.rejections(source.id)[0][1] == "source_disabled"

    actions.enable_source(source.id, workspace_id=source.workspace_id)
    eventually(lambda: collect.post("/v1/track", TRACK, key=source.key).status_code == 200, seconds=5)
