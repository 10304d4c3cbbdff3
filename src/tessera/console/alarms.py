"""The alarms of `events.alarms` and of the queue of jobs, in words, each with what to do next."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tessera.console.words import refusal_in_words
from tessera.events.alarms import Alarm

_ICONS: Final = {
    "inbox_waits": "hourglass_top",
    "set_aside": "inventory_2",
    "follower_behind": "sync_problem",
    "source_silent": "sensors_off",
    "refused": "block",
    "names_run_out": "library_books",
    "jobs_failed": "work_alert",
    "source_unused": "sensors_off",
    "keys_unused": "key_off",
    "analyst_away": "query_stats",
    "analyst_behind": "query_stats",
}


class AlarmLine(NamedTuple):
    icon: str
    what: str
    next_step: str
    href: str
    since: datetime | None


def lines_of(alarms: Sequence[Alarm], sources: Mapping[int, str]) -> list[AlarmLine]:
    """One line each, in the reader's language."""
    return [_line(alarm, sources) for alarm in alarms]


def _line(alarm: Alarm, sources: Mapping[int, str]) -> AlarmLine:
    what, next_step, href = _TELLERS[alarm.code](alarm, sources.get(alarm.source_id or 0, ""))
    return AlarmLine(_ICONS[alarm.code], what, next_step, href, alarm.since)


Told = tuple[str, str, str]


def _inbox_waits(alarm: Alarm, _source: str) -> Told:
    number = alarm.number
    what = ngettext(
        "%(number)d accepted event waits for longer than half a minute.",
        "%(number)d accepted events wait for longer than half a minute.",
        number,
    ) % {"number": number}
    return what, _("Look whether a worker runs, or start another: tessera worker."), reverse("console:live")


def _set_aside(alarm: Alarm, _source: str) -> Told:
    number = alarm.number
    what = ngettext("%(number)d message was set aside.", "%(number)d messages were set aside.", number)
    told = what % {"number": number}
    return told, _("See why with tessera quarantine list; try again with tessera quarantine retry."), ""


def _follower_behind(alarm: Alarm, _source: str) -> Told:
    what = _("%(name)s is %(number)d events behind.") % {"name": alarm.name, "number": alarm.number}
    return what, _("It catches up by itself; if the number grows, look into the log of the worker."), ""


def _source_silent(alarm: Alarm, source: str) -> Told:
    what = _("%(source)s has gone silent.") % {"source": source}
    hint = _("It usually sends more often. Look whether its key and its tracking code are still in place.")
    return what, hint, reverse("console:source", args=[alarm.source_id])


def _refused(alarm: Alarm, source: str) -> Told:
    number = alarm.number
    what = ngettext(
        "%(number)d event of %(source)s was refused in the last day: %(code)s.",
        "%(number)d events of %(source)s were refused in the last day: %(code)s.",
        number,
    ) % {"number": number, "source": source, "code": refusal_in_words(alarm.name)}
    href = reverse("console:live_of_source", args=[alarm.source_id]) + "?show=rejected"
    return what, _("Open one to see what was sent and why it was refused."), href


def _names_run_out(alarm: Alarm, _source: str) -> Told:
    kinds = {"event": _("event names"), "attribute": _("attributes"), "property": _("event properties")}
    what = _("%(number)d %(kind)s are in use; new ones will soon not be counted.") % {
        "number": alarm.number,
        "kind": kinds.get(alarm.name, alarm.name),
    }
    return what, _("A client may be making up names. Put varying parts into properties instead."), ""


def _jobs_failed(alarm: Alarm, _source: str) -> Told:
    number = alarm.number
    what = ngettext("%(number)d job failed this week.", "%(number)d jobs failed this week.", number)
    return what % {"number": number}, _("The page of the import or export says why."), ""


def _source_unused(alarm: Alarm, source: str) -> Told:
    what = _("%(source)s has never sent anything.") % {"source": source}
    hint = _("Install it with the snippets of its page, or disable it.")
    return what, hint, reverse("console:source", args=[alarm.source_id]) + "#install"


def _keys_unused(alarm: Alarm, _source: str) -> Told:
    number = alarm.number
    what = ngettext("%(number)d API key was never used.", "%(number)d API keys were never used.", number) % {
        "number": number
    }
    return what, _("A key that nobody needs is a risk for nothing: revoke it."), reverse("console:api_keys")


def _analyst_away(_alarm: Alarm, _source: str) -> Told:
    what = _("The analyst is not running: segments cannot be counted.")
    return what, _("Start it with tessera analyst, or look into its log."), reverse("console:segments")


def _analyst_behind(alarm: Alarm, _source: str) -> Told:
    what = _("The warehouse is %(seconds)d s behind.") % {"seconds": alarm.number}
    hint = _("It catches up by itself; if the number grows, look into the log of the analyst.")
    return what, hint, reverse("console:segments")


_TELLERS: Final = {
    "inbox_waits": _inbox_waits,
    "set_aside": _set_aside,
    "follower_behind": _follower_behind,
    "source_silent": _source_silent,
    "refused": _refused,
    "names_run_out": _names_run_out,
    "jobs_failed": _jobs_failed,
    "source_unused": _source_unused,
    "keys_unused": _keys_unused,
    "analyst_away": _analyst_away,
    "analyst_behind": _analyst_behind,
}
