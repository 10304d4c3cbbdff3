"""Bodies as the wire brings them: packed, too large, cut short, slow, several at once, and from behind proxies."""

import gzip
import json
import socket
import time
import zlib
from collections.abc import Callable

import pytest

from tessera.foundation.addresses import client_address

from .conftest import Collect, NewSource

TRACK = {"userId": "u1", "event": "A"}
GZIP = {"content-encoding": "gzip"}


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "x-gzip"])
def test_a_packed_body_is_unpacked(collect: Collect, new_id: Callable[[], str], encoding: str) -> None:
    message_id = new_id()
    packed = gzip.compress(json.dumps({**TRACK, "messageId": message_id}).encode())

    assert collect.post("/v1/track", packed, headers={"content-encoding": encoding}).status_code == 200
    assert len(collect.stored(messageId=message_id)) == 1


@pytest.mark.parametrize(
    "content_type", ["application/json", "text/plain;charset=UTF-8", "application/octet-stream", ""]
)
def test_any_content_type_is_read_as_json(collect: Collect, content_type: str) -> None:
    answer = collect.post("/v1/track", TRACK, headers={"content-type": content_type, "content-encoding": "identity"})

    assert answer.status_code == 200


def test_other_packings_are_refused(collect: Collect) -> None:
    answer = collect.post("/v1/track", TRACK, headers={"content-encoding": "br"})

    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_encoding")


@pytest.mark.parametrize(
    "broken",
    [
        gzip.compress(json.dumps(TRACK).encode())[:-9],
        gzip.compress(json.dumps(TRACK).encode())[:5],
        gzip.compress(json.dumps(TRACK).encode()) + b"more",
        zlib.compress(json.dumps(TRACK).encode()),
        json.dumps(TRACK).encode(),
        b"",
    ],
    ids=["without its end", "a piece of the header", "with more behind it", "zlib", "plain", "nothing"],
)
def test_broken_gzip_is_refused(collect: Collect, source: NewSource, broken: bytes) -> None:
    answer = collect.post("/v1/track", broken, headers=GZIP, key=source.key)

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_gzip")
    assert [row[1] for row in collect.rejections(source.id)] == ["malformed_gzip"]


def test_a_gzip_bomb_is_not_unpacked(collect: Collect, source: NewSource) -> None:
    bomb = gzip.compress(bytes(200_000_000), compresslevel=9)
    assert len(bomb) < 500 * 1024
    before = collect.peak_memory()

    answer = collect.post("/v1/batch", bomb, headers=GZIP, key=source.key)

    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert collect.peak_memory() - before < 50_000_000


def batch_of(size: int) -> bytes:
    """A batch of exactly so many bytes."""
    event = b'{"type":"page","userId":"u","x":"%s"}'
    events = b",".join([event % (b"y" * 20_000)] * 24)
    body = b'{"batch":[%s],"pad":"%%s"}' % events
    return body % (b"z" * (size - len(body) + 2))


def test_a_body_may_have_500_kilobytes_and_no_more(collect: Collect, source: NewSource) -> None:
    assert collect.post("/v1/batch", batch_of(500 * 1024), key=source.key).json()["accepted"] == 24
    refused = collect.post("/v1/batch", batch_of(500 * 1024 + 1), key=source.key)
    assert (refused.status_code, refused.json()["code"]) == (413, "body_too_large")
    packed = collect.post("/v1/batch", gzip.compress(batch_of(500 * 1024 + 1)), headers=GZIP, key=source.key)
    assert (packed.status_code, packed.json()["code"]) == (413, "body_too_large")
    assert len(collect.rejections(source.id, at_least=2)) == 2


def test_a_chunked_body_is_read_to_its_end(collect: Collect, source: NewSource) -> None:
    body = batch_of(300_000)
    chunks = (body[start : start + 7_000] for start in range(0, len(body), 7_000))
    answer = collect.client.post("/v1/batch", content=chunks, auth=(source.key, ""))

    assert answer.json()["accepted"] == 24


def test_an_endless_chunked_body_is_cut_off(collect: Collect) -> None:
    chunks = (b"x" * 50_000 for _ in range(40))
    answer = collect.client.post("/v1/batch", content=chunks, auth=(collect.write_key, ""))

    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def head(collect: Collect, length: int | None, *, path: str = "/v1/track") -> bytes:
    lines = [f"POST {path}?writeKey={collect.write_key} HTTP/1.1", "host: here"]
    if length is not None:
        lines.append(f"content-length: {length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def test_pipelined_requests_are_answered_in_order(collect: Collect, new_id: Callable[[], str]) -> None:
    good, last = (json.dumps({**TRACK, "messageId": new_id()}).encode() for _ in range(2))
    bad = b'{"userId":"u1"}'
    sent = b"".join(head(collect, len(body)) + body for body in (good, bad, last))

    heard = collect.raw(sent)

    statuses = [part[:3] for part in heard.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [b"200", b"400", b"200"]
    assert len(collect.stored(messageId=json.loads(last)["messageId"])) == 1


def test_a_body_that_is_longer_than_it_says_is_cut_where_it_says(collect: Collect) -> None:
    body = json.dumps(TRACK).encode()
    heard = collect.raw(head(collect, len(body) - 3) + body)

    assert heard.startswith(b"HTTP/1.1 400")
    assert b"malformed_json" in heard


def test_a_body_that_ends_early_stores_nothing(collect: Collect, new_id: Callable[[], str]) -> None:
    message_id = new_id()
    body = json.dumps({**TRACK, "messageId": message_id}).encode()
    with socket.create_connection(("127.0.0.1", collect.port)) as connection:
        connection.sendall(head(collect, len(body) + 10) + body)
    assert collect.post("/v1/track", TRACK).status_code == 200

    assert collect.stored(messageId=message_id) == []


def test_a_body_that_comes_in_pieces_is_waited_for(collect: Collect, new_id: Callable[[], str]) -> None:
    message_id = new_id()
    body = json.dumps({**TRACK, "messageId": message_id}).encode()
    with socket.create_connection(("127.0.0.1", collect.port), timeout=10) as connection:
        connection.sendall(head(collect, len(body)))
        for start in range(0, len(body), 10):
            connection.sendall(body[start : start + 10])
            time.sleep(0.01)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")

    assert len(collect.stored(messageId=message_id)) == 1


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"POST /v1/track HTTP/1.1\r\nhost: h\r\ncontent-length: -5\r\n\r\n",
        b"POST /v1/track HTTP/1.1\r\nhost: h\r\ncontent-length: 5, 6\r\n\r\nhello",
        b"POST /v1/track HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"\x00" * 100 + b"\r\n\r\n",
        b"GET " + b"/" * 100_000 + b" HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_not_http_harms_nobody(collect: Collect, nonsense: bytes) -> None:
    before = collect.count()
    heard = collect.raw(nonsense)

    assert not heard.startswith((b"HTTP/1.1 2", b"HTTP/1.1 5"))
    assert collect.client.get("/healthz").status_code == 200
    assert collect.count() == before


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "address"),
    [
        ("10.0.0.1", None, 0, "10.0.0.1"),
        ("10.0.0.1", b"6.6.6.6", 0, "10.0.0.1"),
        ("10.0.0.1", b"6.6.6.6, 1.2.3.4", 1, "1.2.3.4"),
        ("10.0.0.1", b"6.6.6.6, 1.2.3.4, 10.0.0.2", 2, "1.2.3.4"),
        ("10.0.0.1", b"1.2.3.4", 2, None),
        ("10.0.0.1", None, 1, "10.0.0.1"),
        ("10.0.0.1", b"unknown", 1, None),
        ("10.0.0.1", b"", 1, None),
        ("10.0.0.1", b"1.2.3.4:5678", 1, "1.2.3.4"),
        ("10.0.0.1", b"[2001:DB8::1]:443", 1, "2001:db8::1"),
        ("10.0.0.1", b"::ffff:1.2.3.4", 1, "1.2.3.4"),
        ("10.0.0.1", b"fe80::1%eth0", 1, None),
        ("10.0.0.1", b"\xff\xfe", 1, None),
        (None, None, 0, None),
    ],
)
def test_the_client_is_who_the_outermost_trusted_proxy_saw(
    peer: str | None, forwarded: bytes | None, trusted: int, address: str | None
) -> None:
    assert client_address(peer, forwarded, trusted_proxies=trusted) == address
