"""What is kept of people afterwards, and that it can be forgotten."""

import gzip
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import psycopg
import pytest

from factories.imports import csv_file, imported, tried_out, upload
from factories.people import owner, people
from tessera.foundation.errors import TooManyFiles
from tessera.foundation.settings import settings
from tessera.imports import actions, engine, queries, traces
from tessera.imports.records import PROBLEMS, FileGone, ImportView, NoSuchImport, WrongState

Connection = psycopg.Connection[Any]
ANA = [("email", "ana@example.com"), ("phone", "+34600111222")]


def begun(live: Connection, workspace_id: int, chunks: Sequence[bytes | None]) -> ImportView:
    """A file that is still coming in: these pieces are here (None: that one is not)."""
    made = actions.create_import(live, workspace_id=workspace_id, file_name="f", actor="ana", now=datetime.now(UTC))
    for number, data in enumerate(chunks):
        if data is not None:
            actions.add_chunk(live, workspace_id=workspace_id, import_id=made.id, number=number, data=data)
    return made


def kept(live: Connection) -> int:
    row = live.execute("SELECT count(*) FROM imports_chunk").fetchone()
    return int(row[0]) if row else -1


def test_an_erasure_drops_files_that_have_served(live: Connection, workspace_id: int) -> None:
    done = imported(live, workspace_id, csv_file([["email"], ["ana@example.com"]]))
    ana = owner(live, "email", "ana@example.com")
    assert ana is not None
    assert traces.erase_traces(live, workspace_id, ANA, [ana]) == {"imports_chunk": 1, "imports_error": 0}
    assert kept(live) == 0
    assert not queries.import_by_id(live, workspace_id, done.id).file_kept


@pytest.mark.parametrize(
    ("row", "packed", "files"),
    [
        ("ANA@example.com,", False, 1),
        ("x@example.com,600 111-222", True, 1),
        ("x@example.com,+34 600.11.12.22", False, 1),
        ("x@example.com,+34600111223", False, 0),
    ],
)
def test_an_erasure_drops_a_waiting_file_that_names_the_person(
    live: Connection, workspace_id: int, row: str, packed: bool, files: int
) -> None:
    data = f"email,phone\n{row}\n".encode()
    made = upload(live, workspace_id, gzip.compress(data) if packed else data)
    found = traces.erase_traces(live, workspace_id, ANA, [])
    assert (found["imports_chunk"], kept(live)) == (files, 1 - files)
    after = queries.import_by_id(live, workspace_id, made.id)
    assert (after.state, after.problem_code) == (("failed", traces.GONE) if files else ("ready", ""))
    if files:
        assert after.problem == PROBLEMS[traces.GONE]
        live.execute("UPDATE imports_import SET problem = %s", (after.problem,))  # as it was kept once
        assert queries.import_by_id(live, workspace_id, made.id) == after
        with pytest.raises(FileGone):
            actions.resume(live, workspace_id=workspace_id, import_id=made.id, actor="ana")


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize(("row", "files"), [("Ana@example.com", 1), ("luis@example.com", 0)])
def test_an_erasure_reads_a_file_that_is_still_coming_in(
    live: Connection, workspace_id: int, packed: bool, encoding: str, row: str, files: int
) -> None:
    """It has no plan yet that says how; and it may grow on where the person is not in it."""
    data = f"email,phone\n{row},\n".encode(encoding)
    made = begun(live, workspace_id, [gzip.compress(data) if packed else data])
    assert traces.erase_traces(live, workspace_id, ANA, [])["imports_chunk"] == files
    after = queries.import_by_id(live, workspace_id, made.id)
    assert (after.state, after.problem_code) == (("failed", traces.GONE) if files else ("uploading", ""))


def test_an_erasure_drops_what_came_in_with_a_hole_and_keeps_what_has_nothing_in_it(
    live: Connection, workspace_id: int
) -> None:
    begun(live, workspace_id, [])
    holed = begun(live, workspace_id, [b"email\n", None, b"ana@example.com\n"])
    assert traces.erase_traces(live, workspace_id, ANA, [])["imports_chunk"] == 2
    assert queries.import_by_id(live, workspace_id, holed.id).problem_code == traces.UNREAD
    assert [found.state for found in queries.imports(live, workspace_id).imports] == ["failed", "uploading"]


@pytest.mark.parametrize("packed", [False, True])
def test_an_erasure_drops_a_waiting_file_that_is_too_large_to_search(
    live: Connection, workspace_id: int, monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    """Everybody waits for the search: 20 MB are searched, and a packed file is not unpacked any further."""
    data = csv_file([["email"], *[[f"p{number}@example.com"] for number in range(9_000)]])
    made = upload(live, workspace_id, gzip.compress(data) if packed else data)
    monkeypatch.setattr(traces, "MOST_SEARCHED", len(data))
    assert traces.erase_traces(live, workspace_id, ANA, [])["imports_chunk"] == 0
    monkeypatch.setattr(traces, "MOST_SEARCHED", len(data) - 1)
    assert traces.erase_traces(live, workspace_id, ANA, [])["imports_chunk"] == 1
    after = queries.import_by_id(live, workspace_id, made.id)
    assert (after.state, after.problem_code) == ("failed", traces.UNREAD)


def test_an_erasure_in_the_middle_of_a_run_stops_it(live: Connection, workspace_id: int) -> None:
    rows = [["email"], *[[f"p{number}@example.com"] for number in range(9_000)], ["ana@example.com"]]
    made = upload(live, workspace_id, csv_file(rows))
    actions.start(live, workspace_id=workspace_id, import_id=made.id, actor="ana", now=datetime.now(UTC), here=True)
    live.execute("UPDATE imports_import SET wanted = 'pause'")
    engine.run_import(made.id)
    live.execute("UPDATE imports_import SET state = 'running'")
    traces.erase_traces(live, workspace_id, ANA, [])
    engine.run_import(made.id)
    after = queries.import_by_id(live, workspace_id, made.id)
    assert (after.state, after.problem_code) == ("failed", traces.GONE)
    assert len(people(live)) < 9_000


def test_an_erasure_empties_what_was_said_of_wrong_rows(live: Connection, workspace_id: int) -> None:
    rows = [["email", "phone"], ["ana@example.com", "nonsense"], ["luis@example.com", "nonsense"]]
    dry = tried_out(live, upload(live, workspace_id, csv_file(rows)))
    assert traces.erase_traces(live, workspace_id, ANA, [])["imports_error"] == 1
    raws = [row[0] for row in live.execute("SELECT raw FROM imports_error WHERE import_id = %s ORDER BY 1", (dry.id,))]
    assert raws == ["", "luis@example.com | nonsense"]


def test_files_and_wrong_rows_are_kept_for_a_while(live: Connection, workspace_id: int) -> None:
    imported(live, workspace_id, csv_file([["email"], ["ana@example.com"], ["nonsense"]]))
    now = datetime.now(UTC)
    assert traces.forget_old(live, now=now) == {"imports_chunk": 0, "imports_error": 0, "imports_import": 0}
    assert traces.forget_old(live, now=now + timedelta(days=8)) == {
        "imports_chunk": 1,
        "imports_error": 0,
        "imports_import": 0,
    }
    assert traces.forget_old(live, now=now + timedelta(days=31)) == {
        "imports_chunk": 0,
        "imports_error": 1,
        "imports_import": 0,
    }


@pytest.mark.parametrize(
    ("state", "left"), [("finished", 0), ("failed", 0), ("ready", 0), ("paused", 1), ("undoing", 1)]
)
def test_an_import_that_is_over_is_forgotten_after_a_year(
    live: Connection, workspace_id: int, state: str, left: int
) -> None:
    made = imported(live, workspace_id, csv_file([["email"], ["ana@example.com"], ["nonsense"]]))
    live.execute("UPDATE imports_import SET state = %s", (state,))
    live.execute("UPDATE imports_error SET at = now() + interval '2 years'")
    now = datetime.now(UTC)
    forgotten = [traces.forget_old(live, now=now + timedelta(days=days))["imports_import"] for days in (364, 366)]
    assert forgotten == [0, 1 - left]
    for table, column in (("imports_import", "id"), ("imports_step", "import_id"), ("imports_error", "import_id")):
        rows = live.execute(f"SELECT 1 FROM {table} WHERE {column} = %s", (made.id,)).fetchall()  # noqa: S608
        assert len(rows) == left
    assert len(people(live)) == 1


@pytest.mark.parametrize("state", ["paused", "queued", "running", "checking"])
def test_a_file_of_an_import_that_stands_still_is_not_kept_for_ever(
    live: Connection, workspace_id: int, state: str
) -> None:
    made = upload(live, workspace_id, csv_file([["email"], ["ana@example.com"]]))
    live.execute("UPDATE imports_import SET created_at = now() - interval '1 year', state = %s", (state,))
    live.execute("UPDATE imports_import SET seen_at = now()")
    now = datetime.now(UTC)
    assert traces.forget_old(live, now=now + timedelta(days=6))["imports_chunk"] == 0
    assert queries.import_by_id(live, workspace_id, made.id).state == state

    assert traces.forget_old(live, now=now + timedelta(days=8))["imports_chunk"] == 1

    after = queries.import_by_id(live, workspace_id, made.id)
    assert (after.state, after.problem_code, after.file_kept) == ("failed", traces.TOO_LATE, False)
    engine.run_import(made.id)
    assert people(live) == {}


def test_an_undo_that_stands_still_goes_on_without_its_file(live: Connection, workspace_id: int) -> None:
    made = imported(live, workspace_id, csv_file([["email"], ["ana@example.com"]]))
    live.execute("UPDATE imports_import SET state = 'undoing', seen_at = now() - interval '8 days'")
    assert traces.forget_old(live, now=datetime.now(UTC))["imports_chunk"] == 1
    assert queries.import_by_id(live, workspace_id, made.id).state == "undoing"


def test_whoever_goes_on_with_an_old_import_has_its_file_for_another_while(live: Connection, workspace_id: int) -> None:
    made = upload(live, workspace_id, csv_file([["email"], ["ana@example.com"]]))
    live.execute("UPDATE imports_import SET created_at = now() - interval '1 year', state = 'paused'")
    actions.resume(live, workspace_id=workspace_id, import_id=made.id, actor="ana")
    assert traces.forget_old(live, now=datetime.now(UTC))["imports_chunk"] == 0
    engine.run_import(made.id)
    assert queries.import_by_id(live, workspace_id, made.id).state == "finished"


def test_a_running_import_keeps_its_file_where_files_are_kept_no_day(
    live: Connection, workspace_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    none = msgspec.structs.replace(settings(), import_keep_days=0)
    monkeypatch.setattr(traces, "settings", lambda: none)
    upload(live, workspace_id, csv_file([["email"], ["ana@example.com"]]))
    live.execute("UPDATE imports_import SET state = 'running', seen_at = now() - interval '1 hour'")
    assert traces.forget_old(live, now=datetime.now(UTC))["imports_chunk"] == 0


def test_files_of_a_workspace_come_to_so_much_and_no_more(
    live: Connection, workspace_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = msgspec.structs.replace(settings(), files_max_mb=2)
    monkeypatch.setattr(actions, "settings", lambda: tiny)
    first = actions.create_import(live, workspace_id=workspace_id, file_name="a", actor="ana", now=datetime.now(UTC))
    second = actions.create_import(live, workspace_id=workspace_id, file_name="b", actor="ana", now=datetime.now(UTC))
    for _ in range(2):  # the same piece again takes no more room
        for made in (first, second):
            where = {"workspace_id": workspace_id, "import_id": made.id}
            actions.add_chunk(live, **where, number=0, data=b"x" * 1_000_000)
    with pytest.raises(TooManyFiles):
        actions.add_chunk(live, **where, number=1, data=b"x")
    with pytest.raises(TooManyFiles):
        actions.create_import(live, workspace_id=workspace_id, file_name="c", actor="ana", now=datetime.now(UTC))
    assert (kept(live), queries.import_by_id(live, workspace_id, second.id).size) == (2, 1_000_000)

    actions.create_import(live, workspace_id=workspace_id + 1, file_name="d", actor="eve", now=datetime.now(UTC))
    actions.delete_import(live, workspace_id=workspace_id, import_id=first.id, actor="ana")
    actions.add_chunk(live, **where, number=1, data=b"x")


def test_a_stranger_sees_and_does_nothing(live: Connection, workspace_id: int) -> None:
    made = upload(live, workspace_id, csv_file([["email"], ["ana@example.com"]]))
    stranger = workspace_id + 1
    assert queries.imports(live, stranger).imports == []
    with pytest.raises(NoSuchImport):
        queries.import_by_id(live, stranger, made.id)
    with pytest.raises(NoSuchImport):
        queries.inspect_file(live, stranger, made.id)
    with pytest.raises(NoSuchImport):
        list(queries.error_file(live, stranger, made.id))
    for act in (actions.check, actions.pause, actions.cancel, actions.resume, actions.undo, actions.delete_import):
        with pytest.raises(NoSuchImport):
            act(live, workspace_id=stranger, import_id=made.id, actor="eve")
    assert traces.erase_traces(live, stranger, ANA, []) == {"imports_chunk": 0, "imports_error": 0}


def test_a_file_arrives_in_pieces_in_any_order_and_twice(live: Connection, workspace_id: int) -> None:
    made = actions.create_import(
        live, workspace_id=workspace_id, file_name="a/b\\..\\x.csv", actor="ana", now=datetime.now(UTC)
    )
    assert made.name == "x.csv"
    where = {"workspace_id": workspace_id, "import_id": made.id}
    actions.add_chunk(live, **where, number=1, data=b"ana@example.com\n")
    with pytest.raises(Exception, match="1 chunks are missing"):
        actions.finish_upload(live, **where)
    for _ in range(2):
        actions.add_chunk(live, **where, number=0, data=b"email\n")
    ready = actions.finish_upload(live, **where)
    assert (ready.state, ready.size, ready.chunks) == ("ready", 22, 2)
    with pytest.raises(WrongState):
        actions.add_chunk(live, **where, number=2, data=b"x")


def test_every_step_leaves_an_entry_in_the_audit_trail(live: Connection, workspace_id: int) -> None:
    made = imported(live, workspace_id, csv_file([["email"], ["ana@example.com"]]), match="email")
    actions.undo(live, workspace_id=workspace_id, import_id=made.id, actor="ana@example.com", here=True)
    rows = live.execute(
        "SELECT action, actor FROM access_auditentry WHERE target = %s ORDER BY at, id", (f"import:{made.id}",)
    )
    assert rows.fetchall() == [
        (action, "ana@example.com") for action in ("create_import", "plan_import", "start_import", "undo_import")
    ]


def test_what_is_asked_for_is_a_job(live: Connection, workspace_id: int) -> None:
    made = upload(live, workspace_id, csv_file([["email"], ["ana@example.com"]]))
    actions.start(live, workspace_id=workspace_id, import_id=made.id, actor="ana", now=datetime.now(UTC))
    (arguments,) = live.execute("SELECT args FROM procrastinate_jobs").fetchall()[0]
    assert arguments == {"task": "imports.run", "arguments": {"import_id": str(made.id)}}
    import tessera.project.tasks  # noqa: F401 -- every task of the project
    from tessera.jobs.registry import run_task

    run_task(arguments["task"], arguments["arguments"])
    assert queries.import_by_id(live, workspace_id, made.id).state == "finished"


@pytest.mark.parametrize(
    ("row", "files"),
    [
        ("17@example.com,77", 0),
        ("x@example.com,7.5", 0),
        ("x@example.com,7", 1),
        ('7,"x"', 1),
        ('"{""userId"":7}",x', 1),
        ("mary.user-4711@example.com,user-47110", 0),
        ("x@example.com,USER-4711", 1),
    ],
)
def test_an_id_names_the_person_where_it_is_the_whole_cell_or_word(
    live: Connection, workspace_id: int, row: str, files: int
) -> None:
    upload(live, workspace_id, f"email,id\n{row}\n".encode())
    named = [("user_id", "7"), ("user_id", "user-4711")]
    assert traces.erase_traces(live, workspace_id, named, [])["imports_chunk"] == files


@pytest.mark.parametrize("at", range(1, 12))
def test_a_word_that_is_cut_by_two_blocks_is_judged_whole(at: int) -> None:
    theirs, longer = "x,user-4711,y", "x,user-47110,y"
    assert traces._found([theirs[:at], theirs[at:]], ["user-4711"])
    assert not traces._found([longer[:at], longer[at:]], ["user-4711"])
    far = "z" * 3_000
    assert traces._found([far + theirs[:at], theirs[at:] + far], ["user-4711"])
    assert not traces._found([far + longer[:at], longer[at:] + far, far], ["user-4711"])


def test_a_short_id_empties_only_the_wrong_rows_that_have_it_as_a_cell(live: Connection, workspace_id: int) -> None:
    rows = [["email", "phone", "userId"], ["a7@example.com", "nonsense", "8"], ["b@example.com", "nonsense", "7"]]
    dry = tried_out(live, upload(live, workspace_id, csv_file(rows)))
    assert traces.erase_traces(live, workspace_id, [("user_id", "7")], [])["imports_error"] == 1
    raws = [row[0] for row in live.execute("SELECT raw FROM imports_error WHERE import_id = %s ORDER BY 1", (dry.id,))]
    assert raws == ["", "a7@example.com | nonsense | 8"]
