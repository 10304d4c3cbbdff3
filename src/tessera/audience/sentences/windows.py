"""When and how often, as words that stand behind a verb: "in the last 30 days", "at least 2 times"."""

from datetime import date

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tessera.audience.conditions.comparison import Comparison
from tessera.audience.conditions.doings import Times
from tessera.audience.conditions.times import After, Before, During, InLast, InLastHours, InNext


def window_of(test: Comparison) -> str | None:
    """The time that the test leaves open; None of a test that asks for no time."""
    match test:
        case InLast(days=0):
            return _("today")
        case InLast(days=days):
            return ngettext("in the last %(number)d day", "in the last %(number)d days", days) % {"number": days}
        case InLastHours(hours=hours):
            return ngettext("in the last %(number)d hour", "in the last %(number)d hours", hours) % {"number": hours}
        case InNext(days=0):
            return _("later today")
        case InNext(days=days):
            return ngettext("in the next %(number)d day", "in the next %(number)d days", days) % {"number": days}
        case Before(moment=moment):
            return _("before %(date)s") % {"date": _day(moment)}
        case After(moment=moment):
            return _("after %(date)s") % {"date": _day(moment)}
        case During(first=first, last=last):
            return _("from %(first)s to %(last)s") % {"first": _day(first), "last": _day(last)}
    return None


def times_of(times: Times) -> str:
    number = {"number": times.number}
    match times.relation:
        case "at_least":
            return ngettext("at least %(number)d time", "at least %(number)d times", times.number) % number
        case "at_most":
            return ngettext("at most %(number)d time", "at most %(number)d times", times.number) % number
        case _:
            return ngettext("exactly %(number)d time", "exactly %(number)d times", times.number) % number


def _day(moment: str) -> str:
    """A day as the language writes it; a moment as it was given, for it may be of any zone."""
    try:
        return date_format(date.fromisoformat(moment), "DATE_FORMAT")
    except ValueError:
        return moment
