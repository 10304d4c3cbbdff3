"""The filter of a person's history as the screen asks for it: kinds of events, sources, days in the reader's zone."""

from datetime import date, datetime, time, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from django.http import QueryDict
from django.utils import timezone
from msgspec import Struct

from tessera.events.event import SYSTEM
from tessera.events.history import Wanted
from tessera.events.vocabulary import HOUSE_NAMES, NAMES
from tessera.profiles.person import PersonView

LONGEST_TEXT: Final = 100
MOST_NAMES: Final = 50


class HistoryFilter(Struct, frozen=True):
    """What was asked for, as the form shows it again. `query` is the same as the rest of an address."""

    names: tuple[str, ...]
    by_the_house: bool
    sources: tuple[int, ...]
    since: date | None
    until: date | None
    text: str
    zone: str
    query: str

    @property
    def narrows(self) -> bool:
        return bool(self.names or self.by_the_house or self.sources or self.since or self.until or self.text)

    @property
    def chosen(self) -> int:
        """How many kinds of events are ticked."""
        return len(self.names) + self.by_the_house

    def wanted(self) -> Wanted:
        """For the query. The last day is meant whole."""
        zone = _zone(self.zone)
        return Wanted(
            names=(*self.names, *HOUSE_NAMES) if self.names and self.by_the_house else self.names,
            kinds=(SYSTEM,) if self.by_the_house and not self.names else (),
            sources=self.sources,
            since=_start(self.since, zone),
            until=_start(self.until + timedelta(days=1), zone) if self.until and self.until < date.max else None,
            text=self.text,
        )


def read_filter(asked: QueryDict) -> HistoryFilter:
    """Whatever cannot be read filters nothing."""
    names = tuple(name.replace("\0", "") for name in asked.getlist("name")[:MOST_NAMES] if name)
    sources = tuple(int(one) for one in asked.getlist("source") if one.isascii() and one.isdigit() and len(one) < 10)
    kept = asked.copy()
    for name in ("before", "tab"):
        kept.pop(name, None)
    return HistoryFilter(
        names=names,
        by_the_house=bool(asked.get("house")),
        sources=sources,
        since=_day(asked.get("since", "")),
        until=_day(asked.get("until", "")),
        text=asked.get("text", "").replace("\0", "").strip()[:LONGEST_TEXT],
        zone=asked.get("zone", ""),
        query=kept.urlencode(),
    )


def names_of(person: PersonView, chosen: tuple[str, ...] = ()) -> list[str]:
    """What the person's history may hold, the most frequent first; calls that are not counted come last."""
    counted = sorted(person.events, key=lambda name: (-person.events[name].count, name))
    uncounted = [NAMES["identify"], *([NAMES["group"]] if person.groups else []), NAMES["alias"]]
    return list(dict.fromkeys((*counted, *uncounted, *chosen)))


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _start(day: date | None, zone: tzinfo) -> datetime | None:
    return datetime.combine(day, time(), zone) if day is not None and day.year > 1 else None


def _zone(name: str) -> tzinfo:
    """The reader's, as their browser says; else the one the console has chosen for them."""
    try:
        return ZoneInfo(name[:64]) if name else timezone.get_current_timezone()
    except (ValueError, OSError, LookupError):
        return timezone.get_current_timezone()
