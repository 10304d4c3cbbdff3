"""Sources: where events come from, their keys and how to install them."""

from collections.abc import Callable
from typing import Any, Final

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from tessera.console.forms import KeyForm, SourceForm
from tessera.console.permissions import Ability, StaffRequest, abilities_of, requires
from tessera.console.snippets import snippets_for
from tessera.console.views.home import source_lines
from tessera.console.words import error_in_words
from tessera.events import problems as quality
from tessera.foundation.errors import NotFound, TesseraError
from tessera.foundation.pool import pool
from tessera.foundation.settings import settings
from tessera.workspaces import actions, queries
from tessera.workspaces.origins import InvalidOrigin
from tessera.workspaces.queries import SourceFacts, WriteKeyFacts

PROBLEMS_SHOWN: Final = 5


@require_GET
@requires(Ability.READ)
def sources(request: StaffRequest) -> HttpResponse:
    lines = source_lines(queries.sources(request.staff.workspace_id))
    return render(request, "console/sources.html", {"lines": lines})


@require_http_methods(["GET", "POST"])
@requires(Ability.MANAGE_SOURCES)
def new_source(request: StaffRequest) -> HttpResponse:
    """Make a source with its first write key, so that the next page has everything an installation needs."""
    workspace_id, actor = request.staff.workspace_id, request.staff.email
    form = SourceForm(request.POST or None, workspace_id=workspace_id)
    if request.method == "POST" and form.is_valid():
        try:
            made = actions.create_source(workspace_id=workspace_id, actor=actor, **_fields(form))
            actions.create_write_key(made.id, workspace_id=workspace_id, name=_("First key"), actor=actor)
        except TesseraError as error:
            _blame(form, error)
        else:
            messages.success(request, _("The source is ready. Send it a first event with one of the snippets below."))
            return redirect("console:source", source_id=made.id)
    return render(request, "console/source_form.html", {"form": form}, status=400 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@requires(Ability.MANAGE_SOURCES)
def edit_source(request: StaffRequest, source_id: int) -> HttpResponse:
    source = find_source(request, source_id)
    workspace_id = request.staff.workspace_id
    initial = {
        "name": source.name,
        "kind": source.kind,
        "brand_id": source.brand_id,
        "allowed_origins": "\n".join(source.allowed_origins),
    }
    form = SourceForm(request.POST or None, initial=initial, workspace_id=workspace_id)
    if request.method == "POST" and form.is_valid():
        try:
            actions.change_source(source_id, workspace_id=workspace_id, actor=request.staff.email, **_fields(form))
        except TesseraError as error:
            _blame(form, error)
        else:
            messages.success(request, _("Saved. Collect follows within a few seconds."))
            return redirect("console:source", source_id=source_id)
    context = {"form": form, "source": source}
    return render(request, "console/source_form.html", context, status=400 if form.errors else 200)


def _fields(form: SourceForm) -> dict[str, Any]:
    return {"brand_id": None, **form.cleaned_data}


def _blame(form: SourceForm, error: TesseraError) -> None:
    fields = {"source_exists": "name", "invalid_origin": "allowed_origins", "too_many_origins": "allowed_origins"}
    form.add_error(fields.get(error.code), _origin_in_words(error) or error_in_words(error))


def _origin_in_words(error: TesseraError) -> str:
    """Which line will not do, and what was probably meant."""
    if not isinstance(error, InvalidOrigin):
        return ""
    if error.hint:
        return _("“%(text)s” is not a web origin. Did you mean %(hint)s?") % {"text": error.text, "hint": error.hint}
    return _("“%(text)s” is not a web origin. Write it as https://shop.example.") % {"text": error.text}


@require_GET
@requires(Ability.READ)
def source(request: StaffRequest, source_id: int) -> HttpResponse:
    return _source_page(request, source_id, KeyForm())


def _source_page(request: StaffRequest, source_id: int, form: KeyForm, *, status: int = 200) -> HttpResponse:
    found = find_source(request, source_id)
    (line,) = source_lines([found])
    keys: list[WriteKeyFacts] = []
    if Ability.MANAGE_SOURCES in abilities_of(request.staff):
        keys = queries.write_keys(request.staff.workspace_id, source_id=source_id)
    usable = next((key.key for key in keys if key.revoked_at is None), None)
    with pool().connection() as connection:
        wanted = quality.Wanted(source_id=source_id, open=True)
        troubles = quality.find(connection, found.workspace_id, wanted, limit=PROBLEMS_SHOWN).problems
    context = {
        "line": line,
        "source": found,
        "keys": keys,
        "key_form": form,
        "has_key": usable is not None,
        "snippets": snippets_for(found.kind, key=usable or "WRITE_KEY", collect=settings().public_collect_url),
        "problems": troubles,
    }
    return render(request, "console/source.html", context, status=status)


@require_POST
@requires(Ability.MANAGE_SOURCES)
def new_key(request: StaffRequest, source_id: int) -> HttpResponse:
    find_source(request, source_id)
    form = KeyForm(request.POST)
    if not form.is_valid():
        return _source_page(request, source_id, form, status=400)
    workspace_id, actor = request.staff.workspace_id, request.staff.email
    actions.create_write_key(source_id, workspace_id=workspace_id, name=form.cleaned_data["name"], actor=actor)
    messages.success(request, _("The key works within a few seconds."))
    return redirect("console:source", source_id=source_id)


@require_POST
@requires(Ability.MANAGE_SOURCES)
def revoke_key(request: StaffRequest, source_id: int, key_id: int) -> HttpResponse:
    find_source(request, source_id)
    workspace_id, actor = request.staff.workspace_id, request.staff.email
    if not any(key.id == key_id for key in queries.write_keys(workspace_id, source_id=source_id)):
        raise Http404
    actions.revoke_write_key(key_id, workspace_id=workspace_id, now=timezone.now(), actor=actor)
    messages.success(request, _("The key is revoked. Clients that still use it are refused within 5 seconds."))
    return redirect("console:source", source_id=source_id)


@require_POST
@requires(Ability.MANAGE_SOURCES)
def disable_source(request: StaffRequest, source_id: int) -> HttpResponse:
    def disable(workspace_id: int, actor: str) -> None:
        actions.disable_source(source_id, workspace_id=workspace_id, now=timezone.now(), actor=actor)

    return _switch(request, source_id, disable, _("The source is disabled: what it sends is refused."))


@require_POST
@requires(Ability.MANAGE_SOURCES)
def enable_source(request: StaffRequest, source_id: int) -> HttpResponse:
    def enable(workspace_id: int, actor: str) -> None:
        actions.enable_source(source_id, workspace_id=workspace_id, actor=actor)

    return _switch(request, source_id, enable, _("The source may send again."))


def _switch(request: StaffRequest, source_id: int, act: Callable[[int, str], None], said: str) -> HttpResponse:
    try:
        act(request.staff.workspace_id, request.staff.email)
    except NotFound:
        raise Http404 from None
    messages.success(request, said)
    return redirect("console:source", source_id=source_id)


def find_source(request: StaffRequest, source_id: int) -> SourceFacts:
    """The source, when it is of the viewer's workspace; else 404."""
    found = queries.source_by_id(request.staff.workspace_id, source_id) if source_id < 2**31 else None
    if found is None:
        raise Http404("no such source in this workspace")
    return found
