"""Steps 2 and 3 of an import: how the file is read, and where its columns go."""

from typing import Any, Final
from uuid import UUID

import msgspec
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods
from msgspec import Struct

from tessera.console.import_words import (
    DELIMITERS,
    FORMATS,
    MATCHES,
    OVERWRITES,
    POLICIES,
    TYPES,
    WHEN_EMPTY,
    ImportRefusal,
    Text,
    read_target,
    refusal_of,
    target_in_words,
    targets,
)
from tessera.console.permissions import Ability, StaffRequest, requires
from tessera.events import catalogue
from tessera.foundation.errors import NotFound, TesseraError
from tessera.foundation.pool import pool
from tessera.imports import actions, queries
from tessera.imports.plan import Column, FileFormat, InvalidPlan, Plan
from tessera.imports.records import ImportView, Inspection
from tessera.imports.sniffing import ENCODINGS
from tessera.workspaces import queries as workspaces

EXAMPLES: Final = 3
_FIELDS: Final = ("type", "overwrite", "when_empty", "date_format", "decimal", "separator")


class Choice(Struct, frozen=True):
    """A select of the form."""

    name: str
    label: Text
    options: list[tuple[str, Text, bool]]


class ColumnLine(Struct, frozen=True):
    """One column of the file, as the form shows it. `number` counts from 0."""

    number: int
    column: Column
    examples: list[str]
    target: str
    choices: list[Choice]


@require_GET
@requires(Ability.IMPORT_PEOPLE)
@requires(Ability.SEE_PII)
def file_format(request: StaffRequest, import_id: UUID) -> HttpResponse:
    """Step 2: what we found in the file. The form leads to step 3 and changes nothing yet."""
    found = find_import(request, import_id)
    if found.state != "ready" or found.plan is None:
        return redirect("console:import", import_id=import_id)
    chosen = _format_of(request.GET, found.plan.format)
    return render(request, "console/import_file.html", {"import": found} | _looked_at(request, found, chosen))


@require_GET
@requires(Ability.IMPORT_PEOPLE)
@requires(Ability.SEE_PII)
def sample(request: StaffRequest, import_id: UUID) -> HttpResponse:
    """The first rows, read as the form of step 2 says at this moment."""
    found = find_import(request, import_id)
    chosen = _format_of(request.GET, found.plan.format if found.plan else FileFormat())
    return render(request, "console/import_sample.html", {"import": found} | _looked_at(request, found, chosen))


def _looked_at(request: StaffRequest, found: ImportView, chosen: FileFormat) -> dict[str, Any]:
    refusal, inspection = _inspected(request, found, chosen)
    return {
        "format": chosen,
        "sample": inspection.sample if inspection else None,
        "refusal": refusal,
        "formats": FORMATS,
        "delimiters": DELIMITERS,
        "encodings": ENCODINGS,
    }


def _inspected(
    request: StaffRequest, found: ImportView, chosen: FileFormat
) -> tuple[ImportRefusal | None, Inspection | None]:
    try:
        with pool().connection() as connection:
            return None, queries.inspect_file(connection, request.staff.workspace_id, found.id, chosen=chosen)
    except TesseraError as error:
        return refusal_of(error), None


def _format_of(given: QueryDict, otherwise: FileFormat) -> FileFormat:
    """The format a form of step 2 or 3 says; what it leaves out is as in `otherwise`."""
    if "format" not in given:
        return otherwise
    wanted = {
        "name": given["format"],
        "encoding": given.get("encoding", otherwise.encoding),
        "gzipped": otherwise.gzipped,
        "delimiter": given.get("delimiter", otherwise.delimiter),
        "header": given.get("header", "") == "yes",
    }
    try:
        chosen = msgspec.convert(wanted, FileFormat)
    except msgspec.ValidationError:
        return otherwise
    known = chosen.encoding in ENCODINGS and chosen.delimiter in dict(DELIMITERS)
    return chosen if known else otherwise


@require_http_methods(["GET", "POST"])
@requires(Ability.IMPORT_PEOPLE)
@requires(Ability.SEE_PII)
def columns(request: StaffRequest, import_id: UUID) -> HttpResponse:
    """Step 3: where each column goes and whom a row is. Saving it begins the dry run."""
    found = find_import(request, import_id)
    if found.state != "ready" or found.plan is None:
        return redirect("console:import", import_id=import_id)
    given = request.POST if request.method == "POST" else request.GET
    chosen = _format_of(given, found.plan.format)
    refusal, inspection = _inspected(request, found, chosen)
    if inspection is None:
        context = {"import": found, "refusal": refusal} | _looked_at(request, found, chosen)
        return render(request, "console/import_file.html", context, status=400)
    plan = found.plan if found.plan.format == chosen and found.plan.columns else inspection.suggested
    if request.method == "POST":
        plan = _plan_of(request.POST, inspection, chosen)
        refusal = _try_out(request, found, plan)
        if refusal is None:
            return redirect("console:import", import_id=import_id)
    context = {"import": found, "refusal": refusal} | _plan_context(request, plan, inspection)
    return render(request, "console/import_columns.html", context, status=400 if refusal else 200)


def _try_out(request: StaffRequest, found: ImportView, plan: Plan) -> ImportRefusal | None:
    staff = request.staff
    where: dict[str, Any] = {"workspace_id": staff.workspace_id, "import_id": found.id, "actor": staff.email}
    try:
        if plan.source_id is not None and workspaces.source_by_id(staff.workspace_id, plan.source_id) is None:
            raise InvalidPlan("there is no such source")
        with pool().connection() as connection, connection.transaction():
            actions.choose_plan(connection, plan=plan, **where)
            actions.check(connection, **where)
    except TesseraError as error:
        return refusal_of(error)
    return None


def _plan_of(given: QueryDict, inspection: Inspection, chosen: FileFormat) -> Plan:
    """The plan a form of step 3 says. Columns go by their number: their names are a stranger's text."""
    read = [_column_of(given, number, name) for number, name in enumerate(inspection.sample.columns)]
    match = given.get("match", "email")
    if match == "external":
        match = next((column.target for column in read if column.target.startswith("external:")), "external:")
    source = given.get("source_id", "")
    document = {
        "format": msgspec.to_builtins(chosen),
        "columns": [] if chosen.name == "segment" else [msgspec.to_builtins(column) for column in read],
        "match": match,
        "policy": given.get("policy", "create_and_update"),
        "skip_triggers": given.get("skip_triggers") == "yes",
        "source_id": int(source) if source.isdecimal() and len(source) < 10 else None,
    }
    try:
        return msgspec.convert(document, Plan)
    except msgspec.ValidationError:
        return inspection.suggested


def _column_of(given: QueryDict, number: int, name: str) -> Column:
    fields = {field: given[f"{field}-{number}"] for field in _FIELDS if given.get(f"{field}-{number}")}
    document = {"name": name, "target": read_target(given.get(f"target-{number}", ""))} | fields
    try:
        return msgspec.convert(document, Column)
    except msgspec.ValidationError:
        return Column(name=name)


def _plan_context(request: StaffRequest, plan: Plan, inspection: Inspection) -> dict[str, Any]:
    workspace_id = request.staff.workspace_id
    with pool().connection() as connection:
        known = catalogue.entries(connection, workspace_id)
    custom = [entry.name for entry in known if entry.kind == "attribute"]
    external = plan.match.startswith("external:")
    return {
        "plan": plan,
        "format": plan.format,
        "lines": _lines(plan, inspection),
        "targets": targets(custom),
        "match": "external" if external else plan.match,
        "matches": MATCHES,
        "policies": POLICIES,
        "sources": workspaces.sources(workspace_id),
    }


def _lines(plan: Plan, inspection: Inspection) -> list[ColumnLine]:
    by_name = {column.name: column for column in plan.columns}
    lines = []
    for number, name in enumerate(inspection.sample.columns):
        column = by_name.get(name, Column(name=name))
        values = [row[number] for row in inspection.sample.rows if number < len(row) and row[number].strip()]
        lines.append(
            ColumnLine(
                number, column, list(dict.fromkeys(values))[:EXAMPLES], target_in_words(column), _choices(column)
            )
        )
    return lines


def _choices(column: Column) -> list[Choice]:
    given = (("type", TYPES), ("overwrite", OVERWRITES), ("when_empty", WHEN_EMPTY))
    return [
        Choice(name, "", [(value, words, getattr(column, name) == value) for value, words in options])
        for name, options in given
    ]


def find_import(request: StaffRequest, import_id: UUID) -> ImportView:
    """The import, when it is of the viewer's workspace; else 404."""
    with pool().connection() as connection:
        try:
            return queries.import_by_id(connection, request.staff.workspace_id, import_id)
        except TesseraError as error:
            if error.code == NotFound.code:
                raise Http404(str(error)) from None
            raise
