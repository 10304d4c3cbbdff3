"""The SQL of imports: their rows, the chunks of their files, what was wrong with rows, where in history they are."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import msgspec
import psycopg

from tessera.foundation.arrays import Packed, large, texts, whole
from tessera.foundation.redaction import LEAST
from tessera.imports.plan import Plan
from tessera.imports.records import PROBLEMS, Counts, FileGone, ImportView, NoSuchImport, RowProblem, State, UndoReport

Connection = psycopg.Connection[Any]

CHUNK: Final = 1024 * 1024
STALLED_AFTER: Final = 60.0
_COLUMNS: Final = """
id, workspace_id, name, actor, state, created_at, started_at, finished_at, size, chunks, kept, plan::text, counts::text,
checked::text, row_number, bytes_read, problem, seen_at, undo::text, begun_at, begun_row
"""


def encode(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def view_of(row: Sequence[Any]) -> ImportView:
    (
        import_id, workspace, name, actor, state, created, started, finished, size, chunks, kept, plan, counts,
        checked, row_number, read, problem, seen, undo, begun, begun_row,
    ) = row  # fmt: skip
    tally = msgspec.json.decode(counts, type=Counts)
    now = datetime.now(UTC)
    spent = ((finished or seen or now) - begun).total_seconds() if begun else 0.0
    return ImportView(
        id=import_id,
        workspace_id=workspace,
        name=name,
        actor=actor,
        state=state,
        created_at=created,
        started_at=started,
        finished_at=finished,
        size=size,
        chunks=chunks,
        file_kept=kept,
        plan=msgspec.json.decode(plan, type=Plan) if plan else None,
        counts=tally,
        checked=msgspec.json.decode(checked, type=Counts) if checked else None,
        row_number=row_number,
        progress=1.0 if state == "finished" else min(read / size, 1.0) if size else 0.0,
        rows_per_second=round((row_number - begun_row) / spent, 1) if spent > 0 and row_number else None,
        problem=PROBLEMS.get(problem, problem),
        problem_code=next((code for code, said in PROBLEMS.items() if problem in (code, said)), ""),
        stalled=state in ("checking", "running", "undoing")
        and seen is not None
        and (now - seen).total_seconds() > STALLED_AFTER,
        undo=msgspec.json.decode(undo, type=UndoReport) if undo else None,
    )


def add(connection: Connection, *, import_id: UUID, workspace_id: int, name: str, actor: str, now: datetime) -> None:
    connection.execute(
        "INSERT INTO imports_import (id, workspace_id, name, actor, state, created_at)"
        " VALUES (%s, %s, %s, %s, 'uploading', %s)",
        (import_id, workspace_id, name, actor, now),
    )


def read(connection: Connection, workspace_id: int | None, import_id: UUID, *, lock: bool = False) -> ImportView:
    """Raises `NoSuchImport`, also for one of another workspace (None: of any)."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM imports_import WHERE id = %s AND workspace_id = coalesce(%s, workspace_id)"  # noqa: S608
        + (" FOR UPDATE" if lock else ""),
        (import_id, workspace_id),
    ).fetchone()
    if row is None:
        raise NoSuchImport(f"there is no import {import_id}")
    return view_of(row)


def page(connection: Connection, workspace_id: int, *, before: UUID | None, limit: int) -> list[ImportView]:
    """Newest first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM imports_import WHERE workspace_id = %s"  # noqa: S608 -- constants
        " AND id < coalesce(%s, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid) ORDER BY id DESC LIMIT %s",
        (workspace_id, before, limit),
    )
    return [view_of(row) for row in rows]


def change(connection: Connection, import_id: UUID, **columns: Any) -> None:
    """Set columns of one import; the names are ours, never a caller's text."""
    names = ", ".join(f"{name} = %({name})s" for name in columns)
    connection.execute(f"UPDATE imports_import SET {names} WHERE id = %(id)s", {**columns, "id": import_id})  # noqa: S608


def set_state(connection: Connection, import_id: UUID, state: State, **columns: Any) -> None:
    change(connection, import_id, state=state, **columns)


def put_chunk(connection: Connection, import_id: UUID, number: int, data: bytes) -> int:
    """Store one piece of the file, or the same piece again; returns by how many bytes the file grew."""
    row = connection.execute(
        "SELECT length(data) FROM imports_chunk WHERE import_id = %s AND number = %s", (import_id, number)
    ).fetchone()
    connection.execute(
        "INSERT INTO imports_chunk (import_id, number, data) VALUES (%s, %s, %s)"
        " ON CONFLICT (import_id, number) DO UPDATE SET data = excluded.data",
        (import_id, number, data),
    )
    return len(data) - (row[0] if row else 0)


def bytes_kept(connection: Connection, workspace_id: int) -> int:
    """What the workspace's files come to that are still there, as uploaded."""
    row = connection.execute(
        "SELECT coalesce(sum(size), 0)::bigint FROM imports_import WHERE workspace_id = %s AND kept", (workspace_id,)
    ).fetchone()
    return int(row[0]) if row else 0


def file_blocks(connection: Connection, import_id: UUID) -> Iterator[bytes]:
    """The file as it was uploaded, a chunk at a time. Raises `FileGone`."""
    there = connection.execute("SELECT kept, chunks FROM imports_import WHERE id = %s", (import_id,)).fetchone()
    number, expected = 0, there[1] if there and there[0] else 0
    while True:
        cursor = connection.cursor(binary=True)
        row = cursor.execute(
            "SELECT data FROM imports_chunk WHERE import_id = %s AND number = %s", (import_id, number)
        ).fetchone()
        if row is None:
            break
        yield row[0]
        number += 1
    if number == 0 or number < expected:
        raise FileGone("the file of this import is no longer kept")


def head_of(connection: Connection, import_id: UUID, size: int) -> bytes:
    """The first bytes of the file. Raises `FileGone`."""
    for block in file_blocks(connection, import_id):
        return bytes(block[:size])
    return b""


def holes(connection: Connection, import_id: UUID) -> tuple[int, int]:
    """(how many chunks there are, the number of the last one plus one): equal where nothing is missing."""
    row = connection.execute(
        "SELECT count(*), coalesce(max(number) + 1, 0) FROM imports_chunk WHERE import_id = %s", (import_id,)
    ).fetchone()
    assert row is not None
    return row[0], row[1]


def drop_file(connection: Connection, import_id: UUID) -> int:
    """Forget the file; returns how many chunks it had."""
    gone = connection.execute("DELETE FROM imports_chunk WHERE import_id = %s", (import_id,)).rowcount
    change(connection, import_id, kept=False)
    return gone


_ADD_PROBLEMS: Final = """
INSERT INTO imports_error (import_id, dry, row_number, number, severity, field, value, code, detail, raw)
SELECT %s::uuid, %s::boolean, * FROM unnest(%b::bigint[], %b::int[], %b::text[], %b::text[], %b::text[], %b::text[],
                                            %b::text[], %b::text[])
ON CONFLICT DO NOTHING
"""


def add_problems(
    connection: Connection, import_id: UUID, problems: Sequence[tuple[RowProblem, str]], *, dry: bool
) -> None:
    """What was wrong, each with the row it was wrong with as it stood in the file."""
    if not problems:
        return
    numbers: dict[int, int] = {}
    places = []
    for problem, _ in problems:
        numbers[problem.row] = numbers.get(problem.row, -1) + 1
        places.append(numbers[problem.row])
    connection.execute(_ADD_PROBLEMS, (import_id, dry, *_packed(problems, places)))


def _packed(problems: Sequence[tuple[RowProblem, str]], places: Sequence[int]) -> tuple[Packed, ...]:
    def column(name: str) -> Packed:
        return texts(getattr(problem, name).replace("\0", "\ufffd") for problem, _ in problems)

    rows = large(problem.row for problem, _ in problems)
    named = (column(name) for name in ("severity", "field", "value", "code", "detail"))
    return (rows, whole(places), *named, texts(raw.replace("\0", "\ufffd") for _, raw in problems))


def problems(
    connection: Connection, import_id: UUID, *, dry: bool, after: tuple[int, int] = (0, -1), limit: int = 1000
) -> list[tuple[int, RowProblem]]:
    """By row; `after` is (row, number) of the last one seen. Gives (number, problem)."""
    rows = connection.execute(
        "SELECT number, row_number, severity, field, value, code, detail FROM imports_error"
        " WHERE import_id = %s AND dry = %s AND (row_number, number) > (%s, %s)"
        " ORDER BY row_number, number LIMIT %s",
        (import_id, dry, *after, limit),
    )
    return [
        (number, RowProblem(row=row, severity=severity, field=field, value=value, code=code, detail=detail))
        for number, row, severity, field, value, code, detail in rows
    ]


def forget_problems(connection: Connection, import_id: UUID, *, dry: bool) -> None:
    connection.execute("DELETE FROM imports_error WHERE import_id = %s AND dry = %s", (import_id, dry))


def count_problems(connection: Connection, import_id: UUID, *, dry: bool) -> int:
    row = connection.execute(
        "SELECT count(*) FROM imports_error WHERE import_id = %s AND dry = %s", (import_id, dry)
    ).fetchone()
    return int(row[0]) if row else 0


def checkpoint(connection: Connection, import_id: UUID) -> tuple[int, int]:
    """(the next step, how many lines of the file are used up)."""
    row = connection.execute("SELECT step, lines FROM imports_import WHERE id = %s", (import_id,)).fetchone()
    assert row is not None
    return row[0], row[1]


def beat(connection: Connection, import_id: UUID, bytes_read: int) -> str:
    """Show that a dry run is alive and how far it is; returns what someone wants of it."""
    row = connection.execute(
        "UPDATE imports_import SET seen_at = now(), bytes_read = %s WHERE id = %s RETURNING wanted",
        (bytes_read, import_id),
    ).fetchone()
    return str(row[0]) if row else "cancel"


def heard_of(connection: Connection, import_id: UUID) -> None:
    """Somebody works on it, or has just asked for that: its file is kept for another while."""
    connection.execute("UPDATE imports_import SET seen_at = now() WHERE id = %s", (import_id,))


def last_step(connection: Connection, import_id: UUID) -> tuple[int, int, int, int] | None:
    """(step, lane, first position, last position) of the latest step that is still in history."""
    row: tuple[int, int, int, int] | None = connection.execute(
        "SELECT step, lane, first_position, last_position FROM imports_step WHERE import_id = %s"
        " ORDER BY step DESC LIMIT 1",
        (import_id,),
    ).fetchone()
    return row


def shorten_step(connection: Connection, import_id: UUID, step: int, last: int | None) -> None:
    """What of the step remains ends at `last`; None: nothing remains."""
    key = (import_id, step)
    if last is None:
        connection.execute("DELETE FROM imports_step WHERE import_id = %s AND step = %s", key)
    else:
        connection.execute(
            "UPDATE imports_step SET last_position = %s WHERE import_id = %s AND step = %s", (last, *key)
        )


_WITH_FILES: Final = f"SELECT {_COLUMNS} FROM imports_import WHERE workspace_id = %s AND kept ORDER BY id"  # noqa: S608


def files_there(connection: Connection, workspace_id: int) -> list[ImportView]:
    """The imports whose file is still there, as they are at the moment."""
    return [view_of(row) for row in connection.execute(_WITH_FILES, (workspace_id,))]


def with_files(connection: Connection, workspace_id: int) -> list[ImportView]:
    """The imports whose file is still there, locked."""
    return [view_of(row) for row in connection.execute(f"{_WITH_FILES} FOR UPDATE", (workspace_id,))]


def old_files(connection: Connection, *, before: datetime, silent_before: datetime) -> list[tuple[UUID, State]]:
    """Imports that ended before then, or were begun before then and never started; and those on their way of which
    nothing was heard since `silent_before`. Locked, those that are free."""
    rows = connection.execute(
        "SELECT id, state FROM imports_import WHERE kept AND"
        " CASE WHEN state IN ('finished', 'undone', 'cancelled', 'failed')"
        "           THEN coalesce(finished_at, created_at) < %(before)s"
        "      WHEN state IN ('uploading', 'ready') THEN created_at < %(before)s"
        "      ELSE coalesce(seen_at, created_at) < %(silent)s END FOR UPDATE SKIP LOCKED",
        {"before": before, "silent": silent_before},
    )
    return rows.fetchall()


_FORGET: Final = """
WITH gone AS (
    DELETE FROM imports_import WHERE NOT kept AND coalesce(finished_at, created_at) < %s
       AND state IN ('finished', 'undone', 'cancelled', 'failed', 'uploading', 'ready') RETURNING id),
steps AS (DELETE FROM imports_step USING gone WHERE import_id = gone.id),
errors AS (DELETE FROM imports_error USING gone WHERE import_id = gone.id)
SELECT count(*) FROM gone
"""


def forget_imports(connection: Connection, *, before: datetime) -> int:
    """Forget imports that are over since before then and whose file is gone, with all that is theirs; how many."""
    row = connection.execute(_FORGET, (before,)).fetchone()
    return int(row[0]) if row else 0


_BLANK: Final = """
UPDATE imports_error e SET value = '', raw = '', detail = ''
  FROM imports_import i
 WHERE i.workspace_id = %(workspace)s AND e.import_id = i.id
   AND EXISTS (SELECT 1 FROM unnest(%(words)s::text[]) AS word
                WHERE (length(word) >= %(least)s
                       AND strpos(lower(e.raw || ' ' || e.value || ' ' || e.detail), word) > 0)
                   OR lower(e.value) = word OR word = ANY(string_to_array(lower(e.raw), ' | '))
                   OR (word LIKE '+%%' AND strpos(translate(e.raw || e.value, ' -.()/', ''), right(word, 8)) > 0))
"""


def blank_problems(connection: Connection, workspace_id: int, words: Sequence[str]) -> int:
    """Empty what is kept of rows that hold one of these words; returns how many. Short ones count as whole cells."""
    return connection.execute(_BLANK, {"workspace": workspace_id, "words": list(words), "least": LEAST}).rowcount


def drop_problems(connection: Connection, *, before: datetime) -> int:
    return connection.execute("DELETE FROM imports_error WHERE at < %s", (before,)).rowcount
