"""Imports: the list, and steps 4 and 5 of one: what the dry run found, how the run goes, what it came to."""

from collections.abc import Callable, Iterator
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import HttpResponseClientRefresh
from msgspec import Struct

from tessera.console.import_words import PROBLEMS, STATES, STOPPED, refusal_of
from tessera.console.permissions import Ability, StaffRequest, requires
from tessera.console.views.import_plan import find_import
from tessera.foundation.database import connect
from tessera.foundation.errors import TesseraError
from tessera.foundation.pool import pool
from tessera.imports import actions, queries
from tessera.imports.records import BUSY, Counts, ImportView, RowProblem

SHOWN_PROBLEMS: Final = 20


class ImportLine(Struct, frozen=True):
    """One import as screens show it. `percent` is how much of the file was read."""

    facts: ImportView
    state: str | Promise
    chip: str
    percent: int
    busy: bool
    counts: Counts
    dry: bool
    problem: str | Promise


class ProblemLine(Struct, frozen=True):
    facts: RowProblem
    words: str | Promise


@require_GET
@requires(Ability.IMPORT_PEOPLE)
def imports(request: StaffRequest) -> HttpResponse:
    with pool().connection() as connection:
        try:
            page = queries.imports(connection, request.staff.workspace_id, before=request.GET.get("before"))
        except queries.InvalidCursor as error:
            raise Http404(str(error)) from None
    context = {"lines": [_line(one) for one in page.imports], "next": page.next}
    return render(request, "console/imports.html", context)


@require_GET
@requires(Ability.IMPORT_PEOPLE)
@requires(Ability.SEE_PII)
def one(request: StaffRequest, import_id: UUID) -> HttpResponse:
    """Whatever an import needs next: go on with the plan, start, watch, mend, undo."""
    found = find_import(request, import_id)
    if found.state == "ready" and found.checked is None and not found.problem:
        return redirect("console:import_file", import_id=import_id)
    with pool().connection() as connection:
        problems = queries.row_problems(connection, request.staff.workspace_id, import_id, limit=SHOWN_PROBLEMS)
    lines = [ProblemLine(problem, PROBLEMS.get(problem.code, problem.detail)) for problem in problems]
    return render(request, "console/import.html", {"line": _line(found), "import": found, "problems": lines})


@require_GET
@requires(Ability.IMPORT_PEOPLE)
@requires(Ability.SEE_PII)
def progress(request: StaffRequest, import_id: UUID) -> HttpResponse:
    """How far it is; asked for every second while it goes on. Where its state changed, the page is shown anew."""
    found = find_import(request, import_id)
    if found.state not in BUSY or found.stalled or request.GET.get("state", found.state) != found.state:
        return HttpResponseClientRefresh()
    return render(request, "console/import_progress.html", {"line": _line(found), "import": found})


@require_GET
@requires(Ability.IMPORT_PEOPLE)
@requires(Ability.SEE_PII)
def errors(request: StaffRequest, import_id: UUID) -> StreamingHttpResponse:
    """Everything that was wrong, as CSV."""
    found = find_import(request, import_id)
    workspace_id = request.staff.workspace_id

    def body() -> Iterator[bytes]:
        with connect(autocommit=True) as connection:  # not the pool's: a slow reader must not keep one from the others
            yield from queries.error_file(connection, workspace_id, found.id)

    response = StreamingHttpResponse(body(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="import-errors-{str(found.id)[-6:]}.csv"'
    return response


@require_POST
@requires(Ability.IMPORT_PEOPLE)
def check(request: StaffRequest, import_id: UUID) -> HttpResponse:
    return _done(request, import_id, actions.check)


@require_POST
@requires(Ability.IMPORT_PEOPLE)
def start(request: StaffRequest, import_id: UUID) -> HttpResponse:
    def act(connection: Any, **where: Any) -> None:
        actions.start(connection, now=timezone.now(), **where)

    return _done(request, import_id, act)


@require_POST
@requires(Ability.IMPORT_PEOPLE)
def pause(request: StaffRequest, import_id: UUID) -> HttpResponse:
    return _done(request, import_id, actions.pause, _("It stops after the rows in hand."))


@require_POST
@requires(Ability.IMPORT_PEOPLE)
def cancel(request: StaffRequest, import_id: UUID) -> HttpResponse:
    said = _("It is cancelled. What was taken in before stays; undo removes it.")
    return _done(request, import_id, actions.cancel, said)


@require_POST
@requires(Ability.IMPORT_PEOPLE)
def resume(request: StaffRequest, import_id: UUID) -> HttpResponse:
    return _done(request, import_id, actions.resume)


@require_POST
@requires(Ability.IMPORT_PEOPLE)
def undo(request: StaffRequest, import_id: UUID) -> HttpResponse:
    return _done(request, import_id, actions.undo)


@require_POST
@requires(Ability.IMPORT_PEOPLE)
def delete(request: StaffRequest, import_id: UUID) -> HttpResponse:
    """Forget an import that never started, and its file."""
    answer = _done(request, import_id, actions.delete_import, _("The file is deleted."))
    return answer if _is_there(request, import_id) else redirect("console:imports")


def _is_there(request: StaffRequest, import_id: UUID) -> bool:
    try:
        find_import(request, import_id)
    except Http404:
        return False
    return True


def _done(request: StaffRequest, import_id: UUID, act: Callable[..., object], said: str = "") -> HttpResponse:
    """Do it and show the import; a refusal is said there."""
    staff = request.staff
    find_import(request, import_id)
    try:
        with pool().connection() as connection:
            act(connection, workspace_id=staff.workspace_id, import_id=import_id, actor=staff.email)
    except TesseraError as error:
        refusal = refusal_of(error)
        messages.error(request, refusal.title)
    else:
        if said:
            messages.success(request, said)
    return redirect("console:import", import_id=import_id)


def _line(found: ImportView) -> ImportLine:
    state, chip = STATES[found.state]
    if found.state == "ready" and found.checked is not None:
        state = _("dry run done")
    dry = found.checked is not None and found.state == "ready"
    counts = found.checked if dry and found.checked is not None else found.counts
    busy = found.state in BUSY and not found.stalled
    problem = STOPPED.get(found.problem_code, found.problem)
    return ImportLine(found, state, chip, int(found.progress * 100), busy, counts, dry, problem)
