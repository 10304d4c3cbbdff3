"""The segments of a person on the card: those they are in, and fixed lists to put them into or take them out of."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from tessera.audience.explain import segments_of
from tessera.audience.questions import NoAnalyst, NotAnswered
from tessera.audience.segments import actions, queries
from tessera.audience.segments.records import Segment
from tessera.console.permissions import Ability, StaffRequest, requires
from tessera.console.segments.words import FRESHNESS, refusal_in_words
from tessera.console.views.segments import find_segment
from tessera.console.words import error_in_words
from tessera.foundation.clock import now_micros
from tessera.foundation.errors import NotFound, TesseraError
from tessera.foundation.pool import pool


@require_GET
@requires(Ability.READ)
def person_segments(request: StaffRequest, profile_id: UUID) -> HttpResponse:
    """The section, which the card fetches when it is looked at."""
    return _section(request, profile_id)


@require_POST
@requires(Ability.MANAGE_SEGMENTS)
def change_person_segments(request: StaffRequest, profile_id: UUID) -> HttpResponse:
    """Into the fixed list `segment`, or (`do=remove`) out of it."""
    adding = request.POST.get("do") != "remove"
    try:
        segment_id = UUID(request.POST.get("segment", ""))
    except ValueError:
        return _section(request, profile_id, refused=_("Choose a segment."))
    with pool().connection() as connection:
        found = find_segment(connection, request, segment_id)
        act = actions.add_people if adding else actions.remove_people
        try:
            (result,) = act(
                connection, workspace_id=found.workspace_id, segment_id=found.id, items=[str(profile_id)],
                actor=request.staff.email, now=timezone.now(),
            )  # fmt: skip
        except TesseraError as error:
            return _section(request, profile_id, refused=refusal_in_words(error))
    if result.person_id is None:
        raise Http404("no such person in this workspace")
    return _section(request, profile_id, changed=found, added=adding)


def _section(request: StaffRequest, profile_id: UUID, **said: Any) -> HttpResponse:
    workspace_id = request.staff.workspace_id
    with pool().connection() as connection:
        try:
            found = segments_of(connection, workspace_id, profile_id, now=now_micros())
        except NotFound as error:
            raise Http404(str(error)) from None
        except (NoAnalyst, NotAnswered) as error:
            found, said = [], {"refused": error_in_words(error), **said, "unknown": True}
        everything = queries.all_segments(connection, workspace_id)
    if request.method == "POST" and not request.htmx:
        if said.get("refused"):
            messages.error(request, said["refused"])
        return redirect("console:person", profile_id=profile_id)
    inside = {one.id for one in found}
    lists: list[Segment] = [each for each in everything if each.kind == "static" and each.id not in inside]
    if said.get("unknown"):
        lists = []
    context = {
        "profile_id": profile_id,
        "belongings": [(one, FRESHNESS[one.freshness]) for one in found],
        "lists": lists,
        "any": bool(everything),
        **said,
    }
    return render(request, "console/segments/of_person.html", context)
