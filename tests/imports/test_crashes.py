"""Killed anywhere, run by two, beaten by rivals: every row once, and nobody lost."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from factories.imports import carried_out, csv_file, planned, upload
from factories.people import drain, message, people, put_in_inbox
from tessera.foundation.database import connect
from tessera.imports import actions, engine, queries, undoing
from tessera.imports.records import Counts
from tessera.intake.settle import progress

Connection = psycopg.Connection[Any]
ROWS = 20_000
_RUN = "import sys; from uuid import UUID; from tessera.imports import {module}; {module}.{call}(UUID(sys.argv[1]))"


def people_file(rows: int = ROWS) -> bytes:
    table = [[f"p{number}@example.com", f"u{number}", f"name{number % 50}"] for number in range(rows)]
    return csv_file([["email", "user_id", "first_name"], *table])


def started(live: Connection, workspace_id: int, data: bytes) -> Any:
    made = planned(live, upload(live, workspace_id, data), match="email")
    now = datetime.now(UTC)
    return actions.start(live, workspace_id=workspace_id, import_id=made.id, actor="ana", now=now, here=True)


def killed_when(ready: Any, after: float, module: str, call: str, import_id: Any) -> bool:
    """Kill it some moments after `ready()`; whether it was still at it. The call runs in a process of its own."""
    code = _RUN.format(module=module, call=call)
    with subprocess.Popen([sys.executable, "-c", code, str(import_id)], stdout=subprocess.DEVNULL) as process:
        while process.poll() is None and not ready():
            time.sleep(0.005)
        time.sleep(after)
        process.send_signal(signal.SIGKILL)
        return process.wait() != 0


def assert_every_row_once(live: Connection, rows: int) -> None:
    state = progress(live)
    assert (state.profiles, state.history) == (rows, rows)
    found = live.execute(
        "SELECT count(DISTINCT body -> 'context' -> 'import' ->> 'row'), count(*), count(DISTINCT profile_id)"
        " FROM events_history"
    ).fetchone()
    assert found == (rows, rows, rows)
    assert live.execute("SELECT count(*) FROM identity_identifier").fetchone() == (2 * rows,)
    assert live.execute("SELECT count(*) FROM profiles_state").fetchone() == (rows,)


@pytest.mark.chaos
@pytest.mark.parametrize("seed", range(int(os.environ.get("TESSERA_IMPORT_KILLS", "2"))))
def test_killed_on_any_line_it_goes_on_where_it_was(live: Connection, workspace_id: int, seed: int) -> None:
    dice = random.Random(seed)
    made = started(live, workspace_id, people_file())
    kills = 0
    for _ in range(5):
        known = queries.import_by_id(live, workspace_id, made.id).row_number

        def further(known: int = known) -> bool:
            return queries.import_by_id(live, workspace_id, made.id).row_number > known

        kills += killed_when(further, dice.random() * 0.2, "engine", "run_import", made.id)
    engine.run_import(made.id)
    done = queries.import_by_id(live, workspace_id, made.id)
    assert (done.state, done.counts) == ("finished", Counts(rows=ROWS, created=ROWS))
    assert_every_row_once(live, ROWS)
    assert kills, "nothing was killed: the machine is faster than this test thinks"

    actions.undo(live, workspace_id=workspace_id, import_id=made.id, actor="ana", here=True)

    def begun() -> bool:
        return queries.import_by_id(live, workspace_id, made.id).undo is not None

    assert killed_when(begun, dice.random() * 0.3, "undoing", "undo_import", made.id)
    undoing.undo_import(made.id)
    assert people(live) == {}
    back = queries.import_by_id(live, workspace_id, made.id)
    assert back.undo is not None
    assert (back.undo.events, back.undo.people) == (ROWS, ROWS)


def in_threads(*calls: Any) -> None:
    failures: list[BaseException] = []

    def guarded(call: Any) -> None:
        try:
            call()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert failures == []


def test_two_processes_at_one_import_do_it_once(live: Connection, workspace_id: int) -> None:
    made = started(live, workspace_id, people_file(9_000))
    in_threads(lambda: engine.run_import(made.id), lambda: engine.run_import(made.id))
    engine.run_import(made.id)
    done = queries.import_by_id(live, workspace_id, made.id)
    assert (done.state, done.counts) == ("finished", Counts(rows=9_000, created=9_000))
    assert_every_row_once(live, 9_000)


def test_two_imports_of_the_same_people_at_once_make_each_once(live: Connection, workspace_id: int) -> None:
    one, other = (started(live, workspace_id, people_file(9_000)) for _ in range(2))
    in_threads(lambda: engine.run_import(one.id), lambda: engine.run_import(other.id))
    counts = [queries.import_by_id(live, workspace_id, each.id).counts for each in (one, other)]
    assert sum(each.created for each in counts) == 9_000
    assert sum(each.created + each.updated + each.unchanged for each in counts) == 18_000
    state = progress(live)
    assert (state.profiles, state.history) == (9_000, 18_000)


def test_live_events_of_the_same_people_go_on_meanwhile(live: Connection, workspace_id: int) -> None:
    events = [
        message("identify", userId=f"u{number}", traits={"size": "M", "email": f"p{number}@example.com"})
        for number in range(0, 9_000, 9)
    ]
    put_in_inbox(live, workspace_id, events)
    made = started(live, workspace_id, people_file(9_000))

    def intake() -> None:
        with connect(autocommit=True) as mine:
            until = time.monotonic() + 60
            while progress(mine).inbox and time.monotonic() < until:
                drain(mine)

    in_threads(lambda: engine.run_import(made.id), intake)
    assert queries.import_by_id(live, workspace_id, made.id).state == "finished"
    state = progress(live)
    assert (state.inbox, state.profiles, state.history) == (0, 9_000, 10_000)
    both = [value for value in people(live).values() if b'"size"' in value and b'"first_name"' in value]
    assert len(both) == 1_000


def test_a_person_who_is_removed_meanwhile_is_not_brought_back_in_parts(live: Connection, workspace_id: int) -> None:
    from tessera.foundation.errors import Outdated
    from tessera.imports.batching import Reading
    from tessera.imports.writing import Checkpoint, write

    first = carried_out(live, upload(live, workspace_id, people_file(3)))
    made = started(live, workspace_id, people_file(3))
    live.execute("UPDATE imports_import SET state = 'running' WHERE id = %s", (made.id,))
    with connect(autocommit=True) as reading, connect(autocommit=True) as files:
        ahead = Reading(made, reading, files)
        (batch,) = ahead.batches()
        planned_batch = ahead.plan_of(ahead.draft(batch))
        actions.undo(live, workspace_id=workspace_id, import_id=first.id, actor="ana", here=True)
        undoing.undo_import(first.id)
        with pytest.raises(Outdated):
            write(live, planned_batch.parcel(workspace_id, Checkpoint(made.id, 0, 4, 4, 1), Counts(), []))
    assert people(live) == {}
    engine.run_import(made.id)
    assert progress(live).profiles == 3
