"""What happens between two lines of the job of an export: erasures, deletions, rivals, rude receivers."""

import io
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pyarrow.parquet as pq
import pytest

from factories.deliveries import deliver, files, rows_of, state_of
from factories.people import ingest, message, root
from tessera.audience.segments import actions as segments
from tessera.audience.segments.records import Segment
from tessera.deliveries import actions, buckets, carrying, content, store
from tessera.deliveries import run as running
from tessera.deliveries.records import Bucket, SegmentExport, Webhook
from tessera.foundation.outbound import OutboundFailed
from tessera.foundation.redaction import Redactor

Connection = psycopg.Connection[Any]
Exported = Callable[..., SegmentExport]
Choose = Callable[..., None]


def known(live: Connection, workspace_id: int, *users: str) -> None:
    ingest(live, workspace_id, [message("identify", userId=user) for user in users])


def erase(live: Connection, workspace_id: int, user: str) -> None:
    with live.transaction():
        actions.erase_traces(live, workspace_id, [root(live, "user_id", user)], Redactor([user]))


def test_an_erasure_before_the_content_is_read_sends_nothing_empty(
    live: Connection, workspace_id: int, exported: Exported, choose: Choose, monkeypatch: pytest.MonkeyPatch
) -> None:
    known(live, workspace_id, "ana", "luis", "eva")
    export = exported()
    choose("ana", "luis")
    read, bodies, told = store.content_of, [], []

    def erased_just_before(connection: Connection, delivery: Any, *more: Any) -> Any:
        if not told:
            told.append(1)
            erase(live, workspace_id, "eva")
        return read(connection, delivery, *more)

    monkeypatch.setattr(store, "content_of", erased_just_before)
    carry = carrying.carry
    monkeypatch.setattr(
        running, "carry", lambda e, s, d, body, **now: (bodies.append(body), carry(e, s, d, body, **now))
    )
    deliver(export)
    assert [len(rows_of(body)) for body in bodies] == [2]
    assert state_of(live, export) == [(1, "sent", "")]


def test_who_was_in_at_the_start_and_is_erased_holds_up_nobody(
    live: Connection, workspace_id: int, exported: Exported, choose: Choose, outside: Path
) -> None:
    known(live, workspace_id, "ana", "luis")
    choose("ana")
    export = exported(everybody=True)
    erase(live, workspace_id, "ana")
    choose("luis")
    deliver(export)
    assert [row["profile_id"] for body in files(outside).values() for row in rows_of(body)] == [
        str(root(live, "user_id", "luis"))
    ]


def test_a_second_runner_does_not_wait_for_a_slow_receiver(
    live: Connection, workspace_id: int, exported: Exported, choose: Choose, monkeypatch: pytest.MonkeyPatch
) -> None:
    known(live, workspace_id, "ana")
    export = exported()
    choose("ana")
    live.execute("DELETE FROM procrastinate_jobs")
    begun, over = threading.Event(), threading.Event()
    carry = carrying.carry

    def slow(*arguments: Any, **named: Any) -> None:
        begun.set()
        over.wait(20)
        carry(*arguments, **named)

    monkeypatch.setattr(running, "carry", slow)
    first = threading.Thread(target=deliver, args=(export,))
    first.start()
    assert begun.wait(10)
    began = time.monotonic()
    second = threading.Thread(target=deliver, args=(export,))
    second.start()
    second.join(5)
    waited = time.monotonic() - began
    jobs = live.execute("SELECT count(*) FROM procrastinate_jobs WHERE args->>'task' = 'deliveries.run'").fetchone()
    over.set()
    first.join()
    second.join()
    assert waited < 5, "a place in the queue is taken for nothing"
    assert jobs == (1,), "it is looked at again"
    assert state_of(live, export) == [(1, "sent", "")]


@pytest.mark.parametrize("drips", [False, True])
def test_a_bucket_that_never_answers_is_left_in_time_and_asked_once(
    live: Connection, friends: Segment, outside: Path, monkeypatch: pytest.MonkeyPatch, drips: bool
) -> None:
    pytest.importorskip("s3fs")
    monkeypatch.setattr(buckets, "READ_SECONDS", 1)
    monkeypatch.setattr(buckets, "SECONDS", 2.5)
    server, asked = socket.create_server(("127.0.0.1", 0)), []

    def hang() -> None:
        while True:
            client, _ = server.accept()
            asked.append(client)
            threading.Thread(target=drip, args=(client,), daemon=True).start()

    def drip(client: socket.socket) -> None:
        with suppress(OSError):
            client.recv(100_000)
            while drips:
                client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                time.sleep(0.2)

    threading.Thread(target=hang, daemon=True).start()
    bucket = Bucket(endpoint=f"http://127.0.0.1:{server.getsockname()[1]}", bucket="lake", key_id="k")
    began = time.monotonic()
    with pytest.raises(OutboundFailed):
        buckets.put_object(bucket, "secret", "x/1.csv", b"body", "text/csv", "d")
    assert time.monotonic() - began < 4
    assert len(asked) == 1
    server.close()


def test_what_cannot_be_written_is_told_and_tried_again(
    live: Connection, workspace_id: int, exported: Exported, choose: Choose, outside: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    known(live, workspace_id, "ana")
    export, tries = exported(), []
    choose("ana")

    def broken(*_: Any, **__: Any) -> bytes:
        tries.append(1)
        raise ValueError("no such column")

    with monkeypatch.context() as patch:
        patch.setattr(content, "written", broken)
        deliver(export)
        deliver(export)
    assert state_of(live, export) == [(1, "waiting", "internal_error")]
    assert len(tries) == 1, "it waits for its next try"
    soon = datetime.now(UTC) + timedelta(seconds=60)
    running.run(export.id, clock=lambda: soon)
    assert state_of(live, export) == [(1, "sent", "")]


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_every_column_has_a_name_of_its_own(
    live: Connection, workspace_id: int, exported: Exported, choose: Choose, outside: Path, format: str
) -> None:
    ingest(
        live, workspace_id, [message("identify", userId="ana", traits={"email": "a@b.example", "attribute.email": "x"})]
    )
    names = ("email", "attribute.email")
    export = exported(identifiers=("email", "user_id"), attributes=names, format=format)
    choose("ana")
    deliver(export)
    (body,) = files(outside).values()
    if format == "csv":
        (row,) = rows_of(body)
        head = body.decode().splitlines()[0].split(",")
    else:
        table = pq.read_table(io.BytesIO(body))
        head, (row,) = table.column_names, table.to_pylist()
    assert len(head) == len(set(head))
    assert (row["email"], row["attribute.email"], row["attribute.attribute.email"]) == (
        "a@b.example", "a@b.example", "x"
    )  # fmt: skip


def jobs(live: Connection) -> list[datetime | None]:
    """When each job of an export begins, None for at once."""
    rows = live.execute(
        "SELECT scheduled_at FROM procrastinate_jobs"
        " WHERE status = 'todo' AND args->>'task' = 'deliveries.run' ORDER BY 1"
    )
    return [row[0] for row in rows]


def test_the_sweep_wakes_only_what_has_something_to_do(
    live: Connection, workspace_id: int, exported: Exported, choose: Choose, friends: Segment
) -> None:
    known(live, workspace_id, "ana", "luis")
    idle, busy = exported(name="Idle"), exported(name="Busy")
    choose("ana")
    deliver(idle)
    deliver(busy)
    live.execute("DELETE FROM procrastinate_jobs")
    actions.sweep(live, now=datetime.now(UTC))
    assert jobs(live) == [], "a process for each export, every ten minutes"

    choose("luis")
    deliver(idle)
    live.execute("DELETE FROM procrastinate_jobs")  # the job that the move had put there was lost
    actions.sweep(live, now=datetime.now(UTC))
    assert len(jobs(live)) == 1
    deliver(busy)
    with live.transaction():
        segments.delete(live, workspace_id=workspace_id, segment_id=friends.id, actor="ana")
    live.execute("DELETE FROM procrastinate_jobs")
    actions.sweep(live, now=datetime.now(UTC))
    assert len(jobs(live)) == 2, "they end"


def test_every_next_try_has_its_job(
    live: Connection, workspace_id: int, exported: Exported, choose: Choose, outside: Path
) -> None:
    known(live, workspace_id, "ana")
    (outside / "lake").write_text("in the way")
    export = exported()
    choose("ana")
    live.execute("DELETE FROM procrastinate_jobs")
    deliver(export)
    with live.transaction():
        actions.run_now(live, workspace_id=workspace_id, export_id=export.id, actor="ana")
    deliver(export)
    row = live.execute("SELECT attempts, next_try_at FROM deliveries_delivery").fetchone()
    assert row is not None
    attempts, next_try_at = row
    last = jobs(live)[-1] or jobs(live)[-2]
    assert attempts == 2
    assert last is not None
    assert last >= next_try_at


@pytest.mark.parametrize("called", ["folder", "s3", "webhook", "company-lake", "us-east-1"])
def test_who_is_called_as_words_of_ours_are_stops_no_export_by_being_erased(
    live: Connection, workspace_id: int, exported: Exported, called: str
) -> None:
    bucket = Bucket(bucket="company-lake", key_id="key", region="us-east-1")
    made = [
        exported(),
        exported(destination=bucket, secret="x"),
        exported(destination=Webhook(url="https://a.example/")),
    ]
    with live.transaction():
        removed = actions.erase_traces(live, workspace_id, [], Redactor([called]))
    assert removed["deliveries_export"] == 0
    found = {each.id: each for each in store.of_workspace(live, workspace_id)}
    assert [(found[each.id].state, found[each.id].destination) for each in made] == [
        ("active", each.destination) for each in made
    ]


def test_an_address_that_names_who_is_erased_is_blotted_out_and_nothing_goes_there(
    live: Connection, workspace_id: int, exported: Exported
) -> None:
    export = exported(destination=Webhook(url="https://a.example/in?for=ana@example.com"))
    with live.transaction():
        removed = actions.erase_traces(live, workspace_id, [], Redactor(["ana@example.com"]))
    (found,) = store.of_workspace(live, workspace_id)
    assert (removed["deliveries_export"], found.id, found.state) == (1, export.id, "paused")
    assert "ana" not in str(found.destination)
