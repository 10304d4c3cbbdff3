"""The customer card: one page that says who this is, what they did and why we believe it is one person."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET
from msgspec import Struct

from tessera.access.actions import record_audit
from tessera.console.evidence import stories_of_merges, stories_of_refusals
from tessera.console.permissions import Ability, StaffRequest, requires
from tessera.console.sight import sight_of
from tessera.console.timeline import Line, line_of
from tessera.console.words import ATTRIBUTES, attribute_in_words, kind_in_words
from tessera.foundation.pool import pool
from tessera.identity import queries as identity
from tessera.profiles import queries as profiles
from tessera.profiles.person import CounterView, DeviceView, IdentifierView, PersonView
from tessera.profiles.queries import InvalidCursor
from tessera.workspaces import queries as workspaces

EVENTS_SHOWN: Final = 20


class AttributeLine(Struct, frozen=True):
    """One attribute. `inferred` ones were read off the person's devices, not said by anybody."""

    name: str
    label: str
    value: Any
    inferred: bool = False


class IdentifierLine(Struct, frozen=True):
    """`member` numbers the profile it was first seen on, when the person has more than one."""

    label: str
    facts: IdentifierView
    member: int | None


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
    mask = sight_of(request.staff, [profile_id])
    person = mask.person(person) if mask else person
    sources = source_names(workspace_id)
    with pool().connection() as connection:
        members = [member.profile_id for member in person.members]
        refusals = identity.refusals_of(connection, members)
        history = profiles.timeline(connection, workspace_id, profile_id, limit=EVENTS_SHOWN)
    assert history is not None
    if mask:
        refusals, history = [mask.refusal(one) for one in refusals], mask.timeline(history)
    context = {
        "person": person,
        "identifiers": _identifiers(person),
        "attributes": attribute_lines(person),
        "counters": _counters(person),
        "devices": [device_line(device) for device in person.devices],
        "activity_source": sources.get(person.last_activity.source_id or 0, "") if person.last_activity else "",
        "merges": stories_of_merges(person.merges, sources),
        "refusals": stories_of_refusals(refusals, sources),
        "lines": [line_of(event, sources) for event in history.events],
        "next": history.next,
        "event_total": sum(counter.count for counter in person.events.values()),
    }
    return render(request, "console/person.html", context)


@require_GET
@requires(Ability.READ)
def history(request: StaffRequest, profile_id: UUID) -> HttpResponse:
    """The next page of the history, to be put below the last."""
    workspace_id = request.staff.workspace_id
    with pool().connection() as connection:
        try:
            page = profiles.timeline(
                connection, workspace_id, profile_id, before=request.GET.get("before"), limit=EVENTS_SHOWN
            )
        except InvalidCursor as error:
            raise Http404(str(error)) from None
    if page is None:
        raise Http404("no such person in this workspace")
    mask = sight_of(request.staff, [profile_id])
    page = mask.timeline(page) if mask else page
    lines: list[Line] = [line_of(event, source_names(workspace_id)) for event in page.events]
    context = {"lines": lines, "next": page.next, "profile_id": profile_id}
    return render(request, "console/person/history_lines.html", context)


@require_GET
@requires(Ability.EXPORT_PEOPLE)
def export(request: StaffRequest, profile_id: UUID) -> HttpResponse:
    """Everything held about the person, as one JSON document to keep. Leaves an entry in the audit trail."""
    workspace_id = request.staff.workspace_id
    with pool().connection() as connection:
        document = profiles.export_person(connection, workspace_id, profile_id, now=timezone.now())
    if document is None:
        raise Http404("no such person in this workspace")
    record_audit(
        workspace_id=workspace_id, actor=request.staff.email, action="export_person", target=f"profile:{profile_id}"
    )
    body = msgspec.json.format(msgspec.json.encode(document), indent=2)
    response = HttpResponse(body, content_type="application/json")
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


def attribute_lines(person: PersonView) -> list[AttributeLine]:
    """The standard ones in their order, then the custom ones by name, then what was inferred."""
    said = person.attributes
    standard = [name for name in ATTRIBUTES if name in said]
    custom = [name for name in said if name not in ATTRIBUTES]
    lines = [AttributeLine(name, attribute_in_words(name), said[name]) for name in (*standard, *custom)]
    return lines + [
        AttributeLine(name, attribute_in_words(name), value, inferred=True) for name, value in person.inferred.items()
    ]


def _identifiers(person: PersonView) -> list[IdentifierLine]:
    """Those that name a person first, then those that name a browser or a device."""
    numbers = {member.profile_id: number for number, member in enumerate(person.members, start=1)}
    order = {"user_id": 0, "email": 1, "phone": 2}
    several = len(numbers) > 1
    ranked = sorted(person.identifiers, key=lambda one: (order.get(one.kind, 3), one.kind, one.first_seen))
    return [
        IdentifierLine(kind_in_words(one.kind), one, numbers.get(one.profile_id) if several else None) for one in ranked
    ]


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
