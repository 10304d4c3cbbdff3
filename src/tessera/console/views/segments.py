"""Segments: their list, the page of one, and what is done to one."""

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

import psycopg
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST
from msgspec import Struct

from tessera.access.queries import AuditFacts, AuditFilter, audit_page
from tessera.audience.conditions.registry import from_json
from tessera.audience.insight.saved import reports_about
from tessera.audience.queries import analyst_state
from tessera.audience.questions import RefreshNow, TakeSnapshot
from tessera.audience.segments import actions, queries
from tessera.audience.segments.records import Segment, SegmentChange, SizeAt
from tessera.console.audit_words import action_in_words
from tessera.console.permissions import Ability, StaffRequest, abilities_of, requires
from tessera.console.segments.asking import ask_analyst, lag_in_words
from tessera.console.segments.choices import Names, segments_known
from tessera.console.segments.texts import in_words, pretty
from tessera.console.segments.words import EVERY, FRESHNESS, KINDS, line_of, refusal_in_words
from tessera.console.toasts import toast
from tessera.deliveries.queries import segment_exports
from tessera.foundation.errors import NotFound, TesseraError
from tessera.foundation.ids import uuid7
from tessera.foundation.pool import pool

Connection = psycopg.Connection[Any]
PER_PAGE: Final = 100
DAYS_SHOWN: Final = 90
LONGEST: Final = 200
CHANGES_SHOWN: Final = 10


class Wanted(Struct, frozen=True):
    """Which segments the list is to show: all where a field is empty."""

    q: str = ""
    folder: str = ""
    tag: str = ""
    kind: str = ""
    freshness: str = ""
    archived: str = ""

    def fits(self, segment: Segment) -> bool:
        typed = self.q.casefold()
        return (
            (not typed or typed in segment.name.casefold() or typed in segment.description.casefold())
            and (not self.folder or segment.folder == self.folder)
            and (not self.tag or self.tag in segment.tags)
            and (not self.kind or segment.kind == self.kind)
            and (not self.freshness or segment.freshness == self.freshness)
        )

    @property
    def narrows(self) -> bool:
        return bool(self.q or self.folder or self.tag or self.kind or self.freshness)


@require_GET
@requires(Ability.READ)
def segments(request: StaffRequest) -> HttpResponse:
    """The list, or only its rows for htmx. Archived ones stand apart (`?archived=1`)."""
    wanted = Wanted(**{name: _said(request, name) for name in Wanted.__struct_fields__})
    with pool().connection() as connection:
        everything = queries.all_segments(connection, request.staff.workspace_id, archived=None)
        state = analyst_state(connection)
    here = [each for each in everything if (each.archived_at is not None) == bool(wanted.archived)]
    found = [each for each in here if wanted.fits(each)]
    live = sum(each.archived_at is None for each in everything)
    after = _said(request, "after")
    start = next((place + 1 for place, each in enumerate(found) if str(each.id) == after), 0)
    page = found[start : start + PER_PAGE]
    context = {
        "wanted": wanted,
        "lines": [line_of(each) for each in page],
        "next": _following(request, page[-1]) if len(found) > start + PER_PAGE else "",
        "folders": [one for one in queries.folders(here) if one.name],
        "tags": sorted({tag for each in here for tag in each.tags}, key=str.lower),
        "kinds": KINDS,
        "freshnesses": FRESHNESS,
        "counts": {"live": live, "archived": len(everything) - live, "all": len(everything)},
        "lag": lag_in_words(state),
        "analyst": state,
    }
    return render(request, "console/segments/results.html" if request.htmx else "console/segments/list.html", context)


def _said(request: StaffRequest, name: str) -> str:
    return request.GET.get(name, "").replace("\0", "").strip()[:LONGEST]


def _following(request: StaffRequest, last: Segment) -> str:
    query = request.GET.copy()
    query["after"] = str(last.id)
    return f"{reverse('console:segments')}?{query.urlencode()}"


def find_segment(connection: Connection, request: StaffRequest, segment_id: UUID) -> Segment:
    """The segment, when it is of the viewer's workspace; else 404."""
    try:
        return queries.segment_by_id(connection, request.staff.workspace_id, segment_id)
    except NotFound as error:
        raise Http404(str(error)) from None


@require_GET
@requires(Ability.READ)
def segment(request: StaffRequest, segment_id: UUID) -> HttpResponse:
    """One segment: what it asks, how large it is, who is in it, who uses it, what was changed."""
    now = timezone.now()
    with pool().connection() as connection:
        found = find_segment(connection, request, segment_id)
        names = segments_known(connection, request.staff.workspace_id)
        sizes = queries.sizes(connection, found, days=DAYS_SHOWN, now=now)
        context: dict[str, Any] = {
            "line": line_of(found),
            "segment": found,
            "sizes": sizes,
            "uses": queries.used_by(connection, found),
            "reports": reports_about(connection, found.workspace_id, found.id),
            "analyst": analyst_state(connection),
        }
        if {Ability.EXPORT_PEOPLE, Ability.SEE_PII} <= abilities_of(request.staff):
            context["carried"] = segment_exports(connection, found.workspace_id, found.id)
    context |= _condition(found, names)
    context["chart"] = _chart(sizes)
    context["lag"] = lag_in_words(context["analyst"])
    context["every"] = EVERY
    context["every_now"] = str(found.every_minutes or "")
    if Ability.READ_AUDIT in abilities_of(request.staff):
        page = audit_page(found.workspace_id, AuditFilter(target=f"segment:{found.id}"), limit=CHANGES_SHOWN)
        context["changes"] = [ChangeLine(one, action_in_words(one.action)) for one in page.entries]
    return render(request, "console/segments/segment.html", context)


class ChangeLine(Struct, frozen=True):
    """An entry of the audit trail about the segment."""

    facts: AuditFacts
    action: str


def _condition(found: Segment, names: Names) -> dict[str, Any]:
    if found.condition is None:
        return {}
    condition = from_json(found.condition)
    return {"sentence": in_words(condition, names), "text": pretty(condition, names.segment_called)}


def _chart(sizes: list[SizeAt]) -> dict[str, list[Any]]:
    """What the script draws; the page has the same as a table."""
    return {"at": [one.hour.isoformat() for one in sizes], "size": [one.size for one in sizes]}


Deed = Callable[[Connection, Segment], str]
"""Does something to a segment and gives the address to go on at."""


def _do(request: StaffRequest, segment_id: UUID, deed: Deed) -> HttpResponse:
    """The deed in one transaction; a refusal is told on the segment's page."""
    with pool().connection() as connection:
        found = find_segment(connection, request, segment_id)
        try:
            with connection.transaction():
                return redirect(deed(connection, found))
        except NotFound as error:
            raise Http404(str(error)) from None
        except TesseraError as error:
            messages.error(request, refusal_in_words(error, connection, found))
            return redirect("console:segment", segment_id=segment_id)


def _who(request: StaffRequest, found: Segment) -> dict[str, Any]:
    return {"workspace_id": found.workspace_id, "segment_id": found.id, "actor": request.staff.email}


def address_of(segment_id: UUID) -> str:
    return reverse("console:segment", args=[segment_id])


@require_POST
@requires(Ability.MANAGE_SEGMENTS)
def duplicate_segment(request: StaffRequest, segment_id: UUID) -> HttpResponse:
    """The same under a name of its own, opened."""

    def deed(connection: Connection, found: Segment) -> str:
        name = request.POST.get("name", "").replace("\0", "").strip()[:200] or _("Copy of %(name)s") % {
            "name": found.name
        }
        made = actions.duplicate(connection, **_who(request, found), name=name[:200], now=timezone.now())
        toast(request, _("The copy is made."))
        return address_of(made.id)

    return _do(request, segment_id, deed)


@require_POST
@requires(Ability.MANAGE_SEGMENTS)
def archive_segment(request: StaffRequest, segment_id: UUID) -> HttpResponse:
    def deed(connection: Connection, found: Segment) -> str:
        actions.archive(connection, **_who(request, found), now=timezone.now())
        undo = reverse("console:restore_segment", args=[found.id])
        toast(request, _("“%(name)s” is archived.") % {"name": found.name}, undo_url=undo)
        return reverse("console:segments")

    return _do(request, segment_id, deed)


@require_POST
@requires(Ability.MANAGE_SEGMENTS)
def restore_segment(request: StaffRequest, segment_id: UUID) -> HttpResponse:
    def deed(connection: Connection, found: Segment) -> str:
        actions.restore(connection, **_who(request, found))
        toast(request, _("“%(name)s” is back.") % {"name": found.name})
        return address_of(found.id)

    return _do(request, segment_id, deed)


@require_POST
@requires(Ability.MANAGE_SEGMENTS)
def delete_segment(request: StaffRequest, segment_id: UUID) -> HttpResponse:
    def deed(connection: Connection, found: Segment) -> str:
        actions.delete(connection, **_who(request, found))
        toast(request, _("“%(name)s” is deleted.") % {"name": found.name})
        return reverse("console:segments")

    return _do(request, segment_id, deed)


@require_POST
@requires(Ability.MANAGE_SEGMENTS)
def freshen_segment(request: StaffRequest, segment_id: UUID) -> HttpResponse:
    """Keep it fresh, or no longer; and how often the whole is evaluated."""

    def deed(connection: Connection, found: Segment) -> str:
        every = request.POST.get("every_minutes", "")
        keep = request.POST.get("keep_fresh") == "1"
        wanted = SegmentChange(keep_fresh=keep, every_minutes=int(every) if keep and every in EVERY and every else None)
        actions.change(connection, **_who(request, found), wanted=wanted, now=timezone.now())
        toast(request, _("It is kept fresh.") if keep else _("It is evaluated when somebody asks."))
        return address_of(found.id)

    return _do(request, segment_id, deed)


@require_POST
@requires(Ability.MANAGE_SEGMENTS)
def refresh_segment(request: StaffRequest, segment_id: UUID) -> HttpResponse:
    """Evaluate it now; the analyst writes down what comes of it."""
    with pool().connection() as connection:
        found = find_segment(connection, request, segment_id)
        said = ask_analyst(connection, found.workspace_id, [RefreshNow(segment_id=found.id)])
    if said.away:
        messages.warning(request, said.away)
    else:
        toast(request, _("It is counted anew."))
    return redirect("console:segment", segment_id=segment_id)


@require_POST
@requires(Ability.MANAGE_SEGMENTS)
def snapshot_segment(request: StaffRequest, segment_id: UUID) -> HttpResponse:
    """A fixed list of the people who are in now."""
    now = timezone.now()
    with pool().connection() as connection:
        found = find_segment(connection, request, segment_id)
        at = timezone.localtime(now).strftime("%Y-%m-%d %H:%M")
        name = request.POST.get("name", "").replace("\0", "").strip()[:200] or f"{found.name[:180]} {at}"
        try:
            if found.stored and found.current:
                with connection.transaction():
                    made = actions.snapshot_of_stored(connection, **_who(request, found), name=name, now=now).id
            else:
                made = uuid7()
                question = TakeSnapshot(segment_id=found.id, new_id=made, name=name, actor=request.staff.email)
                said = ask_analyst(connection, found.workspace_id, [question])
                if said.away:
                    messages.warning(request, said.away)
                    return redirect("console:segment", segment_id=segment_id)
        except TesseraError as error:
            messages.error(request, refusal_in_words(error))
            return redirect("console:segment", segment_id=segment_id)
    toast(request, _("The list is made: it stays as it is now."))
    return redirect("console:segment", segment_id=made)
