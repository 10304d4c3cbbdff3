"""Who gets in: only accounts with a staff row in force, looked up again at every request."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth import REDIRECT_FIELD_NAME, get_user_model, logout
from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone, translation
from django_htmx.http import HttpResponseClientRedirect

from tessera.access.queries import StaffFacts, staff_of

GetResponse = Callable[[HttpRequest], HttpResponseBase]
API = "/api/"
"""The management API lives on this port too and lets in by key, never by session."""


class StaffBackend(ModelBackend):
    """Password log-in of staff.

    An unknown address, a wrong password and an account without a staff row take the same time (the password is hashed
    in each case) and get the same answer.
    """

    def user_can_authenticate(self, user: Any) -> bool:
        return user is not None and user.is_active and staff_of(user.pk) is not None

    def get_user(self, user_id: Any) -> Any:
        """The account of a session; whether it is staff still is for `StaffOnly` to say, in one query for both."""
        return get_user_model()._default_manager.filter(pk=user_id, is_active=True).first()


class StaffOnly:
    """Every view asks for a member of staff unless it is marked `login_not_required` or belongs to the API.

    Sets `request.staff`. Somebody of whom a second factor is demanded and who has none is led to setting one up,
    whatever they asked for. Somebody who was revoked, or whose account was closed, is out at the next request.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        timezone.deactivate()  # the thread's last request may have had another reader
        return self._get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, _args: tuple[Any, ...], _kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        if request.path.startswith(API) or not getattr(view, "login_required", True):
            return None
        staff = current_staff(request)
        if staff is None:
            if request.user.is_authenticated:
                logout(request)
            return _to_login(request)
        request.staff = staff  # type: ignore[attr-defined]
        if staff.language:
            translation.activate(staff.language)
            request.LANGUAGE_CODE = staff.language
        if staff.time_zone:
            timezone.activate(staff.time_zone)
        if staff.must_set_up_second_factor and not getattr(view, "before_second_factor", False):
            return _to_security(request)
        return None


def current_staff(request: HttpRequest) -> StaffFacts | None:
    """The member of staff behind the session, while in force."""
    return staff_of(request.user.pk) if request.user.is_authenticated else None


def _to_security(request: HttpRequest) -> HttpResponse:
    """Nothing else is served to somebody of whom a second factor is demanded and who has none."""
    address = reverse("console:security")
    return HttpResponseClientRedirect(address) if request.headers.get("HX-Request") else redirect(address)


def _to_login(request: HttpRequest) -> HttpResponse:
    """To the log-in page, and back here afterwards; a fragment's page is sent there whole."""
    here = request.get_full_path()
    if request.headers.get("HX-Request"):
        return HttpResponseClientRedirect(reverse("console:login"))
    if request.method not in {"GET", "HEAD"} or here == "/":
        return redirect("console:login")
    query = QueryDict(mutable=True)
    query[REDIRECT_FIELD_NAME] = here
    return redirect(f"{reverse('console:login')}?{query.urlencode(safe='/')}")
