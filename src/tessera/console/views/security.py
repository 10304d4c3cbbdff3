"""One's own security: authenticator app, passkeys, recovery codes, other browsers. Open to every member of staff."""

from uuid import UUID

import segno
from django.contrib import messages
from django.contrib.auth import get_user_model, update_session_auth_hash
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from tessera.access import passkeys, second_factor, staffing
from tessera.access.queries import factors_of
from tessera.console.permissions import Ability, StaffRequest, requires
from tessera.console.second_step import (
    before_second_factor,
    freshly_proved,
    remember_challenge,
    take_challenge,
)
from tessera.console.staff_forms import ConfirmTotpForm, PasskeyForm
from tessera.console.views.staff import by_of
from tessera.console.words import error_in_words
from tessera.foundation.errors import NotFound, TesseraError


@require_GET
@requires(Ability.READ)
@before_second_factor
def security(request: StaffRequest) -> HttpResponse:
    return _page(request, PasskeyForm())


def _page(request: StaffRequest, form: PasskeyForm, *, status: int = 200) -> HttpResponse:
    context = {
        "factors": factors_of(request.staff.account_id),
        "passkeys_possible": passkeys.relying_party() is not None,
        "passkey_form": form,
    }
    return render(request, "console/security.html", context, status=status)


@require_POST
@requires(Ability.READ)
@before_second_factor
@freshly_proved
def begin_totp(request: StaffRequest) -> HttpResponse:
    """A new secret, which counts once a code of it was typed in."""
    try:
        second_factor.begin_totp(request.staff.account_id)
    except TesseraError as error:
        return _refused(request, error)
    return redirect("console:totp")


@sensitive_post_parameters("code")
@require_http_methods(["GET", "POST"])
@requires(Ability.READ)
@before_second_factor
@freshly_proved
def totp(request: StaffRequest) -> HttpResponse:
    """The picture to be photographed, and the first code of it."""
    account_id = request.staff.account_id
    enrolment = second_factor.pending_totp(account_id)
    if enrolment is None:
        return redirect("console:security")
    form = ConfirmTotpForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        codes = second_factor.confirm_totp(account_id, form.cleaned_data["code"], now=timezone.now())
        if codes is not None:
            return _factor_added(request, codes, _("The authenticator app is set up."))
        form.add_error("code", _("That is not the code we expect. Check the clock of your telephone."))
    letters = enrolment.secret
    context = {
        "form": form,
        "picture": _picture(enrolment.address),
        "secret": " ".join(letters[start : start + 4] for start in range(0, len(letters), 4)),
    }
    return render(request, "console/totp.html", context, status=400 if form.errors else 200)


def _picture(address: str) -> SafeString:
    """The QR code as SVG that scales; segno writes attributes only, which the policy for styles does not touch."""
    code = segno.make(address, error="m", micro=False)
    # Made of numbers: the address is in the picture's squares, not in its text.
    return mark_safe(  # noqa: S308  # nosec B308 B703
        code.svg_inline(border=2, omitsize=True, svgclass="qr", lineclass=None, dark="#000", light="#fff")
    )


def _factor_added(request: StaffRequest, codes: list[str], said: str) -> HttpResponse:
    """Browsers that logged in without it have to log in again; this one stays."""
    end_other_sessions(request)
    if codes:
        return render(request, "console/recovery_codes.html", {"codes": codes, "said": said})
    messages.success(request, said)
    return redirect("console:security")


@require_POST
@requires(Ability.READ)
@freshly_proved
def remove_totp(request: StaffRequest) -> HttpResponse:
    try:
        second_factor.remove_totp(request.staff.account_id)
    except TesseraError as error:
        return _refused(request, error)
    messages.success(request, _("The authenticator app is removed."))
    return redirect("console:security")


@require_POST
@requires(Ability.READ)
@freshly_proved
def renew_recovery_codes(request: StaffRequest) -> HttpResponse:
    try:
        codes = second_factor.renew_recovery_codes(request.staff.account_id)
    except TesseraError as error:
        return _refused(request, error)
    said = _("These are your new codes. The old ones open nothing any more.")
    return render(request, "console/recovery_codes.html", {"codes": codes, "said": said})


@require_POST
@requires(Ability.READ)
@before_second_factor
@freshly_proved
def new_passkey_options(request: StaffRequest) -> HttpResponse:
    """What the browser is to ask of the authenticator, as JSON for `passkeys.js`."""
    try:
        options, challenge = passkeys.registration_options(request.staff.account_id, request.staff.email)
    except TesseraError as error:
        return HttpResponse(error_in_words(error), status=400, content_type="text/plain")
    remember_challenge(request, challenge)
    return HttpResponse(options, content_type="application/json")


@sensitive_post_parameters("answer")
@require_POST
@requires(Ability.READ)
@before_second_factor
@freshly_proved
def add_passkey(request: StaffRequest) -> HttpResponse:
    form = PasskeyForm(request.POST)
    challenge = take_challenge(request)
    if not form.is_valid():
        return _page(request, form, status=400)
    try:
        if challenge is None:
            raise passkeys.PasskeyRefused("no challenge of this session is open")
        codes = passkeys.add_passkey(
            request.staff.account_id,
            answer=request.POST.get("answer", ""),
            challenge=challenge,
            name=form.cleaned_data["name"],
            now=timezone.now(),
        )
    except TesseraError as error:
        form.add_error("name", error_in_words(error))
        return _page(request, form, status=400)
    return _factor_added(request, codes, _("The passkey is ready."))


@require_POST
@requires(Ability.READ)
@freshly_proved
def remove_passkey(request: StaffRequest, passkey_id: UUID) -> HttpResponse:
    try:
        passkeys.remove_passkey(request.staff.account_id, passkey_id)
    except NotFound:
        raise Http404 from None
    except TesseraError as error:
        return _refused(request, error)
    messages.success(request, _("The passkey opens nothing any more."))
    return redirect("console:security")


@require_POST
@requires(Ability.READ)
def end_sessions(request: StaffRequest) -> HttpResponse:
    """Log out everywhere else."""
    end_other_sessions(request)
    messages.success(request, _("Other browsers have to log in again."))
    return redirect("console:security")


def end_other_sessions(request: StaffRequest) -> None:
    """Every session of the account but this one, which gets a new key."""
    staff = request.staff
    staffing.end_sessions_of(staff.account_id, workspace_id=staff.workspace_id, by=by_of(staff))
    account = get_user_model()._default_manager.get(pk=staff.account_id)
    update_session_auth_hash(request, account)


def _refused(request: StaffRequest, error: TesseraError) -> HttpResponse:
    messages.error(request, error_in_words(error))
    return redirect("console:security")
