"""What is delivered to a folder: everybody at first, then who came and went, each once, as one asked for it."""

import io
import os
import signal
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import pyarrow.parquet as pq
import pytest

from factories.deliveries import deliver, files, prints, rows_of, state_of, told
from factories.people import ingest, message, root
from tessera.audience.segments import actions as segments
from tessera.audience.segments.records import Segment, SegmentChange, SegmentInUse, WrongSegment
from tessera.deliveries import actions, queries
from tessera.deliveries.records import (
    Folder,
    InvalidSegmentExport,
    NoSuchSegmentExport,
    SegmentExport,
    SegmentExportChange,
)
from tessera.deliveries.run import run
from tessera.foundation.redaction import Redactor
from tessera.identity import actions as identity

Connection = psycopg.Connection[Any]
Exported = Callable[..., SegmentExport]
Choose = Callable[..., None]


def known(live: Connection, workspace_id: int, *users: str, **traits: Any) -> None:
    ingest(live, workspace_id, [message("identify", userId=user, traits=traits) for user in users])


def changed(live: Connection, export: SegmentExport, **wanted: Any) -> SegmentExport:
    with live.transaction():
        return actions.change(
            live,
            workspace_id=export.workspace_id,
            export_id=export.id,
            wanted=SegmentExportChange(**wanted),
            actor="ana",
            now=datetime.now(UTC),
        )


def test_everybody_first_then_who_came_and_went(
    live: Connection, workspace_id: int, exported: Exported, choose: Choose, outside: Path
) -> None:
    known(live, workspace_id, "ana", "luis", "eva")
    choose("ana", "luis")
    export = exported(everybody=True)
    deliver(export)
    ana, luis, eva = (root(live, "user_id", user) for user in ("ana", "luis", "eva"))
    assert sorted(told(outside)) == sorted([("entered", ana), ("entered", luis)])

    choose("eva")
    choose("ana", out=True)
    choose("ana")
    deliver(export)
    deliver(export)
    assert list(files(outside)) == ["000001-everybody.csv", "000002-changes.csv"]
    assert told(outside)[2:] == [("entered", eva), ("left", ana), ("entered", ana)]
    assert state_of(live, export) == [(1, "sent", ""), (2, "sent", "")]
    assert live.execute("SELECT count(*) FROM audience_move").fetchone() == (0,)


def test_only_changes_where_the_first_is_not_wanted(
    live: Connection, workspace_id: int, exported: Exported, choose: Choose, outside: Path
) -> None:
    known(live, workspace_id, "ana", "luis")
    choose("ana")
    export = exported()
    deliver(export)
    assert files(outside) == {}
    choose("luis")
    deliver(export)
    assert told(outside) == [("entered", root(live, "user_id", "luis"))]


def test_a_move_puts_one_job_into_the_queue(
    live: Connection, workspace_id: int, exported: Exported, choose: Choose
) -> None:
    known(live, workspace_id, "ana", "luis", "eva")
    export, clocked = exported(), exported(schedule="daily:03:00")
    live.execute("DELETE FROM procrastinate_jobs")
    choose("ana")
    choose("luis", "eva")
    rows = live.execute(
        "SELECT args->'arguments'->>'listener', scheduled_at > now() FROM procrastinate_jobs"
    ).fetchall()
    assert rows == [(str(export.id), True)]
    assert clocked.due_at is not None


FORMATS = ["csv", "ndjson", "parquet"]


@pytest.mark.parametrize("format", FORMATS)
def test_columns_stand_as_they_were_chosen(
    live: Connection, workspace_id: int, exported: Exported, choose: Choose, outside: Path, format: str
) -> None:
    from tessera.events import catalogue

    known(live, workspace_id, "ana", email="Ana@Example.com", points=12.5, note="=1+cmd|' /C calc'!A0", tags=["a", "b"])
    catalogue.add_up(live)
    export = exported(format=format, identifiers=("user_id", "email"), attributes=("points", "note", "tags", "nothing"))
    choose("ana")
    deliver(export)
    ana = root(live, "user_id", "ana")
    (body,) = files(outside).values()
    (row,) = _read(format, body)
    assert (row["change"], row["profile_id"], row["person_id"]) == ("entered", str(ana), str(ana))
    note = "=1+cmd|' /C calc'!A0"
    if format == "csv":
        assert (row["email"], row["user_id"], row["points"], row["nothing"]) == ("ana@example.com", "ana", "12.5", "")
        assert (row["note"], row["tags"]) == (f"'{note}", '["a","b"]')
        assert row["at"].endswith("Z")
    elif format == "ndjson":
        assert row["identifiers"] == {"user_id": ["ana"], "email": ["ana@example.com"]}
        assert row["attributes"] == {"points": 12.5, "note": note, "tags": ["a", "b"]}
    else:
        assert (row["email"], row["points"], row["note"], row["tags"]) == ("ana@example.com", 12.5, note, ["a", "b"])
        assert isinstance(row["at"], datetime)


def _read(format: str, body: bytes) -> list[dict[str, Any]]:
    if format == "csv":
        return list(rows_of(body))
    if format == "ndjson":
        return [msgspec.json.decode(line) for line in body.splitlines()]
    found: list[dict[str, Any]] = pq.read_table(io.BytesIO(body)).to_pylist()
    return found


def test_who_entered_under_an_id_leaves_under_it_whatever_is_merged(
    live: Connection, workspace_id: int, exported: Exported, choose: Choose, outside: Path
) -> None:
    known(live, workspace_id, "ana")
    ingest(live, workspace_id, [message("identify", anonymousId="a", traits={"email": "annie@example.com"})])
    export = exported()
    choose("ana", "email:annie@example.com")
    deliver(export)
    ana, annie = root(live, "user_id", "ana"), root(live, "email", "annie@example.com")
    identity.merge_profiles(
        live, workspace_id=workspace_id, keep=ana, absorb=annie, reason="one", actor="a", now=datetime.now(UTC)
    )
    choose("ana", out=True)
    deliver(export)
    last = rows_of(files(outside)["000002-changes.csv"])
    assert sorted((row["change"], row["profile_id"]) for row in last) == sorted(
        [("left", str(ana)), ("left", str(annie))]
    )
    assert {row["person_id"] for row in last} == {str(ana)}


def test_more_than_one_delivery_holds_follows_in_the_next(
    live: Connection,
    workspace_id: int,
    exported: Exported,
    choose: Choose,
    outside: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tessera.deliveries.run.MOST_MOVES", 3)
    users = [f"u{n}" for n in range(7)]
    known(live, workspace_id, *users)
    choose(*users[:4])
    export = exported(everybody=True)
    choose(*users[4:])
    deliver(export)
    assert [len(rows_of(body)) for body in files(outside).values()] == [3, 1, 3]
    assert [name.partition("-")[2] for name in files(outside)] == ["everybody.csv", "everybody.csv", "changes.csv"]
    assert {who for _, who in told(outside)} == {root(live, "user_id", user) for user in users}


def test_by_the_clock_only_when_it_says_so_or_when_asked(
    live: Connection, workspace_id: int, exported: Exported, choose: Choose, outside: Path
) -> None:
    known(live, workspace_id, "ana", "luis", "eva")
    export = exported(schedule="daily:02:30")
    choose("ana")
    deliver(export)
    assert files(outside) == {}
    later = datetime.now(UTC) + timedelta(days=1, minutes=1)
    run(export.id, clock=lambda: later)
    assert len(told(outside)) == 1
    due = queries.segment_export(live, workspace_id, export.id).due_at
    assert due is not None
    assert later < due <= later + timedelta(days=1)

    choose("luis")
    with live.transaction():
        actions.run_now(live, workspace_id=workspace_id, export_id=export.id, actor="ana")
    deliver(export)
    choose("eva")
    deliver(export)
    assert len(told(outside)) == 2


def test_a_paused_one_loses_nothing(
    live: Connection, workspace_id: int, exported: Exported, choose: Choose, outside: Path
) -> None:
    known(live, workspace_id, "ana")
    export = exported()
    assert changed(live, export, paused=True).state == "paused"
    choose("ana")
    deliver(export)
    assert files(outside) == {}
    with pytest.raises(InvalidSegmentExport), live.transaction():
        actions.run_now(live, workspace_id=workspace_id, export_id=export.id, actor="ana")
    changed(live, export, paused=False)
    deliver(export)
    assert len(told(outside)) == 1


def test_a_folder_that_is_away_is_tried_again_with_the_same_content(
    live: Connection, workspace_id: int, exported: Exported, choose: Choose, outside: Path
) -> None:
    known(live, workspace_id, "ana", "luis", city="Lugo")
    export = exported(attributes=("city",))
    (outside / "lake").write_text("in the way")
    choose("ana")
    deliver(export)
    assert state_of(live, export) == [(1, "waiting", "folder_unavailable")]
    known(live, workspace_id, "ana", city="Lyon")
    choose("luis")
    deliver(export)
    (outside / "lake").unlink()
    deliver(export)
    assert state_of(live, export) == [(1, "waiting", "folder_unavailable")], "it waits for its next try"
    soon = datetime.now(UTC) + timedelta(seconds=60)
    run(export.id, clock=lambda: soon)
    assert state_of(live, export) == [(1, "sent", ""), (2, "sent", "")]
    assert rows_of(files(outside)["000001-changes.csv"])[0]["city"] == "Lugo", "decided once"


def test_a_deleted_segment_ends_its_exports_when_everything_is_told(
    live: Connection, workspace_id: int, friends: Segment, exported: Exported, choose: Choose, outside: Path
) -> None:
    known(live, workspace_id, "ana")
    export = exported()
    choose("ana")
    with live.transaction():
        segments.delete(live, workspace_id=workspace_id, segment_id=friends.id, actor="ana")
    deliver(export)
    assert len(told(outside)) == 1
    now = queries.segment_export(live, workspace_id, export.id)
    assert now.state == "ended"
    assert queries.lines(live, workspace_id, [now])[0].segment == ""
    assert live.execute("SELECT count(*) FROM audience_listener").fetchone() == (0,)


def test_what_is_evaluated_when_asked_has_no_changes_to_export(
    live: Connection, workspace_id: int, outside: Path
) -> None:
    from tessera.audience.conditions.registry import to_json
    from tessera.audience.segments.records import NewSegment
    from tessera.audience.text.reader import from_text
    from tessera.deliveries.records import NewSegmentExport

    condition, now = to_json(from_text('country = "ES"')), datetime.now(UTC)
    new = NewSegmentExport(name="x", destination=Folder(path=str(outside)))
    with live.transaction():
        asked = segments.create(
            live, workspace_id=workspace_id, new=NewSegment(name="S", condition=condition), actor="a", now=now
        )
    with pytest.raises(WrongSegment), live.transaction():
        actions.create(live, workspace_id=workspace_id, segment_id=asked.id, new=new, actor="a", now=now)

    def keep(fresh: bool) -> None:
        with live.transaction():
            wanted = SegmentChange(keep_fresh=fresh)
            segments.change(live, workspace_id=workspace_id, segment_id=asked.id, wanted=wanted, actor="a", now=now)

    keep(True)
    with live.transaction():
        made = actions.create(live, workspace_id=workspace_id, segment_id=asked.id, new=new, actor="a", now=now)
    with pytest.raises(SegmentInUse):
        keep(False)
    with live.transaction():
        actions.delete(live, workspace_id=workspace_id, export_id=made.export.id, actor="a")
    keep(False)


TRICKS = ["/etc", "lake", "{root}/../x", "{root}x", "/", "{root}/a\0b", "{root}/./../../etc"]


@pytest.mark.parametrize("path", TRICKS)
def test_no_path_leads_out_of_the_roots(exported: Exported, outside: Path, path: str) -> None:
    with pytest.raises(InvalidSegmentExport):
        exported(destination=Folder(path=path.format(root=outside)))


def test_no_link_leads_out_of_the_roots(
    live: Connection, workspace_id: int, exported: Exported, choose: Choose, outside: Path, tmp_path: Path
) -> None:
    known(live, workspace_id, "ana")
    secret = tmp_path / "secret"
    secret.mkdir()
    (outside / "lake").symlink_to(secret)
    export = exported()
    choose("ana")
    deliver(export)
    assert list(secret.iterdir()) == []
    assert state_of(live, export) == [(1, "waiting", "folder_unavailable")]


def test_a_strangers_export_is_not_there(live: Connection, exported: Exported, outside: Path) -> None:
    from tessera.workspaces import actions as workspaces

    export, stranger = exported(), workspaces.create_workspace(slug="other", name="Other").id
    for act in (actions.run_now, actions.delete, actions.renew_secret):
        with pytest.raises(NoSuchSegmentExport), live.transaction():
            act(live, workspace_id=stranger, export_id=export.id, actor="eve")
    assert queries.segment_exports(live, stranger) == []


def test_erased_people_are_in_nothing_that_is_kept(
    live: Connection, workspace_id: int, exported: Exported, choose: Choose, outside: Path
) -> None:
    known(live, workspace_id, "ana", email="ana@example.com")
    known(live, workspace_id, "luis", email="luis@example.com")
    export = exported(identifiers=("email",))
    choose("ana", "luis")
    deliver(export)
    (outside / "lake").rename(outside / "away")
    (outside / "lake").write_text("in the way")
    choose("ana", "luis", out=True)
    deliver(export)
    assert _kept(live).count(b"ana@example.com") == 2

    ana, luis = root(live, "user_id", "ana"), root(live, "user_id", "luis")
    with live.transaction():
        removed = actions.erase_traces(live, workspace_id, [ana], Redactor(["ana@example.com"]))
    assert removed == {"deliveries_delivery": 2, "deliveries_export": 0, "audience_move": 1}
    assert _kept(live) == b""
    (outside / "lake").unlink()
    soon = datetime.now(UTC) + timedelta(seconds=60)
    run(export.id, clock=lambda: soon)
    assert b"ana" not in _kept(live)
    assert [row["profile_id"] for row in rows_of(files(outside / "lake")["000002-changes.csv"])] == [str(luis)]


def test_what_was_read_before_an_erasure_is_not_kept_after_it(
    live: Connection,
    workspace_id: int,
    exported: Exported,
    choose: Choose,
    outside: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from tessera.deliveries import content

    known(live, workspace_id, "ana", "luis", email="ana@example.com")
    export = exported(identifiers=("email",))
    choose("ana", "luis")
    ana, write, tries = root(live, "user_id", "ana"), content.written, []

    def erased_meanwhile(*arguments: Any, **named: Any) -> bytes:
        body = write(*arguments, **named)
        tries.append(body.count(str(ana).encode()) > 0)
        if len(tries) == 1:
            with live.transaction():
                actions.erase_traces(live, workspace_id, [ana], Redactor(["ana@example.com"]))
        return body

    monkeypatch.setattr(content, "written", erased_meanwhile)
    deliver(export)
    assert tries == [True, False]
    assert str(ana).encode() not in b"".join(files(outside).values())


def _kept(live: Connection) -> bytes:
    return b"".join(bytes(row[0]) for row in live.execute("SELECT body FROM deliveries_chunk").fetchall())


def test_contents_are_dropped_after_their_days(
    live: Connection, workspace_id: int, exported: Exported, choose: Choose, outside: Path
) -> None:
    known(live, workspace_id, "ana")
    export = exported()
    choose("ana")
    deliver(export)
    assert queries.content(live, export, 1).body == files(outside)["000001-changes.csv"]
    actions.sweep(live, now=datetime.now(UTC) + timedelta(days=8))
    assert _kept(live) == b""
    with pytest.raises(queries.ContentGone):
        queries.content(live, export, 1)
    assert state_of(live, export) == [(1, "sent", "")]


def test_of_two_runners_one_delivers(
    live: Connection, workspace_id: int, exported: Exported, choose: Choose, outside: Path
) -> None:
    known(live, workspace_id, *(f"u{n}" for n in range(20)))
    export = exported()
    runners = []
    for n in range(20):
        choose(f"u{n}")
        runners += [threading.Thread(target=run, args=(export.id,)) for _ in range(2)]
        for each in runners[-2:]:
            each.start()
    for each in runners:
        each.join()
    deliver(export)  # who found another at it left a job that looks again
    attempts = [each.attempts for each in queries.deliveries(live, export).deliveries]
    assert sum(attempts) == len(attempts) == len(files(outside))
    assert len(told(outside)) == len(set(told(outside))) == 20


def test_killed_on_any_line_nothing_is_lost_and_nothing_is_told_twice(
    live: Connection, workspace_id: int, exported: Exported, choose: Choose, outside: Path
) -> None:
    users = [f"u{n}" for n in range(8)]
    known(live, workspace_id, *users)
    export = exported(identifiers=("user_id",))
    inside: list[str] = []
    moved, line, seen, survived = 0, 0, {}, 0
    while survived < 2:
        line += 2
        if len(inside) < len(users) and line % 6 != 4:
            inside.append(next(user for user in users if user not in inside))
            choose(inside[-1])
        else:
            choose(inside.pop(0), out=True)
        moved += 1
        survived = survived + 1 if _run_and_die_at(export, line) else 0
        now = prints(outside)
        assert {name: now[name] for name in seen} == seen, "what was there has another content"
        seen = now
    deliver(export)

    people = {user: root(live, "user_id", user) for user in users}
    there: set[UUID] = set()
    for what, who in told(outside):
        assert (who in there) == (what == "left"), "told twice"
        there ^= {who}
    assert there == {people[user] for user in inside}
    assert (len(told(outside)), line > 100) == (moved, True)
    numbers = [int(name.partition("-")[0]) for name in files(outside)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert list(outside.rglob(".*")) == [], "halves are left behind"


def _run_and_die_at(export: SegmentExport, line: int) -> bool:
    """Do the job in a process of its own that is killed on this line of the room; true where it ended before."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status) == 0
    left = line

    def count(frame: Any, event: str, _: Any) -> Any:
        nonlocal left
        room, _, module = frame.f_code.co_filename.rpartition("/")
        if not room.endswith("/tessera/deliveries") or module == "content.py":  # that one only reads, a line per person
            return None
        if event == "line":
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return count

    sys.settrace(count)
    try:
        run(export.id)
    finally:
        sys.settrace(None)
        os._exit(0)
