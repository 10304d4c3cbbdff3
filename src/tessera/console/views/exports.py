"""Exports: asking for a file, seeing how far it is, taking it away. Only for staff who may see personal data."""

from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from msgspec import Struct

from tessera.console.export_form import ExportForm
from tessera.console.permissions import Ability, StaffRequest, requires
from tessera.console.second_step import ask_for_proof, freshly_proved, proved_lately
from tessera.console.words import VALUE_TYPES, Text, error_in_words
from tessera.events import catalogue
from tessera.exports import actions, queries
from tessera.exports.cells import cell
from tessera.exports.queries import ExportView, Previewed
from tessera.foundation.errors import NotFound, TesseraError
from tessera.foundation.pool import pool
from tessera.foundation.settings import settings
from tessera.workspaces import queries as workspaces

STATES: Final[dict[str, tuple[str | Promise, str]]] = {
    "waiting": (gettext_lazy("waiting"), ""),
    "running": (gettext_lazy("running"), "chip--warn"),
    "done": (gettext_lazy("ready"), "chip--ok"),
    "failed": (gettext_lazy("failed"), "chip--bad"),
    "cancelled": (gettext_lazy("cancelled"), ""),
    "dropped": (gettext_lazy("file dropped"), ""),
}
REASONS: Final[dict[str, str | Promise]] = {
    "too_many_files": gettext_lazy(
        "The workspace keeps as many files as it may. Delete some, or wait until they are dropped."
    ),
    "export_too_large": gettext_lazy("The file would be too large. Choose fewer people, attributes or days."),
    "export_broke": gettext_lazy("Something broke on our side. Ask for it again."),
    "person_erased": gettext_lazy("A person was erased, so files made before are gone. Ask for it again."),
    "kept_long_enough": gettext_lazy("Its days are over."),
}
SHOWN_COLUMNS: Final = 60
_TYPES: Final[dict[str, Text]] = {
    **VALUE_TYPES,
    "whole": gettext_lazy("Whole number"),
    "day": VALUE_TYPES["date"],
    "moment": gettext_lazy("Date and time"),
    "json": "JSON",
}
"""The types of a file's columns (`exports.columns.Kind`)."""


class ExportLine(Struct, frozen=True):
    """One export as the list shows it."""

    facts: ExportView
    state: str | Promise
    chip: str
    reason: str | Promise


@require_GET
@requires(Ability.EXPORT_PEOPLE)
@requires(Ability.SEE_PII)
def exports(request: StaffRequest) -> HttpResponse:
    with pool().connection() as connection:
        try:
            page = queries.exports(connection, request.staff.workspace_id, before=request.GET.get("before"))
        except queries.InvalidCursor as error:
            raise Http404(str(error)) from None
    context = {"lines": [_line(export) for export in page.exports], "next": page.next, "days": settings().export_days}
    return render(request, "console/exports.html", context)


@require_GET
@requires(Ability.EXPORT_PEOPLE)
@requires(Ability.SEE_PII)
def row(request: StaffRequest, export_id: UUID) -> HttpResponse:
    """One line of the list anew: asked for every other second while the export goes on."""
    with pool().connection() as connection:
        try:
            export = queries.export_by_id(connection, request.staff.workspace_id, export_id)
        except NotFound as error:
            raise Http404(str(error)) from None
    return render(request, "console/export_row.html", {"line": _line(export)})


@require_http_methods(["GET", "POST"])
@requires(Ability.EXPORT_PEOPLE)
@requires(Ability.SEE_PII)
@freshly_proved
def new_export(request: StaffRequest) -> HttpResponse:
    form = _form(request, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            with pool().connection() as connection, connection.transaction():
                actions.request_export(
                    connection,
                    workspace_id=request.staff.workspace_id,
                    wanted=form.wanted(),
                    actor=request.staff.email,
                    now=timezone.now(),
                )
        except TesseraError as error:
            form.add_error("people" if error.code == "invalid_export" else None, error_in_words(error))
        else:
            messages.success(request, _("The file is being written. You can leave this page."))
            return redirect("console:exports")
    context = {"form": form, "preview": None if form.is_bound else _previewed(request, form)}
    return render(request, "console/export_form.html", context, status=400 if form.errors else 200)


@require_POST
@requires(Ability.EXPORT_PEOPLE)
@requires(Ability.SEE_PII)
def preview(request: StaffRequest) -> HttpResponse:
    """The columns and first rows of what the form asks for at this moment."""
    form = _form(request, request.POST)
    try:
        found = _previewed(request, form) if form.is_valid() else None
        said = "" if found else _("This cannot be shown yet: see the fields marked in the form.")
    except TesseraError as error:
        found, said = None, error_in_words(error)
    return render(request, "console/export_preview.html", {"preview": found, "said": said})


@require_GET
@requires(Ability.EXPORT_PEOPLE)
@requires(Ability.SEE_PII)
def file(request: StaffRequest, export_id: UUID) -> HttpResponseBase:
    """The file, piece by piece, to whoever proved lately who they are. Who took it is in the audit trail."""
    if not proved_lately(request):
        return ask_for_proof(request, back=reverse("console:exports"))
    staff = request.staff
    try:
        with pool().connection() as connection, connection.transaction():
            found = actions.open_file(
                connection, workspace_id=staff.workspace_id, export_id=export_id, actor=staff.email
            )
    except NotFound as error:
        raise Http404(str(error)) from None
    except queries.NotReady as error:
        messages.error(request, error_in_words(error))
        return redirect("console:exports")
    response = StreamingHttpResponse(queries.body_of(found), content_type=found.export.wanted.content_type)
    response["Content-Disposition"] = f'attachment; filename="{found.export.file_name}"'
    response["Content-Length"] = str(found.export.bytes)
    return response


@require_POST
@requires(Ability.EXPORT_PEOPLE)
@requires(Ability.SEE_PII)
def cancel(request: StaffRequest, export_id: UUID) -> HttpResponse:
    staff = request.staff
    try:
        with pool().connection() as connection, connection.transaction():
            actions.cancel_export(connection, workspace_id=staff.workspace_id, export_id=export_id, actor=staff.email)
    except NotFound as error:
        raise Http404(str(error)) from None
    messages.success(request, _("The export is cancelled."))
    return redirect("console:exports")


@require_POST
@requires(Ability.EXPORT_PEOPLE)
@requires(Ability.SEE_PII)
def delete(request: StaffRequest, export_id: UUID) -> HttpResponse:
    staff = request.staff
    try:
        with pool().connection() as connection, connection.transaction():
            actions.delete_export(connection, workspace_id=staff.workspace_id, export_id=export_id, actor=staff.email)
    except NotFound as error:
        raise Http404(str(error)) from None
    messages.success(request, _("The export and its file are deleted."))
    return redirect("console:exports")


def _line(export: ExportView) -> ExportLine:
    state, chip = STATES[export.state]
    return ExportLine(export, state, chip, REASONS.get(export.reason, export.reason))


def _form(request: StaffRequest, given: QueryDict | None) -> ExportForm:
    workspace_id = request.staff.workspace_id
    with pool().connection() as connection:
        known = catalogue.entries(connection, workspace_id)
    return ExportForm(
        given,
        attributes=[entry.name for entry in known if entry.kind == "attribute"],
        events=[entry.name for entry in known if entry.kind == "event"],
        sources=[(source.id, source.name) for source in workspaces.sources(workspace_id)],
    )


class PreviewTable(Struct, frozen=True):
    """The beginning of the file as a table. `more` counts the columns that are not shown."""

    columns: list[tuple[str, str]]
    rows: list[list[str]]
    more: int


def _previewed(request: StaffRequest, form: ExportForm) -> PreviewTable:
    wanted = form.wanted() if form.is_bound else None
    with pool().connection() as connection:
        found = queries.preview(connection, request.staff.workspace_id, wanted, now=timezone.now())
    return _table(found)


def _table(found: Previewed) -> PreviewTable:
    shown = found.columns[:SHOWN_COLUMNS]
    rows = [[_short(row.get(column.name)) for column in shown] for row in found.rows]
    return PreviewTable(
        [(column.name, str(_TYPES[column.kind])) for column in shown], rows, len(found.columns) - len(shown)
    )


def _short(value: Any) -> str:
    text = cell(value)
    return text if len(text) <= 60 else text[:59] + "…"
