"""The components of the console in all their states: the page to look at before making another.

Each sample is a template of its own; the page shows what it looks like and, word for word, what was written. The
samples are in English in every language: they are for those who write screens.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from django.http import HttpResponse
from django.shortcuts import render
from django.template.loader import get_template
from django.views.decorators.http import require_GET

from tessera.console.charts import bar_chart
from tessera.console.forms import PreferencesForm
from tessera.console.permissions import Ability, StaffRequest, requires

COLOURS: Final = (
    ("paper", "the page"),
    ("surface", "cards"),
    ("sunken", "fields of rest"),
    ("ink", "text"),
    ("quiet", "text seldom read"),
    ("line", "edges"),
    ("brand", "links, choices"),
    ("brand-soft", "the chosen"),
    ("ok-soft", "went well"),
    ("warn-soft", "look at it"),
    ("bad-soft", "went wrong"),
)


class Sample(NamedTuple):
    """`name` is that of its template; `note` says when to use it."""

    name: str
    title: str
    note: str


SAMPLES: Final = (
    Sample("head", "Page head", "Crumbs where there is a page above; one heading; the main deed first."),
    Sample("type", "Type", "Inter, with each system’s own Thai letters. Headings in order, never skipped."),
    Sample("buttons", "Buttons", "One primary button to a screen. Danger is outlined and asks before it acts."),
    Sample("chips", "Chips and states", "A chip says a word about a thing; a dot says how a thing is now."),
    Sample("notes", "Notes", "Stay on the page. Errors say what to do next."),
    Sample("toasts", "Toasts", "Leave by themselves, not while looked at, never when they tell of a failure."),
    Sample("tabs", "Tabs", "Links with aria-current: each view has an address."),
    Sample("figures", "Figures", "Three to five numbers that matter; a sparkline where their course does."),
    Sample("chart", "Chart", "Drawn on the server; the same numbers stand in a table below it."),
    Sample("facts", "Facts", "A label and a value each; what people paste elsewhere can be copied."),
    Sample("table", "Table", "The whole row leads where its name does. On a phone a row becomes a block."),
    Sample("lines", "Lines", "Short lists inside a card."),
    Sample("form", "Form", "A label above each field, help below, the error beside what is wrong."),
    Sample("search", "Search and filters", "Results follow while one types; the field keeps the focus."),
    Sample("confirm", "Confirmation", "Says what will happen in full sentences; asks for a reason where one is kept."),
    Sample("steps", "Steps and progress", "Where one is, what is done, what comes."),
    Sample("dropzone", "Dropzone", "A file field that also takes what is dropped on it."),
    Sample(
        "loading", "While loading", "Grey lines in the shape of what comes; still for those who asked for less motion."
    ),
    Sample("empty", "Nothing there", "What this is, and what to do next."),
    Sample("avatar", "Pictures", "Initials where there is no picture, a figure where there is no name."),
    Sample("code", "Code and keys", "Code can be copied and scrolled by keyboard."),
    Sample("menu", "Menu", "Closes by Escape, and by a click elsewhere."),
)


@require_GET
@requires(Ability.READ)
def styleguide(request: StaffRequest) -> HttpResponse:
    """Every component beside its snippet."""
    context = _examples()
    shown = [(sample, *_both(sample, request, context)) for sample in SAMPLES]
    return render(request, "console/styleguide.html", {"samples": shown, "colours": COLOURS})


def _both(sample: Sample, request: StaffRequest, context: dict[str, Any]) -> tuple[str, str]:
    """What it looks like, and what was written."""
    page = get_template(f"console/samples/{sample.name}.html")
    source: str = page.template.source  # type: ignore[attr-defined]  # Django's own engine
    return page.render(context, request), source.strip()


def _examples() -> dict[str, Any]:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    wave = [(n * n * 7) % 41 + n // 3 for n in range(60)]
    wrong = PreferencesForm({"language": "en", "time_zone": "Mars/Olympus"}, auto_id="wrong_%s")
    wrong.is_valid()
    minutes = [(now - timedelta(minutes=59 - n), value) for n, value in enumerate(wave)]
    return {"chart": bar_chart(minutes), "form": PreferencesForm(), "wrong": wrong, "wave": wave, "now": now}
