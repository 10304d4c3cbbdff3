"""How a member of staff reads the console: language and time zone."""

from zoneinfo import available_timezones

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from tessera.access import actions as access
from tessera.console.forms import PreferencesForm
from tessera.console.permissions import Ability, StaffRequest, requires
from tessera.console.toasts import toast


@require_http_methods(["GET", "POST"])
@requires(Ability.READ)
def preferences(request: StaffRequest) -> HttpResponse:
    """The page, and what is chosen on it."""
    staff = request.staff
    chosen = {"language": staff.language or translation.get_language(), "time_zone": staff.time_zone}
    form = PreferencesForm(request.POST or None, initial=chosen)
    if request.method == "POST" and form.is_valid():
        language, zone = form.cleaned_data["language"], form.cleaned_data["time_zone"]
        access.change_preferences(staff.account_id, language=language, time_zone=zone)
        translation.activate(language)
        toast(request, _("Your settings are saved."))
        response = redirect("console:preferences")
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            language,
            max_age=365 * 24 * 3600,
            samesite="Lax",
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
        )
        return response
    context = {"form": form, "zones": sorted(zone for zone in available_timezones() if "/" in zone or zone == "UTC")}
    return render(request, "console/preferences.html", context, status=400 if form.errors else 200)
