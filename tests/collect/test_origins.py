"""Web pages of other origins: who may send, who may read the answer, and what the browser is told beforehand."""

import pytest

from .conftest import Collect, NewSource

TRACK = {"userId": "u1", "event": "A"}
SHOP = "https://shop.example"


@pytest.fixture(scope="module")
def fresh_sources(module_database: str) -> list[NewSource]:
    return [NewSource(origins=(SHOP, "http://localhost:3000")) for _ in range(20)]


@pytest.fixture(scope="module")
def open_source(module_database: str) -> NewSource:
    return NewSource(origins=("*",))


@pytest.mark.parametrize("origin", [SHOP, "HTTPS://Shop.Example", "http://localhost:3000"])
def test_a_page_of_an_allowed_origin_sends_and_reads(collect: Collect, source: NewSource, origin: str) -> None:
    answer = collect.post("/v1/track", TRACK, key=source.key, headers={"origin": origin})

    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == origin
    assert answer.headers["vary"] == "origin"
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "https://shop.example.evil.example", "http://shop.example", "null"]
)
@pytest.mark.parametrize("path", ["/v1/track", "/v1/batch"])
def test_a_page_of_another_origin_is_refused(collect: Collect, source: NewSource, origin: str, path: str) -> None:
    answer = collect.post(path, TRACK, key=source.key, headers={"origin": origin})

    assert (answer.status_code, answer.json()["code"]) == (403, "origin_not_allowed")
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert collect.rows("SELECT FROM events_inbox WHERE source_id = %s", source.id) == []
    assert collect.rejections(source.id)[0][1] == "origin_not_allowed"


def test_a_source_open_to_all_answers_every_page(collect: Collect, open_source: NewSource) -> None:
    for path, body in (("/v1/track", TRACK), ("/v1/batch", {"batch": []})):
        answer = collect.post(path, body, key=open_source.key, headers={"origin": "https://anywhere.example"})
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*")


def test_a_page_may_read_why_it_was_refused(collect: Collect, source: NewSource) -> None:
    answer = collect.post("/v1/track", {"event": "A"}, key=source.key, headers={"origin": SHOP})

    assert answer.status_code == 400
    assert answer.headers["access-control-allow-origin"] == SHOP


def test_what_is_no_page_needs_no_origin(collect: Collect, source: NewSource) -> None:
    answer = collect.post("/v1/track", TRACK, key=source.key)

    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("path", ["/v1/track", "/v1/t", "/v1/b", "/v1/m", "/v1/projects/some-key/settings"])
def test_a_preflight_from_a_known_origin_is_granted(collect: Collect, open_source: NewSource, path: str) -> None:
    asked = {"origin": SHOP, "access-control-request-method": "POST"}
    asked["access-control-request-headers"] = "authorization,content-type,x-my-header"
    answer = collect.client.options(path, headers=asked)

    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == SHOP
    assert answer.headers["access-control-allow-headers"] == "authorization,content-type,x-my-header"
    assert answer.headers["access-control-allow-methods"] == (
        "GET, OPTIONS" if path.endswith("settings") else "POST, OPTIONS"
    )
    assert int(answer.headers["access-control-max-age"]) > 0
