"""An export from being asked for to being taken away, and what may come between."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from factories.people import ingest, message, root

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
Connection = psycopg.Connection[Any]


@pytest.fixture
def ask(live: Connection, workspace_id: int, world: None) -> Callable[..., UUID]:
    """`ask(what="history")` asks for an export and gives its id."""
    from tessera.exports.actions import request_export
    from tessera.exports.wanted import read_wanted

    def request(*, workspace: int = workspace_id, **asked: Any) -> UUID:
        wanted = read_wanted({"what": "people"} | asked)
        with live.transaction():
            made = request_export(live, workspace_id=workspace, wanted=wanted, actor="ana@example.com", now=NOW)
        return made.export_id

    return request


@pytest.fixture
def look(live: Connection, workspace_id: int) -> Callable[[UUID], Any]:
    from tessera.exports.queries import export_by_id

    return lambda export_id: export_by_id(live, workspace_id, export_id)


def pieces(live: Connection) -> int:
    row = live.execute("SELECT count(*) FROM exports_chunk").fetchone()
    assert row is not None
    return int(row[0])


def file_of(live: Connection, workspace_id: int, export_id: UUID) -> bytes:
    from tessera.exports.queries import body_of, finished_file

    return b"".join(body_of(finished_file(live, workspace_id, export_id)))


def audited(live: Connection) -> list[str]:
    rows = live.execute("SELECT action FROM access_auditentry WHERE target LIKE 'export:%%' ORDER BY id")
    return [row[0] for row in rows]


def test_asked_for_written_and_taken(
    ask: Callable[..., UUID], look: Callable[[UUID], Any], live: Connection, workspace_id: int, written: Any
) -> None:
    from tessera.exports.actions import open_file, run_export

    export_id = ask(format="ndjson")
    waiting = live.execute("SELECT args -> 'arguments' ->> 'export_id' FROM procrastinate_jobs").fetchall()
    assert (look(export_id).state, waiting) == ("waiting", [(str(export_id),)])

    run_export(export_id)

    done = look(export_id)
    assert (done.state, done.rows, done.looked_at, done.total) == ("done", 2, 2, 2)
    assert done.bytes == len(written(what="people", format="ndjson"))
    assert done.kept_until == done.finished_at + timedelta(days=7)
    open_file(live, workspace_id=workspace_id, export_id=export_id, actor="ana@example.com")
    assert file_of(live, workspace_id, export_id) == written(what="people", format="ndjson")
    assert audited(live) == ["request_export", "download_export"]


def test_repeating_the_job_changes_nothing(
    ask: Callable[..., UUID], look: Callable[[UUID], Any], live: Connection, workspace_id: int
) -> None:
    from tessera.exports.actions import run_export

    export_id = ask()
    run_export(export_id)
    first = (look(export_id), file_of(live, workspace_id, export_id))

    run_export(export_id)

    assert (look(export_id), file_of(live, workspace_id, export_id)) == first


def test_a_large_file_lies_in_pieces(
    ask: Callable[..., UUID], live: Connection, workspace_id: int, monkeypatch: pytest.MonkeyPatch, written: Any
) -> None:
    from tessera.exports import store
    from tessera.exports.actions import run_export

    monkeypatch.setattr(store, "CHUNK", 100)
    export_id = ask(what="history", format="csv")
    run_export(export_id)

    whole = written(what="history", format="csv")
    sizes = [row[0] for row in live.execute("SELECT length(body) FROM exports_chunk ORDER BY number")]
    assert sizes == [100] * (len(whole) // 100) + [len(whole) % 100]
    assert file_of(live, workspace_id, export_id) == whole


def test_a_crash_in_the_middle_offers_nothing_and_begins_anew(
    ask: Callable[..., UUID],
    look: Callable[[UUID], Any],
    live: Connection,
    workspace_id: int,
    monkeypatch: pytest.MonkeyPatch,
    written: Any,
) -> None:
    from tessera.exports import store
    from tessera.exports.actions import run_export
    from tessera.exports.queries import NotReady

    monkeypatch.setattr(store, "CHUNK", 100)
    export_id = ask(what="history", format="ndjson")
    finish = store.finish

    class Died(BaseException):
        """As `kill -9`: nothing of ours runs after it."""

    def die(*_args: Any, **_kwargs: Any) -> None:
        raise Died

    monkeypatch.setattr(store, "finish", die)
    with pytest.raises(Died):
        run_export(export_id)
    assert look(export_id).state == "running"
    assert pieces(live) > 0
    with pytest.raises(NotReady):
        file_of(live, workspace_id, export_id)

    monkeypatch.setattr(store, "finish", finish)
    ingest(live, workspace_id, [message(userId="u-1", event="Later")])
    run_export(export_id)

    assert file_of(live, workspace_id, export_id) == written(what="history", format="ndjson")
    assert look(export_id).rows == 5


def test_the_process_before_cannot_spoil_the_try_after(
    ask: Callable[..., UUID], live: Connection, workspace_id: int, look: Callable[[UUID], Any]
) -> None:
    from tessera.exports import store
    from tessera.exports.actions import run_export

    export_id = ask()
    old = store.begin(live, export_id)
    assert old is not None
    late = store.ChunkedFile(live, old, most_bytes=10**9)
    run_export(export_id)
    good = file_of(live, workspace_id, export_id)

    late.write(b"x" * 10)
    with pytest.raises(store.Superseded):
        late.finish()
    with pytest.raises(store.Superseded):
        store.finish(live, old, rows=1, size=10, pictured_at=NOW)

    assert look(export_id).rows == 2
    assert file_of(live, workspace_id, export_id) == good


def test_cancelling_stops_it_on_the_next_page(
    ask: Callable[..., UUID], look: Callable[[UUID], Any], live: Connection, workspace_id: int
) -> None:
    from tessera.exports import actions, store

    export_id = ask()
    trial = store.begin(live, export_id)
    assert trial is not None
    actions.cancel_export(live, workspace_id=workspace_id, export_id=export_id, actor="ana@example.com")

    with pytest.raises(store.Superseded):
        store.move(live, trial, looked_at=1, total=2, rows=1)
    actions.run_export(export_id)

    assert (look(export_id).state, pieces(live)) == ("cancelled", 0)
    actions.cancel_export(live, workspace_id=workspace_id, export_id=export_id, actor="ana@example.com")
    assert audited(live) == ["request_export", "cancel_export"]


def test_too_large_a_file_is_refused(
    ask: Callable[..., UUID], look: Callable[[UUID], Any], live: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    import msgspec

    from tessera.exports import actions
    from tessera.foundation.settings import settings

    tiny = msgspec.structs.replace(settings(), export_max_mb=0)
    monkeypatch.setattr(actions, "settings", lambda: tiny)
    export_id = ask()
    actions.run_export(export_id)

    assert (look(export_id).state, look(export_id).reason, pieces(live)) == ("failed", "export_too_large", 0)


def test_the_files_of_a_workspace_come_to_so_much_and_no_more(
    ask: Callable[..., UUID],
    look: Callable[[UUID], Any],
    live: Connection,
    workspace_id: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import msgspec

    from tessera.exports import actions
    from tessera.foundation.errors import TooManyFiles
    from tessera.foundation.settings import settings

    tiny = msgspec.structs.replace(settings(), files_max_mb=1)
    monkeypatch.setattr(actions, "settings", lambda: tiny)
    first, second = ask(), ask()
    actions.run_export(first)
    live.execute("UPDATE exports_export SET bytes = 999_990 WHERE id = %s", (first,))

    actions.run_export(second)

    assert (look(second).state, look(second).reason, pieces(live)) == ("failed", "too_many_files", 1)
    live.execute("UPDATE exports_export SET bytes = 1_000_000 WHERE id = %s", (first,))
    with pytest.raises(TooManyFiles):
        ask()
    actions.delete_export(live, workspace_id=workspace_id, export_id=first, actor="ana@example.com")
    third = ask()
    actions.run_export(third)
    assert look(third).state == "done"


def test_what_breaks_is_failed_and_said(
    ask: Callable[..., UUID], look: Callable[[UUID], Any], live: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tessera.exports import actions, produce

    def broken(*_args: Any, **_kwargs: Any) -> None:
        raise RuntimeError("disk on fire")

    monkeypatch.setattr(produce, "write_all", broken)
    export_id = ask()
    with pytest.raises(RuntimeError):
        actions.run_export(export_id)

    assert (look(export_id).state, look(export_id).reason, pieces(live)) == ("failed", "export_broke", 0)


def test_files_are_dropped_after_their_days(
    ask: Callable[..., UUID], look: Callable[[UUID], Any], live: Connection, workspace_id: int
) -> None:
    from tessera.exports.actions import drop_old_files, run_export
    from tessera.exports.queries import NotReady

    old, new = ask(), ask()
    run_export(old)
    run_export(new)
    live.execute("UPDATE exports_export SET finished_at = now() - interval '8 days' WHERE id = %s", (old,))

    assert drop_old_files(live, before=datetime.now(UTC) - timedelta(days=7)) == 1

    assert (look(old).state, look(new).state) == ("dropped", "done")
    with pytest.raises(NotReady):
        file_of(live, workspace_id, old)
    assert file_of(live, workspace_id, new)


def test_exports_that_are_over_are_forgotten_after_a_year(
    ask: Callable[..., UUID], live: Connection, workspace_id: int
) -> None:
    from tessera.exports.actions import cancel_export, drop_old_files, run_export

    old, young, waiting = ask(), ask(), ask()
    run_export(old)
    cancel_export(live, workspace_id=workspace_id, export_id=young, actor="ana@example.com")
    live.execute("UPDATE exports_export SET created_at = now() - interval '2 years'")
    live.execute("UPDATE exports_export SET finished_at = now() - interval '366 days' WHERE id = %s", (old,))
    live.execute("UPDATE exports_export SET finished_at = now() - interval '364 days' WHERE id = %s", (young,))

    drop_old_files(live, before=datetime.now(UTC) - timedelta(days=7))

    assert {row[0] for row in live.execute("SELECT id FROM exports_export")} == {young, waiting}
    assert pieces(live) == 0
    assert audited(live).count("request_export") == 3


def test_deleting_takes_the_file_along(ask: Callable[..., UUID], live: Connection, workspace_id: int) -> None:
    from tessera.exports.actions import delete_export, run_export
    from tessera.foundation.errors import NotFound

    export_id = ask()
    run_export(export_id)
    delete_export(live, workspace_id=workspace_id, export_id=export_id, actor="ana@example.com")

    assert pieces(live) == 0
    with pytest.raises(NotFound):
        delete_export(live, workspace_id=workspace_id, export_id=export_id, actor="ana@example.com")


def test_a_stranger_sees_nothing(
    ask: Callable[..., UUID], live: Connection, stranger_workspace: int, look: Callable[[UUID], Any]
) -> None:
    from tessera.exports import actions, queries
    from tessera.foundation.errors import NotFound

    export_id = ask()
    actions.run_export(export_id)
    whose = {"workspace_id": stranger_workspace, "export_id": export_id}

    for act in (
        lambda: queries.export_by_id(live, stranger_workspace, export_id),
        lambda: queries.finished_file(live, stranger_workspace, export_id),
        lambda: actions.open_file(live, **whose, actor="stranger"),
        lambda: actions.cancel_export(live, **whose, actor="stranger"),
        lambda: actions.delete_export(live, **whose, actor="stranger"),
    ):
        with pytest.raises(NotFound):
            act()
    assert queries.exports(live, stranger_workspace).exports == []
    assert look(export_id).state == "done"


def test_no_more_than_twenty_at_once(ask: Callable[..., UUID]) -> None:
    from tessera.exports.actions import MOST_AT_ONCE, TooManyExports

    for _ in range(MOST_AT_ONCE):
        ask()
    with pytest.raises(TooManyExports):
        ask()


def test_erasure_drops_every_file_and_takes_the_name_out(
    ask: Callable[..., UUID], look: Callable[[UUID], Any], live: Connection, workspace_id: int
) -> None:
    from tessera.exports.actions import erase_traces, run_export
    from tessera.exports.store import begin

    ana = root(live, "user_id", "u-1")
    assert ana is not None
    done, running = ask(), ask()
    run_export(done)
    begin(live, running)
    named = ask(people=["email:ana@example.com", f"{ana}", "Ana@Example.com", "email:ben@example.com"])
    other = ask(people=["email:ben@example.com"])

    with live.transaction():
        counts = erase_traces(live, workspace_id, [("email", "ana@example.com"), ("user_id", "u-1")], [ana])

    assert counts == {"exports_export": 1, "exports_files": 2}
    assert (look(done).state, look(running).state, pieces(live)) == ("dropped", "failed", 0)
    assert look(named).wanted.people == look(other).wanted.people == ("email:ben@example.com",)
    only_ana = ask(people=[f"{ana}"])
    with live.transaction():
        erase_traces(live, workspace_id, [], [ana])
    run_export(only_ana)
    assert (look(only_ana).rows, look(only_ana).state) == (0, "done")


def test_erasure_finds_a_name_in_any_spelling(
    ask: Callable[..., UUID], look: Callable[[UUID], Any], live: Connection, workspace_id: int
) -> None:
    """Names are kept in their normal form; those of exports asked for before that was so are read as such."""
    from tessera.exports.actions import erase_traces
    from tessera.exports.wanted import UnknownExport

    live.execute("UPDATE workspaces_workspace SET region = 'ES' WHERE id = %s", (workspace_id,))
    spelt = ["phone:600 111 222", "phone: +34 600-11-12-22", " Ana@Example.COM", "external:crm:4711"]
    named = ask(people=spelt)
    assert look(named).wanted.people == ("phone:+34600111222", "email:ana@example.com", "external:crm:4711")
    old = ask(people=["external:crm:1"])
    live.execute(
        "UPDATE exports_export SET wanted = jsonb_set(wanted::jsonb, '{people}', %s)::json WHERE id = %s",
        ('["phone:600 111 222", "phone:nonsense", "email:ben@example.com"]', old),
    )

    with live.transaction():
        erase_traces(live, workspace_id, [("email", "ana@example.com"), ("phone", "+34600111222")], [])

    assert look(named).wanted.people == ("external:crm:4711",)
    assert look(old).wanted.people == ("phone:nonsense", "email:ben@example.com")
    with pytest.raises(UnknownExport, match="is no phone"):
        ask(people=["phone:nonsense"])


def test_no_export_begins_while_somebody_is_erased(
    ask: Callable[..., UUID], look: Callable[[UUID], Any], live: Connection, workspace_id: int, database: str
) -> None:
    from tessera.exports.actions import erase_traces, run_export

    export_id = ask()
    with psycopg.connect(database) as erasing:
        erase_traces(erasing, workspace_id, [], [uuid4()])
        writing = threading.Thread(target=run_export, args=(export_id,))
        writing.start()
        writing.join(0.5)
        assert (writing.is_alive(), look(export_id).state) == (True, "waiting")
        erasing.commit()
    writing.join(20)

    assert look(export_id).state == "done"


def test_the_file_is_one_picture_while_intake_goes_on(
    live: Connection, workspace_id: int, world: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everybody's order arrives after the picture was taken, between the pages: no page may show one."""
    import io

    from tessera.exports import people, produce
    from tessera.exports.wanted import read_wanted

    monkeypatch.setattr(people, "PAGE", 2)
    ingest(live, workspace_id, [message("identify", userId=f"p-{n}", traits={"seen": 0}) for n in range(9)])
    looked: list[int] = []

    def meanwhile(looked_at: int, _total: int, _rows: int) -> None:
        looked.append(looked_at)
        said = [message(userId=f"p-{n}", event="Order Completed") for n in range(9)]
        ingest(live, workspace_id, [*said, message("identify", userId=f"new-{len(looked)}")])

    sink = io.BytesIO()
    with produce.picture() as reading:
        now = produce.moment_of(reading)
        wanted = read_wanted({"what": "people", "format": "ndjson"})
        rows = produce.write_all(reading, workspace_id, wanted, sink, now=now, progress=meanwhile)

    assert (rows, looked) == (11, [0, 2, 4, 6, 8, 10, 11])
    assert b'"Order Completed":{"count":1' not in sink.getvalue()
    assert b"new-" not in sink.getvalue()
