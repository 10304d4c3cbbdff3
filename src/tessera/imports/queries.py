"""What screens, the API and the command line read about imports."""

import csv
import io
from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

import psycopg

from tessera.foundation.csv_cells import harmless
from tessera.foundation.errors import TesseraError
from tessera.imports import store
from tessera.imports.plan import FileFormat, Plan
from tessera.imports.records import STARTED, ImportsPage, ImportView, Inspection, RowProblem
from tessera.imports.sniffing import SAMPLE, recognise, sample_of
from tessera.imports.suggesting import suggested_columns, suggested_match

Connection = psycopg.Connection[Any]
ERROR_COLUMNS: Final = ("row", "severity", "column", "value", "code", "reason")
_PAGE: Final = 2_000


class InvalidCursor(TesseraError):
    code = "invalid_cursor"


def import_by_id(connection: Connection, workspace_id: int, import_id: UUID) -> ImportView:
    """Raises `NoSuchImport`, also for one of another workspace."""
    return store.read(connection, workspace_id, import_id)


def imports(connection: Connection, workspace_id: int, *, before: str | None = None, limit: int = 50) -> ImportsPage:
    """Newest first, by key. Raises `InvalidCursor`."""
    try:
        cursor = UUID(before) if before else None
    except ValueError:
        raise InvalidCursor("not a cursor of ours") from None
    found = store.page(connection, workspace_id, before=cursor, limit=limit + 1)
    more = len(found) > limit
    return ImportsPage(found[:limit], str(found[limit - 1].id) if more else None)


def inspect_file(
    connection: Connection, workspace_id: int, import_id: UUID, *, chosen: FileFormat | None = None
) -> Inspection:
    """What the file's beginning says, read as `chosen` or as it seems to be. Raises `FileRefused`, `FileGone`."""
    store.read(connection, workspace_id, import_id)
    return inspect_head(store.head_of(connection, import_id, SAMPLE), chosen=chosen)


def inspect_head(head: bytes, *, chosen: FileFormat | None = None) -> Inspection:
    """As `inspect_file`, for the first bytes of a file at hand."""
    sample = sample_of(head, chosen or recognise(head))
    if sample.format.name == "segment":
        return Inspection(sample=sample, suggested=Plan(format=sample.format))
    columns = suggested_columns(sample)
    match = suggested_match(columns)
    return Inspection(sample=sample, suggested=Plan(format=sample.format, columns=columns, match=match))


def row_problems(connection: Connection, workspace_id: int, import_id: UUID, *, limit: int = 50) -> list[RowProblem]:
    """The first problems of the run, or of the dry run where it has not been started."""
    found = store.read(connection, workspace_id, import_id)
    return [problem for _, problem in store.problems(connection, import_id, dry=_is_dry(found), limit=limit)]


def error_file(connection: Connection, workspace_id: int, import_id: UUID) -> Iterator[bytes]:
    """Every problem as CSV in UTF-8, streamed; cells that a spreadsheet would take for a formula are made harmless."""
    found = store.read(connection, workspace_id, import_id)
    yield b"\xef\xbb\xbf" + _csv([ERROR_COLUMNS])
    after = (0, -1)
    while True:
        page = store.problems(connection, import_id, dry=_is_dry(found), after=after, limit=_PAGE)
        if not page:
            return
        yield _csv([_cells(problem) for _, problem in page])
        after = (page[-1][1].row, page[-1][0])


def _is_dry(found: ImportView) -> bool:
    return found.state not in STARTED


def _cells(problem: RowProblem) -> tuple[str, ...]:
    given = (problem.severity, problem.field, problem.value, problem.code, problem.detail)
    return (str(problem.row), *(harmless(cell) for cell in given))


def _csv(rows: list[tuple[str, ...]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
