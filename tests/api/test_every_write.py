"""Every endpoint that changes something, walked: sent twice at once under one key, and with what nobody should send."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import psycopg
import pytest
from django.db import connections
from django.http import HttpResponse

from factories.people import root
from factories.pictures import picture
from factories.world import World
from tessera.api import examples_reports

Live = psycopg.Connection[Any]
BYTES = "application/octet-stream"


class Write(NamedTuple):
    """A request that is good for the world as it stands: what is sent is accepted or found too late, never wrong."""

    operation: str
    method: str
    path: str
    body: Any = None
    kind: str = "application/json"

    def encoded(self) -> bytes:
        return (
            self.body if isinstance(self.body, bytes) else b"" if self.body is None else json.dumps(self.body).encode()
        )


@pytest.fixture
def world(live: Live, workspace_id: int) -> World:
    made = World(live, workspace_id)
    made.grow(2)
    return made


def writes(live: Live, world: World) -> list[Write]:
    """One of every endpoint, in an order in which none takes away what a later one needs."""
    ids = world.ids
    main, other = f"profiles/{ids['profile_id']}", f"profiles/{ids['other_id']}"
    source, export, job = f"sources/{ids['source_id']}", f"exports/{ids['export_id']}", f"imports/{ids['import_id']}"
    pair, member = f"duplicates/{ids['pair_id']}", f"staff/{ids['account_id']}"
    segment = f"segments/{ids['lone_id']}"
    (write_key,) = live.execute("SELECT max(id) FROM workspaces_writekey").fetchone() or (0,)
    problem = {"kind": "attribute", "name": "gender", "code": "does_not_fit", "source_id": ids["source_id"]}
    sent = f"segments/{ids['segment_id']}/exports/{ids['segment_export_id']}"
    hook = {"name": "Hook", "destination": {"to": "webhook", "url": "https://example.com/in"}, "everybody": True}
    guest = root(live, "user_id", "other-2")
    return [
        Write("change_person", "patch", main, {"attributes": {"visits": {"inc": 1}}}),
        Write("add_relation", "put", f"{main}/relations", {"type": "household", "to": f"{ids['other_id']}"}),
        Write("remove_relation", "delete", f"{main}/relations?type=household&to={ids['other_id']}"),
        Write("declare_relation_type", "put", "relation-types/sold_by", {"label": "Sold by", "inverse": "Sold to"}),
        Write("change_status", "put", f"{main}/status", {"status": "complainer", "reason": "said so"}),
        Write("mark_test_subscriber", "put", f"{main}/test-subscriber", {"test_subscriber": True}),
        Write("change_avatar", "put", f"{main}/avatar", picture(), "image/png"),
        Write("remove_avatar", "delete", f"{main}/avatar"),
        Write("split_people", "post", "profiles/split", {"merge_id": str(ids["merge_id"])}),
        Write(
            "merge_people",
            "post",
            "profiles/merge",
            {"keep": str(ids["other_id"]), "absorb": f"{guest}", "reason": "x"},
        ),
        Write("change_catalogue_entry", "patch", "catalogue/attribute/gender", {"description": "as they say"}),
        Write("acknowledge_problem", "post", "data-quality/acknowledge", problem),
        Write("create_source", "post", "sources", {"name": "Till"}),
        Write("change_source", "patch", source, {"name": "Shop window"}),
        Write("create_write_key", "post", f"{source}/keys", {"name": "one more"}),
        Write("revoke_write_key", "post", f"{source}/keys/{write_key}/revoke"),
        Write("create_brand", "post", "brands", {"name": "Mark"}),
        Write("rename_brand", "patch", f"brands/{ids['brand_id']}", {"name": "Marks"}),
        Write("accept_duplicate", "post", f"{pair}/accept", {}),
        Write("undo_duplicate", "post", f"{pair}/undo"),
        Write("reject_duplicate", "post", f"{pair}/reject"),
        Write("find_duplicates", "post", "duplicates/runs"),
        Write("request_export", "post", "exports", {"what": "people"}),
        Write("cancel_export", "post", f"{export}/cancel"),
        Write("delete_export", "delete", export),
        Write("create_segment_export", "post", f"segments/{ids['segment_id']}/exports", hook),
        Write("change_segment_export", "patch", sent, {"name": "Pond"}),
        Write("run_segment_export", "post", f"{sent}/run"),
        Write("renew_segment_export_secret", "post", f"{sent}/secret"),
        Write("delete_segment_export", "delete", sent),
        Write("create_import", "post", "imports", {"name": "people.csv"}),
        Write("import_file", "post", "imports/file?name=a.csv", b"email\na@example.com\n", BYTES),
        Write("put_import_chunk", "put", f"{job}/chunks/1", b"x", BYTES),
        Write("finish_upload", "post", f"{job}/uploaded"),
        Write("plan_import", "put", f"{job}/plan", {"policy": "create_only"}),
        Write("dry_run_import", "post", f"{job}/dry-run"),
        Write("pause_import", "post", f"{job}/pause"),
        Write("resume_import", "post", f"{job}/resume"),
        Write("cancel_import", "post", f"{job}/cancel"),
        Write("start_import", "post", f"{job}/start"),
        Write("undo_import", "post", f"{job}/undo"),
        Write("delete_import", "delete", job),
        Write("invite_staff", "post", "staff", {"email": "cy@shop.example", "role": "analyst"}),
        Write("change_staff", "patch", member, {"role": "developer"}),
        Write("revoke_staff", "delete", member),
        Write("make_key", "post", "keys", {"name": "other", "scopes": ["profiles:read"]}),
        Write("revoke_key", "delete", f"keys/{ids['key_id']}"),
        Write("suppress_contact", "post", "suppressions", {"contact": "email:out@example.com"}),
        Write("lift_suppression", "delete", "suppressions?contact=email:out@example.com"),
        Write("erase_people", "post", "erasures", {"people": ["email:nobody@example.com"]}),
        Write("retry_erasure", "post", f"erasures/{ids['erasure_id']}/retry"),
        Write("save_report", "post", "reports", {"name": "Buyers", "request": examples_reports.REQUEST}),
        Write("change_report", "patch", f"reports/{ids['report_id']}", {"name": "Lives"}),
        Write("delete_report", "delete", f"reports/{ids['report_id']}"),
        Write("create_segment", "post", "segments", {"name": "Spain", "text": 'country = "ES"'}),
        Write("change_segment", "patch", segment, {"description": "by hand"}),
        Write("add_members", "post", f"{segment}/members/add", {"people": [f"{ids['other_id']}"]}),
        Write("remove_members", "post", f"{segment}/members/remove", {"people": [f"{ids['other_id']}"]}),
        Write("duplicate_segment", "post", f"{segment}/duplicate", {"name": "Copy"}),
        Write("snapshot_segment", "post", f"{segment}/snapshot", {"name": "Now"}),
        Write("refresh_segment", "post", f"{segment}/refresh"),
        Write("archive_segment", "post", f"{segment}/archive"),
        Write("restore_segment", "post", f"{segment}/restore"),
        Write("delete_segment", "delete", segment),
        Write("erase_person", "delete", other),
    ]


def test_every_endpoint_that_writes_is_in_the_table_above(live: Live, world: World) -> None:
    from tessera.api.schema import openapi

    told = {
        operation["operationId"]
        for operations in openapi()["paths"].values()
        for method, operation in operations.items()
        if method != "get"
    }
    assert told - QUESTIONS == {one.operation for one in writes(live, world)}


QUESTIONS = {"preview_segment", "explain_condition", "run_report", "run_kept_report"}
"""Sent by POST because they are too long for an address, or take long; they change nothing."""
UNNOTED = {"put_import_chunk", "finish_upload", "cancel_export", "refresh_segment"}
"""Parts of one deed that is noted when it begins; an export that is over cannot be cancelled and stays as it is; and
counting anew is no change.
"""


def audited(live: Live) -> int:
    row = live.execute("SELECT count(*) FROM access_auditentry WHERE actor = 'api-key:crm'").fetchone()
    assert row is not None
    return int(row[0])


def test_whatever_is_sent_several_times_at_once_is_done_once(live: Live, api: Any, world: World, analyst: None) -> None:
    """Four at once and one afterwards, all with one key: one is carried out, and one entry is left of it."""
    wrong: dict[str, Any] = {}
    done = set()

    def send(one: Write) -> HttpResponse:
        try:
            return api.send(one.method, one.path, one.encoded(), key=f"k-{one.operation}", content_type=one.kind)
        finally:
            connections.close_all()

    for one in writes(live, world):
        before = audited(live)
        with ThreadPoolExecutor(4) as threads:
            answers = list(threads.map(send, [one] * 4))
        answers.append(send(one))
        final = {(a.status_code, a.body) for a in answers if a["Content-Type"] and not _in_progress(a)}
        first_hand = [a for a in answers if not _in_progress(a) and not a.has_header("Idempotency-Replayed")]
        statuses = {status for status, _ in final}
        noted = audited(live) - before
        expected = 1 if statuses == {200} and one.operation not in UNNOTED else 0
        done |= {one.operation} if statuses == {200} else set()
        if len(final) != 1 or len(first_hand) != 1 or not statuses <= {200, 404, 409} or noted != expected:
            wrong[one.operation] = (statuses, len(final), len(first_hand), noted)

    assert wrong == {}
    assert len(done) > 30, sorted({one.operation for one in writes(live, world)} - done)


def _in_progress(answer: Any) -> bool:
    return answer.status_code == 409 and answer.data["code"] == "request_in_progress"


def with_each_text_replaced(body: Any, text: str) -> list[Any]:
    """The body as often as it has texts and names, each time with another of them replaced."""
    match body:
        case str():
            return [text]
        case dict():
            inner = [
                {**body, name: other} for name, part in body.items() for other in with_each_text_replaced(part, text)
            ]
            return [*inner, {**body, text: 1}]
        case list():
            return [[other] for part in body for other in with_each_text_replaced(part, text)]
    return [text]


BROKEN = {
    "torn": b"{",
    "not UTF-8": b'{"name": "\xff\xfe"}',
    "half a character": b'{"name": "\\ud800"}',
    "nested without end": b'{"name":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "ten megabytes": b'{"name": "' + b"x" * 10_000_000 + b'"}',
    "a number without end": b'{"name": ' + b"9" * 100_000 + b"}",
    "not a document": b"[1, 2]",
}


def test_what_no_program_should_send_is_refused_and_changes_nothing(
    live: Live, api: Any, world: World, without_limit: None, analyst: None
) -> None:
    taken: dict[tuple[str, str], int] = {}
    before = audited(live)
    for one in writes(live, world):
        if one.kind != "application/json" or one.body is None:
            continue
        bodies = list(BROKEN.items())
        bodies += [("NUL", json.dumps(body).encode()) for body in with_each_text_replaced(one.body, "a\0b")]
        bodies += [("long", json.dumps(body).encode()) for body in with_each_text_replaced(one.body, "x" * 900_000)]
        for name, raw in bodies:
            status = api.send(one.method, one.path, raw).status_code
            if status not in (400, 404, 409, 411, 413, 415, 422):
                taken[(one.operation, name)] = status

    assert taken == {}
    assert audited(live) == before
