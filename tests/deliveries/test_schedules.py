"""When deliveries are cut by the clock: in the workspace's zone, also where its clocks jump."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tessera.deliveries.records import InvalidSegmentExport
from tessera.deliveries.schedules import checked_schedule, next_after


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("schedule", "zone", "now", "then"),
    [
        ("hourly:15", "UTC", "2026-11-22T09:00Z", "2026-11-22T09:15Z"),
        ("hourly:15", "Asia/Kolkata", "2026-11-22T09:00Z", "2026-11-22T09:45Z"),
        ("daily:02:30", "Europe/Madrid", "2026-11-22T09:00Z", "2026-11-23T01:30Z"),
        ("daily:02:30", "Europe/Madrid", "2026-11-22T01:30Z", "2026-11-23T01:30Z"),
        ("cron:0 8 * * 1", "Asia/Bangkok", "2026-11-22T09:00Z", "2026-11-23T01:00Z"),
        ("daily:02:30", "Europe/Madrid", "2026-03-28T12:00Z", "2026-03-29T01:30Z"),  # 02:30 is skipped that night
        ("daily:02:30", "Europe/Madrid", "2026-10-25T00:30Z", "2026-10-26T01:30Z"),  # and comes twice in this one
        ("hourly:30", "Europe/Madrid", "2026-10-25T00:30Z", "2026-10-25T02:30Z"),
    ],
)
def test_the_next_time(schedule: str, zone: str, now: str, then: str) -> None:
    assert next_after(schedule, at(now), zone) == at(then)


def test_on_change_there_is_none() -> None:
    assert next_after("change", datetime.now(UTC), "UTC") is None


@pytest.mark.parametrize("schedule", ["", "hourly", "hourly:60", "daily:24:00", "daily:2", "cron:", "cron:* * * *",
                                      "cron:* * * * * *", "cron:@daily", "cron:61 * * * *", "cron:0 0 30 2 *",
                                      "cron:" + "1," * 90 + "1 * * * *"])  # fmt: skip
def test_what_is_no_schedule_is_refused(schedule: str) -> None:
    with pytest.raises(InvalidSegmentExport):
        checked_schedule(schedule)


def test_a_schedule_is_kept_as_it_is_written_but_for_blanks() -> None:
    assert checked_schedule(" daily:7:05 ") == "daily:7:05"
    assert checked_schedule("cron: */5  8-18 * * 1-5 ") == "cron:*/5 8-18 * * 1-5"


@given(
    st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
    st.sampled_from(
        ["UTC", "Europe/Madrid", "Asia/Bangkok", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]
    ),
    st.integers(0, 23),
    st.integers(0, 59),
)
def test_a_day_has_one_and_it_is_behind_us_never(now: datetime, zone: str, hour: int, minute: int) -> None:
    found = next_after(f"daily:{hour}:{minute:02d}", now, zone)
    assert found is not None
    assert now < found <= now + timedelta(hours=49)
    here = found.astimezone(ZoneInfo(zone))
    skipped = (here.hour, here.minute) != (hour, minute)
    wall = here.replace(hour=hour, minute=minute, second=0, microsecond=0, tzinfo=ZoneInfo(zone))
    assert (
        not skipped
        or wall.astimezone(UTC).astimezone(ZoneInfo(zone)).hour != hour
        or wall.utcoffset() != here.utcoffset()
    )
