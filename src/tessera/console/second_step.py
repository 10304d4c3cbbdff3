"""What a session remembers of proving who somebody is: half a log-in, a passkey's challenge, when they last proved it.

Half a log-in is not a log-in: the session knows which account gave the right password, and nothing else. `request.user`
stays a stranger until the second step, so no view can be reached by it.
"""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec
from uuid import UUID

from django.contrib.auth import get_user_model, login
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.http import HttpResponseClientRedirect
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

from tessera.access import actions as access
from tessera.access.queries import staff_of
from tessera.console.permissions import StaffRequest

P = ParamSpec("P")

PENDING_SECONDS: Final = 600
CHALLENGE_SECONDS: Final = 300
FRESH_SECONDS: Final = 900
"""How long a proof counts for changes that matter to security."""

_BACKEND: Final = "tessera.console.admission.StaffBackend"
_PENDING: Final = "second_step"
_CHALLENGE: Final = "passkey_challenge"
_PROVED: Final = "proved_at"


def begin_second_step(request: HttpRequest, account: Any, target: str) -> None:
    """The password was right. Whatever the session was, it is a new one now, under a new key."""
    request.session.flush()
    request.session[_PENDING] = {
        "account": str(account.pk),
        "hash": account.get_session_auth_hash(),
        "at": int(time.time()),
        "next": target,
    }


def half_logged_in(request: HttpRequest) -> tuple[Any, str] | None:
    """The account that gave its password in this session a moment ago, and where it wanted to go."""
    held = request.session.get(_PENDING)
    if not isinstance(held, dict) or held["at"] < time.time() - PENDING_SECONDS:
        return None
    account = get_user_model()._default_manager.filter(pk=UUID(held["account"]), is_active=True).first()
    if account is None or account.get_session_auth_hash() != held["hash"] or staff_of(account.pk) is None:
        return None
    return account, str(held["next"])


def finish_log_in(request: HttpRequest, account: Any, *, by: str) -> None:
    """In, with a new session key. `by` says how, for the audit trail."""
    request.session.pop(_PENDING, None)
    login(request, account, backend=_BACKEND)
    request.session.clear_expired()  # log-ins are seldom enough, and nothing else sweeps them up
    note_proof(request)
    staff = staff_of(account.pk)
    if staff is not None:
        access.record_audit(
            workspace_id=staff.workspace_id,
            actor=staff.email,
            action="log_in",
            target=staff.email,
            detail={"by": by},
        )


def note_proof(request: HttpRequest) -> None:
    request.session[_PROVED] = int(time.time())


def proved_lately(request: HttpRequest) -> bool:
    at = request.session.get(_PROVED)
    return isinstance(at, int) and at >= time.time() - FRESH_SECONDS


def freshly_proved(
    view: Callable[Concatenate[StaffRequest, P], HttpResponseBase],
) -> Callable[Concatenate[StaffRequest, P], HttpResponseBase]:
    """Ask for the factor (the password of who has none) again before a view that matters, unless just done.

    Whoever posted a form comes back to the form's page, not to the form's address.
    """

    @wraps(view)
    def asked(request: StaffRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if proved_lately(request):
            return view(request, *args, **kwargs)
        return ask_for_proof(request)

    asked.asks_for_proof = True  # type: ignore[attr-defined]
    return asked


def ask_for_proof(request: HttpRequest, *, back: str = "") -> HttpResponse:
    """To the page that asks, and from there `back`: for a file, which is no page to come back to."""
    here = back or (request.get_full_path() if request.method == "GET" else request.headers.get("Referer", ""))
    query = QueryDict(mutable=True)
    query["next"] = safe_target(request, here)
    address = f"{reverse('console:prove')}?{query.urlencode(safe='/')}"
    return HttpResponseClientRedirect(address) if request.headers.get("HX-Request") else redirect(address)


def safe_target(request: HttpRequest, target: str) -> str:
    """The address where it is one of ours, else the first page."""
    safe = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return target if target and safe else reverse("console:home")


def remember_challenge(request: HttpRequest, challenge: bytes) -> None:
    request.session[_CHALLENGE] = {"value": bytes_to_base64url(challenge), "at": int(time.time())}


def take_challenge(request: HttpRequest) -> bytes | None:
    """The challenge of this session, once; None when there is none or it is too old."""
    held = request.session.pop(_CHALLENGE, None)
    if not isinstance(held, dict) or held["at"] < time.time() - CHALLENGE_SECONDS:
        return None
    return base64url_to_bytes(held["value"])


def before_second_factor(
    view: Callable[Concatenate[StaffRequest, P], HttpResponseBase],
) -> Callable[Concatenate[StaffRequest, P], HttpResponseBase]:
    """Marks the few views open to somebody who must set up a second factor first."""
    view.before_second_factor = True  # type: ignore[attr-defined]
    return view
