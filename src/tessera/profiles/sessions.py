"""Sessions: stretches of activity that end with half an hour of silence.

Kept as intervals of whole seconds. Two intervals whose gap is at most the timeout are one, whichever came first, so
the result does not depend on the order of the events.
"""

from bisect import bisect_left
from typing import Final

from msgspec import Struct

TIMEOUT: Final = 30 * 60
MAX_INTERVALS: Final = 300
KEPT_INTERVALS: Final = 200

Interval = tuple[int, int]


class Sessions(Struct, omit_defaults=True, gc=False):
    """`intervals` are (first, last) seconds since 1970, sorted, each further than the timeout from the next.

    Once there are more than `MAX_INTERVALS` the oldest are only counted (`settled`, all ended by `settled_until`);
    an event so late that it falls among those no longer changes the count.
    """

    intervals: list[Interval] = []
    settled: int = 0
    settled_first: int = 0
    settled_until: int = -(2**62)

    @property
    def count(self) -> int:
        return self.settled + len(self.intervals)

    @property
    def last(self) -> int | None:
        """Second of the last activity."""
        if self.intervals:
            return self.intervals[-1][1]
        return self.settled_until if self.settled else None


def note(sessions: Sessions, second: int) -> None:
    """Something happened at this second."""
    intervals = sessions.intervals
    if intervals and intervals[-1][0] <= second <= intervals[-1][1]:
        return
    add_interval(sessions, (second, second))


def add_interval(sessions: Sessions, interval: Interval) -> None:
    """Add a stretch of activity, joining what it touches."""
    first, last = interval
    if first <= sessions.settled_until + TIMEOUT:
        return
    intervals = sessions.intervals
    low = bisect_left(intervals, first - TIMEOUT, key=lambda known: known[1])
    high = low
    while high < len(intervals) and intervals[high][0] <= last + TIMEOUT:
        first, last = min(first, intervals[high][0]), max(last, intervals[high][1])
        high += 1
    sessions.intervals = [*intervals[:low], (first, last), *intervals[high:]]
    if len(sessions.intervals) > MAX_INTERVALS:
        _settle(sessions)


def _settle(sessions: Sessions) -> None:
    done = sessions.intervals[:-KEPT_INTERVALS]
    sessions.intervals = sessions.intervals[-KEPT_INTERVALS:]
    sessions.settled_first = min(sessions.settled_first, done[0][0]) if sessions.settled else done[0][0]
    sessions.settled += len(done)
    sessions.settled_until = done[-1][1]


def united(one: Sessions, other: Sessions) -> Sessions:
    """The sessions of a person who is both."""
    settled = [part for part in (one, other) if part.settled]
    result = Sessions(
        settled=sum(part.settled for part in settled),
        settled_first=min((part.settled_first for part in settled), default=0),
        settled_until=max((part.settled_until for part in settled), default=-(2**62)),
    )
    for interval in sorted(one.intervals + other.intervals):
        if interval[0] <= result.settled_until + TIMEOUT:
            result.settled += 1  # among the other side's settled ones: counted, as they are
        else:
            add_interval(result, interval)
    return result
