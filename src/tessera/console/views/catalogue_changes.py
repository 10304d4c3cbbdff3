"""What staff decide about a name: declare, block, hide, flag, describe; each with an undo."""

from typing import Any, Final

import msgspec
from django.contrib import messages
from django.core import signing
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from tessera.console.permissions import Ability, StaffRequest, requires
from tessera.console.views.catalogue import address_of, entry_page, field_of, sees_pii, text_of
from tessera.console.words import error_in_words
from tessera.events import dictionary, rehearsal
from tessera.events.dictionary import Change, Changed, Settings, settings_of
from tessera.events.event import Field
from tessera.events.fitting import Declaration, InvalidDeclaration, declaration_of
from tessera.foundation.errors import NotFound, TesseraError
from tessera.foundation.pool import Connection, pool
from tessera.workspaces import queries as workspaces

_SALT: Final = "tessera.catalogue.undo"
UNDO_WITHIN: Final = 24 * 3600
"""Seconds for which a change can be undone by the button that comes with it."""


@require_POST
@requires(Ability.MANAGE_CATALOGUE)
def change_entry(request: StaffRequest) -> HttpResponse:
    """One decision; afterwards the entry's page with the way back."""
    field = field_of(request)
    try:
        with pool().connection() as connection, connection.transaction():
            changed = _carry_out(connection, request, field)
    except NotFound:
        raise Http404("no such name in the catalogue") from None
    except TesseraError as error:
        form = {"type": text_of(request, "type"), "allowed": text_of(request, "allowed", longest=20_000)}
        return entry_page(request, field, wrong=error, form=form, status=400)
    messages.success(request, _said(text_of(request, "action")))
    return redirect(address_of(field, undo=_undo_token(request, field, changed)))


def _carry_out(connection: Connection, request: StaffRequest, field: Field) -> Changed:
    known: dict[str, Any] = {
        "workspace_id": request.staff.workspace_id,
        "field": field,
        "actor": request.staff.email,
    }
    if text_of(request, "action") in ("unblock", "show"):
        return dictionary.unblock(connection, **known)
    return dictionary.change_entry(connection, **known, change=_change(request), expected=True)


def _change(request: StaffRequest) -> Change:
    match text_of(request, "action"):
        case "declare":
            if text_of(request, "kind") == "event":
                return Change(status="declared")
            type_name, allowed = _declared(request)
            return Change(declared_type=type_name, allowed=allowed)
        case "undeclare":
            return Change(status="seen")
        case "block":
            return Change(status="blocked")
        case "hide":
            return Change(status="hidden")
        case "personal":
            return Change(personal=True)
        case "not_personal":
            return Change(personal=False)
        case "describe":
            return Change(description=text_of(request, "description", longest=2_000))
    raise Http404("no such action")


def _declared(request: StaffRequest) -> tuple[str | None, list[Any] | None]:
    """The type and the allowed values of the form, one to a line."""
    lines = [line.strip() for line in text_of(request, "allowed", longest=50_000).splitlines()]
    return text_of(request, "type") or None, [line for line in lines if line] or None


def _said(action: str) -> str:
    return {
        "declare": _("Declared. Intake follows within a few seconds; profiles stay as they are."),
        "undeclare": _("The declaration is taken back."),
        "block": _("Blocked. Intake drops it within a few seconds."),
        "unblock": _("No longer blocked. What was dropped meanwhile does not come back."),
        "hide": _("Hidden: kept, and not offered any more."),
        "show": _("Shown again."),
        "personal": _("Flagged as personal data: masked for those who may not see it."),
        "not_personal": _("No longer flagged as personal data."),
        "describe": _("Saved."),
    }[action]


def _undo_token(request: StaffRequest, field: Field, changed: Changed) -> str:
    packed = {
        "workspace": request.staff.workspace_id,
        "field": field,
        "now": msgspec.to_builtins(settings_of(changed.entry)),
        "to": msgspec.to_builtins(changed.before),
    }
    return signing.dumps(packed, salt=_SALT, compress=True)


@require_POST
@requires(Ability.MANAGE_CATALOGUE)
def undo_entry(request: StaffRequest) -> HttpResponse:
    """Back to how it was, unless somebody decided otherwise meanwhile."""
    try:
        packed = signing.loads(text_of(request, "token", longest=20_000), salt=_SALT, max_age=UNDO_WITHIN)
    except signing.BadSignature:
        raise Http404("not an undo of ours") from None
    if packed["workspace"] != request.staff.workspace_id:
        raise Http404("not an undo of this workspace")
    kind, parent, name = packed["field"]
    field = (kind, parent, name)
    try:
        with pool().connection() as connection, connection.transaction():
            dictionary.restore(
                connection,
                workspace_id=request.staff.workspace_id,
                field=field,
                now=msgspec.convert(packed["now"], Settings),
                to=msgspec.convert(packed["to"], Settings),
                actor=request.staff.email,
            )
            there = dictionary.entry_of(connection, request.staff.workspace_id, field) is not None
    except TesseraError as error:
        messages.error(request, error_in_words(error))
        return redirect(address_of(field))
    messages.success(request, _("Undone."))
    return redirect(address_of(field) if there else "console:catalogue")


@require_GET
@requires(Ability.MANAGE_CATALOGUE)
def rehearse_entry(request: StaffRequest) -> HttpResponse:
    """What the declaration or the block would have done to the newest events."""
    field = field_of(request)
    wrong, declaration = "", None
    if text_of(request, "action") == "declare":
        try:
            declaration = _declaration(request)
        except InvalidDeclaration as error:
            wrong = str(error)
    sources = [source.id for source in workspaces.sources(request.staff.workspace_id)]
    with pool().connection() as connection:
        found = rehearsal.rehearse(connection, sources, field, declaration)
        entry = dictionary.entry_of(connection, request.staff.workspace_id, field)
    context = {
        "rehearsal": found,
        "field": field,
        "blocking": text_of(request, "action") == "block",
        "declared": declaration is not None,
        "misses": found.values - found.fitting,
        "masked": entry is not None and entry.personal and not sees_pii(request),
        "wrong": wrong,
    }
    return render(request, "console/catalogue/rehearsal.html", context)


def _declaration(request: StaffRequest) -> Declaration | None:
    type_name, allowed = _declared(request)
    return declaration_of(type_name, allowed) if type_name else None
