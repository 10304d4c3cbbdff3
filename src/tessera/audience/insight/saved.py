"""Reports that a workspace keeps under a name: the question is kept, and asked anew whenever somebody looks.

Whoever may see the workspace's reports sees them all; the id is what a link carries.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
import psycopg
from msgspec import UNSET, Meta, Struct, UnsetType
from psycopg import sql

from tessera.access.audit import record_audit_on
from tessera.audience.insight.asking import InvalidReport, Request
from tessera.audience.insight.registry import from_json, kind_of, to_json
from tessera.audience.segments.circles import segments_in
from tessera.foundation.errors import NotFound, TesseraError
from tessera.foundation.ids import uuid7

Connection = psycopg.Connection[Any]
MOST_REPORTS: Final = 1_000
"""Per workspace."""
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Text = Annotated[str, Meta(max_length=2_000)]

_FIELDS: Final = "id, workspace_id, name, description, request::text, created_at, created_by, changed_at"
_READ: Final = f"SELECT {_FIELDS} FROM audience_report "  # noqa: S608 -- ours
_ADD: Final = """
INSERT INTO audience_report (workspace_id, id, name, description, request, created_at, created_by, changed_at)
VALUES (%(workspace_id)s, %(id)s, %(name)s, %(description)s, %(request)s, %(now)s, %(created_by)s, %(now)s)
"""


class NoSuchReport(NotFound):
    """There is none with this id in the workspace."""


class ReportNameTaken(TesseraError):
    """Another report of the workspace has this name."""

    code = "report_name_taken"


class TooManyReports(TesseraError):
    """The workspace keeps as many reports as it may."""

    code = "too_many_reports"


class SavedReport(Struct, frozen=True, kw_only=True):
    """A report that is kept. `kind` is its name in the registry (`funnel`)."""

    id: UUID
    workspace_id: int
    name: str
    description: str
    kind: str
    request: Request
    created_at: datetime
    created_by: str
    changed_at: datetime


class NewReport(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`request` is in the JSON form."""

    name: Name
    description: Text = ""
    request: bytes


class ReportChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be changed; the rest stays."""

    name: Name | UnsetType = UNSET
    description: Text | UnsetType = UNSET
    request: bytes | UnsetType = UNSET


def report_by_id(connection: Connection, workspace_id: int, report_id: UUID, *, lock: bool = False) -> SavedReport:
    """Raises `NoSuchReport`. With `lock`, nobody changes it until the transaction ends."""
    ending = "WHERE workspace_id = %s AND id = %s" + (" FOR UPDATE" if lock else "")
    row = connection.execute(_READ + ending, (workspace_id, report_id)).fetchone()
    if row is None:
        raise NoSuchReport(f"there is no report {report_id}")
    return _report_of(row)


def all_reports(connection: Connection, workspace_id: int) -> list[SavedReport]:
    """By name."""
    rows = connection.execute(_READ + "WHERE workspace_id = %s ORDER BY lower(name), id", (workspace_id,))
    return [_report_of(row) for row in rows]


def reports_about(connection: Connection, workspace_id: int, segment_id: UUID) -> list[SavedReport]:
    """Those that are of the people of this segment, alone or among other conditions; by name."""
    return [
        each
        for each in all_reports(connection, workspace_id)
        if each.request.people is not None and segment_id in segments_in(each.request.people)
    ]


def save(connection: Connection, *, workspace_id: int, new: NewReport, actor: str, now: datetime) -> SavedReport:
    """Keep a report, in the caller's transaction. Raises `InvalidReport`, `ReportNameTaken`, `TooManyReports`."""
    request = from_json(new.request)
    [count] = connection.execute(
        "SELECT count(*) FROM audience_report WHERE workspace_id = %s", (workspace_id,)
    ).fetchone() or [0]
    if count >= MOST_REPORTS:
        raise TooManyReports(f"a workspace keeps at most {MOST_REPORTS:,} reports")
    report_id = uuid7()
    fields = {
        "workspace_id": workspace_id,
        "id": report_id,
        "name": _name(new.name),
        "description": new.description,
        "request": to_json(request).decode(),
        "created_by": actor[:300],
        "now": now,
    }
    _write(connection, _ADD, fields)
    made = report_by_id(connection, workspace_id, report_id)
    _note(connection, made, actor, "save_report", kind=made.kind)
    return made


def change(
    connection: Connection, *, workspace_id: int, report_id: UUID, wanted: ReportChange, actor: str, now: datetime
) -> SavedReport:
    """Change what is given, in the caller's transaction. Raises as `save` does, and `NoSuchReport`."""
    report = report_by_id(connection, workspace_id, report_id, lock=True)
    given = {name: value for name, value in msgspec.structs.asdict(wanted).items() if value is not UNSET}
    if not given:
        return report
    fields: dict[str, Any] = {**given, "changed_at": now}
    if "name" in given:
        fields["name"] = _name(given["name"])
    if "request" in given:
        fields["request"] = to_json(from_json(given["request"])).decode()
    rewrite(connection, workspace_id, report_id, fields)
    _note(connection, report, actor, "change_report", changed=sorted(given))
    return report_by_id(connection, workspace_id, report_id)


def rewrite(connection: Connection, workspace_id: int, report_id: UUID, fields: Mapping[str, Any]) -> None:
    """Set these columns, and note nothing. Raises `ReportNameTaken`."""
    assignments = sql.SQL(", ").join(
        sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in fields
    )
    statement = sql.SQL("UPDATE audience_report SET {} WHERE workspace_id = %(of)s AND id = %(this)s")
    _write(connection, statement.format(assignments), {**fields, "of": workspace_id, "this": report_id})


def delete(connection: Connection, *, workspace_id: int, report_id: UUID, actor: str) -> None:
    """Keep it no longer, in the caller's transaction. Raises `NoSuchReport`."""
    report = report_by_id(connection, workspace_id, report_id, lock=True)
    connection.execute("DELETE FROM audience_report WHERE workspace_id = %s AND id = %s", (workspace_id, report_id))
    _note(connection, report, actor, "delete_report")


def _report_of(row: tuple[Any, ...]) -> SavedReport:
    request = from_json(row[4])
    return SavedReport(
        id=row[0], workspace_id=row[1], name=row[2], description=row[3], kind=kind_of(request), request=request,
        created_at=row[5], created_by=row[6], changed_at=row[7],
    )  # fmt: skip


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not name:
        raise InvalidReport("a report that is kept needs a name")
    return name


def _write(connection: Connection, statement: Any, fields: Mapping[str, Any]) -> None:
    try:
        with connection.transaction():
            connection.execute(statement, fields)
    except psycopg.errors.UniqueViolation:
        raise ReportNameTaken("another report of this workspace has that name") from None


def _note(connection: Connection, report: SavedReport, actor: str, action: str, **detail: object) -> None:
    record_audit_on(
        connection,
        workspace_id=report.workspace_id,
        actor=actor,
        action=action,
        target=f"report:{report.id}",
        detail={"name": report.name, **detail},
    )
