"""What is read before the lanes are taken is not read again under them; what comes between is."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
import pytest
from msgspec.json import encode
from msgspec.structs import replace

from factories.imports import csv_file, planned, upload
from factories.people import NOON, drain, ingest, message, put_in_inbox, root
from tessera.events import inbox, rejections
from tessera.events.inbox import InboxRow
from tessera.events.lanes import lane_of
from tessera.foundation.clock import now_micros
from tessera.foundation.database import connect
from tessera.foundation.ids import uuid7
from tessera.foundation.redaction import Redactor
from tessera.imports import queries, traces
from tessera.intake import erasure as messages
from tessera.privacy import actions

from .world import MARKS, people_with_marks, places_of

Connection = psycopg.Connection[Any]
MARK = "zyxwmark@marker.example"


def erase_with(
    live: Connection, workspace_id: int, person: UUID, between: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Erase them; `between` happens when all was read ahead and no lane is held yet."""

    def claimed(connection: Connection) -> dict[int, int]:
        between()
        return inbox.claim_all_lanes(connection)

    monkeypatch.setattr(actions, "claim_all_lanes", claimed)
    actions.erase_person(
        live, workspace_id=workspace_id, profile_id=person, actor="eva", reason="", suppress=False, now=NOON
    )


def refuse(live: Connection, workspace_id: int, text: str) -> None:
    row = InboxRow(lane_of("q"), 1, workspace_id, 1, now_micros(), uuid7(), b"", text.encode())
    rejections.store(live, [rejections.rejection_of(row, code="unprocessable", detail="")])


def test_what_comes_after_it_was_read_is_erased_too(
    live: Connection, workspace_id: int, monkeypatch: pytest.MonkeyPatch
):
    people_with_marks(live, workspace_id)
    drain(live)  # what waits would tell more of them, and then all is read again
    person = root(live, "user_id", "zyxw-user-1")
    assert person is not None
    ready = upload(live, workspace_id, csv_file([["email", "name"], ["luis@example.com", "Luis"]]))

    def meanwhile() -> None:
        with connect(autocommit=True) as rival:
            follows = {"type": "follows", "to": f"email:{MARK}", "note": f"wrote to {MARK}"}
            ingest(rival, workspace_id, [message(userId="friend", event="Relation Added", properties=follows)])
            ingest(rival, workspace_id, [message(userId="neighbour", event="Said", properties={"of": MARK})])
            ingest(rival, workspace_id, [message(userId="newcomer", event="Relation Added", properties=follows)])
            put_in_inbox(rival, workspace_id, [message(userId="zyxw-user-1", event="Late")])
            put_in_inbox(rival, workspace_id, [message(userId="bystander", properties={"of": MARK})])
            refuse(rival, workspace_id, f"from {MARK}")
            upload(rival, workspace_id, csv_file([["email"], [MARK]]))

    erase_with(live, workspace_id, person, meanwhile, monkeypatch)

    assert {mark: places_of(live, mark) for mark in MARKS if places_of(live, mark)} == {}
    assert queries.import_by_id(live, workspace_id, ready.id).state == "ready"


def test_a_name_they_get_meanwhile_makes_all_be_read_again(
    live: Connection, workspace_id: int, monkeypatch: pytest.MonkeyPatch
):
    """Everything was passed over, as nothing said then that the second address is theirs."""
    second = "second@other.example"
    ingest(live, workspace_id, [message("identify", userId="ana", traits={"email": "ana@example.com"})])
    follows = {"type": "follows", "to": "user_id:ana", "note": f"or {second}"}
    ingest(live, workspace_id, [message(userId="friend", event="Relation Added", properties=follows)])
    ingest(live, workspace_id, [message(userId="friend", event="Said", properties={"of": second})])
    refuse(live, workspace_id, f"from {second}")
    body = b'{"type": "identify", "messageId": "m", "traits": {"email": "%s"}}' % second.encode()
    aside = InboxRow(lane_of("q"), 1, workspace_id, 1, now_micros(), uuid7(), b"", body)
    rejections.quarantine(live, aside, error="DataError")
    made = upload(live, workspace_id, csv_file([["email"], [second]]))
    person = root(live, "user_id", "ana")
    assert person is not None

    def meanwhile() -> None:
        with connect(autocommit=True) as rival:
            ingest(rival, workspace_id, [message("identify", userId="ana", traits={"email": second})])

    erase_with(live, workspace_id, person, meanwhile, monkeypatch)

    assert places_of(live, second) == set()
    assert queries.import_by_id(live, workspace_id, made.id).problem_code == traces.GONE


def test_a_file_that_is_to_be_read_otherwise_is_searched_again(
    live: Connection, workspace_id: int, monkeypatch: pytest.MonkeyPatch
):
    """As UTF-16 it names nobody; chosen anew, it does."""
    ingest(live, workspace_id, [message("identify", userId="ana", traits={"email": "ana@example.com"})])
    made = upload(live, workspace_id, csv_file([["email"], ["ana@example.com"]]))
    assert made.plan is not None
    right = made.plan.format
    wrong = replace(made.plan, format=replace(right, encoding="utf-16-le"))
    live.execute("UPDATE imports_import SET plan = %s WHERE id = %s", (encode(wrong).decode(), made.id))
    person = root(live, "user_id", "ana")
    assert person is not None

    def meanwhile() -> None:
        with connect(autocommit=True) as rival:
            planned(rival, made, format=right)

    erase_with(live, workspace_id, person, meanwhile, monkeypatch)

    assert queries.import_by_id(live, workspace_id, made.id).problem_code == traces.GONE


def test_nothing_is_read_twice_where_nothing_came_between(
    live: Connection, workspace_id: int, monkeypatch: pytest.MonkeyPatch
):
    ingest(live, workspace_id, [message("identify", userId="ana", traits={"email": "ana@example.com"})])
    follows = {"type": "follows", "to": "user_id:ana"}
    ingest(live, workspace_id, [message(userId="friend", event="Relation Added", properties=follows)])
    ingest(live, workspace_id, [message(userId="friend", event=f"Step {number}") for number in range(50)])
    for number in range(20):
        put_in_inbox(live, workspace_id, [message(userId=f"other-{number}")])
        refuse(live, workspace_id, f"number {number}")
    put_in_inbox(live, workspace_id, [message(userId="ana", event="Waiting")])
    upload(live, workspace_id, csv_file([["email"], ["luis@example.com"]]))
    person = root(live, "user_id", "ana")
    assert person is not None
    read: list[str] = []

    def watched(place: Any, name: str) -> None:
        real = getattr(place, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            read.append(name)
            return real(*args, **kwargs)

        monkeypatch.setattr(place, name, call)

    def begin() -> None:
        watched(messages, "normalise")
        watched(traces, "_found")
        watched(Redactor, "found_in")

    erase_with(live, workspace_id, person, begin, monkeypatch)

    assert read.count("normalise") == 1  # their own message
    assert read.count("_found") == 0
    assert read.count("found_in") <= 3  # the row of the relation, and nothing of the fifty or of what was refused
    drain(live)
    assert root(live, "user_id", "other-19") is not None
