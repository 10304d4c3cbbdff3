"""One person with a mark in every place that may hold something of theirs, and a look through the whole database."""

from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

from factories.people import NOON, drain, ingest, message, put_in_inbox, root
from tessera.access.audit import record_audit_on
from tessera.access.requests import Claim, claim_request, remember_answer
from tessera.audience.conditions.comparisons import InLast
from tessera.audience.conditions.registry import to_json
from tessera.audience.insight import registry as reports
from tessera.audience.insight import saved
from tessera.audience.insight.lifecycle import Lifecycle
from tessera.audience.insight.saved import NewReport
from tessera.audience.segments import actions as segments
from tessera.audience.segments.records import NewSegment
from tessera.audience.text.reader import from_text
from tessera.deliveries import actions as deliveries
from tessera.deliveries.records import NewSegmentExport, Webhook
from tessera.deliveries.run import run
from tessera.events import inbox, rejections
from tessera.events.inbox import InboxRow
from tessera.events.lanes import lane_of
from tessera.foundation.clock import now_micros
from tessera.foundation.ids import uuid7
from tessera.identity.actions import merge_profiles, split_profiles

Connection = psycopg.Connection[Any]

MARKS = (
    "zyxwmark@marker.example",
    "+34655112233",
    "655112233",
    "Zyxwname",
    "Qqfamily",
    "198.51.100.213",
    "zyxw-secret-value",
    "zyxw-user-1",
    "zyxw-browser-1",
    "zyxw-browser-2",
    "zyxw-loyalty-9",
    "zyxw-device-token",
)
"""What must be nowhere afterwards: contacts, names, an address, values of the workspace's own fields, ids."""


def tables(connection: Connection) -> list[str]:
    """Every table there is, partitions and all."""
    rows = connection.execute(
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = current_schema()::regnamespace"
    )
    return [row[0] for row in rows]


def places_of(connection: Connection, mark: str) -> set[str]:
    """The tables with a row that holds the mark: as text, inside bytes, or as the hash that stands for it there."""
    hidden = mark.encode().hex()
    found = set()
    for table in tables(connection):
        row = connection.execute(
            sql.SQL(
                "SELECT EXISTS (SELECT 1 FROM {} t WHERE strpos(lower(t::text), %s) > 0 OR strpos(t::text, %s) > 0)"
            )
            .format(sql.Identifier(table)),
            (mark.lower(), hidden),
        ).fetchone()  # fmt: skip
        if row is not None and row[0]:
            found.add(table)
    return found


def people_with_marks(live: Connection, workspace_id: int) -> UUID:
    """The person, with everything known and some things waiting. Somebody else is named with them here and there."""
    traits = {
        "email": "ZyxwMark@marker.example",
        "phone": "+34 655 112 233",
        "firstName": "Zyxwname",
        "lastName": "Qqfamily",
        "secret": "zyxw-secret-value",
    }
    told = {"ip": "198.51.100.213", "device": {"id": "d1", "type": "ios", "token": "zyxw-device-token"}}
    loyalty = {"externalIds": [{"type": "loyalty", "id": "zyxw-loyalty-9", "collection": "users"}]}
    ingest(
        live,
        workspace_id,
        [
            message("page", anonymousId="zyxw-browser-1", context=told),
            message("identify", anonymousId="zyxw-browser-1", userId="zyxw-user-1", traits=traits, context=told),
            message(userId="zyxw-user-1", event="Note Left", properties={"text": "call Zyxwname Qqfamily"}),
            message(anonymousId="zyxw-browser-2", event="Looked"),
            message("alias", userId="zyxw-user-1", previousId="zyxw-browser-2"),
            message(userId="zyxw-user-1", context=loyalty, event="Card Shown"),
            message(userId="neighbour", event="Signed In"),
            message(userId="neighbour", anonymousId="zyxw-browser-1", event="Shared Computer"),
            message(anonymousId="apart", event="Apart"),
        ],
    )
    person = root(live, "user_id", "zyxw-user-1")
    neighbour, apart = root(live, "user_id", "neighbour"), root(live, "anonymous_id", "apart")
    assert person is not None
    assert neighbour is not None
    assert apart is not None
    assert person != neighbour
    _merge_and_split(live, workspace_id, apart, person)
    _relate(live, workspace_id)
    _wait_and_fail(live, workspace_id)
    _write_the_books(live, workspace_id, person)
    _choose(live, workspace_id)
    return person


def _merge_and_split(live: Connection, workspace_id: int, apart: UUID, person: UUID) -> None:
    merged = merge_profiles(
        live, workspace_id=workspace_id, keep=apart, absorb=person, reason="Zyxwname says so", actor="eva", now=NOON
    )
    split_profiles(live, workspace_id=workspace_id, merge_id=merged.merge_id, actor="eva", now=NOON)


def _choose(live: Connection, workspace_id: int) -> None:
    """A list with the person in it, and conditions that name them."""
    said = {"workspace_id": workspace_id, "actor": "eva", "now": NOON}
    mine = segments.create(live, new=NewSegment(name="Friends of zyxw-user-1", tags=("zyxw-loyalty-9",)), **said)
    segments.add_people(live, segment_id=mine.id, items=["zyxwmark@marker.example"], **said)
    listed = NewSegmentExport(
        name="For zyxw-user-1",
        destination=Webhook(url="https://127.0.0.1/?of=zyxw-user-1"),
        identifiers=("email", "user_id"),
    )
    with live.transaction():
        made = deliveries.create(live, segment_id=mine.id, new=listed, **said).export
    segments.remove_people(live, segment_id=mine.id, items=["zyxwmark@marker.example"], **said)
    segments.add_people(live, segment_id=mine.id, items=["zyxwmark@marker.example"], **said)
    run(made.id)
    named = to_json(from_text('email = "zyxwmark@marker.example" or identifier("user_id") = "zyxw-user-1"'))
    segments.create(live, new=NewSegment(name="By name", condition=named), **said)
    for name in ("Letter to zyxw-user-1", "Letter to zyxwmark@marker.example"):
        segments.create(live, new=NewSegment(name=name), **said)
    theirs = Lifecycle(period=InLast(days=7), people=from_text('email = "zyxwmark@marker.example"'))
    saved.save(live, new=NewReport(name="Life of zyxw-user-1", request=reports.to_json(theirs)), **said)


def _relate(live: Connection, workspace_id: int) -> None:
    friend = {"type": "follows", "to": "email:zyxwmark@marker.example", "note": "zyxw-secret-value"}
    put_in_inbox(
        live,
        workspace_id,
        [
            message(userId="friend", event="Relation Added", properties=friend),
            message(
                userId="zyxw-user-1",
                event="Relation Added",
                properties={"type": "household", "to": {"kind": "user_id", "value": "friend"}},
            ),
        ],
    )
    drain(live)


def _wait_and_fail(live: Connection, workspace_id: int) -> None:
    """In the inbox, set aside, and refused."""
    put_in_inbox(live, workspace_id, [message(userId="zyxw-user-1", event="Waiting")])
    put_in_inbox(live, workspace_id, [message(anonymousId="n", context={"traits": {"phone": "+34 655-112-233"}})])
    put_in_inbox(live, workspace_id, [message(userId="bystander", event="Waiting")])
    for number, body in enumerate(
        (b'{"userId": "zyxw-user-1", "broken": ', b'{"email": "zyxwmark\\u0040marker.example"}')
    ):
        row = InboxRow(lane_of("q"), 10_000 + number, workspace_id, 1, now_micros(), uuid7(), b"", body)
        rejections.quarantine(live, row, error="DataError: zyxwmark@marker.example")
        rejections.store(live, [rejections.rejection_of(row, code="unprocessable", detail="for zyxw-user-1")])


def _write_the_books(live: Connection, workspace_id: int, person: UUID) -> None:
    from tessera.access.actions import create_api_key

    for target, detail in (
        (f"profile:{person}", {"attributes": ["email"], "note": "Zyxwname called", "times": 2}),
        ("source:1", {"note": "tested with zyxwmark@marker.example"}),
    ):
        record_audit_on(
            live, workspace_id=workspace_id, actor="eva", action="change_attributes", target=target, detail=detail
        )
    key = create_api_key(workspace_id=workspace_id, name="crm", scopes=["profiles:write"]).id
    claim = claim_request(live, api_key_id=key, key="k1", digest=b"x", now=NOON)
    assert isinstance(claim, Claim)
    remember_answer(live, claim, status=200, body=b'{"email":"zyxwmark@marker.example"}')


def waiting(live: Connection) -> int:
    return inbox.waiting(live.cursor())
