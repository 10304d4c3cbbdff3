"""What the reports are called, and what each is for."""

from typing import Final, NamedTuple

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from tessera.console.words import Text


class Kind(NamedTuple):
    """A report as lists and pages show it."""

    label: Text
    icon: str
    about: Text


KINDS: Final[dict[str, Kind]] = {
    "funnel": Kind(_("Funnel"), "filter_alt", _("How many get from one step to the next, and how long it takes them.")),
    "retention": Kind(
        _("Retention"), "event_repeat", _("Of those who began together, how many come back, and how late.")
    ),
    "trend": Kind(
        pgettext_lazy("a report", "Trend"), "show_chart", _("How often something happens, and how many people do it.")
    ),
    "rfm": Kind(
        _("Buyers"),
        "grid_view",
        _("By how lately, how often and for how much they bought. Each part can become a segment."),
    ),
    "lifecycle": Kind(_("Lifecycle"), "autorenew", _("Who is new, who stays, who comes back, and who stops.")),
}

GROUPS: Final[dict[str, Text]] = {
    "champions": pgettext_lazy("buyers", "Champions"),
    "loyal": pgettext_lazy("buyers", "Loyal"),
    "potential_loyalists": pgettext_lazy("buyers", "Potential loyalists"),
    "new": pgettext_lazy("buyers", "New"),
    "promising": pgettext_lazy("buyers", "Promising"),
    "need_attention": pgettext_lazy("buyers", "Need attention"),
    "about_to_sleep": pgettext_lazy("buyers", "About to sleep"),
    "at_risk": pgettext_lazy("buyers", "At risk"),
    "cannot_lose": pgettext_lazy("buyers", "Cannot lose them"),
    "hibernating": pgettext_lazy("buyers", "Hibernating"),
}
"""The parts of the grid (`insight.buyers.GROUPS`)."""

MEASURES: Final[dict[str, Text]] = {
    "times": _("Events"),
    "people": _("People"),
    "sum": pgettext_lazy("of numbers", "Sum"),
    "average": pgettext_lazy("of numbers", "Average"),
}

STAGES: Final[dict[str, Text]] = {
    "new": pgettext_lazy("people of a week", "New"),
    "returning": pgettext_lazy("people of a week", "Stayed"),
    "resurrected": pgettext_lazy("people of a week", "Came back"),
    "dormant": pgettext_lazy("people of a week", "Stopped"),
}
