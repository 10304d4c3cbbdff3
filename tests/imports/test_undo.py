"""What an import brought goes; everybody else is byte for byte who they were."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import psycopg
import pytest

from factories.imports import carried_out, csv_file, imported, planned, undone, upload
from factories.people import NOON, ingest, message, owner, people
from tessera.events import history
from tessera.imports import actions, queries, undoing
from tessera.imports.records import WrongState
from tessera.intake.settle import progress
from tessera.intake.standing import change_status
from tessera.profiles import queries as profiles

Connection = psycopg.Connection[Any]
TABLES = ("identity_profile", "identity_identifier", "profiles_search")


def snapshot(live: Connection) -> dict[str, Any]:
    """Everything that an undo must restore."""
    tables = {}
    for table in TABLES:
        rows = live.execute(f"SELECT t::text FROM {table} t")  # noqa: S608
        tables[table] = sorted(row[0] for row in rows)
    versionless = sorted(str(row) for row in live.execute("SELECT profile_id, state::text FROM profiles_state"))
    return {**tables, "states": versionless, "people": people(live)}


def without_versions(shot: dict[str, Any]) -> dict[str, Any]:
    """A profile that was touched and restored counts its writes on; that is all that may differ."""
    return {name: rows for name, rows in shot.items() if name != "identity_profile"}


def test_an_undo_restores_everybody(live: Connection, workspace_id: int) -> None:
    ingest(
        live,
        workspace_id,
        [
            message("identify", userId=f"u{n}", traits={"email": f"p{n}@example.com", "plan": "free", "name": f"N {n}"})
            for n in range(30)
        ]
        + [message(userId=f"u{n}", event="Seen") for n in range(30)],
    )
    before, count = snapshot(live), progress(live)
    rows = [[f"p{n}@example.com", f"gold{n}", f"Name {n}", f"x{n}"] for n in range(1_500)]
    columns = {"shop": "external:shop"}
    done = imported(live, workspace_id, csv_file([["email", "plan", "name", "shop"], *rows]), columns=columns)
    assert (done.counts.created, done.counts.updated) == (1_470, 30)
    assert snapshot(live) != before

    back = undone(live, done)

    assert back.state == "undone"
    assert back.undo is not None
    assert (back.undo.events, back.undo.people, back.undo.refolded) == (1_500, 1_470, 30)
    assert back.undo.identifiers == 1_470 * 2 + 30
    assert back.undo.incomplete == []
    assert without_versions(snapshot(live)) == without_versions(before)
    assert progress(live).people == count.people
    undoing.undo_import(done.id)
    with pytest.raises(WrongState):
        actions.undo(live, workspace_id=workspace_id, import_id=done.id, actor="ana")


def test_what_happened_afterwards_stays(live: Connection, workspace_id: int) -> None:
    done = imported(
        live,
        workspace_id,
        csv_file([["email", "user_id", "plan"], ["a@example.com", "a", "gold"], ["b@example.com", "b", "gold"]]),
        match="email",
    )
    later = [
        message("identify", userId="a", traits={"size": "M"}),
        message(userId="a", anonymousId="device", event="Order Completed", properties={"revenue": 5}),
    ]
    ingest(live, workspace_id, later)
    undone(live, done)
    left = people(live)
    ingest_only = {frozenset({("user_id", "a"), ("anonymous_id", "device")})}
    assert set(left) == ingest_only
    (state,) = (msgspec.json.decode(value) for value in left.values())
    assert set(state["attributes"]) == {"size"}
    assert state["events"]["Order Completed"]["count"] == 1
    assert owner(live, "email", "a@example.com") is None
    ingest(live, workspace_id, [message(userId="a", event="Back")])  # and the person lives on
    assert len(people(live)) == 1


def test_what_staff_said_meanwhile_stays(live: Connection, workspace_id: int) -> None:
    ingest(live, workspace_id, [message("identify", userId="a", traits={"email": "a@example.com"})])
    done = imported(live, workspace_id, csv_file([["email", "plan"], ["a@example.com", "gold"]]))
    profile = owner(live, "user_id", "a")
    assert profile is not None
    change_status(
        live, workspace_id=workspace_id, profile_id=profile, status="suspended", reason="x", actor="eve", now=NOON
    )

    back = undone(live, done)

    person = profiles.person(live, workspace_id, profile, now=NOON)
    assert person is not None
    assert back.undo is not None
    assert (back.undo.refolded, back.undo.incomplete) == (1, [])
    assert (person.status, person.attributes) == ("suspended", {"email": "a@example.com"})


def test_an_undo_says_so_to_whoever_follows_history(live: Connection, workspace_id: int) -> None:
    done = imported(live, workspace_id, csv_file([["email"], ["a@example.com"]]))
    ((lane, first, last),) = live.execute("SELECT lane, first_position, last_position FROM imports_step").fetchall()
    undone(live, done)
    (record,) = history.in_lane(live, lane, after=0, limit=10)
    assert (record.kind, record.name, record.position) == ("system", "Import Undone", last + 1)
    assert msgspec.json.decode(record.body)["first_position"] == first


def test_a_profile_without_its_whole_history_is_left_alone(live: Connection, workspace_id: int) -> None:
    ingest(live, workspace_id, [message("identify", userId="ana", traits={"email": "ana@example.com", "plan": "free"})])
    live.execute("DELETE FROM events_history")  # as retention does
    done = imported(live, workspace_id, csv_file([["email", "plan"], ["ana@example.com", "gold"]]))
    before = people(live)
    back = undone(live, done)
    assert back.undo is not None
    assert (back.undo.incomplete, back.undo.events) == ([owner(live, "user_id", "ana")], 0)
    assert people(live) == before


def test_undoing_a_running_import_stops_it_first(live: Connection, workspace_id: int) -> None:
    from tessera.imports import engine

    rows = [["email"], *[[f"p{number}@example.com"] for number in range(9_000)]]
    made = upload(live, workspace_id, csv_file(rows))
    actions.start(live, workspace_id=workspace_id, import_id=made.id, actor="ana", now=datetime.now(UTC))
    live.execute("UPDATE imports_import SET wanted = 'pause'")
    engine.run_import(made.id)
    live.execute("UPDATE imports_import SET state = 'running'")
    actions.undo(live, workspace_id=workspace_id, import_id=made.id, actor="ana")
    engine.run_import(made.id)
    undoing.undo_import(made.id)
    back = queries.import_by_id(live, workspace_id, made.id)
    assert (back.state, progress(live).profiles) == ("undone", 0)
    assert people(live) == {}


def test_a_segment_file_is_taken_back_with_the_people_it_joined(live: Connection, workspace_id: int) -> None:
    ingest(
        live,
        workspace_id,
        [
            message("page", anonymousId="device"),
            message("identify", userId="ana", traits={"email": "ana@example.com"}),
        ],
    )
    before = snapshot(live)
    lines = [
        {"type": "identify", "messageId": "1", "userId": "ana", "anonymousId": "device", "traits": {"plan": "x"}},
        {"type": "track", "messageId": "2", "userId": "luis", "event": "Seen", "timestamp": "2026-01-01T00:00:00Z"},
    ]
    data = b"\n".join(msgspec.json.encode(line) for line in lines)
    done = carried_out(live, upload(live, workspace_id, data, name="archive.json"))
    assert (done.counts.updated, done.counts.created) == (2, 1)
    assert len(people(live)) == 2
    back = undone(live, done)
    assert back.undo is not None
    assert back.undo.merges == 1
    assert without_versions(snapshot(live)) == without_versions(before)
    again = carried_out(live, upload(live, workspace_id, data, name="archive.json"))
    assert (again.counts.repeated, again.counts.updated) == (0, 2)


def test_two_imports_of_the_same_people_are_taken_back_one_by_one(live: Connection, workspace_id: int) -> None:
    first = imported(live, workspace_id, csv_file([["email", "plan"], ["a@example.com", "one"]]))
    after_first = people(live)
    made = upload(live, workspace_id, csv_file([["email", "plan"], ["a@example.com", "two"]]))
    second = carried_out(live, planned(live, made))
    undone(live, second)
    assert people(live) == after_first
    undone(live, first)
    assert people(live) == {}


def test_a_slice_is_as_large_as_the_history_it_reads_anew(
    live: Connection, workspace_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All intake waits for a slice: people with a long history are taken back few at a time, but always one."""
    said = [message("identify", userId=f"u{n}", traits={"email": f"p{n}@example.com"}) for n in range(12)]
    ingest(live, workspace_id, said + [message(userId=f"u{n}", event="Seen") for n in range(12) for _ in range(9)])
    before = snapshot(live)
    rows = [[f"p{n}@example.com", "gold"] for n in range(12)]
    done = imported(live, workspace_id, csv_file([["email", "plan"], *rows]))
    read: list[set[Any]] = []
    whole = undoing._Slice.take_back

    def watched(self: Any) -> None:
        read.append({row.profile_id for row in self._rows})
        whole(self)

    monkeypatch.setattr(undoing._Slice, "take_back", watched)
    monkeypatch.setattr(undoing, "MOST_READ", 33)  # everybody has eleven rows
    undone(live, done)
    assert [len(each) for each in read] == [3, 3, 3, 3]
    assert without_versions(snapshot(live)) == without_versions(before)

    monkeypatch.setattr(undoing, "MOST_READ", 5)
    again = imported(live, workspace_id, csv_file([["email", "plan"], *rows[:3]]))
    undone(live, again)
    assert [len(each) for each in read[4:]] == [1, 1, 1]


def test_an_undo_rests_as_long_as_it_worked_and_stays_alive(
    live: Connection, workspace_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = imported(live, workspace_id, csv_file([["email"], ["a@example.com"]]))
    slept: list[float] = []
    monkeypatch.setattr("tessera.imports.undoing.time.sleep", slept.append)
    live.execute("UPDATE imports_import SET seen_at = now() - interval '1 hour'")
    undoing._rest(live, done.id, 25.0)
    assert slept == [10.0, 10.0, 5.0]
    row = live.execute("SELECT seen_at > now() - interval '1 minute' FROM imports_import").fetchone()
    assert row == (True,)
