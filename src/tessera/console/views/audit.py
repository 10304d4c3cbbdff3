"""The audit trail: who changed what, filtered, paged by key, and as a CSV file."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from django.http import Http404, HttpResponse, QueryDict, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_GET
from msgspec import Struct

from tessera.access import queries
from tessera.access.actions import record_audit
from tessera.access.queries import AuditFacts, AuditFilter, AuditPage, InvalidAuditCursor, StaffFacts
from tessera.audience.insight.saved import all_reports
from tessera.audience.segments import queries as segments
from tessera.console.audit_words import ACTIONS, Names, action_in_words, address_of, detail_in_words
from tessera.console.permissions import Ability, StaffRequest, abilities_of, requires
from tessera.deliveries.queries import segment_exports
from tessera.foundation.csv_cells import harmless
from tessera.foundation.pool import pool
from tessera.profiles.mask_audit import masked_details
from tessera.workspaces import queries as workspaces

PER_PAGE: Final = 50
PER_CHUNK: Final = 1_000
MOST_EXPORTED: Final = 100_000
LONGEST: Final = 300


class AuditLine(Struct, frozen=True):
    """An entry in words. `address` leads to what was changed, where it has a page; `called` is its name now."""

    facts: AuditFacts
    action: str
    address: str
    called: str
    detail: list[tuple[str, str]]

    @property
    def target(self) -> str:
        return self.called or self.facts.target


class Asked(Struct, frozen=True):
    """What was typed into the filters, as it was typed."""

    who: str
    action: str
    target: str
    since: str
    until: str

    @property
    def filter(self) -> AuditFilter:
        until = _day(self.until)
        return AuditFilter(
            actor=self.who or None,
            action=self.action or None,
            target=self.target or None,
            since=_day(self.since),
            until=until + timedelta(days=1) if until else None,
        )

    @property
    def query(self) -> str:
        """The filters as they stand in an address."""
        query = QueryDict(mutable=True)
        query.update({name: value for name, value in msgspec.structs.asdict(self).items() if value})
        return query.urlencode()


@require_GET
@requires(Ability.READ_AUDIT)
def audit(request: StaffRequest) -> HttpResponse:
    """The page, or only its entries where htmx asks for them."""
    asked, before = _asked(request), request.GET.get("before") or None
    page = _page(request.staff.workspace_id, asked, before, PER_PAGE)
    staff_ids = {member.email: member.account_id for member in queries.staff_members(request.staff.workspace_id)}
    seen = _seen(page.entries, request.staff)
    names, called = _names(request.staff.workspace_id), _called(request.staff.workspace_id)
    lines = [
        AuditLine(
            one,
            action_in_words(one.action),
            address_of(one.target, staff_ids),
            called.get(one.target, ""),
            detail_in_words(one.detail, names),
        )
        for one in seen
    ]
    actions = sorted(((code, str(words)) for code, words in ACTIONS.items()), key=lambda item: item[1])
    context = {"lines": lines, "next": page.next, "asked": asked, "actions": actions, "before": before}
    return render(request, "console/audit/rows.html" if request.htmx else "console/audit/list.html", context)


def _names(workspace_id: int) -> Names:
    return {
        "brand_id": {brand.id: brand.name for brand in workspaces.brands(workspace_id)},
        "source_id": {source.id: source.name for source in workspaces.sources(workspace_id)},
    }


def _called(workspace_id: int) -> dict[str, str]:
    """What is there under its name now, by how entries name it."""
    found = {f"api-key:{key.id}": key.name for key in queries.api_keys(workspace_id)}
    with pool().connection() as connection:
        for segment_id, name in segments.names(connection, workspace_id).items():
            found[f"segment:{segment_id}"] = name
        for report in all_reports(connection, workspace_id):
            found[f"report:{report.id}"] = report.name
        for export in segment_exports(connection, workspace_id):
            found[f"segment_export:{export.id}"] = export.name
    return found


@require_GET
@requires(Ability.READ_AUDIT)
def export_audit(request: StaffRequest) -> HttpResponseBase:
    """What the filters find, up to 100,000 entries, as CSV. Leaves an entry itself."""
    asked = _asked(request)
    staff = request.staff
    record_audit(
        workspace_id=staff.workspace_id,
        actor=staff.email,
        action="export_audit",
        target=f"workspace:{staff.workspace_id}",
        detail={name: value for name, value in msgspec.structs.asdict(asked).items() if value},
    )
    response = StreamingHttpResponse(_rows(staff, asked), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="audit.csv"'
    return response


def _rows(staff: StaffFacts, asked: Asked) -> Iterator[str]:
    yield _line(["at", "actor", "action", "target", "detail"])
    before: str | None = None
    written = 0
    while written < MOST_EXPORTED:
        page = _page(staff.workspace_id, asked, before, PER_CHUNK)
        for one in _seen(page.entries, staff):
            detail = msgspec.json.encode(one.detail).decode()
            yield _line([one.at.astimezone(UTC).isoformat(), one.actor, one.action, one.target, detail])
        written += len(page.entries)
        if page.next is None:
            return
        before = page.next


def _line(cells: list[str]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow([harmless(cell) for cell in cells])
    return out.getvalue()


def _seen(entries: list[AuditFacts], staff: StaffFacts) -> list[AuditFacts]:
    """What the changes say of people is masked for who must not see it; colleagues are not."""
    if Ability.SEE_PII in abilities_of(staff):
        return entries
    with pool().connection() as connection:
        details = masked_details(connection, staff.workspace_id, [(one.target, one.detail) for one in entries])
    return [msgspec.structs.replace(one, detail=detail) for one, detail in zip(entries, details, strict=True)]


def _page(workspace_id: int, asked: Asked, before: str | None, limit: int) -> AuditPage:
    try:
        return queries.audit_page(workspace_id, asked.filter, before=before, limit=limit)
    except InvalidAuditCursor as error:
        raise Http404(str(error)) from None


def _asked(request: StaffRequest) -> Asked:
    def said(name: str) -> str:
        return request.GET.get(name, "").replace("\0", "").strip()[:LONGEST]

    fields: dict[str, Any] = {name: said(name) for name in Asked.__struct_fields__}
    return Asked(**fields)


def _day(text: str) -> datetime | None:
    """A day of the calendar in UTC; what is none filters nothing."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None
