"""Data quality: what went wrong with names and values, where, and which events to look at."""

from typing import Final
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST
from msgspec import Struct

from tessera.console.permissions import Ability, StaffRequest, requires
from tessera.console.views.catalogue import address_of, text_of
from tessera.console.words import PROBLEMS
from tessera.events import problems as quality
from tessera.events.catalogue import LIMITS
from tessera.events.dictionary import InvalidCursor
from tessera.events.problems import QualityProblem, Wanted
from tessera.foundation.errors import NotFound
from tessera.foundation.pool import pool
from tessera.workspaces import queries as workspaces

SHOWN: Final = 50


class Line(Struct, frozen=True):
    """A problem as the list shows it."""

    problem: QualityProblem
    href: str
    source: str
    limit: int


@require_GET
@requires(Ability.READ)
def problems(request: StaffRequest) -> HttpResponse:
    """Open problems first to be read; those acknowledged behind a filter."""
    workspace_id = request.staff.workspace_id
    show, code, source = text_of(request, "show") or "open", text_of(request, "code"), text_of(request, "source")
    wanted = Wanted(
        code=code if code in quality.CODES else None,
        source_id=int(source) if source.isdecimal() and len(source) < 10 else None,
        open={"open": True, "acknowledged": False}.get(show),
        sort="count" if text_of(request, "sort") == "count" else "newest",
    )
    with pool().connection() as connection:
        try:
            page = quality.find(connection, workspace_id, wanted, after=request.GET.get("after"), limit=SHOWN)
        except InvalidCursor:
            raise Http404("not a cursor of ours") from None
    names = {one.id: one.name for one in workspaces.sources(workspace_id)}
    context = {
        "lines": [_line(one, names) for one in page.problems],
        "wanted": wanted,
        "show": show,
        "filtered": bool(wanted.code or wanted.source_id is not None or show != "open"),
        "sources": names,
        "codes": PROBLEMS,
        "next": _following(request, page.next),
        "continued": "after" in request.GET,
    }
    return render(request, "console/catalogue/problems.html", context)


def _line(problem: QualityProblem, names: dict[int, str]) -> Line:
    href = address_of((problem.kind, problem.parent, problem.name)) if problem.name else ""
    return Line(problem, href, names.get(problem.source_id, ""), LIMITS[problem.kind])


def _following(request: StaffRequest, cursor: str | None) -> str | None:
    if cursor is None:
        return None
    query = request.GET.copy()
    query["after"] = cursor
    return f"{reverse('console:problems')}?{query.urlencode()}"


@require_POST
@requires(Ability.MANAGE_CATALOGUE)
def acknowledge_problem(request: StaffRequest) -> HttpResponse:
    """Known, or (`undo`) open again."""
    source = text_of(request, "source_id")
    if not source.isdecimal() or len(source) > 9:
        raise Http404("no such source")
    again = text_of(request, "undo") == "yes"
    try:
        with pool().connection() as connection, connection.transaction():
            quality.acknowledge(
                connection,
                workspace_id=request.staff.workspace_id,
                field=(text_of(request, "kind"), text_of(request, "parent"), text_of(request, "name")),
                code=text_of(request, "code"),
                source_id=int(source),
                actor=request.staff.email,
                now=None if again else timezone.now(),
            )
    except NotFound:
        raise Http404("no such problem") from None
    said = _("The problem is open again.") if again else _("Acknowledged. It opens again when it happens again.")
    messages.success(request, said)
    show = "open" if again else (text_of(request, "show") or "open")
    return redirect(f"{reverse('console:problems')}?{urlencode({'show': show})}")
