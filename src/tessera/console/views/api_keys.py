"""API keys: which programs may do what, made and revoked."""

from typing import Final

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from tessera.access import actions, queries
from tessera.access.scopes import SCOPES
from tessera.console.permissions import Ability, StaffRequest, requires, scopes_of
from tessera.console.second_step import freshly_proved
from tessera.console.staff_forms import ApiKeyForm
from tessera.console.words import SCOPE_ROOMS, error_in_words, scope_in_words
from tessera.foundation.errors import NotFound, TesseraError

LARGEST_ID: Final = 2**63 - 1


@require_GET
@requires(Ability.MANAGE_KEYS)
def api_keys(request: StaffRequest) -> HttpResponse:
    keys = queries.api_keys(request.staff.workspace_id)
    keys.sort(key=lambda key: (key.revoked_at is not None, -key.id))
    lines = [(key, [scope_in_words(scope) for scope in key.scopes]) for key in keys]
    return render(request, "console/keys/list.html", {"lines": lines})


@require_http_methods(["GET", "POST"])
@requires(Ability.MANAGE_KEYS)
@freshly_proved
def new_api_key(request: StaffRequest) -> HttpResponse:
    """Make a key; it is shown on the answer and never again."""
    form = ApiKeyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = actions.create_api_key(
                workspace_id=request.staff.workspace_id,
                name=form.cleaned_data["name"],
                scopes=form.cleaned_data["scopes"],
                actor=request.staff.email,
                held=scopes_of(request.staff),
                made_by=request.staff.account_id,
            )
        except TesseraError as error:
            form.add_error("scopes", error_in_words(error))
        else:
            return render(request, "console/keys/made.html", {"token": made.token, "name": form.cleaned_data["name"]})
    chosen = set(request.POST.getlist("scopes"))
    context = {"form": form, "groups": _groups(set(scopes_of(request.staff)), chosen)}
    return render(request, "console/keys/new.html", context, status=400 if form.errors else 200)


def _groups(held: set[str], chosen: set[str]) -> list[tuple[str, list[tuple[str, str, bool, bool]]]]:
    """Scopes by room: (scope, words, whether the maker may give it, whether it is ticked)."""
    grouped: dict[str, list[tuple[str, str, bool, bool]]] = {}
    for scope in SCOPES:
        line = (scope, scope_in_words(scope), scope in held, scope in chosen)
        grouped.setdefault(scope.partition(":")[0], []).append(line)
    return [(str(SCOPE_ROOMS.get(room, room)), lines) for room, lines in grouped.items()]


@require_POST
@requires(Ability.MANAGE_KEYS)
@freshly_proved
def revoke_api_key(request: StaffRequest, key_id: int) -> HttpResponse:
    try:
        actions.revoke_api_key(
            min(key_id, LARGEST_ID),
            workspace_id=request.staff.workspace_id,
            now=timezone.now(),
            actor=request.staff.email,
        )
    except NotFound:
        raise Http404 from None
    messages.success(request, _("The key is revoked. Programs that still use it are refused from now on."))
    return redirect("console:api_keys")
