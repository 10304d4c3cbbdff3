"""Webhooks: signed, in order, tried again with the same content, and never called where nobody may be called."""

import hashlib
import hmac
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest

from factories.deliveries import deliver, rows_of, state_of
from factories.people import ingest, message
from tessera.audience.segments.records import Segment
from tessera.deliveries import actions, queries, webhooks
from tessera.deliveries.records import (
    Folder,
    InvalidSegmentExport,
    NewSegmentExport,
    SegmentExport,
    SegmentExportChange,
    Webhook,
)
from tessera.deliveries.run import FIRST_PAUSE, LONGEST_PAUSE, run
from tessera.foundation.settings import settings

Connection = psycopg.Connection[Any]
Choose = Callable[..., None]


class Receiver:
    """A server that takes what is POSTed, or does what it was told to do next: a status, `late`, `drip`, …"""

    def __init__(self) -> None:
        self.taken: list[tuple[dict[str, str], bytes]] = []
        self.plan: list[int | str] = []
        mine = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                mine.taken.append((dict(self.headers), body))
                told = mine.plan.pop(0) if mine.plan else 200
                if told == "late":
                    time.sleep(1.5)
                    return
                if told == "drip":
                    for letter in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 30:
                        self.wfile.write(bytes([letter]))
                        self.wfile.flush()
                        time.sleep(0.05)
                    return
                if told == "nul":
                    self.wfile.write(b"HTTP/1.1 500 No\r\n\r\n\0\xff\x1b[2J no \0")
                    return
                if told == "noise":
                    self.wfile.write(b"\0\0 what?\r\n")
                    return
                self.send_response(int(told))
                self.send_header("Location", mine.url)
                self.end_headers()
                self.wfile.write(b"said so")

            def log_message(self, *_: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/in?a=1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


def made(live: Connection, segment: Segment, **wanted: Any) -> actions.MadeExport:
    with live.transaction():
        return actions.create(
            live,
            workspace_id=segment.workspace_id,
            segment_id=segment.id,
            new=NewSegmentExport(**{"name": "Hook"} | wanted),
            actor="ana",
            now=datetime.now(UTC),
        )


def people(live: Connection, workspace_id: int, *users: str) -> None:
    ingest(live, workspace_id, [message("identify", userId=user, traits={"city": "Lugo"}) for user in users])


def test_a_delivery_is_signed_and_says_which_it_is(
    live: Connection, friends: Segment, outside: Path, receiver: Receiver, choose: Choose
) -> None:
    people(live, friends.workspace_id, "ana", "luis")
    hook = made(live, friends, destination=Webhook(url=receiver.url), identifiers=("user_id",))
    assert hook.secret is not None
    choose("ana", "luis")
    deliver(hook.export)

    ((headers, body),) = receiver.taken
    (delivery,) = queries.deliveries(live, hook.export).deliveries
    assert (headers["Tessera-Delivery"], headers["Tessera-Number"]) == (str(delivery.id), "1")
    assert (headers["Tessera-Export"], headers["Content-Type"]) == (str(hook.export.id), "text/csv; charset=utf-8")
    at, signed = (part.partition("=")[2] for part in headers["Tessera-Signature"].split(","))
    assert abs(int(at) - time.time()) < 600
    text = f"{at}.{delivery.id}.".encode() + body
    assert hmac.compare_digest(signed, hmac.new(hook.secret.encode(), text, hashlib.sha256).hexdigest())
    assert sorted(row["user_id"] for row in rows_of(body)) == ["ana", "luis"]


@pytest.mark.parametrize(("trouble", "problem"), [(500, "not_taken"), (302, "not_taken"), (410, "not_taken"),
                                                  ("late", "unreachable"), ("drip", "unreachable"),
                                                  ("nul", "not_taken"), ("noise", "unreachable")])  # fmt: skip
def test_what_is_not_taken_goes_out_again_with_the_same_content_and_before_what_came_later(
    live: Connection, friends: Segment, outside: Path, receiver: Receiver, choose: Choose, trouble: int | str,
    problem: str, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(webhooks, "SECONDS", 0.6)
    people(live, friends.workspace_id, "ana", "luis")
    hook = made(live, friends, destination=Webhook(url=receiver.url), attributes=("city",)).export
    receiver.plan = [trouble, trouble]
    choose("ana")
    deliver(hook)
    choose("luis")
    deliver(hook)
    assert state_of(live, hook) == [(1, "waiting", problem)]
    assert len(receiver.taken) == 1, "it waits for its next try"

    soon = datetime.now(UTC)
    for seconds in (FIRST_PAUSE + 1, 3 * FIRST_PAUSE + 2):
        later = soon + timedelta(seconds=seconds)
        run(hook.id, clock=lambda later=later: later)  # type: ignore[misc]
    assert state_of(live, hook) == [(1, "sent", ""), (2, "sent", "")]
    first, second, third, last = receiver.taken
    assert first[1] == second[1] == third[1] != last[1]
    assert len({headers["Tessera-Delivery"] for headers, _ in (first, second, third)}) == 1
    assert [headers["Tessera-Number"] for headers, _ in receiver.taken] == ["1", "1", "1", "2"]


def test_the_pauses_grow_to_an_hour_and_nothing_is_given_up(
    live: Connection, friends: Segment, outside: Path, receiver: Receiver, choose: Choose
) -> None:
    people(live, friends.workspace_id, "ana")
    hook = made(live, friends, destination=Webhook(url=receiver.url)).export
    receiver.plan = [503] * 14
    choose("ana")
    now = datetime.now(UTC)
    pauses = []
    for _ in range(14):
        run(hook.id, clock=lambda now=now: now)  # type: ignore[misc]
        (delivery,) = queries.deliveries(live, hook).deliveries
        assert delivery.next_try_at is not None
        pauses.append((delivery.next_try_at - now).total_seconds())
        now = delivery.next_try_at
    assert pauses[:4] == [10, 20, 40, 80]
    assert pauses[-1] == LONGEST_PAUSE
    run(hook.id, clock=lambda: now)
    assert state_of(live, hook) == [(1, "sent", "")]


def test_who_mends_the_address_waits_for_nothing(
    live: Connection, friends: Segment, outside: Path, receiver: Receiver, choose: Choose
) -> None:
    people(live, friends.workspace_id, "ana")
    hook = made(live, friends, destination=Webhook(url="http://127.0.0.1:9/gone")).export
    choose("ana")
    deliver(hook)
    assert state_of(live, hook) == [(1, "waiting", "unreachable")]
    change = SegmentExportChange(destination=Webhook(url=receiver.url))
    with live.transaction():
        actions.change(
            live, workspace_id=hook.workspace_id, export_id=hook.id, wanted=change, actor="a", now=datetime.now(UTC)
        )
    deliver(hook)
    assert len(receiver.taken) == 1


def test_the_secret_is_sealed_and_can_be_renewed(live: Connection, friends: Segment, outside: Path) -> None:
    hook = made(live, friends, destination=Webhook(url="https://example.com/in"))
    assert hook.secret is not None
    with live.transaction():
        renewed = actions.renew_secret(
            live, workspace_id=friends.workspace_id, export_id=hook.export.id, actor="ana"
        ).secret
    assert renewed not in (None, hook.secret)
    for secret in (hook.secret, renewed):
        found = live.execute("SELECT e::text || a::text FROM deliveries_export e, access_auditentry a").fetchall()
        assert not any(str(secret) in row[0] for row in found)
    own = made(live, friends, destination=Webhook(url="https://example.com/in"), secret="mine-is-long-enough")
    assert own.secret is None


ADDRESSES = ["ftp://example.com", "https://", "//example.com", "https://ana:secret@example.com/", "https://a b.com",
             "https://example.com:99999/", "javascript:alert(1)", "https://exämple.com"]  # fmt: skip


@pytest.mark.parametrize("url", ADDRESSES)
def test_what_is_no_address_of_the_web_is_refused_at_once(
    live: Connection, friends: Segment, outside: Path, url: str
) -> None:
    with pytest.raises(InvalidSegmentExport):
        made(live, friends, destination=Webhook(url=url))


INSIDE = ["http://{}", "https://{}", "https://localhost:{port}/", "https://[::1]:{port}/", "https://0x7f.1:{port}/",
          "https://169.254.169.254/", "https://10.0.0.1/", "https://[::ffff:127.0.0.1]:{port}/", "https://0.0.0.0:{port}/",
          "https://[64:ff9b::7f00:1]/", "https://[2002:7f00:1::]/"]  # fmt: skip


@pytest.mark.parametrize("url", INSIDE)
def test_nobody_inside_is_called(
    live: Connection, friends: Segment, receiver: Receiver, choose: Choose, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TESSERA_OUTBOUND_PRIVATE", raising=False)
    settings.cache_clear()
    port = receiver.server.server_port
    people(live, friends.workspace_id, "ana")
    hook = made(live, friends, destination=Webhook(url=url.format(f"127.0.0.1:{port}/", port=port))).export
    choose("ana")
    deliver(hook)
    ((_, state, problem),) = state_of(live, hook)
    assert (state, problem) in [("waiting", "address_refused")]
    assert receiver.taken == []


def test_a_bucket_s_key_is_no_signature(live: Connection, friends: Segment, outside: Path) -> None:
    from tessera.deliveries.records import Bucket

    bucket = Bucket(bucket="lake", key_id="us")
    with pytest.raises(InvalidSegmentExport):
        made(live, friends, destination=bucket)
    export: SegmentExport = made(live, friends, destination=bucket, secret="key").export

    def become(**wanted: Any) -> SegmentExport:
        with live.transaction():
            return actions.change(
                live, workspace_id=export.workspace_id, export_id=export.id, wanted=SegmentExportChange(**wanted),
                actor="a", now=datetime.now(UTC),
            )  # fmt: skip

    with pytest.raises(InvalidSegmentExport):
        become(destination=Webhook(url="https://example.com"))
    become(destination=Webhook(url="https://example.com"), secret="another")
    become(destination=Folder(path=str(outside)))
    assert live.execute("SELECT secret FROM deliveries_export").fetchone() == (None,)
