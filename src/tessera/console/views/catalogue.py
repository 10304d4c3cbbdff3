"""The catalogue: every name that was seen or declared, and everything about one of them."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET
from msgspec import Struct

from tessera.console.permissions import Ability, StaffRequest, abilities_of, requires
from tessera.console.uses import uses_of
from tessera.console.words import CATALOGUE_STATUSES, VALUE_TYPES, error_in_words
from tessera.events import dictionary, problems, rehearsal
from tessera.events.catalogue import LIMITS, Entry
from tessera.events.dictionary import BUILT_IN, InvalidCursor, Wanted
from tessera.events.event import Field
from tessera.events.fitting import TYPES, InvalidDeclaration
from tessera.events.problems import QualityProblem
from tessera.events.rules import UNBLOCKABLE
from tessera.foundation.errors import TesseraError
from tessera.foundation.pool import pool
from tessera.workspaces import queries as workspaces

SHOWN: Final = 50
PROPERTIES_SHOWN: Final = 200
SORTS: Final = ("volume", "name", "newest", "misfits")
SPARK_DAYS: Final = 30


class Line(Struct, frozen=True):
    """An entry as lists show it."""

    entry: Entry
    href: str
    spark: list[int]


def sees_pii(request: StaffRequest) -> bool:
    """Whether the viewer may see personal values as they are."""
    return Ability.SEE_PII in abilities_of(request.staff)


def text_of(request: StaffRequest, name: str, *, longest: int = 255) -> str:
    """A parameter of the address or the form, fit for the database."""
    return (request.POST.get(name) or request.GET.get(name) or "").replace("\0", "")[:longest]


def field_of(request: StaffRequest) -> Field:
    """The name that the request speaks of. 404 where it cannot be one."""
    try:
        return dictionary.checked_field(
            (text_of(request, "kind"), text_of(request, "parent"), text_of(request, "name"))
        )
    except dictionary.InvalidName:
        raise Http404("no such name") from None


def address_of(field: Field, **more: str) -> str:
    """Where the entry's own page is."""
    kind, parent, name = field
    query = {"kind": kind, **({"parent": parent} if parent else {}), "name": name, **more}
    return f"{reverse('console:catalogue_entry')}?{urlencode(query)}"


def line_of(entry: Entry) -> Line:
    today = datetime.now(UTC).date()
    days = [(today - timedelta(days=back)).isoformat() for back in range(SPARK_DAYS - 1, -1, -1)]
    return Line(entry, address_of(entry.field), [entry.days.get(day, 0) for day in days])


@require_GET
@requires(Ability.READ)
def catalogue(request: StaffRequest) -> HttpResponse:
    """Names by tab, found as one types; htmx gets the results alone."""
    workspace_id = request.staff.workspace_id
    wanted = _wanted(request)
    with pool().connection() as connection:
        try:
            page = dictionary.find(connection, workspace_id, wanted, after=request.GET.get("after"), limit=SHOWN)
        except InvalidCursor:
            raise Http404("not a cursor of ours") from None
        counts = dictionary.counts(connection, workspace_id)
        open_problems = problems.count_open(connection, workspace_id)
    known = {source.id: source.name for source in workspaces.sources(workspace_id)}
    context = {
        "wanted": wanted,
        "filtered": any((wanted.search, wanted.status, wanted.type, wanted.personal, wanted.source_id)),
        "lines": [line_of(entry) for entry in page.entries],
        "next": _following(request, page.next),
        "continued": "after" in request.GET,
        "counts": counts,
        "limits": LIMITS,
        "open_problems": open_problems,
        "statuses": CATALOGUE_STATUSES,
        "types": VALUE_TYPES,
        "sources": known,
    }
    alone = request.headers.get("HX-Request") and request.headers.get("HX-Target") == "catalogue-results"
    return render(request, f"console/catalogue/{'results' if alone else 'list'}.html", context)


def _wanted(request: StaffRequest) -> Wanted:
    kind, status, type_name = (text_of(request, name) for name in ("kind", "status", "type"))
    source, sort = text_of(request, "source"), text_of(request, "sort")
    personal = {"yes": True, "no": False}.get(text_of(request, "personal"))
    return Wanted(
        kind=kind if kind in dictionary.KINDS else "event",
        search=text_of(request, "q").strip()[:100],
        status=status if status in dictionary.STATUSES else None,
        type=type_name if type_name in TYPES else None,
        personal=personal,
        source_id=int(source) if source.isdecimal() and len(source) < 10 else None,
        sort=sort if sort in SORTS else "volume",  # type: ignore[arg-type]  # one of them
    )


def _following(request: StaffRequest, cursor: str | None) -> str | None:
    """The same page's address with the next cursor."""
    if cursor is None:
        return None
    query = request.GET.copy()
    query["after"] = cursor
    return f"{reverse('console:catalogue')}?{query.urlencode()}"


class ShownExample(Struct, frozen=True):
    """An event with a problem, and the value that was wrong, if it is still in history."""

    profile_id: UUID
    event_id: UUID
    at: datetime
    value: str


class ShownProblem(Struct, frozen=True):
    problem: QualityProblem
    source: str
    examples: list[ShownExample]


@require_GET
@requires(Ability.READ)
def entry(request: StaffRequest) -> HttpResponse:
    return entry_page(request, field_of(request))


def entry_page(
    request: StaffRequest,
    field: Field,
    *,
    wrong: TesseraError | None = None,
    form: dict[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    """Everything about one name. `wrong` is said at the form, which shows `form` again."""
    workspace_id = request.staff.workspace_id
    names = {source.id: source.name for source in workspaces.sources(workspace_id)}
    with pool().connection() as connection:
        found = dictionary.entry_of(connection, workspace_id, field)
        if found is None:
            raise Http404("no such name in the catalogue")
        troubles = problems.find(connection, workspace_id, problems.Wanted(field=field)).problems
        values = rehearsal.values_of_examples(
            connection, workspace_id, field, [example for one in troubles for example in one.examples]
        )
        inside = (
            dictionary.find(
                connection,
                workspace_id,
                Wanted(kind="property", parent=field[2]),
                limit=PROPERTIES_SHOWN,
            ).entries
            if field[0] == "event"
            else []
        )
    masked = found.personal and not sees_pii(request)
    context: dict[str, Any] = {
        "line": line_of(found),
        "entry": found,
        "masked": masked,
        "types": _shares(found),
        "sources": [(source, names[source]) for source in found.sources if source in names],
        "properties": [line_of(one) for one in inside],
        "problems": [
            ShownProblem(
                one,
                names.get(one.source_id, ""),
                [
                    ShownExample(e.profile_id, e.event_id, e.at, "" if masked else values.get(e.event_id, ""))
                    for e in one.examples
                ],
            )
            for one in troubles
        ],
        "uses": uses_of(workspace_id, field),
        "value_types": VALUE_TYPES,
        "built_in": field[0] == "attribute" and field[2] in BUILT_IN,
        "can_block": not (field[0] == "event" and field[2] in UNBLOCKABLE),
        "parent_href": address_of(("event", "", field[1])) if field[1] else "",
        "undo": text_of(request, "undo", longest=8000) if request.method == "GET" else "",
        "wrong": error_in_words(wrong) if wrong else "",
        "wrong_detail": str(wrong) if isinstance(wrong, InvalidDeclaration) else "",
        "form": form or {"type": found.declared_type or "", "allowed": _lines_of(found.allowed)},
    }
    return render(request, "console/catalogue/entry.html", context, status=status)


def _shares(found: Entry) -> list[tuple[str, int, int]]:
    """(type, values, percent), the most frequent first."""
    total = sum(found.types.values())
    return [
        (name, count, round(100 * count / total))
        for name, count in sorted(found.types.items(), key=lambda item: (-item[1], item[0]))
    ]


def _lines_of(allowed: list[Any] | None) -> str:
    return "\n".join(str(value) for value in allowed or [])
