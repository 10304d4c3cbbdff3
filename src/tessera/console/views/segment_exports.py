"""Automatic exports of segments: where they go and how that goes. Only for staff who may export people."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from msgspec import Struct

from tessera.audience.segments.queries import all_segments
from tessera.console.permissions import Ability, StaffRequest, requires
from tessera.console.second_step import freshly_proved
from tessera.console.segment_export_form import SegmentExportForm
from tessera.console.segment_export_words import (
    FORMATS,
    STATES,
    place_in_words,
    problem_in_words,
    schedule_in_words,
)
from tessera.console.words import Text, attribute_in_words, error_in_words, kind_in_words
from tessera.deliveries import actions, queries
from tessera.deliveries.queries import ExportLine
from tessera.deliveries.records import (
    Delivery,
    NewSegmentExport,
    SegmentExport,
    SegmentExportChange,
    Webhook,
)
from tessera.deliveries.webhooks import new_secret
from tessera.events import catalogue
from tessera.foundation.errors import NotFound, TesseraError
from tessera.foundation.pool import pool
from tessera.identity import queries as identity
from tessera.workspaces.store import time_zone_of


class Shown(Struct, frozen=True):
    """One export as its line and its page show it."""

    export: SegmentExport
    segment: str
    delivery: Delivery | None
    state: Text
    chip: str
    kind: Text
    place: str
    schedule: str
    format: str
    problem: Text


@require_GET
@requires(Ability.EXPORT_PEOPLE)
@requires(Ability.SEE_PII)
def segment_exports(request: StaffRequest) -> HttpResponse:
    """All of the workspace, or of the segment that is asked for."""
    workspace_id, segment = request.staff.workspace_id, _uuid(request.GET.get("segment"))
    with pool().connection() as connection:
        found = queries.segment_exports(connection, workspace_id, segment)
        zone = time_zone_of(connection, workspace_id)
        lines = [_shown(line, zone) for line in queries.lines(connection, workspace_id, found)]
        known = all_segments(connection, workspace_id, archived=None)
    of = next((each for each in known if each.id == segment), None)
    can_be_made = any(each.stored and each.archived_at is None for each in known)
    context = {"lines": lines, "segment": segment, "of": of, "can_be_made": can_be_made}
    return render(request, "console/segment_exports.html", context)


@require_http_methods(["GET", "POST"])
@requires(Ability.EXPORT_PEOPLE)
@requires(Ability.SEE_PII)
@freshly_proved
def new_segment_export(request: StaffRequest) -> HttpResponse:
    """Make one; what a webhook is signed with is shown on the answer and never again."""
    form = _form(request, request.POST or None)
    if request.method == "POST" and form.is_valid():
        staff, new = request.staff, NewSegmentExport(**form.wanted(), everybody=form.cleaned_data["everybody"])
        try:
            with pool().connection() as connection, connection.transaction():
                made = actions.create(
                    connection,
                    workspace_id=staff.workspace_id,
                    segment_id=form.segment_id(),
                    new=new,
                    actor=staff.email,
                    now=timezone.now(),
                )
        except TesseraError as error:
            form.add_error(None, error_in_words(error))
        else:
            if made.secret:
                return _secret_page(request, made)
            messages.success(request, _("From now on everybody who enters or leaves is delivered."))
            return redirect("console:segment_export", made.export.id)
    context = {"form": form, "export": None}
    return render(request, "console/segment_export_form.html", context, status=400 if form.errors else 200)


@require_GET
@requires(Ability.EXPORT_PEOPLE)
@requires(Ability.SEE_PII)
def segment_export(request: StaffRequest, segment_export_id: UUID) -> HttpResponse:
    before = request.GET.get("before", "")
    with pool().connection() as connection:
        export = _found(connection, request, segment_export_id)
        zone = time_zone_of(connection, export.workspace_id)
        shown = _shown(queries.lines(connection, export.workspace_id, [export])[0], zone)
        page = queries.deliveries(connection, export, before=int(before) if _is_number(before) else None)
    columns = [kind_in_words(kind) for kind in export.identifiers]
    columns += [attribute_in_words(name) for name in export.attributes]
    lines = [(each, problem_in_words(each)) for each in page.deliveries]
    context = {"shown": shown, "export": export, "columns": columns, "lines": lines, "next": page.next}
    context["signed"] = isinstance(export.destination, Webhook)
    return render(request, "console/segment_export.html", context)


@require_http_methods(["GET", "POST"])
@requires(Ability.EXPORT_PEOPLE)
@requires(Ability.SEE_PII)
@freshly_proved
def edit_segment_export(request: StaffRequest, segment_export_id: UUID) -> HttpResponse:
    with pool().connection() as connection:
        export = _found(connection, request, segment_export_id)
    form = _form(request, request.POST or None, of=export)
    if request.method == "POST" and form.is_valid():
        wanted = form.wanted()
        if isinstance(wanted["destination"], Webhook) and not isinstance(export.destination, Webhook):
            wanted["secret"] = new_secret()
        try:
            with pool().connection() as connection, connection.transaction():
                changed = actions.change(
                    connection, **_mine(request, export.id), wanted=SegmentExportChange(**wanted), now=timezone.now()
                )
        except TesseraError as error:
            form.add_error(None, error_in_words(error))
        else:
            if isinstance(wanted["destination"], Webhook) and "secret" in wanted:
                return _secret_page(request, actions.MadeExport(changed, wanted["secret"]))
            messages.success(request, _("The automatic export is changed."))
            return redirect("console:segment_export", export.id)
    context = {"form": form, "export": export}
    return render(request, "console/segment_export_form.html", context, status=400 if form.errors else 200)


@require_POST
@requires(Ability.EXPORT_PEOPLE)
@requires(Ability.SEE_PII)
def run(request: StaffRequest, segment_export_id: UUID) -> HttpResponse:
    try:
        with pool().connection() as connection, connection.transaction():
            actions.run_now(connection, **_mine(request, segment_export_id))
    except NotFound as error:
        raise Http404(str(error)) from None
    except TesseraError as error:
        messages.error(request, error_in_words(error))
    else:
        messages.success(request, _("What there is goes out now. Look again in a moment."))
    return redirect("console:segment_export", segment_export_id)


@require_POST
@requires(Ability.EXPORT_PEOPLE)
@requires(Ability.SEE_PII)
def pause(request: StaffRequest, segment_export_id: UUID) -> HttpResponse:
    _rest(request, segment_export_id, paused=True)
    messages.success(request, _("It is paused. Nothing is lost: it goes on where it stopped."))
    return redirect("console:segment_export", segment_export_id)


@require_POST
@requires(Ability.EXPORT_PEOPLE)
@requires(Ability.SEE_PII)
def resume(request: StaffRequest, segment_export_id: UUID) -> HttpResponse:
    _rest(request, segment_export_id, paused=False)
    messages.success(request, _("It goes on."))
    return redirect("console:segment_export", segment_export_id)


def _rest(request: StaffRequest, export_id: UUID, *, paused: bool) -> None:
    wanted = SegmentExportChange(paused=paused)
    try:
        with pool().connection() as connection, connection.transaction():
            actions.change(connection, **_mine(request, export_id), wanted=wanted, now=timezone.now())
    except NotFound as error:
        raise Http404(str(error)) from None


@require_POST
@requires(Ability.EXPORT_PEOPLE)
@requires(Ability.SEE_PII)
@freshly_proved
def secret(request: StaffRequest, segment_export_id: UUID) -> HttpResponse:
    """Sign with a new secret, which is shown on the answer and never again."""
    try:
        with pool().connection() as connection, connection.transaction():
            made = actions.renew_secret(connection, **_mine(request, segment_export_id))
    except NotFound as error:
        raise Http404(str(error)) from None
    except TesseraError as error:
        messages.error(request, error_in_words(error))
        return redirect("console:segment_export", segment_export_id)
    return _secret_page(request, made)


@require_POST
@requires(Ability.EXPORT_PEOPLE)
@requires(Ability.SEE_PII)
def delete(request: StaffRequest, segment_export_id: UUID) -> HttpResponse:
    try:
        with pool().connection() as connection, connection.transaction():
            actions.delete(connection, **_mine(request, segment_export_id))
    except NotFound as error:
        raise Http404(str(error)) from None
    messages.success(request, _("The automatic export is deleted."))
    return redirect("console:segment_exports")


@require_GET
@requires(Ability.EXPORT_PEOPLE)
@requires(Ability.SEE_PII)
@freshly_proved
def content(request: StaffRequest, segment_export_id: UUID, number: int) -> HttpResponse:
    """The very bytes that went out. Who took them is in the audit trail."""
    try:
        with pool().connection() as connection, connection.transaction():
            export = _found(connection, request, segment_export_id)
            found = queries.content(connection, export, min(number, 2**62))
            actions.note_download(connection, **_mine(request, export.id), number=number)
    except NotFound as error:
        raise Http404(str(error)) from None
    except queries.ContentGone:
        messages.error(request, _("The content of that delivery is not kept any more."))
        return redirect("console:segment_export", segment_export_id)
    response = HttpResponse(found.body, content_type=found.content_type)
    response["Content-Disposition"] = f'attachment; filename="{found.name}"'
    return response


def _mine(request: StaffRequest, export_id: UUID) -> dict[str, Any]:
    return {"workspace_id": request.staff.workspace_id, "export_id": export_id, "actor": request.staff.email}


def _found(connection: Any, request: StaffRequest, export_id: UUID) -> SegmentExport:
    try:
        return queries.segment_export(connection, request.staff.workspace_id, export_id)
    except NotFound as error:
        raise Http404(str(error)) from None


def _secret_page(request: StaffRequest, made: actions.MadeExport) -> HttpResponse:
    return render(request, "console/segment_export_secret.html", {"export": made.export, "secret": made.secret})


def _shown(line: ExportLine, zone: str) -> Shown:
    export = line.export
    state, chip = STATES[export.state]
    kind, place = place_in_words(export)
    return Shown(
        export=export,
        segment=line.segment,
        delivery=line.delivery,
        state=state,
        chip=chip,
        kind=kind,
        place=place,
        schedule=schedule_in_words(export.schedule, zone),
        format=FORMATS[export.format],
        problem=problem_in_words(line.delivery),
    )


def _segments(connection: Any, workspace_id: int) -> list[tuple[str, str]]:
    """Those whose changes are known."""
    return [(str(each.id), each.name) for each in all_segments(connection, workspace_id) if each.stored]


def _form(request: StaffRequest, given: QueryDict | None, *, of: SegmentExport | None = None) -> SegmentExportForm:
    workspace_id = request.staff.workspace_id
    with pool().connection() as connection:
        known = catalogue.entries(connection, workspace_id)
        kinds = identity.kinds_of(connection, workspace_id)
        segments = _segments(connection, workspace_id)
    initial = {"segment": request.GET.get("segment", "")}
    attributes = [each.name for each in known if each.kind == "attribute"]
    return SegmentExportForm(
        given,
        segments=segments,
        identifiers=kinds,
        attributes=attributes,
        of=of,
        **({} if of else {"initial": initial}),
    )


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        raise Http404 from None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 19
