"""Imports, made as a person makes them: a file, a plan, a start; the job is done here and now."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import psycopg

from tessera.imports import actions, engine, queries, undoing
from tessera.imports.plan import Column, Plan
from tessera.imports.records import ImportView

Connection = psycopg.Connection[Any]
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def csv_file(rows: Iterable[Sequence[str]]) -> bytes:
    """Plain CSV: no cell may hold a comma, a quote or an end of line."""
    return "".join(",".join(row) + "\n" for row in rows).encode()


def upload(live: Connection, workspace_id: int, data: bytes, *, name: str = "people.csv") -> ImportView:
    return actions.store_file(
        live, workspace_id=workspace_id, file_name=name, blocks=[data], actor="ana@example.com", now=NOON
    )


def planned(live: Connection, made: ImportView, **changes: Any) -> ImportView:
    """The import with its suggested plan, changed: `columns` of `{name: target or Column}`, `match`, `policy` …"""
    assert made.plan is not None
    columns = changes.pop("columns", None)
    if columns is not None:
        chosen = {
            name: target if isinstance(target, Column) else Column(name=name, target=target)
            for name, target in columns.items()
        }
        changes["columns"] = tuple(chosen.get(column.name, column) for column in made.plan.columns)
    plan: Plan = msgspec.structs.replace(made.plan, **changes)
    return actions.choose_plan(
        live, workspace_id=made.workspace_id, import_id=made.id, plan=plan, actor="ana@example.com"
    )


def carried_out(live: Connection, made: ImportView, *, now: datetime | None = None) -> ImportView:
    """Run it to its end; `now` is when its events happen (else the present)."""
    started = now or datetime.now(UTC)
    actions.start(live, workspace_id=made.workspace_id, import_id=made.id, actor="ana@example.com", now=started)
    engine.run_import(made.id)
    return queries.import_by_id(live, made.workspace_id, made.id)


def tried_out(live: Connection, made: ImportView) -> ImportView:
    actions.check(live, workspace_id=made.workspace_id, import_id=made.id, actor="ana@example.com")
    engine.check_import(made.id)
    return queries.import_by_id(live, made.workspace_id, made.id)


def undone(live: Connection, made: ImportView) -> ImportView:
    actions.undo(live, workspace_id=made.workspace_id, import_id=made.id, actor="ana@example.com")
    undoing.undo_import(made.id)
    return queries.import_by_id(live, made.workspace_id, made.id)


def imported(live: Connection, workspace_id: int, data: bytes, **changes: Any) -> ImportView:
    """File in, people out."""
    made = upload(live, workspace_id, data)
    return carried_out(live, planned(live, made, **changes) if changes else made)
