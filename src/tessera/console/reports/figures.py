"""Numbers, times and slices of reports as people read them, and the shapes of charts and tables."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

from django.utils import formats
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from msgspec import Struct

from tessera.audience.insight.funnel import Quartiles
from tessera.audience.insight.slices import Slice
from tessera.console.templatetags.console import count, day, money, shown

NOTHING: Final = "—"
_MINUTE: Final = 60
_HOUR: Final = 3_600
_DAY: Final = 86_400


class Table(Struct, frozen=True):
    """A table of figures: each row begins with its head. `note` stands above it."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


class Names(Struct, frozen=True):
    """Sources by their ids, for reports that are broken down by them."""

    sources: Mapping[int, str] = {}
    by_source: bool = False


def number(value: float | None) -> str:
    """Whole numbers grouped, others with two decimals, `—` for none."""
    if value is None:
        return NOTHING
    return count(int(value)) if float(value).is_integer() else money(round(value, 2))


def percent(part: float | None, whole: float | None) -> str:
    """How much of the whole, with one decimal; `—` of nothing."""
    if part is None or not whole:
        return NOTHING
    return _("%(number)s%%") % {"number": number_format(round(100 * part / whole, 1), 1)}


def share(part: int | None, whole: int | None) -> float | None:
    """The same for charts."""
    return None if part is None or not whole else round(100 * part / whole, 1)


def duration(seconds: float | None) -> str:
    """In the largest unit that has at least one: `3.1 days`, short."""
    if seconds is None:
        return NOTHING
    if seconds < _MINUTE:
        return pgettext("seconds", "%(number)s s") % {"number": number_format(round(seconds), 0)}
    if seconds < _HOUR:
        return pgettext("minutes", "%(number)s min") % {"number": number_format(round(seconds / _MINUTE, 1), 1)}
    if seconds < _DAY:
        return pgettext("hours", "%(number)s h") % {"number": number_format(round(seconds / _HOUR, 1), 1)}
    return pgettext("days", "%(number)s d") % {"number": number_format(round(seconds / _DAY, 1), 1)}


def median(took: Quartiles | None) -> str:
    return duration(took.median if took else None)


def middle_half(took: Quartiles | None) -> str:
    """From the lower quartile to the upper."""
    return NOTHING if took is None else f"{duration(took.lower)} – {duration(took.upper)}"


def slice_called(of: Slice, names: Names) -> str:
    """A slice in words: a source by its name."""
    match of.kind:
        case "all":
            return _("All")
        case "other":
            return _("All others")
        case "none":
            return _("Without a value")
    if names.by_source and isinstance(of.value, int):
        return names.sources.get(of.value, str(of.value))
    return str(shown(of.value))


def start_called(start: str, unit: str, *, whole: bool = False) -> str:
    """The beginning of an hour, a day, a week or a month (UTC); `whole` with the year."""
    if unit == "hour":
        at = datetime.fromisoformat(start.replace("Z", "+00:00"))
        return f"{day(at.date(), 'j M Y' if whole else 'j M')}, {at:%H:%M}"
    on = date.fromisoformat(start[:10])
    if unit == "month":
        return str(formats.date_format(on, "YEAR_MONTH_FORMAT")) if whole else day(on, "M Y")
    return day(on, "j M Y" if whole else "j M")


def chart(kind: str, labels: Sequence[str], datasets: Sequence[Mapping[str, Any]], **options: Any) -> dict[str, Any]:
    """What `reports.js` draws: `bar` or `line`; `stacked` and `percent` are options."""
    return {"type": kind, "labels": list(labels), "datasets": list(datasets), **options}
