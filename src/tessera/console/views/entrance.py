"""In and out: log-in, log-out, one's password and language."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import (
    REDIRECT_FIELD_NAME,
    authenticate,
    get_user_model,
    login,
    logout,
    update_session_auth_hash,
)
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from tessera.access import actions as access
from tessera.access.queries import staff_of
from tessera.console.admission import current_staff
from tessera.console.forms import LoginForm, PasswordForm
from tessera.console.permissions import Ability, StaffRequest, requires
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
            login(request, account)
            request.session.clear_expired()  # log-ins are seldom enough, and nothing else sweeps them up
            _note_login(account.pk)
            return redirect(_where_to(request))
        form.add_error(None, _("The e-mail or the password is not right."))
    return _login_page(request, form, status=400)


def _note_login(account_id: object) -> None:
    staff = staff_of(account_id)  # type: ignore[arg-type]
    if staff is not None:
        access.record_audit(workspace_id=staff.workspace_id, actor=staff.email, action="log_in", target=staff.email)


def _where_to(request: HttpRequest) -> str:
    """Back to the page that asked for the log-in, when it is one of ours."""
    target = request.POST.get(REDIRECT_FIELD_NAME, "")
    safe = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return target if target and safe else reverse("console:home")


def _login_page(request: HttpRequest, form: LoginForm, *, status: int = 200) -> HttpResponse:
    target = request.POST.get(REDIRECT_FIELD_NAME) or request.GET.get(REDIRECT_FIELD_NAME, "")
    return render(request, "console/login.html", {"form": form, "next": target}, status=status)


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
    return True


@require_POST
@login_not_required
def language(request: HttpRequest) -> HttpResponse:
    """Read the console in another language from now on: a cookie for strangers, remembered for staff."""
    code = request.POST.get("language", "")
    target = request.POST.get(REDIRECT_FIELD_NAME, "")
    safe = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    response = redirect(target if target and safe else "console:home")
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
