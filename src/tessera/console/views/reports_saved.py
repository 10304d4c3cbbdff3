"""Reports that are kept under names, and segments made of a part of a report."""

from typing import Any, Final
from uuid import UUID

import psycopg
from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from tessera.audience.conditions.registry import InvalidCondition, from_json
from tessera.audience.conditions.registry import to_json as condition_to_json
from tessera.audience.insight import saved
from tessera.audience.insight.registry import to_json
from tessera.audience.insight.saved import NewReport, SavedReport
from tessera.audience.questions import RefreshNow
from tessera.audience.segments import actions
from tessera.audience.segments.queries import all_segments
from tessera.audience.segments.records import NameTaken, NewSegment, Segment
from tessera.console.permissions import Ability, StaffRequest, requires
from tessera.console.reports.forms import FORMS, fields_of
from tessera.console.reports.words import KINDS
from tessera.console.segments.asking import ask_analyst
from tessera.console.toasts import toast
from tessera.console.views.reports import answered, file_of, in_short, offered, page_of
from tessera.console.views.segments_builder import SAVED_PATIENCE, indiscretion
from tessera.console.words import error_in_words
from tessera.foundation.errors import NotFound, TesseraError
from tessera.foundation.pool import pool

Connection = psycopg.Connection[Any]
LONGEST_NAME: Final = 200
MOST_OF_A_NAME: Final = 20
"""So many segments may have one suggested name, told apart by numbers, before somebody must think of another."""


@require_GET
@requires(Ability.READ)
def saved_report(request: StaffRequest, report_id: UUID) -> HttpResponse:
    """A kept report with its answer; its form asks others from there."""
    with pool().connection() as connection:
        found = _find(connection, request, report_id)
        segments = all_segments(connection, found.workspace_id)
        context = offered(connection, request)
    form = FORMS[found.kind](
        {name: str(value) for name, value in fields_of(found.request, segments).items()}, segments=segments
    )
    exact = form.is_valid() and form.request() == found.request
    context |= page_of(found.kind, form) | {
        "title": found.name,
        "said": in_short(found.request),
        "saved": found,
        "inexact": not exact,
        "answer_url": reverse("console:saved_answer", args=[found.id]),
        "csv_url": reverse("console:saved_csv", args=[found.id]),
        "words": KINDS[found.kind],
    }
    return render(request, "console/reports/report.html", context)


@require_GET
@requires(Ability.READ)
def saved_answer(request: StaffRequest, report_id: UUID) -> HttpResponse:
    """The answer to a kept report, for its page."""
    with pool().connection() as connection:
        found = _find(connection, request, report_id)
        segments = all_segments(connection, found.workspace_id)
        return answered(request, connection, found.request, segments, _address(found))


@require_GET
@requires(Ability.READ)
def saved_csv(request: StaffRequest, report_id: UUID) -> HttpResponse:
    """The answer to a kept report as a file."""
    with pool().connection() as connection:
        found = _find(connection, request, report_id)
        return file_of(request, connection, found.request, _address(found))


@require_POST
@requires(Ability.MANAGE_SEGMENTS)
def save_report(request: StaffRequest) -> HttpResponse:
    """Keep what `query` asks of a report of this `kind` under a name."""
    kind, query = request.POST.get("kind", ""), request.POST.get("query", "")
    if kind not in FORMS:
        raise Http404("no such report")
    back = f"{reverse(f'console:report_{kind}')}?{query}"
    with pool().connection() as connection:
        given = QueryDict(query)
        form = FORMS[kind](
            {name: given[name] for name in given if name in FORMS[kind].base_fields},
            segments=all_segments(connection, request.staff.workspace_id),
        )
        if not form.is_valid():
            return redirect(back)
        new = NewReport(name=_typed(request, "name"), request=to_json(form.request()))
        try:
            with connection.transaction():
                made = saved.save(
                    connection,
                    workspace_id=request.staff.workspace_id,
                    new=new,
                    actor=request.staff.email,
                    now=timezone.now(),
                )
        except TesseraError as error:
            messages.error(request, _("A name is needed.") if not new.name else error_in_words(error))
            return redirect(back)
    toast(request, _("The report is kept. Everybody here finds it under Reports."))
    return redirect(_address(made))


@require_POST
@requires(Ability.MANAGE_SEGMENTS)
def delete_report(request: StaffRequest, report_id: UUID) -> HttpResponse:
    """Keep it no longer."""
    with pool().connection() as connection:
        found = _find(connection, request, report_id)
        with connection.transaction():
            saved.delete(connection, workspace_id=found.workspace_id, report_id=found.id, actor=request.staff.email)
    toast(request, _("“%(name)s” is deleted.") % {"name": found.name})
    return redirect("console:reports")


@require_POST
@requires(Ability.MANAGE_SEGMENTS)
def segment_of_report(request: StaffRequest) -> HttpResponse:
    """A segment of the people whom a part of a report is of, under the suggested name; its page is the answer."""
    back = request.POST.get("back", "")
    back = back if back.startswith(reverse("console:reports")) else reverse("console:reports")
    try:
        condition = from_json(request.POST.get("condition", "").encode())
    except InvalidCondition:
        raise Http404("not a condition of ours") from None
    with pool().connection() as connection:
        if indiscreet := indiscretion(request, connection, condition):
            messages.error(request, indiscreet)
            return redirect(back)
        try:
            made, is_new = _first_free(connection, request, _typed(request, "name"), condition_to_json(condition))
        except TesseraError as error:
            messages.error(request, error_in_words(error))
            return redirect(back)
        if is_new:
            question = RefreshNow(segment_id=made.id)
            ask_analyst(connection, made.workspace_id, [question], patience=SAVED_PATIENCE)
    said = _("The segment “%(name)s” is made.") if is_new else _("“%(name)s” is there already: these are its people.")
    toast(request, said % {"name": made.name})
    return redirect("console:segment", segment_id=made.id)


def _first_free(connection: Connection, request: StaffRequest, name: str, condition: bytes) -> tuple[Segment, bool]:
    """The segment under this name, or this name with the first number that is free; and whether it is new. One of such
    a name that asks the same is taken as it is: who presses twice wants one."""
    staff = request.staff
    for number in range(1, MOST_OF_A_NAME + 1):
        called = name if number == 1 else f"{name[: LONGEST_NAME - 5]} ({number})"
        try:
            with connection.transaction():
                new = NewSegment(name=called, condition=condition)
                now = timezone.now()
                made = actions.create(connection, workspace_id=staff.workspace_id, new=new, actor=staff.email, now=now)
                return made, True
        except NameTaken:
            there = [one for one in all_segments(connection, staff.workspace_id) if one.name.lower() == called.lower()]
            if there and there[0].condition == condition:
                return there[0], False
    raise NameTaken(f"there are {MOST_OF_A_NAME} segments of that name")


def _typed(request: StaffRequest, name: str) -> str:
    return request.POST.get(name, "").replace("\0", "").strip()[:LONGEST_NAME]


def _find(connection: Connection, request: StaffRequest, report_id: UUID) -> SavedReport:
    try:
        return saved.report_by_id(connection, request.staff.workspace_id, report_id)
    except NotFound as error:
        raise Http404(str(error)) from None


def _address(report: SavedReport) -> str:
    return reverse("console:saved_report", args=[report.id])
