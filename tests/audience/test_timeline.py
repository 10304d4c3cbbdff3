"""A person's story across the border of what PostgreSQL keeps: the same rows in one order, as if none were dropped."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import pytest

from factories.analysis import Analysis
from factories.people import ingest, message, root
from tessera.audience.timeline import whole_timeline
from tessera.audience.warehouse.engine import Engine
from tessera.audience.warehouse.engines.duck import DuckEngine
from tessera.events.event import SYSTEM
from tessera.events.history import EVERYTHING, Wanted
from tessera.foundation.database import connect
from tessera.privacy.actions import erase_person
from tessera.profiles import bundle
from tessera.profiles.timeline import TimelineEvent, timeline

Connection = psycopg.Connection[Any]
DAY = datetime(2026, 10, 1, 12, tzinfo=UTC)


def on(day: int) -> str:
    return (DAY + timedelta(days=day)).isoformat()


def a_life(live: Connection, workspace_id: int, *, since: int) -> None:
    """Some of each kind, of two profiles that become one, and some at the same moment; every third day."""
    for step, day in enumerate(range(since, since + 30, 3)):
        ingest(
            live,
            workspace_id,
            [
                message(event=f"Étape {step % 4}", userId="ana", timestamp=on(day), properties={"n": step}),
                message("page", name="Home", anonymousId="a1", timestamp=on(day)),
                message(event="Other", userId="luis", timestamp=on(day)),
            ],
            source_id=1 + step % 2,
        )
    ingest(live, workspace_id, [message("identify", userId="ana", anonymousId="a1", traits={"step": since})])


def pages(live: Connection, workspace_id: int, person: UUID, limit: int, wanted: Wanted) -> list[TimelineEvent]:
    found: list[TimelineEvent] = []
    before = None
    while True:
        page = whole_timeline(live, workspace_id, person, before=before, limit=limit, wanted=wanted)
        assert page is not None
        assert not page.incomplete
        assert len(page.events) <= limit
        found += page.events
        if page.next is None:
            return found
        assert len(page.events) == limit
        before = page.next


FILTERS = (
    EVERYTHING,
    Wanted(names=("Étape 1", "Étape 2")),
    Wanted(kinds=(SYSTEM, "page")),
    Wanted(sources=(2,)),
    Wanted(since=DAY + timedelta(days=6), until=DAY + timedelta(days=33)),
    Wanted(text="éTAPE", sources=(1,)),
    Wanted(text="nothing of it"),
)


def test_pages_go_on_where_postgresql_ends(live: Connection, workspace_id: int, engine: Engine) -> None:
    """Recorded later, half of the younger life happened before the older: rows of both are on the same pages."""
    analysis = Analysis(live, engine)
    a_life(live, workspace_id, since=0)
    analysis.archive(most=1_000)
    ana = root(live, "user_id", "ana")
    assert ana is not None
    old = timeline(live, workspace_id, ana, limit=1_000)
    assert old is not None
    assert analysis.drop_history() > 20
    a_life(live, workspace_id, since=15)
    analysis.archive(most=1_000)
    young = timeline(live, workspace_id, ana, limit=1_000)
    assert young is not None
    assert young.events[-1].occurred_at < old.events[0].occurred_at

    with analysis.answering():
        everything = pages(live, workspace_id, ana, 1_000, EVERYTHING)
        assert {one.event_id for one in everything} == {one.event_id for one in (*old.events, *young.events)}
        by_id = {one.event_id: one for one in (*old.events, *young.events)}
        assert [by_id[one.event_id] for one in everything] == everything, "whole, as they were"
        moments = [one.occurred_at for one in everything]
        assert moments == sorted(moments, reverse=True)
        for wanted in FILTERS:
            right = [one for one in everything if _passes(one, wanted)]
            assert pages(live, workspace_id, ana, 7, wanted) == right, wanted
            assert bool(right) == (wanted.text != "nothing of it")


def _passes(one: TimelineEvent, wanted: Wanted) -> bool:
    return (
        (not wanted.names or one.name in wanted.names)
        and (not wanted.kinds or one.type in wanted.kinds)
        and (not wanted.sources or one.source_id in wanted.sources)
        and (wanted.since is None or one.occurred_at >= wanted.since)
        and (wanted.until is None or one.occurred_at < wanted.until)
        and wanted.text.lower() in one.name.lower()
    )


@pytest.fixture
def analysis(live: Connection, workspace_id: int) -> Analysis:
    """Ana's older half is in the archive only."""
    made = Analysis(live, DuckEngine(None))
    a_life(live, workspace_id, since=0)
    made.archive(most=1_000)
    made.drop_history()
    a_life(live, workspace_id, since=40)
    return made


def test_where_the_analyst_is_away_the_page_says_so(live: Connection, workspace_id: int, analysis: Analysis) -> None:
    ana = root(live, "user_id", "ana")
    assert ana is not None
    analysis.go_away()
    page = whole_timeline(live, workspace_id, ana, limit=100)
    assert page is not None
    assert page.incomplete
    assert page.next is None
    assert page == msgspec.structs.replace(timeline(live, workspace_id, ana, limit=100) or page, incomplete=True)
    newest = whole_timeline(live, workspace_id, ana, limit=10)
    assert newest is not None
    assert not newest.incomplete, "nothing that was dropped can be on it"
    recent = Wanted(since=datetime.now(UTC) - timedelta(hours=1))
    assert (whole_timeline(live, workspace_id, ana, limit=100, wanted=recent) or page).incomplete, (
        "who they are: dropped"
    )


def test_where_nothing_was_dropped_nobody_is_asked(live: Connection, workspace_id: int) -> None:
    a_life(live, workspace_id, since=0)
    ana = root(live, "user_id", "ana")
    assert ana is not None
    assert whole_timeline(live, workspace_id, ana) == timeline(live, workspace_id, ana)


def test_what_is_held_of_somebody_has_all_of_it(live: Connection, workspace_id: int, analysis: Analysis) -> None:
    ana = root(live, "user_id", "ana")
    assert ana is not None

    def document() -> dict[str, Any]:
        made = bundle.export_person(live, workspace_id, ana, now=DAY)
        assert made is not None
        written = bundle.written(made, workspace_id, lambda: connect(autocommit=True), read=whole_timeline)
        found: dict[str, Any] = msgspec.json.decode(b"".join(written))
        return found

    with analysis.answering():
        whole = document()
    analysis.go_away()
    away = document()

    assert (whole["incomplete"], away["incomplete"]) == (False, True)
    seen = [[event["type"] for event in made["events"]].count("page") for made in (whole, away)]
    assert seen == [20, 10]


def test_of_who_is_erased_nothing_is_read(live: Connection, workspace_id: int, analysis: Analysis) -> None:
    ana, luis = root(live, "user_id", "ana"), root(live, "user_id", "luis")
    assert ana is not None
    assert luis is not None
    erase_person(live, workspace_id=workspace_id, profile_id=ana, actor="eva", reason="", suppress=False, now=DAY)
    analysis.archive()
    with analysis.answering():
        assert whole_timeline(live, workspace_id, ana) is None
        assert len(pages(live, workspace_id, luis, 7, EVERYTHING)) == 20
