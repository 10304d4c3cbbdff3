"""What staff say about a person as a whole: the status, the test mark, the picture."""

from collections.abc import Callable
from typing import Any, Final, cast, get_args
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseNotModified
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from tessera.access.audit import record_audit_on
from tessera.console.permissions import Ability, StaffRequest, requires
from tessera.console.toasts import toast
from tessera.console.views.card import find_person
from tessera.console.words import error_in_words
from tessera.foundation.errors import TesseraError
from tessera.foundation.pool import pool
from tessera.intake import standing
from tessera.profiles.avatars import Size, avatar_of
from tessera.profiles.pictures import CONTENT_TYPE, MAX_BYTES

_KEPT: Final = "private, no-cache"
"""A browser may keep a face and asks each time whether it still may show it: after an erasure, or for somebody who may
no longer see personal data, the answer is no."""


@require_POST
@requires(Ability.CHANGE_PEOPLE)
def status(request: StaffRequest, profile_id: UUID) -> HttpResponse:
    """Set the global status, with the reason that was typed in."""
    wanted, reason = request.POST.get("status", ""), request.POST.get("reason", "").strip()

    def act(connection: Any, **about: Any) -> None:
        standing.change_status(connection, status=wanted, reason=reason, **about)

    done = _("The status is changed.")
    return _changed(request, profile_id, "change_status", act, done, status=wanted, reason=reason)


@require_POST
@requires(Ability.CHANGE_PEOPLE)
def test_subscriber(request: StaffRequest, profile_id: UUID) -> HttpResponse:
    """Mark the person as one of ours, or take the mark away (`on` is 1 or 0)."""
    on = request.POST.get("on") == "1"

    def act(connection: Any, **about: Any) -> None:
        standing.mark_test_subscriber(connection, on=on, **about)

    done = _("This is a test subscriber now.") if on else _("This is no test subscriber any more.")
    return _changed(request, profile_id, "mark_test_subscriber", act, done, test_subscriber=on)


@require_POST
@requires(Ability.CHANGE_PEOPLE)
def change_avatar(request: StaffRequest, profile_id: UUID) -> HttpResponse:
    """Take the uploaded file as the picture. One byte more than may be is read, to see that it is too much."""
    upload = request.FILES.get("picture")
    raw = upload.read(MAX_BYTES + 1) if upload is not None and not isinstance(upload, list) else b""

    def act(connection: Any, **about: Any) -> None:
        standing.change_avatar(connection, raw=raw, **about)

    return _changed(request, profile_id, "change_avatar", act, _("The picture is changed."))


@require_POST
@requires(Ability.CHANGE_PEOPLE)
def remove_avatar(request: StaffRequest, profile_id: UUID) -> HttpResponse:
    """Delete the picture."""
    return _changed(request, profile_id, "remove_avatar", standing.remove_avatar, _("The picture is removed."))


@require_GET
@requires(Ability.SEE_PII)
def avatar(request: StaffRequest, profile_id: UUID, digest: str, size: str) -> HttpResponse:
    """The picture of one profile, when this is the one it has. A face is personal data."""
    if size not in get_args(Size):
        raise Http404("there is no such size")
    with pool().connection() as connection:
        found = avatar_of(connection, request.staff.workspace_id, profile_id, size=cast(Size, size))
    if found is None or found[0] != digest:
        raise Http404("no such picture in this workspace")
    kept = {"Cache-Control": _KEPT, "ETag": f'"{digest}"'}
    if request.headers.get("If-None-Match") == kept["ETag"]:
        return HttpResponseNotModified(headers=kept)
    headers = kept | {
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Content-Disposition": "inline",
        "X-Content-Type-Options": "nosniff",
    }
    return HttpResponse(found[1], content_type=CONTENT_TYPE, headers=headers)


def _changed(
    request: StaffRequest, profile_id: UUID, action: str, act: Callable[..., Any], done: str, **detail: Any
) -> HttpResponse:
    """Carry out `act` with its audit entry, which is rolled back with it, and go back to the card."""
    staff = request.staff
    person = find_person(staff.workspace_id, profile_id)
    about = {"workspace_id": staff.workspace_id, "profile_id": person.profile_id, "actor": staff.email}
    try:
        with pool().connection() as connection, connection.transaction():
            act(connection, **about, now=timezone.now())
            record_audit_on(
                connection,
                workspace_id=staff.workspace_id,
                actor=staff.email,
                action=action,
                target=f"profile:{person.profile_id}",
                detail=detail,
            )
    except TesseraError as error:
        messages.error(request, error_in_words(error))
    else:
        toast(request, done)
    return redirect("console:person", profile_id=person.profile_id)
