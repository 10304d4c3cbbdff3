"""The second step of a log-in, logging in by passkey, and proving oneself again before a change that matters."""

from typing import Any
from uuid import UUID

from django.contrib.auth import authenticate, get_user_model
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from tessera.access.passkeys import (
    PasskeyRefused,
    account_by_passkey,
    authentication_options,
    relying_party,
)
from tessera.access.queries import FactorFacts, factors_of, staff_of
from tessera.access.second_factor import SecondFactorRefused, check_recovery_code, check_totp
from tessera.console.admission import current_staff
from tessera.console.forms import LoginForm
from tessera.console.permissions import Ability, StaffRequest, requires
from tessera.console.second_step import (
    before_second_factor,
    finish_log_in,
    half_logged_in,
    note_proof,
    remember_challenge,
    safe_target,
    take_challenge,
)
from tessera.console.staff_forms import CodeForm, ProofForm
from tessera.console.words import error_in_words


@login_not_required
@sensitive_post_parameters("code")
@require_http_methods(["GET", "POST"])
def second_step(request: HttpRequest) -> HttpResponse:
    """A code of the authenticator app or a recovery code, after the right password."""
    if current_staff(request) is not None:
        return redirect("console:home")
    half = half_logged_in(request)
    if half is None:
        return redirect("console:login")
    account, target = half
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            by = _opened_by(account.pk, form.cleaned_data["code"])
        except SecondFactorRefused as error:
            form.add_error("code", error_in_words(error))
            return _second_step_page(request, account, form, status=429)
        if by is not None:
            finish_log_in(request, account, by=by)
            return redirect(safe_target(request, target))
        form.add_error("code", _("That code is not right, or was used already. Wait for the next one."))
    return _second_step_page(request, account, form, status=400 if form.errors else 200)


def _opened_by(account_id: UUID, code: str) -> str | None:
    """What kind of code this is, where it is right: six digits are the app's, everything else a recovery code."""
    digits = "".join(code.split())
    if digits.isascii() and digits.isdigit() and len(digits) == 6:
        return "totp" if check_totp(account_id, digits, now=timezone.now()) else None
    return "recovery_code" if check_recovery_code(account_id, code, now=timezone.now()) else None


def _second_step_page(request: HttpRequest, account: Any, form: CodeForm, *, status: int) -> HttpResponse:
    factors = factors_of(account.pk)
    context = {"form": form, "factors": factors, "offers_passkey": _offers_passkey(factors)}
    response = render(request, "console/second_step.html", context, status=status)
    if status == 429:
        response["Retry-After"] = "900"
    return response


def _offers_passkey(factors: FactorFacts) -> bool:
    return bool(factors.passkeys) and relying_party() is not None


@login_not_required
@require_POST
def passkey_options(request: HttpRequest) -> HttpResponse:
    """What the browser is to ask of its passkeys: of the account's own, or of whichever the visitor has."""
    staff, half = current_staff(request), half_logged_in(request)
    account_id = staff.account_id if staff else half[0].pk if half else None
    try:
        options, challenge = authentication_options(account_id)
    except PasskeyRefused as error:
        return HttpResponse(error_in_words(error), status=400, content_type="text/plain")
    remember_challenge(request, challenge)
    return HttpResponse(options, content_type="application/json")


@login_not_required
@sensitive_post_parameters("answer")
@require_POST
def passkey_log_in(request: HttpRequest) -> HttpResponse:
    """In by passkey: as the second step, or without a password. One answer for every kind of failure."""
    half = half_logged_in(request)
    challenge = take_challenge(request)
    account = _account_of_passkey(request.POST.get("answer", ""), challenge) if challenge else None
    if account is None or (half is not None and half[0].pk != account.pk):
        said = _("That passkey does not open anything here. Try again, or use another way.")
        template = "console/second_step.html" if half else "console/login.html"
        return render(request, template, _refused_context(request, half, said), status=400)
    target = half[1] if half else request.POST.get("next", "")
    finish_log_in(request, account, by="passkey")
    return redirect(safe_target(request, target))


def _refused_context(request: HttpRequest, half: tuple[Any, str] | None, said: str) -> dict[str, Any]:
    from_login = {"passkeys": relying_party() is not None, "next": request.POST.get("next", "")}
    form = LoginForm({"email": "", "password": ""}) if half is None else CodeForm({"code": ""})
    form.errors.clear()
    form.add_error(None, said)
    factors = factors_of(half[0].pk) if half else None
    offers = _offers_passkey(factors) if factors else False
    return from_login | {"form": form, "factors": factors, "offers_passkey": offers}


def _account_of_passkey(answer: str, challenge: bytes) -> Any:
    try:
        account_id = account_by_passkey(answer, challenge=challenge, now=timezone.now())
    except PasskeyRefused:
        return None
    account = get_user_model()._default_manager.filter(pk=account_id, is_active=True).first()
    return account if account is not None and staff_of(account_id) is not None else None


@sensitive_post_parameters("secret", "answer")
@require_http_methods(["GET", "POST"])
@requires(Ability.READ)
@before_second_factor
def prove(request: StaffRequest) -> HttpResponse:
    """Before a change that matters to security: prove it again; good for 15 minutes.

    By a code or a passkey; by the password only where the account has no second factor. Else whoever found a browser
    open and knows the password would change what the second factor is there to guard.
    """
    target = safe_target(request, request.POST.get("next") or request.GET.get("next", ""))
    factors = factors_of(request.staff.account_id)
    form = ProofForm(request.POST or None, by_code=factors.any)
    status = 200
    if request.method == "POST":
        refusal = _unproved(request, form, factors)
        if refusal is None:
            note_proof(request)
            return redirect(target)
        form.errors.clear()
        form.add_error("secret" if "answer" not in request.POST else None, refusal)
        status = 400
    context = {"form": form, "next": target, "factors": factors, "offers_passkey": _offers_passkey(factors)}
    return render(request, "console/prove.html", context, status=status)


def _unproved(request: StaffRequest, form: ProofForm, factors: FactorFacts) -> str | None:
    """Why what was given proves nothing; None where it does."""
    staff = request.staff
    if "answer" in request.POST:
        challenge = take_challenge(request)
        account = _account_of_passkey(request.POST["answer"], challenge) if challenge else None
        right = account is not None and account.pk == staff.account_id
        return None if right else _("That passkey does not open anything here. Try again, or use another way.")
    if not form.is_valid():
        return _("Type a code.") if factors.any else _("Type your password.")
    given = form.cleaned_data["secret"]
    if not factors.any:
        right = authenticate(request, email=staff.email, password=given) is not None
        return None if right else _("That is not your password.")
    try:
        right = _opened_by(staff.account_id, given) is not None
    except SecondFactorRefused as error:
        return error_in_words(error)
    return None if right else _("That code is not right, or was used already. Wait for the next one.")
