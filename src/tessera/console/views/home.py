"""The first page: how much there is, what arrives, what is worth looking at."""

from datetime import UTC, date, datetime, timedelta
from typing import Final

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.timezone import get_current_timezone_name, localdate, localtime
from django.views.decorators.http import require_GET
from msgspec import Struct

from tessera.access import queries as access
from tessera.audience.queries import AnalystState, analyst_state
from tessera.console.alarms import lines_of
from tessera.console.charts import BarChart, bar_chart
from tessera.console.permissions import Ability, StaffRequest, abilities_of, requires
from tessera.events import history, pace, rejections
from tessera.events.alarms import Alarm, alarms
from tessera.foundation.pool import pool
from tessera.foundation.settings import settings
from tessera.identity import queries as identity
from tessera.identity.queries import NewPeople
from tessera.jobs.queue import failed_since
from tessera.profiles import stats as profile_stats
from tessera.workspaces import queries as workspaces
from tessera.workspaces.queries import SourceFacts, WriteKeyFacts

RECENT: Final = timedelta(days=30)
MOST_RECENT: Final = 100_000
"""Counting the people of the last days stops here, so that it costs the same at any size."""
UNUSED_AFTER: Final = timedelta(days=1)
"""A source or a key that nobody used for so long after it was made is worth a word."""
MOST_UNUSED: Final = 5
WORTH_A_WORD: Final = 60
"""Seconds that the warehouse may be behind history."""


class SourceLine(Struct, frozen=True):
    """A source as lists show it."""

    source: SourceFacts
    kind: str
    last_event_at: datetime | None
    last_refused_at: datetime | None = None
    last_refused_code: str = ""


@require_GET
@requires(Ability.READ)
def home(request: StaffRequest) -> HttpResponse:
    workspace_id, now = request.staff.workspace_id, datetime.now(UTC)
    sources = workspaces.sources(workspace_id)
    in_use = [source.id for source in sources if source.disabled_at is None]
    with pool().connection() as connection:
        stats = profile_stats.stats(connection, workspace_id, now=now)
        found = alarms(connection, workspace_id, in_use, now=now)
        if failed := failed_since(connection):
            found.append(Alarm("jobs_failed", number=failed))
        found += _of_analyst(analyst_state(connection))
        zone = get_current_timezone_name()
        new = identity.count_new_people(connection, workspace_id, _first_day(now), most=MOST_RECENT, zone=zone)
    lines = source_lines(sources)
    found += _unused(request, lines, now)
    context = {
        "stats": stats,
        "chart": _minutes(workspace_id, now),
        "days": _days(new, localdate(now)) if new.days else None,
        "recent": sum(new.days.values()),
        "recent_is_more": new.whole_since is not None,
        "counts_are_kept": stats.profiles > profile_stats.EXACT_UP_TO,
        "lines": lines,
        "silent": {alarm.source_id for alarm in found if alarm.code == "source_silent"},
        "problems": lines_of(found, {source.id: source.name for source in sources}),
        "nothing_yet": stats.people == 0 and stats.events == 0,
        "first_key": _first_key(workspace_id),
        "collect": settings().public_collect_url,
    }
    return render(request, "console/home.html", context)


def _unused(request: StaffRequest, lines: list[SourceLine], now: datetime) -> list[Alarm]:
    """Sources that never sent anything, and API keys nobody used, told to those who can do something about it."""
    found: list[Alarm] = []
    abilities, before = abilities_of(request.staff), now - UNUSED_AFTER
    if Ability.MANAGE_SOURCES in abilities:
        never = [line.source for line in lines if line.last_event_at is None and line.source.disabled_at is None]
        forgotten = [source for source in never if source.created_at < before]
        found += [Alarm("source_unused", source_id=one.id, since=one.created_at) for one in forgotten[:MOST_UNUSED]]
    if Ability.MANAGE_KEYS in abilities:
        keys = access.count_unused_api_keys(request.staff.workspace_id, made_before=before)
        found += [Alarm("keys_unused", number=keys)] if keys else []
    return found


def _of_analyst(state: AnalystState) -> list[Alarm]:
    """Nothing where there never was one."""
    if not state.running:
        return [Alarm("analyst_away", since=state.seen_at)] if state.seen_at is not None else []
    behind = (state.lag_ms or 0) // 1000
    return [Alarm("analyst_behind", number=behind)] if state.behind and behind >= WORTH_A_WORD else []


@require_GET
@requires(Ability.READ)
def minutes(request: StaffRequest) -> HttpResponse:
    """The chart of the last hour anew, for the page that shows it."""
    context = {"chart": _minutes(request.staff.workspace_id, datetime.now(UTC))}
    return render(request, "console/minutes.html", context)


def _minutes(workspace_id: int, now: datetime) -> BarChart:
    with pool().connection() as connection:
        return bar_chart(pace.last_hour(connection, workspace_id, now=now))


def _first_day(now: datetime) -> datetime:
    """When the first of the last days began, where the reader is: today is one of them."""
    return localtime(now).replace(hour=0, minute=0, second=0, microsecond=0) - (RECENT - timedelta(days=1))


def _days(new: NewPeople, today: date) -> BarChart:
    """New people of each of the last days up to today; of very many only the days that were counted whole."""
    days = [today - timedelta(days=back) for back in range(RECENT.days - 1, -1, -1)]
    if new.whole_since is not None:
        days = [day for day in days if day > localdate(new.whole_since)]
    return bar_chart([(day, new.days.get(day, 0)) for day in days])


def _first_key(workspace_id: int) -> WriteKeyFacts | None:
    return next((key for key in workspaces.write_keys(workspace_id) if key.revoked_at is None), None)


def source_lines(sources: list[SourceFacts]) -> list[SourceLine]:
    """Sources with when they were last heard of and last refused, in one query each for all."""
    with pool().connection() as connection:
        ids = [source.id for source in sources]
        heard = history.last_recorded(connection, ids)
        refused = rejections.last_of(connection, ids)
    kinds = dict(workspaces.source_kinds())
    return [
        SourceLine(
            source, kinds.get(source.kind, source.kind), heard.get(source.id), *refused.get(source.id, (None, ""))
        )
        for source in sources
    ]
