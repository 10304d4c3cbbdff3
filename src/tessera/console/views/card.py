"""The customer card: one page that says who this is, what they did and why we believe it is one person."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET
from msgspec import Struct

from tessera.access.actions import record_audit
from tessera.audience.segments import queries as segments
from tessera.audience.timeline import whole_timeline, whole_timeline_of
from tessera.console.evidence import stories_of_merges, stories_of_refusals
from tessera.console.graph import graph_of
from tessera.console.history_filter import HistoryFilter, names_of, read_filter
from tessera.console.messages_sent import channels_of
from tessera.console.permissions import Ability, StaffRequest, requires
from tessera.console.sight import sight_of
from tessera.console.tabs import tab_context
from tessera.console.timeline import Line, line_of
from tessera.console.words import STATUSES, kind_in_words
from tessera.foundation.pool import pool
from tessera.identity import queries as identity
from tessera.identity.queries import RefusalRecord
from tessera.profiles import bundle
from tessera.profiles import queries as profiles
from tessera.profiles.person import CounterView, DeviceView, IdentifierView, PersonView
from tessera.profiles.queries import InvalidCursor
from tessera.profiles.timeline import TimelinePage, sources_of_identifiers
from tessera.workspaces import queries as workspaces

EVENTS_SHOWN: Final = 20
IDENTIFIERS_SHOWN: Final = 20
"""More than so many are folded away under the first ones."""


class IdentifierLine(Struct, frozen=True):
    """`member` numbers the profile it was first seen on, when the person has more than one."""

    label: str
    facts: IdentifierView
    member: int | None
    source: str = ""


class DeviceLine(Struct, frozen=True):
    """A device as a person would name it."""

    icon: str
    title: str
    details: str
    facts: DeviceView


@require_GET
@requires(Ability.READ)
def card(request: StaffRequest, profile_id: UUID) -> HttpResponse:
    """Any member's id leads to the person, under the address of the profile that stands for them."""
    workspace_id = request.staff.workspace_id
    person = find_person(workspace_id, profile_id)
    if person.profile_id != profile_id:
        return redirect("console:person", profile_id=person.profile_id)
    held, mask = person.identifiers, sight_of(request.staff, [profile_id])
    person = mask.person(person) if mask else person
    sources = source_names(workspace_id)
    context = tab_context(request, person, sources)
    if _asks_for_tab(request):
        return render(request, "console/person/tabs.html", context)
    asked = read_filter(request.GET)
    with pool().connection() as connection:
        members = [member.profile_id for member in person.members]
        refusals = identity.refusals_of(connection, members)
        page = _page(connection, workspace_id, members, None, asked)
        seen_at = sources_of_identifiers(connection, held)
        names = segments.names(connection, workspace_id)
    if mask:
        refusals, page = [mask.refusal(one) for one in refusals], mask.timeline(page)
    context |= _story(person, refusals, page, asked, sources, names)
    context["identifiers"] = _identifiers(person, [seen_at.get((one.kind, one.value), 0) for one in held], sources)
    return render(request, "console/person.html", context)


def _asks_for_tab(request: StaffRequest) -> bool:
    return bool(request.htmx) and request.htmx.target == "tabs" and not request.htmx.history_restore_request


def _story(
    person: PersonView,
    refusals: Sequence[RefusalRecord],
    page: TimelinePage,
    asked: HistoryFilter,
    sources: dict[int, str],
    names: dict[str, str],
) -> dict[str, Any]:
    """What the page shows around the tabs."""
    return {
        "counters": _counters(person),
        "channels": channels_of(person.events),
        "devices": [device_line(device) for device in person.devices],
        "activity_source": sources.get(person.last_activity.source_id or 0, "") if person.last_activity else "",
        "statuses": list(STATUSES.items()),
        "merges": stories_of_merges(person.merges, sources),
        "refusals": stories_of_refusals(refusals, sources),
        "graph": graph_of(person, refusals) if len(person.members) > 1 or person.merges or refusals else None,
        "lines": [line_of(event, sources, names) for event in page.events],
        "next": page.next,
        "incomplete": page.incomplete,
        "filter": asked,
        "event_names": names_of(person, asked.names),
        "sources": sources,
        "event_total": sum(counter.count for counter in person.events.values()),
    }


@require_GET
@requires(Ability.READ)
def history(request: StaffRequest, profile_id: UUID) -> HttpResponse:
    """A page of the history: the next one, to be put below the last, or the first one of another filter."""
    workspace_id, asked = request.staff.workspace_id, read_filter(request.GET)
    with pool().connection() as connection:
        root = identity.root_of(connection, workspace_id, profile_id)
        if root is None:
            raise Http404("no such person in this workspace")
        members = [member.profile_id for member in identity.members_of(connection, [root])]
        page = _page(connection, workspace_id, members, request.GET.get("before"), asked)
        names = segments.names(connection, workspace_id)
    mask = sight_of(request.staff, members)
    page = mask.timeline(page) if mask else page
    sources = source_names(workspace_id)
    lines: list[Line] = [line_of(event, sources, names) for event in page.events]
    if not request.htmx and not request.GET.get("before"):
        return redirect(f"{reverse('console:person', args=[root])}?{asked.query}#history")
    context: dict[str, Any] = {"lines": lines, "next": page.next, "incomplete": page.incomplete}
    context |= {"profile_id": root, "filter": asked}
    if request.htmx:
        return render(request, "console/person/history_lines.html", context)
    return render(request, "console/person/history_page.html", context)


def _page(
    connection: Any, workspace_id: int, members: list[UUID], before: str | None, asked: HistoryFilter
) -> TimelinePage:
    wanted = asked.wanted()
    try:
        return whole_timeline_of(connection, workspace_id, members, before=before, limit=EVENTS_SHOWN, wanted=wanted)
    except InvalidCursor as error:
        raise Http404(str(error)) from None


@require_GET
@requires(Ability.SEE_PII)
@requires(Ability.EXPORT_PEOPLE)
def export(request: StaffRequest, profile_id: UUID) -> StreamingHttpResponse:
    """Everything held about the person, as one JSON document to keep. Leaves an entry in the audit trail."""
    workspace_id = request.staff.workspace_id
    with pool().connection() as connection:
        document = bundle.export_person(connection, workspace_id, profile_id, now=timezone.now())
    if document is None:
        raise Http404("no such person in this workspace")
    record_audit(
        workspace_id=workspace_id, actor=request.staff.email, action="export_person", target=f"profile:{profile_id}"
    )
    parts = bundle.written(document, workspace_id, pool().connection, read=whole_timeline)
    response = StreamingHttpResponse(parts, content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="person-{profile_id}.json"'
    return response


def find_person(workspace_id: int, profile_id: UUID) -> PersonView:
    """The person, when they are of the viewer's workspace; else 404."""
    with pool().connection() as connection:
        person = profiles.person(connection, workspace_id, profile_id, now=timezone.now())
    if person is None:
        raise Http404("no such person in this workspace")
    return person


def source_names(workspace_id: int) -> dict[int, str]:
    return {source.id: source.name for source in workspaces.sources(workspace_id)}


def _identifiers(
    person: PersonView, seen_at: Sequence[int], sources: dict[int, str]
) -> dict[str, list[IdentifierLine]]:
    """Those that name a person first, then those that name a browser or a device; the first few, and the rest.

    `seen_at` has the source of each of the person's identifiers, in their order.
    """
    numbers = {member.profile_id: number for number, member in enumerate(person.members, start=1)}
    order = {"user_id": 0, "email": 1, "phone": 2}
    several = len(numbers) > 1
    places = zip(person.identifiers, seen_at, strict=True)
    ranked = sorted(places, key=lambda place: (order.get(place[0].kind, 3), place[0].kind, place[0].first_seen))
    lines = [
        IdentifierLine(
            kind_in_words(one.kind),
            one,
            numbers.get(one.profile_id) if several else None,
            sources.get(source_id, ""),
        )
        for one, source_id in ranked
    ]
    return {"first": lines[:IDENTIFIERS_SHOWN], "rest": lines[IDENTIFIERS_SHOWN:]}


def _counters(person: PersonView) -> Sequence[tuple[str, CounterView]]:
    return sorted(person.events.items(), key=lambda item: (-item[1].count, item[0]))


def device_line(device: DeviceView) -> DeviceLine:
    """`Chrome 120 on Linux`, `iPhone`, and what else is known."""
    platform = _joined(device.platform, device.platform_version)
    browser = _joined(device.browser, device.browser_version)
    app = _joined(device.app, device.app_version)
    named = device.name or _joined(device.manufacturer, device.model)
    title = named or " · ".join(part for part in (browser or app, platform) if part) or device.id
    shown = (app, browser, platform, device.language, device.time_zone)
    details = [part for part in shown if part and part not in title]
    icon = "smartphone" if device.type in {"ios", "android", "mobile", "phone"} else "devices"
    return DeviceLine(icon, title, " · ".join(details), device)


def _joined(*parts: str | None) -> str:
    return " ".join(part for part in parts if part)
