"""The list of people: newest first by key, or found while one types."""

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from tessera.access.queries import StaffFacts
from tessera.console.permissions import Ability, StaffRequest, requires
from tessera.console.sight import sight_of
from tessera.foundation.pool import pool
from tessera.profiles import queries as profiles
from tessera.profiles.queries import InvalidCursor, PeoplePage
from tessera.profiles.search import find_exactly, search_people

PER_PAGE = 50
LONGEST_SEARCH = 200


@require_GET
@requires(Ability.READ)
def people(request: StaffRequest) -> HttpResponse:
    """The page; for htmx only its results, or (with `before`) only the rows that follow."""
    text = searched(request)
    before = request.GET.get("before") or None
    context = {"page": find_people(request.staff, text, before=before), "q": text, "before": before}
    return render(request, _template(request, before), context)


def _template(request: StaffRequest, before: str | None) -> str:
    if not request.htmx:
        return "console/people.html"
    return "console/people_rows.html" if before else "console/people_results.html"


def searched(request: StaffRequest) -> str:
    """What was typed into the search box."""
    return request.GET.get("q", "").replace("\0", "").strip()[:LONGEST_SEARCH]


def find_people(viewer: StaffFacts, text: str, *, before: str | None = None, limit: int = PER_PAGE) -> PeoplePage:
    """The people a search finds, or all; 404 for a cursor that is none.

    Who sees personal data masked finds people by a whole identifier only.
    """
    workspace_id, mask = viewer.workspace_id, sight_of(viewer)
    with pool().connection() as connection:
        try:
            if text and mask is not None:
                return mask.people(find_exactly(connection, workspace_id, text))
            if text:
                return search_people(connection, workspace_id, text, before=before, limit=limit)
            page = profiles.people(connection, workspace_id, before=before, limit=limit)
        except InvalidCursor as error:
            raise Http404(str(error)) from None
    return page if mask is None else mask.people(page)
