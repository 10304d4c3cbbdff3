"""What others decided holds for imports, too: who is kept out, what the catalogue takes, who has relations."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import psycopg
import pytest

from factories.imports import carried_out, csv_file, imported, tried_out, undone, upload
from factories.people import ingest, message, owner, people
from tessera.events import history
from tessera.foundation.errors import Outdated
from tessera.identity.suppression import suppress
from tessera.imports import queries
from tessera.imports.batching import Reading
from tessera.imports.records import Counts
from tessera.imports.writing import Checkpoint, write

Connection = psycopg.Connection[Any]


def keep_out(live: Connection, workspace_id: int, *identifiers: tuple[str, str]) -> None:
    suppress(live, workspace_id=workspace_id, identifiers=identifiers, actor="ana", now=datetime.now(UTC))


def block(live: Connection, workspace_id: int, name: str) -> None:
    live.execute(
        "INSERT INTO events_catalogue (workspace_id, kind, parent, name, type, status)"
        " VALUES (%s, 'attribute', '', %s, 'text', 'blocked')",
        (workspace_id, name),
    )


def test_who_asked_to_be_kept_out_is_kept_out(live: Connection, workspace_id: int) -> None:
    keep_out(live, workspace_id, ("email", "ana@example.com"), ("phone", "+34600111222"))
    rows = [["email", "phone"], ["Ana@example.com", ""], ["l@example.com", "+34600111222"], ["b@example.com", ""]]
    data = csv_file(rows)
    dry = tried_out(live, upload(live, workspace_id, data))
    done = carried_out(live, dry)
    assert done.counts == dry.checked == Counts(rows=3, created=1, errors=2)
    assert [(each.row, each.code, each.value) for each in queries.row_problems(live, workspace_id, done.id)] == [
        (2, "suppressed", ""),
        (3, "suppressed", ""),
    ]
    assert [set(ids) for ids in people(live)] == [{("email", "b@example.com")}]
    assert live.execute("SELECT string_agg(raw || detail || value, '') FROM imports_error").fetchone() not in [None]
    text = str(live.execute("SELECT raw, detail, value, field FROM imports_error").fetchall())
    assert "ana@" not in text.lower()
    assert "600111222" not in text


def test_a_segment_file_keeps_them_out_too(live: Connection, workspace_id: int) -> None:
    keep_out(live, workspace_id, ("user_id", "ana"))
    lines = [{"type": "track", "event": "Seen", "userId": user} for user in ("ana", "luis")]
    to_ana = {"type": "household", "to": "user_id:ana"}
    lines.append({"type": "track", "event": "Relation Added", "userId": "luis", "properties": to_ana})
    done = carried_out(live, upload(live, workspace_id, b"\n".join(map(msgspec.json.encode, lines))))
    assert (done.counts.errors, done.counts.updated) == (2, 1)
    assert owner(live, "user_id", "ana") is None


def test_who_is_kept_out_between_reading_and_writing_is_not_brought_back(live: Connection, workspace_id: int) -> None:
    made = upload(live, workspace_id, csv_file([["email"], ["ana@example.com"]]))
    live.execute("UPDATE imports_import SET state = 'running'")
    ahead = Reading(made, live, live)
    (batch,) = ahead.batches()
    planned_batch = ahead.plan_of(ahead.draft(batch))
    keep_out(live, workspace_id, ("email", "ana@example.com"))
    with pytest.raises(Outdated):
        write(live, planned_batch.parcel(workspace_id, Checkpoint(made.id, 0, 2, 2, 1), Counts(), []))
    assert people(live) == {}


def test_a_blocked_attribute_reaches_neither_profile_nor_history(live: Connection, workspace_id: int) -> None:
    block(live, workspace_id, "secret")
    done = imported(live, workspace_id, csv_file([["email", "secret", "plan"], ["ana@example.com", "x-ray", "gold"]]))
    assert done.counts == Counts(rows=1, created=1)
    (state,) = people(live).values()
    assert set(msgspec.json.decode(state)["attributes"]) == {"email", "plan"}
    ana = owner(live, "email", "ana@example.com")
    assert ana is not None
    (row,) = history.of_profiles(live, [ana], before=None, limit=5)
    assert b"x-ray" not in row.body
    assert undone(live, done).state == "undone"
    assert people(live) == {}


def test_rows_matched_by_a_blocked_attribute_are_refused(live: Connection, workspace_id: int) -> None:
    block(live, workspace_id, "email")
    done = imported(live, workspace_id, csv_file([["email", "plan"], ["ana@example.com", "gold"]]))
    assert done.counts == Counts(rows=1, errors=1)
    assert [each.code for each in queries.row_problems(live, workspace_id, done.id)] == ["blocked_identifier"]
    assert people(live) == {}


def test_whom_a_relation_names_stays_without_what_the_import_said(live: Connection, workspace_id: int) -> None:
    from tessera.profiles.reaction import RelationReaction

    done = imported(live, workspace_id, csv_file([["email", "user_id"], ["ana@example.com", "ana"]]), match="email")
    ana = owner(live, "user_id", "ana")
    event = message(userId="luis", event="Relation Added", properties={"type": "household", "to": f"profile_id:{ana}"})
    from factories.people import drain, put_in_inbox

    put_in_inbox(live, workspace_id, [event])
    drain(live, [RelationReaction()])
    assert live.execute("SELECT count(*) FROM profiles_relation").fetchone() == (1,)
    back = undone(live, done)
    assert back.undo is not None
    assert (back.undo.people, back.undo.identifiers) == (0, 2)
    assert live.execute("SELECT count(*) FROM identity_profile WHERE id = %s", (ana,)).fetchone() == (1,)


def test_limits_of_the_catalogue_hold(live: Connection, workspace_id: int) -> None:
    ingest(live, workspace_id, [message("identify", userId="a", traits={"one": 1})])
    live.execute(
        "INSERT INTO events_catalogue (workspace_id, kind, parent, name, type)"
        " SELECT %s, 'attribute', '', 'a' || n, 'text' FROM generate_series(1, 1000) n",
        (workspace_id,),
    )
    done = imported(live, workspace_id, csv_file([["email", "a1", "novel"], ["ana@example.com", "x", "y"]]))
    assert done.counts == Counts(rows=1, created=1, warnings=2)
    (state,) = [value for ids, value in people(live).items() if ("email", "ana@example.com") in ids]
    assert set(msgspec.json.decode(state)["attributes"]) == {"a1"}


def test_who_is_kept_out_beside_those_who_are_kept_out_already_is_not_brought_back(
    live: Connection, workspace_id: int
) -> None:
    keep_out(live, workspace_id, ("email", "luis@example.com"))
    made = upload(live, workspace_id, csv_file([["email"], ["ana@example.com"], ["eva@example.com"]]))
    live.execute("UPDATE imports_import SET state = 'running'")
    ahead = Reading(made, live, live)
    (batch,) = ahead.batches()
    planned_batch = ahead.plan_of(ahead.draft(batch))
    checkpoint = Checkpoint(made.id, 0, 3, 3, 1)
    keep_out(live, workspace_id, ("email", "ana@example.com"))
    with pytest.raises(Outdated):
        write(live, planned_batch.parcel(workspace_id, checkpoint, Counts(), []))
    assert people(live) == {}
    again = ahead.plan_of(ahead.draft(batch))
    write(live, again.parcel(workspace_id, checkpoint, Counts(), []))
    assert owner(live, "email", "ana@example.com") is None
    assert owner(live, "email", "eva@example.com") is not None
