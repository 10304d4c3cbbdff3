"""Segments that are kept fresh: when they are looked at, and that no one of them keeps another waiting."""

import time
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest

from audience.test_segments import by_hand, changed, condition, identified, made, members
from factories.analysis import Analysis
from factories.people import drain, ingest, message, put_in_inbox, root
from tessera.audience import freshness, questions
from tessera.audience.depending import depends_of
from tessera.audience.segments import queries
from tessera.privacy.actions import erase_person

Connection = psycopg.Connection[Any]


def test_a_condition_edited_below_moves_those_who_ask_about_it(
    live: Connection, workspace_id: int, analysis: Analysis
) -> None:
    """The segment below is only evaluated when asked, so nobody's history says who enters and leaves it."""
    ingest(live, workspace_id, [identified("ana", country="ES"), identified("luis", country="FR")])
    below = made(live, workspace_id, "Below", 'country = "ES"')
    middle = made(live, workspace_id, "Middle", f'segment("{below.id}")')
    above = made(live, workspace_id, "Above", f'segment("{middle.id}")', kept=True)
    analysis.settle()
    assert members(live, above) == {root(live, "user_id", "ana")}
    changed(live, below, condition=condition('country = "FR"'))
    analysis.settle()
    assert members(live, above) == {root(live, "user_id", "luis")}


def test_what_changes_before_the_index_is_made_anew_is_not_lost(
    live: Connection, workspace_id: int, analysis: Analysis
) -> None:
    ingest(live, workspace_id, [identified("ana", plan="gold"), identified("luis")])
    segment = made(live, workspace_id, "Where", 'plan = "gold"', kept=True)
    analysis.settle()
    changed(live, segment, condition=condition('did("Seen")'))
    analysis.ask(workspace_id, questions.RefreshNow(segment_id=segment.id))
    ingest(live, workspace_id, [message(userId="luis", event="Seen")])
    analysis.freshness._listed_at = time.monotonic()
    while (step := analysis.analyst.step()).rows:
        analysis.freshness.note(step.changes)
    analysis.freshness.turn()
    analysis.settle()
    assert members(live, segment) == {root(live, "user_id", "luis")}


def test_an_attribute_said_of_a_whole_batch_moves_people_at_once(
    live: Connection, workspace_id: int, analysis: Analysis
) -> None:
    """It stands in the batch's own context, beside the messages."""
    ingest(live, workspace_id, [identified("ana"), identified("luis")])
    gold = made(live, workspace_id, "Gold", 'plan = "gold"', kept=True)
    analysis.settle()
    assert members(live, gold) == set()
    batch = b'{"context": {"traits": {"plan": "gold"}}}'
    put_in_inbox(live, workspace_id, [message(userId="ana", event="Seen")], envelope=batch)
    drain(live)
    analysis.settle()
    assert members(live, gold) == {root(live, "user_id", "ana")}


def test_hours_pass_for_those_who_ask_by_way_of_another(live: Connection, workspace_id: int) -> None:
    hours = made(live, workspace_id, "Hours", 'did("Seen") in 6 hours')
    days = made(live, workspace_id, "Days", 'did("Seen") in 6 days')
    ahead = made(live, workspace_id, "Ahead", "visit in next 2 days")
    known = {each.id: each for each in (hours, days, ahead)}
    for inner, by_hours in ((hours, True), (days, False), (ahead, True)):
        above = made(live, workspace_id, f"Above {inner.name}", f'not segment("{inner.id}")', kept=True)
        assert depends_of(above, known).by_hours is by_hours


@pytest.mark.parametrize("wrong", ['{"version": 99, "condition": {"is": "and", "of": []}}', '{"no": "condition"}'])
def test_one_that_cannot_be_read_keeps_no_other_from_being_fresh(
    live: Connection, workspace_id: int, analysis: Analysis, wrong: str
) -> None:
    ingest(live, workspace_id, [identified("ana", country="ES")])
    broken = made(live, workspace_id, "Broken", 'country = "ES"', kept=True)
    above = made(live, workspace_id, "Above", f'segment("{broken.id}")', kept=True)
    whole = made(live, workspace_id, "Whole", 'country = "ES"', kept=True)
    live.execute("UPDATE audience_segment SET condition = %s WHERE id = %s", (wrong, broken.id))
    while analysis.analyst.step().rows:
        pass
    analysis.worlds.show(workspace_id, analysis.analyst.warehouse(workspace_id))
    for _ in range(4):
        time.sleep(0.1)
        analysis.freshness._listed_at = 0.0
        analysis.freshness.turn()
    assert members(live, whole) == {root(live, "user_id", "ana")}
    problems = [queries.segment_by_id(live, workspace_id, each.id).problem for each in (broken, above, whole)]
    assert [bool(problem) for problem in problems] == [True, True, False]


def test_steps_that_wait_are_looked_at_together(
    live: Connection, workspace_id: int, analysis: Analysis, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment = made(live, workspace_id, "Seen", 'did("Seen")', kept=True)
    ingest(live, workspace_id, [message(userId="ana", event="Other")])
    analysis.settle()
    looked: list[set[UUID]] = []
    real = freshness.look_again

    def look_again(connection: Any, evaluator: Any, workspace: int, key: UUID, people: Any, **said: Any) -> Any:
        looked.append(set(people))
        return real(connection, evaluator, workspace, key, people, **said)

    monkeypatch.setattr(freshness, "look_again", look_again)
    for user in ("ana", "luis", "eva"):
        ingest(live, workspace_id, [message(userId=user, event="Seen")])
        analysis.freshness.note(analysis.analyst.step().changes)
    analysis.worlds.show(workspace_id, analysis.analyst.warehouse(workspace_id))
    analysis.freshness.turn()
    assert looked == [members(live, segment)]
    assert len(looked[0]) == 3


def test_the_size_of_a_list_is_counted_anew_when_somebody_is_gone(
    live: Connection, workspace_id: int, analysis: Analysis
) -> None:
    ingest(live, workspace_id, [identified("ana"), identified("luis")])
    friends = made(live, workspace_id, "Friends")
    by_hand(live, friends, "ana", "luis")
    ana = root(live, "user_id", "ana")
    assert ana is not None
    erase_person(
        live, workspace_id=workspace_id, profile_id=ana, actor="eva", reason="", suppress=False, now=datetime.now(UTC)
    )
    live.execute("UPDATE audience_segment SET counted_at = now() - interval '1 day'")
    analysis.settle()
    assert queries.segment_by_id(live, workspace_id, friends.id).size == 1


def test_one_that_is_evaluated_when_asked_is_not_counted_while_most_of_history_is_wanting(
    live: Connection, workspace_id: int, analysis: Analysis
) -> None:
    """The number would stand for a day."""
    asked = made(live, workspace_id, "Spain", 'country = "ES"')
    analysis.freshness.behind = True
    ingest(live, workspace_id, [identified("ana", country="ES")])
    analysis.settle()
    assert queries.segment_by_id(live, workspace_id, asked.id).counted_at is None
    ingest(live, workspace_id, [identified("luis", country="ES")])
    analysis.freshness.behind = False
    analysis.settle()
    assert queries.segment_by_id(live, workspace_id, asked.id).size == 2
