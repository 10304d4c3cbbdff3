"""Writing what is wanted into a sink: one picture of the database, page by page, in constant memory."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

import psycopg

from tessera.exports import history, people
from tessera.exports.columns import Column
from tessera.exports.shapes import Record, Sink
from tessera.exports.wanted import Wanted
from tessera.exports.writers import writer_for
from tessera.foundation.database import connect
from tessera.workspaces import queries as workspaces

Connection = psycopg.Connection[Any]
Progress = Callable[[int, int, int], None]
"""Told after every page: how much was looked at, of how much (0: not known), and how many rows were written."""

PREVIEWED: Final = 5


@contextmanager
def picture() -> Iterator[Connection]:
    """A connection that sees the database as it is at one moment, and changes nothing."""
    with connect(application="tessera export") as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        yield connection


def moment_of(connection: Connection) -> datetime:
    """The moment of the picture; asking for it takes the picture."""
    row = connection.execute("SELECT now()").fetchone()
    assert row is not None
    moment: datetime = row[0]
    return moment


def write_all(
    connection: Connection, workspace_id: int, wanted: Wanted, sink: Sink, *, now: datetime, progress: Progress
) -> int:
    """Write the whole file; returns how many rows it has. The sink is not closed."""
    total = _room_of(wanted).total(connection, workspace_id, wanted)
    writer = writer_for(wanted, columns_of(connection, workspace_id, wanted), sink)
    looked_at = rows = 0
    progress(0, total, 0)
    for records, seen in _pages(connection, workspace_id, wanted, now):
        writer.write(records)
        looked_at += seen
        rows += len(records)
        progress(looked_at, total, rows)
    writer.close()
    return rows


def columns_of(connection: Connection, workspace_id: int, wanted: Wanted) -> list[Column]:
    """The columns of the file (CSV and Parquet)."""
    if wanted.what == "history":
        return list(history.COLUMNS)
    return people.people_table(connection, workspace_id, wanted).columns


def preview(
    connection: Connection, workspace_id: int, wanted: Wanted, *, now: datetime
) -> tuple[list[Column], list[dict[str, Any]]]:
    """The columns and the first few rows, of the first pages only."""
    found: list[dict[str, Any]] = []
    for number, (records, _seen) in enumerate(_pages(connection, workspace_id, wanted, now), start=1):
        found += [record.row() for record in records[: PREVIEWED - len(found)]]
        if len(found) >= PREVIEWED or number >= PREVIEWED:
            break
    return columns_of(connection, workspace_id, wanted), found


def _room_of(wanted: Wanted) -> Any:
    return people if wanted.what == "people" else history


def _pages(
    connection: Connection, workspace_id: int, wanted: Wanted, now: datetime
) -> Iterator[tuple[Sequence[Record], int]]:
    if wanted.what == "people":
        for page in people.pages(connection, workspace_id, wanted, now=now):
            yield page.records, page.looked_at
        return
    names = {source.id: source.name for source in workspaces.sources(workspace_id)}
    for events in history.pages(connection, workspace_id, wanted, sources=names):
        yield events.records, events.looked_at
