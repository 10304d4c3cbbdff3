"""In and out: log-in, log-out, one's password and language."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import (
    REDIRECT_FIELD_NAME,
    authenticate,
    get_user_model,
    logout,
    update_session_auth_hash,
)
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from tessera.access import actions as access
from tessera.access.passkeys import relying_party
from tessera.access.queries import factors_of
from tessera.console.admission import current_staff
from tessera.console.forms import LoginForm, PasswordForm
from tessera.console.permissions import Ability, StaffRequest, requires
from tessera.console.second_step import begin_second_step, finish_log_in, note_proof, safe_target
from tessera.console.throttle import address_has_to_wait
from tessera.console.words import error_in_words
from tessera.foundation.errors import TesseraError


@login_not_required
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def log_in(request: HttpRequest) -> HttpResponse:
    """One answer for an unknown e-mail, a wrong password and somebody who is not staff."""
    if request.method == "GET":
        return redirect("console:home") if current_staff(request) else _login_page(request, LoginForm())
    form = LoginForm(request.POST)
    if address_has_to_wait(request):
        return locked_out(request)
    if form.is_valid():
        account = authenticate(request, email=form.cleaned_data["email"], password=form.cleaned_data["password"])
        if account is not None:
            return _password_was_right(request, account)
        form.add_error(None, _("The e-mail or the password is not right."))
    return _login_page(request, form, status=400)


def _password_was_right(request: HttpRequest, account: Any) -> HttpResponse:
    """In, or on to the second step where the account has a second factor."""
    target = safe_target(request, request.POST.get(REDIRECT_FIELD_NAME, ""))
    if factors_of(account.pk).any:
        begin_second_step(request, account, target)
        return redirect("console:second_step")
    finish_log_in(request, account, by="password")
    return redirect(target)


def _login_page(request: HttpRequest, form: LoginForm, *, status: int = 200) -> HttpResponse:
    target = request.POST.get(REDIRECT_FIELD_NAME) or request.GET.get(REDIRECT_FIELD_NAME, "")
    context = {"form": form, "next": target, "passkeys": relying_party() is not None}
    return render(request, "console/login.html", context, status=status)


def locked_out(request: HttpRequest, _response: object = None, _credentials: object = None) -> HttpResponse:
    """What django-axes answers (429) once there were too many failures; the same whether the account exists or not."""
    form = LoginForm({"email": request.POST.get("email", "")[:254], "password": ""})
    form.errors.clear()
    form.add_error(None, _("Too many attempts. Wait a quarter of an hour, then try again."))
    response = _login_page(request, form, status=429)
    response["Retry-After"] = "900"
    return response


@require_POST
@login_not_required
def log_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    return redirect("console:login")


@sensitive_post_parameters("current", "new", "again")
@require_http_methods(["GET", "POST"])
@requires(Ability.READ)
def password(request: StaffRequest) -> HttpResponse:
    """Change one's own password; other sessions of the account end."""
    form = PasswordForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        known = authenticate(request, email=request.staff.email, password=form.cleaned_data["current"])
        if known is None:
            form.add_error("current", _("That is not your current password."))
        elif _set_password(request, form):
            messages.success(request, _("Your password is changed. Other browsers have to log in again."))
            return redirect("console:password")
    status = 400 if form.errors else 200
    return render(request, "console/password.html", {"form": form}, status=status)


def _set_password(request: StaffRequest, form: PasswordForm) -> bool:
    email = request.staff.email
    try:
        access.set_password(email, password=form.cleaned_data["new"], actor=email)
    except TesseraError as error:
        form.add_error("new", error_in_words(error))
        return False
    account = get_user_model()._default_manager.get(pk=request.staff.account_id)
    update_session_auth_hash(request, account)
    note_proof(request)
    return True


@require_POST
@login_not_required
def language(request: HttpRequest) -> HttpResponse:
    """Read the console in another language from now on: a cookie for strangers, remembered for staff."""
    code = request.POST.get("language", "")
    target = request.POST.get(REDIRECT_FIELD_NAME, "")
    response = redirect(safe_target(request, target))
    if code in dict(settings.LANGUAGES):
        staff = current_staff(request)
        if staff is not None:
            access.change_language(staff.account_id, language=code)
        translation.activate(code)
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            code,
            max_age=365 * 24 * 3600,
            samesite="Lax",
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
        )
    return response
