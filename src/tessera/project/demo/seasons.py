"""When things happen: growth over the weeks, weekdays and hours in the person's own time zone, and campaigns."""

from bisect import bisect
from datetime import timedelta
from functools import lru_cache
from itertools import accumulate
from random import Random
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from tessera.foundation.clock import DAY, HOUR, MINUTE, Micros, to_datetime

_HOURS: Final = (4, 2, 1, 1, 1, 2, 7, 16, 26, 32, 34, 38, 48, 50, 36, 32, 34, 42, 56, 74, 88, 82, 52, 18)
"""How lively each hour of a local day is: a peak at lunch, a higher one after dinner."""
_WEEKDAYS: Final = (96, 94, 95, 108, 112, 126, 134)
"""Monday first: people shop when they are free."""
_GROWTH: Final = 0.5
"""The last day is so much livelier than the first."""
_LAUNCH_EVERY: Final = 21 * DAY


class Campaign(NamedTuple):
    """Where a visit came from, as UTM parameters say it."""

    source: str
    medium: str
    name: str


_ALWAYS: Final = (
    Campaign("google", "cpc", "brand-search"),
    Campaign("google", "cpc", "generic-search"),
    Campaign("partner", "affiliate", "outdoor-blog"),
)
_SEASONS: Final = ("mid-season-sale", "new-arrivals", "gift-guide", "members-week")


def moments(rnd: Random, count: int, since: Micros, until: Micros, zone: str) -> list[Micros]:
    """`count` moments in order, none within the last twenty minutes before `until`: what begins has time to happen."""
    latest = until - 20 * MINUTE
    days = _days(since, latest)
    sums = list(accumulate(_liveliness(day, since, latest) for day in days))
    found = (_in_day(rnd, days[min(bisect(sums, rnd.random() * sums[-1]), len(days) - 1)], zone) for _ in range(count))
    return sorted(min(max(at, since), latest) for at in found)


def _days(since: Micros, until: Micros) -> list[Micros]:
    """The days, each from its beginning; counted back from the end, so that the last one is whole."""
    whole = max((until - since) // DAY, 1)
    return [until - back * DAY for back in range(whole, 0, -1)]


def _liveliness(day: Micros, since: Micros, until: Micros) -> float:
    grown = 1 + _GROWTH * (day - since) / max(until - since, 1)
    launched = 1.35 if (day // DAY) % (_LAUNCH_EVERY // DAY) < 3 else 1.0
    return _WEEKDAYS[to_datetime(day).weekday()] * grown * launched


def _in_day(rnd: Random, day: Micros, zone: str) -> Micros:
    """A moment in the 24 hours from `day`, in an hour people are awake where the person lives."""
    shift = _offset(zone, day // DAY)
    (local,) = rnd.choices(range(24), _HOURS)
    hour = (local - shift - day // HOUR) % 24
    return day + hour * HOUR + rnd.randrange(HOUR) - day % HOUR


@lru_cache(maxsize=10_000)
def _offset(zone: str, day: int) -> int:
    """Whole hours the zone is ahead of UTC that day."""
    ahead = to_datetime(day * DAY).astimezone(ZoneInfo(zone)).utcoffset()
    return round((ahead or timedelta()) / timedelta(hours=1))


def campaign_at(rnd: Random, at: Micros) -> Campaign:
    """What brought a visitor at that time: search all year, else what the season's campaign is."""
    if rnd.random() < 0.45:
        return rnd.choice(_ALWAYS)
    season = _SEASONS[at // _LAUNCH_EVERY % len(_SEASONS)]
    source, medium = rnd.choice((("instagram", "social"), ("facebook", "social"), ("newsletter", "email")))
    return Campaign(source, medium, season)


def thursdays(since: Micros, until: Micros) -> list[Micros]:
    """Every second Thursday at nine (UTC) between two moments: when newsletters go out."""
    first = since - since % DAY + 9 * HOUR
    days = (first + step * DAY for step in range((until - first) // DAY + 1))
    return [day for day in days if (day // DAY) % 14 == 0 and since <= day < until]
