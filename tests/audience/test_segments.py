"""Segments: who enters and who leaves, exactly once, whatever is merged, split, undone or killed meanwhile."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from msgspec import Raw

from factories.analysis import Analysis
from factories.people import ingest, message, root
from tessera.audience import questions
from tessera.audience.conditions.registry import to_json
from tessera.audience.explain import NoSuchPerson, Verdict, explain
from tessera.audience.freshness import is_due
from tessera.audience.segments import actions, queries
from tessera.audience.segments.records import (
    NameTaken,
    NewSegment,
    NoSuchSegment,
    Segment,
    SegmentChange,
    SegmentCircle,
    SegmentInUse,
    WrongSegment,
)
from tessera.audience.text.reader import from_text
from tessera.foundation.clock import now_micros
from tessera.identity import actions as identity

Connection = psycopg.Connection[Any]


def condition(text: str) -> bytes:
    return to_json(from_text(text))


def made(live: Connection, workspace_id: int, name: str, text: str | None = None, *, kept: bool = False) -> Segment:
    new = NewSegment(name=name, condition=condition(text) if text else None, keep_fresh=kept)
    with live.transaction():
        return actions.create(live, workspace_id=workspace_id, new=new, actor="ana", now=datetime.now(UTC))


def changed(live: Connection, segment: Segment, **wanted: Any) -> Segment:
    with live.transaction():
        return actions.change(
            live, workspace_id=segment.workspace_id, segment_id=segment.id, wanted=SegmentChange(**wanted),
            actor="ana", now=datetime.now(UTC),
        )  # fmt: skip


def members(live: Connection, segment: Segment) -> set[UUID]:
    now = queries.segment_by_id(live, segment.workspace_id, segment.id)
    return {member.person_id for member in queries.members_page(live, now).members}


def told(live: Connection) -> list[tuple[str, UUID]]:
    """What history says of entering and leaving, in the order in which it was said."""
    rows = live.execute(
        "SELECT name, profile_id FROM events_history WHERE name LIKE 'Segment %' ORDER BY recorded_at, event_id"
    )
    return [(row[0].removeprefix("Segment ").lower(), row[1]) for row in rows.fetchall()]


def by_hand(live: Connection, segment: Segment, *items: str, adding: bool = True) -> list[str]:
    act = actions.add_people if adding else actions.remove_people
    results = act(
        live, workspace_id=segment.workspace_id, segment_id=segment.id, items=items, actor="ana", now=datetime.now(UTC)
    )
    return [each.result for each in results]


def identified(user: str, **traits: Any) -> dict[str, Any]:
    return message("identify", userId=user, traits=traits)


def test_a_kept_segment_is_entered_and_left_as_people_change(
    live: Connection, workspace_id: int, analysis: Analysis
) -> None:
    ingest(live, workspace_id, [identified("ana", country="ES"), identified("luis", country="MX")])
    spain = made(live, workspace_id, "Spain", 'country = "ES"', kept=True)
    analysis.settle()
    ana, luis = root(live, "user_id", "ana"), root(live, "user_id", "luis")
    assert members(live, spain) == {ana}

    ingest(live, workspace_id, [identified("luis", country="ES"), identified("ana", country="FR")])
    analysis.settle()
    assert members(live, spain) == {luis}
    assert sorted(told(live)) == sorted([("entered", ana), ("left", ana), ("entered", luis)])
    now = queries.segment_by_id(live, workspace_id, spain.id)
    assert (now.size, now.current, now.problem) == (1, True, "")

    ingest(live, workspace_id, [message(userId="luis", event="Order Completed")])
    analysis.settle()
    assert len(told(live)) == 3, "an event that could not move the segment moved it"


def test_events_and_their_properties_move_people(live: Connection, workspace_id: int, analysis: Analysis) -> None:
    buyers = made(live, workspace_id, "Buyers", 'did("Order Completed", total > 100) >= 2', kept=True)
    orders = [message(userId="ana", event="Order Completed", properties={"total": total}) for total in (120, 20, 300)]
    ingest(live, workspace_id, orders[:2])
    analysis.settle()
    assert members(live, buyers) == set()
    ingest(live, workspace_id, orders[2:])
    analysis.settle()
    assert members(live, buyers) == {root(live, "user_id", "ana")}


def test_a_segment_of_segments_follows_what_it_asks_about(
    live: Connection, workspace_id: int, analysis: Analysis
) -> None:
    ingest(live, workspace_id, [identified("ana", country="ES"), identified("luis", country="ES")])
    spain = made(live, workspace_id, "Spain", 'country = "ES"')
    friends = made(live, workspace_id, "Friends")
    both = made(live, workspace_id, "Both", f'segment("{spain.id}") and segment("{friends.id}")', kept=True)
    assert by_hand(live, friends, "user_id:ana", "luis", "nobody") == ["done", "done", "unknown_person"]
    analysis.settle()
    ana, luis = root(live, "user_id", "ana"), root(live, "user_id", "luis")
    assert members(live, both) == {ana, luis}

    assert by_hand(live, friends, str(ana), str(ana), adding=False) == ["done", "done"]
    ingest(live, workspace_id, [identified("luis", country="MX")])
    analysis.settle()
    assert members(live, both) == set()
    assert members(live, friends) == {luis}


def test_a_merge_brings_nobody_in_and_throws_nobody_out(
    live: Connection, workspace_id: int, analysis: Analysis
) -> None:
    visitors = [
        message("identify", anonymousId=name, traits={"email": f"{name}@example.com", "country": "ES"})
        for name in ("ana", "anna")
    ]
    ingest(live, workspace_id, visitors)
    spain, friends = made(live, workspace_id, "Spain", 'country = "ES"', kept=True), made(live, workspace_id, "Friends")
    by_hand(live, friends, "anna@example.com")
    analysis.settle()
    ana, anna = root(live, "email", "ana@example.com"), root(live, "email", "anna@example.com")
    before = told(live)
    assert sorted(before) == sorted([("entered", anna), ("entered", ana), ("entered", anna)])
    merge = identity.merge_profiles(
        live, workspace_id=workspace_id, keep=ana, absorb=anna, reason="one", actor="ana", now=datetime.now(UTC)
    )
    analysis.settle()
    assert (members(live, spain), members(live, friends)) == ({ana}, {ana})
    assert told(live) == before

    identity.split_profiles(
        live, workspace_id=workspace_id, merge_id=merge.merge_id, actor="ana", now=datetime.now(UTC)
    )
    analysis.settle()
    assert (members(live, spain), members(live, friends)) == ({ana, anna}, {anna})
    assert told(live) == before


def test_what_is_asked_is_answered_over_everybody(live: Connection, workspace_id: int, analysis: Analysis) -> None:
    ingest(live, workspace_id, [identified(f"u{n}", country="ES" if n % 2 else "MX", age=n) for n in range(10)])
    ingest(live, workspace_id, [identified(f"u{n}", email=f"u{n}@example.com") for n in (0, 5)])
    analysis.settle(most=1000)
    asked = Raw(condition('country = "ES" and age >= 5'))
    assert analysis.ask(workspace_id, questions.CountPeople(condition=asked)) == questions.Size(3, 10)
    reach = analysis.ask(workspace_id, questions.CountReach(condition=asked))
    assert reach == questions.Reach({"email": 1, "sms": 0, "push": 0})
    steps = analysis.ask(workspace_id, questions.FollowFunnel(condition=asked))
    assert [(step.left, step.alone) for step in steps] == [(5, 5), (3, 5)]
    first = analysis.ask(workspace_id, questions.ListPeople(condition=asked, limit=2))
    rest = analysis.ask(workspace_id, questions.ListPeople(condition=asked, limit=2, after=first.next))
    wanted = {root(live, "user_id", f"u{n}") for n in (5, 7, 9)}
    assert {*first.people, *rest.people} == wanted
    assert (len(first.people), len(rest.people), rest.next) == (2, 1, None)
    sample = analysis.ask(workspace_id, questions.TakeSample(condition=asked, limit=2))
    assert sample == analysis.ask(workspace_id, questions.TakeSample(condition=asked, limit=2))
    assert set(sample.people) < wanted
    with pytest.raises(questions.NotAnswered) as refused:
        analysis.ask(workspace_id, questions.CountPeople(condition=Raw(b'{"version": 1, "condition": {"is": "x"}}')))
    assert refused.value.code == "invalid_condition"
    assert live.execute("SELECT count(*) FROM audience_question").fetchone() == (0,)


def test_a_snapshot_stays_when_its_origin_goes_on(live: Connection, workspace_id: int, analysis: Analysis) -> None:
    ingest(live, workspace_id, [identified("ana", country="ES"), identified("luis", country="MX")])
    analysis.settle()
    kept = made(live, workspace_id, "Snapshot")
    filled = questions.FillWith(segment_id=kept.id, condition=Raw(condition('country = "ES"')))
    assert analysis.ask(workspace_id, filled) == questions.Size(1, 2)
    ingest(live, workspace_id, [identified("luis", country="ES")])
    analysis.settle()
    assert members(live, kept) == {root(live, "user_id", "ana")}
    size = analysis.ask(workspace_id, questions.CountPeople(condition=Raw(condition(f'segment("{kept.id}")'))))
    assert size == questions.Size(1, 2)


def test_circles_are_refused_by_name(live: Connection, workspace_id: int) -> None:
    one = made(live, workspace_id, "One", 'country = "ES"')
    two = made(live, workspace_id, "Two", f'segment("{one.id}")')
    three = made(live, workspace_id, "Three", f'not segment("{two.id}")')
    with pytest.raises(SegmentCircle, match="One → Three → Two → One"):
        changed(live, one, condition=condition(f'segment("{three.id}")'))
    with pytest.raises(SegmentCircle, match="One → One"):
        changed(live, one, condition=condition(f'segment("{one.id}")'))
    with pytest.raises(NoSuchSegment):
        made(live, workspace_id, "Four", 'segment("01890000-0000-7000-8000-000000000000")')
    with pytest.raises(SegmentInUse, match="Two"):
        actions.archive(live, workspace_id=workspace_id, segment_id=one.id, actor="ana", now=datetime.now(UTC))
    assert [each.name for each in queries.used_by(live, one)] == ["Two"]


def test_names_are_unique_until_they_are_archived(live: Connection, workspace_id: int) -> None:
    one = made(live, workspace_id, "Spain")
    with pytest.raises(NameTaken):
        made(live, workspace_id, "spain")
    actions.archive(live, workspace_id=workspace_id, segment_id=one.id, actor="ana", now=datetime.now(UTC))
    other = made(live, workspace_id, "SPAIN")
    with pytest.raises(NameTaken):
        actions.restore(live, workspace_id=workspace_id, segment_id=one.id, actor="ana")
    actions.delete(live, workspace_id=workspace_id, segment_id=other.id, actor="ana")
    assert actions.restore(live, workspace_id=workspace_id, segment_id=one.id, actor="ana").archived_at is None
    noted = live.execute("SELECT action FROM access_auditentry WHERE target LIKE 'segment:%'").fetchall()
    assert sorted(row[0] for row in noted) == [
        "archive_segment", "create_segment", "create_segment", "delete_segment", "restore_segment",
    ]  # fmt: skip


def test_a_dynamic_segment_is_not_filled_by_hand(live: Connection, workspace_id: int) -> None:
    spain = made(live, workspace_id, "Spain", 'country = "ES"')
    with pytest.raises(WrongSegment):
        by_hand(live, spain, "ana")
    with pytest.raises(WrongSegment):
        changed(live, made(live, workspace_id, "List"), condition=condition('country = "ES"'))


def test_strangers_are_nobody(live: Connection, workspace_id: int) -> None:
    ingest(live, workspace_id, [identified("ana", country="ES")])
    mine = made(live, workspace_id, "Mine")
    with pytest.raises(NoSuchSegment):
        actions.add_people(
            live, workspace_id=workspace_id + 1, segment_id=mine.id, items=["ana"], actor="x", now=datetime.now(UTC)
        )


def test_a_changed_condition_is_evaluated_anew(live: Connection, workspace_id: int, analysis: Analysis) -> None:
    ingest(live, workspace_id, [identified("ana", country="ES"), identified("luis", country="MX")])
    segment = made(live, workspace_id, "Where", 'country = "ES"', kept=True)
    analysis.settle()
    assert not changed(live, segment, condition=condition('country = "MX"')).current
    analysis.settle()
    assert members(live, segment) == {root(live, "user_id", "luis")}
    asked_only = changed(live, segment, keep_fresh=False)
    assert (asked_only.freshness, asked_only.refreshed_at) == ("asked", None)
    assert live.execute("SELECT count(*) FROM audience_member").fetchone() == (0,)


def test_days_move_on_at_midnight(live: Connection, workspace_id: int, analysis: Analysis) -> None:
    segment = made(live, workspace_id, "Recent", 'did("Order Completed") in 3 days', kept=True)
    analysis.settle()
    now = queries.segment_by_id(live, workspace_id, segment.id)
    assert now.refreshed_at is not None
    midnight = (now.refreshed_at + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    assert not is_due(now, midnight - timedelta(seconds=1), by_hours=False)
    assert is_due(now, midnight, by_hours=False)


def test_a_person_learns_part_by_part_why_they_are_in(live: Connection, workspace_id: int) -> None:
    ingest(live, workspace_id, [identified("ana", country="ES", age=30)])
    spain = made(live, workspace_id, "Spain", 'country = "ES" and age > 40')
    asked = from_text(f'(segment("{spain.id}") or age = 30) and not country = "MX"')
    ana = root(live, "user_id", "ana")
    verdict = explain(live, workspace_id, asked, ana, now=now_micros())
    either, no = verdict.parts
    inside, age = either.parts
    assert [each.holds for each in (verdict, either, no, inside, age)] == [True, True, True, False, True]
    assert (inside.segment, [part.holds for part in inside.parts[0].parts]) == ("Spain", [True, False])
    assert no.parts[0].holds is False
    with pytest.raises(NoSuchPerson):
        explain(live, workspace_id + 1, asked, ana, now=now_micros())


def test_segments_made_twice_of_segments_are_explained_once_each(live: Connection, workspace_id: int) -> None:
    ingest(live, workspace_id, [identified("ana", country="ES")])
    text = 'country = "ES"'
    for n in range(7):
        segment = made(live, workspace_id, f"S{n}", text)
        text = f'segment("{segment.id}") and segment("{segment.id}")'
    verdict = explain(live, workspace_id, from_text(text), root(live, "user_id", "ana"), now=now_micros())
    first, second = verdict.parts
    assert (first.holds, second.holds, second.segment) == (True, True, "S6")
    assert (len(first.parts), second.parts) == (1, [])
    assert _parts_in(verdict) == 3 * 7 + 1, "told at every mention, they would be twice as many at each level"


def _parts_in(verdict: Verdict) -> int:
    return 1 + sum(_parts_in(part) for part in verdict.parts)


def test_one_that_is_only_asked_is_counted_once_a_day(live: Connection, workspace_id: int, analysis: Analysis) -> None:
    ingest(live, workspace_id, [identified("ana", country="ES")])
    spain = made(live, workspace_id, "Spain", 'country = "ES"')
    analysis.settle()
    counted = queries.segment_by_id(live, workspace_id, spain.id)
    assert (counted.size, counted.counted_at is not None) == (1, True)
    assert [each.size for each in queries.sizes(live, spain, days=1, now=datetime.now(UTC))] == [1]
    analysis.settle()
    assert queries.segment_by_id(live, workspace_id, spain.id).counted_at == counted.counted_at
    assert changed(live, spain, condition=condition('country = "MX"')).size == 1
    analysis.settle()
    assert queries.segment_by_id(live, workspace_id, spain.id).size == 0
    assert told(live) == []


def test_a_report_is_asked_for_like_anything_else(live: Connection, workspace_id: int, analysis: Analysis) -> None:
    ingest(live, workspace_id, [message(userId="ana", event="Order Completed") for _ in range(3)])
    analysis.settle()
    report = b'{"report": "trend", "step": {"event": "Order Completed"}, "period": {"op": "in_last", "days": 1}}'
    answer = analysis.ask(workspace_id, questions.MakeReport(report=Raw(report)))
    assert b"3" in bytes(answer)
