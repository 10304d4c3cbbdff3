"""History in the archive: retention drops what is there, and nothing else; who is erased is erased there as well."""

import contextlib
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest

from audience.test_analyst import Breaking, Killed
from factories.analysis import Analysis
from factories.imports import csv_file, imported, undone
from factories.people import ingest, message, root
from privacy.world import MARKS, people_with_marks
from tessera.audience.analyst import Analyst
from tessera.audience.archiving import Archivist
from tessera.audience.blotting import blot_next
from tessera.audience.conditions.registry import to_json
from tessera.audience.explain import holds_for, segments_of
from tessera.audience.questions import NoAnalyst
from tessera.audience.rebuilding import rebuild
from tessera.audience.segments import actions
from tessera.audience.segments.records import NewSegment
from tessera.audience.text.reader import from_text
from tessera.audience.warehouse.archive import archive_in, told_to_followers
from tessera.audience.warehouse.engine import Engine
from tessera.audience.warehouse.engines.duck import DuckEngine
from tessera.events import history
from tessera.events.history import EVERYTHING, Recorded
from tessera.foundation.clock import now_micros
from tessera.privacy.actions import erase_person

Connection = psycopg.Connection[Any]
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def seen(user: str, times: int = 3) -> list[dict[str, Any]]:
    return [
        message(event="Seen", userId=user, properties={"n": n, "said": "ünï\u0001 \U0001f600"}) for n in range(times)
    ]


def in_history(live: Connection, workspace_id: int) -> list[Recorded]:
    """All of a workspace that is of somebody, in order."""
    lanes = history.positions(live)
    rows = [row for lane, last in lanes.items() for row in history.between(live, lane, 1, last)]
    return [row for row in rows if row.workspace_id == workspace_id and not told_to_followers(row)]


def in_archive(live: Connection, engine: Engine, workspace_id: int) -> list[Recorded]:
    archive = archive_in(engine, workspace_id)
    if archive is None:
        return []
    profiles = [row[0] for row in engine.fetch(_table(archive).select("profile_id").distinct())]
    rows = archive.page(profiles, before=None, limit=10_000, wanted=EVERYTHING)
    return sorted(rows, key=lambda row: (row.lane, row.position))


def _table(archive: Any) -> Any:
    import ibis

    from tessera.audience.warehouse import archive as module

    return ibis.table(module._SCHEMA, name=archive.table)


def test_it_holds_rows_as_history_had_them(live: Connection, workspace_id: int, analysis: Analysis) -> None:
    ingest(live, workspace_id, [*seen("ana"), message("identify", userId="ana", anonymousId="a1"), *seen("luis")])
    ingest(live, workspace_id, [message("page", anonymousId="a1", context={"ip": "1.2.3.4"}), *seen("luis", 1)])
    assert analysis.drop_history() == 0
    analysis.archive(most=2)

    there = in_history(live, workspace_id)
    assert in_archive(live, analysis.analyst.engine, workspace_id) == there
    assert {row.kind for row in there} == {"track", "identify", "page"}
    assert analysis.drop_history() >= len(there)
    assert in_history(live, workspace_id) == []
    ingest(live, workspace_id, seen("luis", 2))
    assert analysis.drop_history() == 0
    analysis.archive()
    assert in_archive(live, analysis.analyst.engine, workspace_id) == there + in_history(live, workspace_id)


def test_broken_off_anywhere_nothing_is_dropped_that_is_not_there(
    live: Connection, workspace_id: int, engine: Engine
) -> None:
    """Killed at each of its writes; retention is tried after each, and whatever it drops must be in the archive."""
    everything: dict[UUID, Recorded] = {}
    broken = 0
    for at in range(1, 13):
        ingest(live, workspace_id, seen(f"u{at}", 2))
        everything |= {row.event_id: row for row in in_history(live, workspace_id)}
        analysis = Analysis(live, engine)
        analysis.settle()
        breaking: Any = Breaking(engine, 1 + at % 4)
        with contextlib.suppress(Killed):
            archivist = Archivist(live, breaking, Analyst(live, breaking).archives)
            while archivist.step(analysis.analyst.reached, 1):
                pass
            broken -= 1
        broken += 1
        analysis.drop_history()
        there = {row.event_id for row in in_archive(live, engine, workspace_id)}
        assert everything.keys() - there <= {row.event_id for row in in_history(live, workspace_id)}

    Analysis(live, engine).archive()
    assert broken > 4
    order = sorted(everything.values(), key=lambda row: (row.lane, row.position))
    assert in_archive(live, engine, workspace_id) == order


def test_another_warehouse_begins_anew_and_retention_waits(live: Connection, workspace_id: int) -> None:
    ingest(live, workspace_id, seen("ana"))
    Analysis(live, DuckEngine(None)).archive()
    other = Analysis(live, DuckEngine(None))
    assert other.drop_history() == 0
    other.settle()
    other.archivist.step(other.analyst.reached, 1)
    assert other.drop_history() == 0
    other.archive()
    assert other.drop_history() == 3


def test_who_is_erased_is_erased_there(live: Connection, workspace_id: int, analysis: Analysis) -> None:
    person = people_with_marks(live, workspace_id)
    analysis.archive(most=1_000)
    before = _texts(live, analysis, workspace_id)
    assert any(mark.lower() in before for mark in MARKS)

    report = erase_person(
        live, workspace_id=workspace_id, profile_id=person, actor="eva", reason="", suppress=False, now=NOW
    )
    analysis.archive(most=5)

    after = _texts(live, analysis, workspace_id)
    assert [mark for mark in (*MARKS, *map(str, report.profile_ids)) if mark.lower() in after] == []
    assert in_archive(live, analysis.analyst.engine, workspace_id) == in_history(live, workspace_id)
    assert in_history(live, workspace_id) != []


def _texts(live: Connection, analysis: Analysis, workspace_id: int) -> str:
    return "\n".join(map(repr, in_archive(live, analysis.analyst.engine, workspace_id))).lower()


def test_erased_after_their_history_was_dropped(live: Connection, workspace_id: int, analysis: Analysis) -> None:
    ingest(live, workspace_id, [*seen("ana"), *seen("luis")])
    analysis.archive()
    analysis.drop_history()
    ana, luis = root(live, "user_id", "ana"), root(live, "user_id", "luis")
    assert ana is not None

    erase_person(live, workspace_id=workspace_id, profile_id=ana, actor="eva", reason="", suppress=False, now=NOW)
    analysis.archive()

    assert {row.profile_id for row in in_archive(live, analysis.analyst.engine, workspace_id)} == {luis}


def naming_ana(live: Connection, workspace_id: int) -> UUID:
    """Luis, who shares a browser with Ana, and names her in what he does."""
    shared = {"helped": "ana@example.com", "rating": 5}
    who = [
        message("identify", userId="ana", traits={"email": "ana@example.com"}),
        message("identify", userId="ana", anonymousId="both"),
        message(event="Helped", userId="luis", anonymousId="both", properties=shared),
    ]
    ingest(live, workspace_id, who)
    ana = root(live, "user_id", "ana")
    assert ana is not None
    return ana


def test_named_by_others_in_what_was_dropped_they_are_blotted_out(
    live: Connection, workspace_id: int, analysis: Analysis
) -> None:
    ana, engine = naming_ana(live, workspace_id), analysis.analyst.engine
    analysis.archive()
    analysis.drop_history()
    assert "ana@example.com" in _texts(live, analysis, workspace_id)

    erase_person(live, workspace_id=workspace_id, profile_id=ana, actor="eva", reason="", suppress=False, now=NOW)
    for at in range(1, 9):
        breaking: Any = Breaking(engine, at)
        with contextlib.suppress(Killed):
            blot_next(live, Analyst(live, breaking))
    analysis = Analysis(live, engine)
    analysis.archive()

    assert "ana@example.com" not in _texts(live, analysis, workspace_id)
    (helped,) = [row for row in in_archive(live, engine, workspace_id) if row.name == "Helped"]
    assert b'"rating":5' in helped.body
    warehouse = analysis.analyst.warehouse(workspace_id)
    events = warehouse.world().events
    said = {path: events[column] for (path, _), column in warehouse.properties.by_leaf.items()}
    assert engine.fetch(events.select(said[("helped",)], said[("rating",)])) == [("[erased]", 5.0)]
    assert live.execute("SELECT count(*) FROM audience_blotting").fetchone() == (0,)


def test_without_an_archive_an_erasure_keeps_no_word_of_them(live: Connection, workspace_id: int) -> None:
    ana = naming_ana(live, workspace_id)
    erase_person(live, workspace_id=workspace_id, profile_id=ana, actor="eva", reason="", suppress=False, now=NOW)
    assert live.execute("SELECT count(*) FROM audience_blotting").fetchone() == (0,)


def test_an_import_is_undone_there_unless_its_history_was_dropped(
    live: Connection, workspace_id: int, analysis: Analysis
) -> None:
    """What PostgreSQL has no more cannot be taken back from anybody's profile, and so stays in their story."""
    old = imported(live, workspace_id, csv_file([["user_id", "plan"], ["ana", "gold"]]))
    analysis.archive()
    analysis.drop_history()
    kept = in_archive(live, analysis.analyst.engine, workspace_id)
    young = imported(live, workspace_id, csv_file([["user_id", "plan"], ["luis", "gold"]]))
    analysis.archive()
    assert len(in_archive(live, analysis.analyst.engine, workspace_id)) > len(kept)

    undone(live, young)
    undone(live, old)
    analysis.archive()

    assert in_archive(live, analysis.analyst.engine, workspace_id) == kept
    assert root(live, "user_id", "ana") is not None
    assert root(live, "user_id", "luis") is None


def test_a_rebuild_leaves_it_alone(live: Connection, workspace_id: int, analysis: Analysis) -> None:
    engine = analysis.analyst.engine
    ingest(live, workspace_id, [*seen("ana"), *seen("luis")])
    analysis.archive()
    analysis.drop_history()
    ingest(live, workspace_id, seen("ana", 1))
    analysis.archive()
    right = in_archive(live, engine, workspace_id)

    made = rebuild(live, engine, lambda *_: None)

    assert in_archive(live, engine, workspace_id) == right
    ana = root(live, "user_id", "ana")
    assert ana is not None
    erase_person(live, workspace_id=workspace_id, profile_id=ana, actor="eva", reason="", suppress=False, now=NOW)
    while made.step().rows:
        pass
    assert in_archive(live, engine, workspace_id) == [row for row in right if row.profile_id != ana]


def test_who_did_something_long_ago_is_explained_with_it(
    live: Connection, workspace_id: int, analysis: Analysis
) -> None:
    """What everybody is counted with: retention must not make the answers for one person other than for all."""
    ingest(live, workspace_id, [*seen("ana"), message(userId="ana", event="Home")])
    analysis.archive()
    assert analysis.drop_history()
    ingest(live, workspace_id, seen("ana", 1))
    new = NewSegment(name="Often", condition=to_json(from_text('did("Seen") >= 2')))
    inner = actions.create(live, workspace_id=workspace_id, new=new, actor="ana", now=NOW)
    ana = root(live, "user_id", "ana")
    assert ana is not None
    before = len(seen("nobody"))
    about: dict[str, Any] = {"now": now_micros()}
    with analysis.answering():
        for text, holds in (
            (f'did("Seen") = {before + 1} and did("Home")', True),
            (f'did("Seen") >= {before + 2}', False),
            ('did("Other")', False),
            (f'segment("{inner.id}")', True),
        ):
            assert holds_for(live, workspace_id, from_text(text), ana, **about) is holds, text
        assert [each.id for each in segments_of(live, workspace_id, ana, **about)] == [inner.id]
    analysis.go_away()
    with pytest.raises(NoAnalyst):
        holds_for(live, workspace_id, from_text('did("Seen")'), ana, **about)
    assert not holds_for(live, workspace_id, from_text('plan = "gold"'), ana, **about), "no event is asked about"
