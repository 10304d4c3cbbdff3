"""Reports: the page they begin on, the form of each, its answer as charts and tables, and as a file.

A page comes at once, with the form; the answer is asked for by the page, since it may take seconds. All that is asked
stands in the address.
"""

import csv
import io
from typing import Any, Final
from uuid import UUID

import msgspec
import psycopg
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET
from msgspec import Struct

from tessera.audience.insight import registry
from tessera.audience.insight.asking import Request
from tessera.audience.insight.saved import SavedReport, all_reports
from tessera.audience.segments.queries import all_segments
from tessera.audience.segments.records import Segment
from tessera.audience.sentences.sentence import sentence_of
from tessera.audience.sentences.windows import window_of
from tessera.audience.text.writer import written_path
from tessera.console.permissions import Ability, StaffRequest, requires
from tessera.console.reports.asking import make_report
from tessera.console.reports.figures import Names
from tessera.console.reports.forms import FORMS, ReportForm
from tessera.console.reports.ready import ready_for
from tessera.console.reports.shown import shown
from tessera.console.reports.words import KINDS, Kind
from tessera.events.catalogue import Entry, entries
from tessera.foundation.pool import pool
from tessera.workspaces import queries as workspaces

Connection = psycopg.Connection[Any]
OFFERED: Final = 300
"""Names of each sort that a form offers, the most frequent first; any other can be typed."""
_UNSEEN: Final = ("hidden", "blocked")


class Line(Struct, frozen=True):
    """A report as the page of all shows it."""

    label: str
    about: str
    icon: str
    href: str


class SavedLine(Struct, frozen=True):
    """A kept report as the list shows it."""

    report: SavedReport
    kind: Kind


@require_GET
@requires(Ability.READ)
def reports(request: StaffRequest) -> HttpResponse:
    """Kept reports, those that are ready for what this workspace has, and one of each kind to be made."""
    with pool().connection() as connection:
        events = {one.name for one in entries(connection, request.staff.workspace_id) if one.kind == "event"}
        saved = all_reports(connection, request.staff.workspace_id)
    context = {
        "saved": [SavedLine(one, KINDS[one.kind]) for one in saved],
        "ready": [
            Line(str(one.label), str(one.about), KINDS[one.kind].icon, f"{_address(one.kind)}?{one.query}")
            for one in ready_for(events)
        ],
        "kinds": [Line(str(kind.label), str(kind.about), kind.icon, _address(name)) for name, kind in KINDS.items()],
    }
    return render(request, "console/reports/list.html", context)


@require_GET
@requires(Ability.READ)
def report(request: StaffRequest, kind: str) -> HttpResponse:
    """The form of one kind; with parameters, its answer too."""
    with pool().connection() as connection:
        segments = all_segments(connection, request.staff.workspace_id)
        context = offered(connection, request)
    form = form_of(request, kind, segments)
    asked = form.is_bound and form.is_valid()
    context |= page_of(kind, form) | {
        "title": KINDS[kind].label,
        "said": in_short(form.request()) if asked else "",
        "query": request.GET.urlencode() if asked else "",
        "answer_url": f"{reverse(f'console:answer_{kind}')}?{request.GET.urlencode()}" if asked else "",
        "csv_url": f"{reverse(f'console:csv_{kind}')}?{request.GET.urlencode()}" if asked else "",
    }
    return render(request, "console/reports/report.html", context, status=400 if form.errors else 200)


@require_GET
@requires(Ability.READ)
def answer(request: StaffRequest, kind: str) -> HttpResponse:
    """The answer to what the parameters ask, for the page that shows it."""
    with pool().connection() as connection:
        segments = all_segments(connection, request.staff.workspace_id)
        form = form_of(request, kind, segments)
        if not (form.is_bound and form.is_valid()):
            return render(request, "console/reports/answer.html", {"unasked": True})
        return answered(request, connection, form.request(), segments, f"{_address(kind)}?{request.GET.urlencode()}")


@require_GET
@requires(Ability.READ)
def csv_file(request: StaffRequest, kind: str) -> HttpResponse:
    """The same figures for spreadsheets."""
    back = f"{_address(kind)}?{request.GET.urlencode()}"
    with pool().connection() as connection:
        form = form_of(request, kind, all_segments(connection, request.staff.workspace_id))
        if not (form.is_bound and form.is_valid()):
            return redirect(back)
        return file_of(request, connection, form.request(), back)


def form_of(request: StaffRequest, kind: str, segments: list[Segment]) -> ReportForm:
    """Bound where the address says anything."""
    given = {name: request.GET[name] for name in request.GET if name in FORMS[kind].base_fields}
    return FORMS[kind](given or None, segments=segments)


def page_of(kind: str, form: ReportForm) -> dict[str, Any]:
    """What the page of a report needs of its kind and form."""
    common = [form[name] for name in ReportForm.base_fields]
    return {
        "kind": kind,
        "words": KINDS[kind],
        "form": form,
        "period": common[:3],
        "people": common[3:],
        "folded": not (form["segment"].value() or form["people"].value()),
        "action": _address(kind),
    }


def in_short(asked: Request) -> str:
    """The events and the time of a report, in one line."""
    steps = getattr(asked, "steps", None) or (getattr(asked, "start", None) or getattr(asked, "step", None),)
    names = [step.event for step in steps if step is not None]
    return " · ".join(part for part in (" → ".join(names), window_of(asked.period)) if part)


def offered(connection: Connection, request: StaffRequest) -> dict[str, Any]:
    """Names that the fields offer."""
    known = [one for one in entries(connection, request.staff.workspace_id) if one.status not in _UNSEEN]
    known.sort(key=lambda one: -one.volume)
    values = _first(known, "property") + _first(known, "attribute")
    return {"events": _first(known, "event", quoted=False), "values": list(dict.fromkeys(values))}


def _first(known: list[Entry], kind: str, *, quoted: bool = True) -> list[str]:
    names = dict.fromkeys(one.name for one in known if one.kind == kind)
    return [written_path((name,)) if quoted else name for name in list(names)[:OFFERED]]


def answered(
    request: StaffRequest, connection: Connection, asked: Request, segments: list[Segment], back: str
) -> HttpResponse:
    """The answer as a part of the page; `back` is where the page is, for what is done from it."""
    made = make_report(connection, request, asked)
    called = {each.id: each.name for each in segments}
    context: dict[str, Any] = {
        "problem": made.problem,
        "away": made.away,
        "kind": registry.kind_of(asked),
        "back": back,
        "only": _only(asked, called),
    }
    if made.answer is not None:
        context |= shown(made.answer, _names(request, asked))
        context["drawn"] = msgspec.json.encode(context["chart"]).decode()
    return render(request, "console/reports/answer.html", context)


def _only(asked: Request, called: dict[UUID, str]) -> str:
    return "" if asked.people is None else sentence_of(asked.people, called)


def _names(request: StaffRequest, asked: Request) -> Names:
    breakdown = getattr(asked, "breakdown", None)
    if breakdown is None:
        return Names()
    by_source = breakdown.by == "source" or breakdown.path == ("registration", "source")
    if not by_source:
        return Names()
    sources = {one.id: one.name for one in workspaces.sources(request.staff.workspace_id)}
    return Names(sources=sources, by_source=True)


def file_of(request: StaffRequest, connection: Connection, asked: Request, back: str) -> HttpResponse:
    """The answer as CSV; where there is none, back to the page with what is in the way."""
    made = make_report(connection, request, asked)
    if made.answer is None:
        messages.warning(request, made.problem)
        return redirect(back)
    text = io.StringIO()
    csv.writer(text).writerows(registry.to_csv_rows(asked, made.answer))
    name = f"{registry.kind_of(asked)}-{timezone.now():%Y-%m-%d}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8", headers=headers)


def _address(kind: str) -> str:
    return reverse(f"console:report_{kind}")
