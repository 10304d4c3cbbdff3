"""The components of the console in all their states: the page to look at before making another."""

from datetime import UTC, datetime, timedelta

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from tessera.console.charts import bar_chart
from tessera.console.forms import PreferencesForm
from tessera.console.permissions import Ability, StaffRequest, requires

COLOURS = ("paper", "surface", "sunken", "ink", "quiet", "brand", "brand-soft", "ok-soft", "warn-soft", "bad-soft")


@require_GET
@requires(Ability.READ)
def styleguide(request: StaffRequest) -> HttpResponse:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    wave = [(now - timedelta(minutes=59 - n), (n * n * 7) % 41 + n // 3) for n in range(60)]
    wrong = PreferencesForm({"language": "en", "time_zone": "Mars/Olympus"})
    wrong.is_valid()
    context = {"chart": bar_chart(wave), "form": PreferencesForm(), "wrong": wrong, "colours": COLOURS}
    return render(request, "console/styleguide.html", context)
