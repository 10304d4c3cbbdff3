"""The people of a segment: read page by page, chosen by hand, asked why they are (not) in it."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import psycopg
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from msgspec import Struct

from tessera.audience.conditions.registry import from_json
from tessera.audience.explain import NoSuchPerson, explain
from tessera.audience.questions import ListPeople, NoAnalyst, NotAnswered
from tessera.audience.segments import actions, queries
from tessera.audience.segments.records import MOST_AT_ONCE, ItemResult, NewSegment, Segment
from tessera.audience.segments.references import items_of_list
from tessera.console.permissions import Ability, StaffRequest, requires
from tessera.console.segments.asking import ask_analyst, raw
from tessera.console.segments.choices import segments_known
from tessera.console.segments.forms import AboutForm
from tessera.console.segments.verdicts import lines_of
from tessera.console.segments.words import line_of, refusal_in_words
from tessera.console.sight import seen_by, sight_of
from tessera.console.toasts import toast
from tessera.console.views.card import find_person
from tessera.console.views.people import find_people, searched
from tessera.console.views.segments import find_segment
from tessera.console.words import error_in_words
from tessera.foundation.clock import now_micros
from tessera.foundation.errors import TesseraError
from tessera.foundation.pool import pool
from tessera.profiles.queries import PeoplePage, PersonSummary, people_summaries

Connection = psycopg.Connection[Any]
PER_PAGE: Final = 50
CANDIDATES: Final = 8
UNKNOWN_SHOWN: Final = 50
MOST_LINES: Final = 100_000


class MemberLine(Struct, frozen=True):
    """A member as the list shows them; `since` is None where nobody keeps it."""

    person: PersonSummary
    since: Any


@require_GET
@requires(Ability.READ)
def segment_members(request: StaffRequest, segment_id: UUID) -> HttpResponse:
    """A page of the people who are in: stored ones from PostgreSQL, all others from the analyst."""
    after = _cursor(request)
    with pool().connection() as connection:
        found = find_segment(connection, request, segment_id)
        lines, following, away = _members(connection, found, after)
    context = {
        "segment": found,
        "line": line_of(found),
        "members": _seen(request, lines),
        "next": following,
        "after": after,
        "away": away,
        "by_hand": found.kind == "static" and found.archived_at is None,
    }
    if not request.htmx:
        return render(request, "console/segments/members_page.html", context)
    return render(request, "console/segments/member_rows.html" if after else "console/segments/members.html", context)


def _cursor(request: StaffRequest) -> UUID | None:
    text = request.GET.get("after", "")
    try:
        return UUID(text) if text else None
    except ValueError:
        raise Http404("no such page") from None


def _members(connection: Connection, found: Segment, after: UUID | None) -> tuple[list[MemberLine], UUID | None, str]:
    """The lines, the cursor of the following page, and why there are none where nobody answered."""
    since: dict[UUID, Any] = {}
    if found.stored or found.condition is None:
        page = queries.members_page(connection, found, after=after, limit=PER_PAGE)
        since, following = {one.person_id: one.entered_at for one in page.members}, page.next
        people = list(since)
    else:
        question = ListPeople(condition=raw(from_json(found.condition)), after=after, limit=PER_PAGE)
        said = ask_analyst(connection, found.workspace_id, [question])
        if said.away:
            return [], None, said.away
        people, following = said.answers[0].people, said.answers[0].next
    return [MemberLine(one, since.get(one.profile_id)) for one in people_summaries(connection, people)], following, ""


def _seen(request: StaffRequest, lines: Sequence[MemberLine]) -> list[MemberLine]:
    """As this viewer may read them."""
    people = seen_people(request, [line.person for line in lines])
    return [MemberLine(person, line.since) for person, line in zip(people, lines, strict=True)]


def seen_people(request: StaffRequest, people: list[PersonSummary]) -> list[PersonSummary]:
    """People, masked for who may not see personal data."""
    mask = sight_of(request.staff)
    return people if mask is None else list(mask.people(PeoplePage(people, None)).profiles)


@require_GET
@requires(Ability.READ)
def segment_candidates(request: StaffRequest) -> HttpResponse:
    """Whom the typed text finds, each to be asked about: by the saved `?segment=`, or by what stands in the builder."""
    text = searched(request)
    found = find_people(request.staff, text, limit=CANDIDATES).profiles[:CANDIDATES] if text else []
    try:
        of = UUID(request.GET.get("segment", "")) if request.GET.get("segment") else None
    except ValueError:
        raise Http404("no such segment") from None
    return render(request, "console/segments/candidates.html", {"candidates": found, "q": text, "of": of})


@require_GET
@requires(Ability.READ)
def segment_why(request: StaffRequest, segment_id: UUID, profile_id: UUID) -> HttpResponse:
    """Why this person is (not) in it, part by part."""
    person = find_person(request.staff.workspace_id, profile_id)
    with pool().connection() as connection:
        found = find_segment(connection, request, segment_id)
        names = segments_known(connection, request.staff.workspace_id)
        verdict, refused = None, ""
        if found.condition is not None:
            try:
                condition = from_json(found.condition)
                verdict = explain(connection, found.workspace_id, condition, profile_id, now=now_micros())
            except NoSuchPerson as error:
                raise Http404(str(error)) from None
            except (NoAnalyst, NotAnswered) as error:
                refused = error_in_words(error)
        else:
            inside = bool(queries.are_in(connection, found.id, [person.profile_id]))
    context: dict[str, Any] = {
        "segment": found,
        "person": seen_by(request.staff, person),
        "refused": refused,
        "unfinished": bool(refused),
        "holds": verdict.holds if verdict is not None else not refused and inside,
        "tree": lines_of(verdict, names) if verdict is not None else None,
    }
    return render(request, "console/segments/why.html" if request.htmx else "console/segments/why_page.html", context)


@require_http_methods(["GET", "POST"])
@requires(Ability.MANAGE_SEGMENTS)
def new_list(request: StaffRequest) -> HttpResponse:
    """A segment of people chosen by hand, empty or filled with a list."""
    form = AboutForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            items = _items(request)
            made, results = _made(request, NewSegment(**form.about()), items)
        except TesseraError as error:
            said = str(error) if isinstance(error, _TooMany) else refusal_in_words(error)
            form.add_error("name" if error.code == "segment_name_taken" else None, said)
        else:
            if not items:
                toast(request, _("The segment is made."))
                return redirect("console:segment", segment_id=made.id)
            return _told(request, made, results, adding=True)
    return render(request, "console/segments/new_list.html", {"form": form}, status=400 if form.errors else 200)


def _made(request: StaffRequest, new: NewSegment, items: list[str]) -> tuple[Segment, list[ItemResult]]:
    staff, now = request.staff, timezone.now()
    with pool().connection() as connection, connection.transaction():
        made = actions.create(connection, workspace_id=staff.workspace_id, new=new, actor=staff.email, now=now)
        return made, _by_hand(connection, request, made.id, items, adding=True)


class _TooMany(TesseraError):
    """A list has more lines than are taken at once."""

    code = "too_many_lines"


def _items(request: StaffRequest) -> list[str]:
    """What was pasted, and what was uploaded. Raises `_TooMany`: a part of a list would be taken for the whole."""
    lines = request.POST.get("items", "").replace("\0", "").splitlines()
    given = request.FILES.get("file")
    if isinstance(given, UploadedFile):
        text = given.read().decode("utf-8-sig", errors="replace").replace("\0", "")
        lines += text.splitlines()
    lines = [line for line in lines if line.strip()]
    if len(lines) > MOST_LINES:
        said = _("These are %(number)s lines. At most %(most)s are taken at once: send them in parts.")
        raise _TooMany(said % {name: _grouped(of) for name, of in (("number", len(lines)), ("most", MOST_LINES))})
    return items_of_list(lines)


def _grouped(number: int) -> str:
    return number_format(number, 0, use_l10n=True, force_grouping=True)


def _by_hand(
    connection: Connection, request: StaffRequest, segment_id: UUID, items: Sequence[str], *, adding: bool
) -> list[ItemResult]:
    """Any number of items, in as many calls as it takes."""
    act = actions.add_people if adding else actions.remove_people
    results: list[ItemResult] = []
    for start in range(0, len(items), MOST_AT_ONCE):
        results += act(
            connection,
            workspace_id=request.staff.workspace_id,
            segment_id=segment_id,
            items=items[start : start + MOST_AT_ONCE],
            actor=request.staff.email,
            now=timezone.now(),
        )
    return results


def _told(request: StaffRequest, found: Segment, results: list[ItemResult], *, adding: bool) -> HttpResponse:
    """What became of the items, counted; those nobody knows by name."""
    unknown = [one.item for one in results if one.result == "unknown_person"]
    context = {
        "segment": found,
        "adding": adding,
        "done": sum(one.result == "done" for one in results),
        "already": sum(one.result == "already" for one in results),
        "unknown": unknown[:UNKNOWN_SHOWN],
        "unknown_count": len(unknown),
    }
    return render(request, "console/segments/told.html", context)


@require_POST
@requires(Ability.MANAGE_SEGMENTS)
def change_list(request: StaffRequest, segment_id: UUID) -> HttpResponse:
    """Add the people of a list, or take them out (`do=remove`)."""
    adding = request.POST.get("do") != "remove"
    with pool().connection() as connection:
        found = find_segment(connection, request, segment_id)
        try:
            items = _items(request)
        except _TooMany as error:
            messages.error(request, str(error))
            return redirect("console:segment", segment_id=segment_id)
        if not items:
            messages.error(request, _("Paste or upload at least one identifier."))
            return redirect("console:segment", segment_id=segment_id)
        try:
            with connection.transaction():
                results = _by_hand(connection, request, found.id, items, adding=adding)
        except TesseraError as error:
            messages.error(request, refusal_in_words(error))
            return redirect("console:segment", segment_id=segment_id)
    return _told(request, found, results, adding=adding)


@require_POST
@requires(Ability.MANAGE_SEGMENTS)
def put_in(request: StaffRequest, segment_id: UUID, profile_id: UUID) -> HttpResponse:
    """One person into a fixed list; back to its page."""
    return _one(request, segment_id, profile_id, adding=True)


@require_POST
@requires(Ability.MANAGE_SEGMENTS)
def take_out(request: StaffRequest, segment_id: UUID, profile_id: UUID) -> HttpResponse:
    """One person out of a fixed list; a toast brings them back."""
    return _one(request, segment_id, profile_id, adding=False)


def _one(request: StaffRequest, segment_id: UUID, profile_id: UUID, *, adding: bool) -> HttpResponse:
    with pool().connection() as connection:
        found = find_segment(connection, request, segment_id)
        try:
            (result,) = _by_hand(connection, request, found.id, [str(profile_id)], adding=adding)
        except TesseraError as error:
            messages.error(request, refusal_in_words(error))
            return redirect("console:segment", segment_id=segment_id)
    if result.person_id is None:
        raise Http404("no such person in this workspace")
    said = _("They are in “%(name)s” now.") if adding else _("They are no longer in “%(name)s”.")
    undo = undo_address(found, profile_id, adding=adding) if result.result == "done" else ""
    toast(request, said % {"name": found.name}, undo_url=undo)
    return redirect("console:segment", segment_id=segment_id)


def undo_address(found: Segment, profile_id: UUID, *, adding: bool) -> str:
    return reverse("console:take_out" if adding else "console:put_in", args=[found.id, profile_id])
