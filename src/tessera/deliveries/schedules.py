"""When deliveries are cut: as people move, or by the clock in the workspace's zone."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from croniter import croniter

from tessera.deliveries.records import InvalidSegmentExport

ON_CHANGE: Final = "change"
_HOURLY: Final = re.compile(r"hourly:([0-5]?\d)")
_DAILY: Final = re.compile(r"daily:([01]?\d|2[0-3]):([0-5]\d)")
_LONGEST: Final = 100


def cron_of(schedule: str) -> str:
    """The five fields of a schedule by the clock: `hourly:MM`, `daily:HH:MM`, `cron:…`.

    Raises `InvalidSegmentExport`.
    """
    if found := _HOURLY.fullmatch(schedule):
        return f"{int(found[1])} * * * *"
    if found := _DAILY.fullmatch(schedule):
        return f"{int(found[2])} {int(found[1])} * * *"
    kind, colon, fields = schedule.partition(":")
    if kind != "cron" or not colon:
        raise InvalidSegmentExport("a schedule is change, hourly:MM, daily:HH:MM or cron: and five fields")
    return _checked(" ".join(fields.split()))


def checked_schedule(schedule: str) -> str:
    """The schedule as it is kept. Raises `InvalidSegmentExport`."""
    text = schedule.strip()
    if text != ON_CHANGE:
        cron = cron_of(text)
        return f"cron:{cron}" if text.startswith("cron:") else text
    return text


def next_after(schedule: str, now: datetime, zone: str) -> datetime | None:
    """When a delivery is cut next, strictly after `now`, in UTC; None on change.

    A wall time that the zone skips counts when it is skipped, one that it repeats counts once.
    """
    if schedule == ON_CHANGE:
        return None
    here = ZoneInfo(zone)
    fields = cron_of(schedule)
    by_the_wall = now.astimezone(here).replace(tzinfo=None)
    steps = croniter(fields, by_the_wall - timedelta(hours=1))
    for _ in range(200):
        wall: datetime = steps.get_next(datetime)
        moment = wall.replace(tzinfo=here).astimezone(UTC)
        if moment > now:
            return moment
    raise InvalidSegmentExport("the schedule never comes")


def _checked(fields: str) -> str:
    if len(fields) > _LONGEST or len(fields.split()) != 5 or not croniter.is_valid(fields):
        raise InvalidSegmentExport("cron: takes five fields: minute, hour, day of month, month, day of week")
    try:
        croniter(fields, datetime(2026, 1, 1)).get_next(datetime)
    except (ValueError, KeyError):
        raise InvalidSegmentExport("the schedule never comes") from None
    return fields
