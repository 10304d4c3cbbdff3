"""What staff say about a person goes the way of every event, and nobody else can say it."""

import threading
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import psycopg
import pytest

from factories.people import NOON, ingest, message, owner, people
from factories.pictures import picture
from tessera.events.messages import Rejected, parse_message
from tessera.events.vocabulary import AVATAR_CHANGED, STATUS_CHANGED
from tessera.foundation.database import connect
from tessera.identity.actions import merge_profiles, split_profiles
from tessera.identity.directory import NoSuchProfile
from tessera.intake.actions import record_fact
from tessera.intake.standing import change_avatar, change_status, remove_avatar
from tessera.profiles import queries
from tessera.profiles.avatars import avatar_of
from tessera.profiles.facts import InvalidStatus

Live = psycopg.Connection[Any]


def born(live: Live, workspace_id: int, user: str) -> UUID:
    ingest(live, workspace_id, [message("identify", userId=user)])
    found = owner(live, "user_id", user)
    assert found is not None
    return found


def suspend(live: Live, workspace_id: int, profile: UUID, **how: Any) -> None:
    said = {"status": "suspended", "reason": "holidays", "actor": "eve", "now": NOON} | how
    change_status(live, workspace_id=workspace_id, profile_id=profile, **said)


def test_a_fact_is_in_the_state_and_in_history_under_the_next_number(live: Live, workspace_id: int) -> None:
    ana = born(live, workspace_id, "ana")
    suspend(live, workspace_id, ana)

    view = queries.person(live, workspace_id, ana, now=NOON)
    rows = live.execute("SELECT kind, name, occurred_at, body FROM events_history WHERE kind = 'system'").fetchall()
    gaps = live.execute(
        "SELECT lane FROM events_history GROUP BY lane HAVING count(*) <> max(position) OR max(position) <> "
        "(SELECT position FROM events_lane l WHERE l.lane = events_history.lane)"
    ).fetchall()

    assert view is not None
    assert view.status == "suspended"
    assert rows == [("system", STATUS_CHANGED, NOON, {"status": "suspended", "reason": "holidays", "actor": "eve"})]
    assert gaps == []


def test_no_client_can_say_it(live: Live, workspace_id: int) -> None:
    said = {"status": "invalid", "reason": "because"}
    sent = [
        message(userId="ana", event=STATUS_CHANGED, properties=said),
        message("identify", userId="ana", traits=said),
        message("system", userId="ana", event=STATUS_CHANGED, properties=said),
    ]
    with pytest.raises(Rejected):
        parse_message(msgspec.json.encode(sent[2]))  # the edge asks this of every message
    ingest(live, workspace_id, sent[:2])
    view = queries.person(live, workspace_id, owner(live, "user_id", "ana"), now=NOON)  # type: ignore[arg-type]
    assert view is not None
    assert (view.status, view.attributes["status"]) == ("subscribed", "invalid")


def test_nobody_and_strangers_are_refused_and_nothing_is_written(live: Live, workspace_id: int) -> None:
    ana = born(live, workspace_id, "ana")
    before = people(live)
    for workspace, profile in ((workspace_id, uuid4()), (workspace_id + 1, ana)):
        with pytest.raises(NoSuchProfile):
            suspend(live, workspace, profile)
    for status, reason in (("gone", "x"), ("invalid", " "), ("invalid", "x" * 501), ("invalid", "a\0b")):
        with pytest.raises(InvalidStatus):
            suspend(live, workspace_id, ana, status=status, reason=reason)
    assert people(live) == before
    assert live.execute("SELECT count(*) FROM events_history WHERE kind = 'system'").fetchone() == (0,)


def test_merged_the_later_word_holds_and_split_each_has_their_own(live: Live, workspace_id: int) -> None:
    ana = born(live, workspace_id, "ana")
    ingest(live, workspace_id, [message(anonymousId="till")])
    till = owner(live, "anonymous_id", "till")
    assert till is not None
    suspend(live, workspace_id, ana, now=NOON)
    suspend(live, workspace_id, till, status="complainer", now=NOON - timedelta(hours=1))
    before = people(live)

    merge = merge_profiles(live, workspace_id=workspace_id, keep=till, absorb=ana, reason="one", actor="eve", now=NOON)
    together = queries.person(live, workspace_id, till, now=NOON)
    split_profiles(live, workspace_id=workspace_id, merge_id=merge.merge_id, actor="eve", now=NOON)

    assert together is not None
    assert together.status == "suspended"
    assert people(live) == before


def test_a_death_between_the_fact_and_the_commit_leaves_neither(live: Live, workspace_id: int) -> None:
    ana = born(live, workspace_id, "ana")
    before = people(live)

    def die() -> None:
        with live.transaction():
            change_avatar(live, workspace_id=workspace_id, profile_id=ana, raw=picture(), actor="eve", now=NOON)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        die()

    assert people(live) == before
    assert avatar_of(live, workspace_id, ana) is None
    assert live.execute("SELECT count(*) FROM events_history WHERE name = %s", (AVATAR_CHANGED,)).fetchone() == (0,)


def test_facts_and_events_at_once_lose_nothing(live: Live, workspace_id: int) -> None:
    ana = born(live, workspace_id, "ana")
    failures: list[BaseException] = []

    def work(act: Any) -> None:
        try:
            with connect(autocommit=True) as own:
                for number in range(15):
                    act(own, number)
        except BaseException as error:
            failures.append(error)

    def say(own: Live, number: int) -> None:
        name, body = "Note Added", {"number": number}
        record_fact(own, workspace_id=workspace_id, profile_id=ana, name=name, body=body, actor="eve", now=NOON)

    def happen(own: Live, number: int) -> None:
        ingest(own, workspace_id, [message(userId="ana", event="Seen")])

    threads = [threading.Thread(target=work, args=(act,)) for act in (say, say, happen, happen)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    view = queries.person(live, workspace_id, ana, now=NOON)
    assert failures == []
    assert view is not None
    assert view.events["Seen"].count == 30
    assert live.execute("SELECT count(*) FROM events_history WHERE name = 'Note Added'").fetchone() == (30,)


def test_a_picture_is_replaced_and_removed(live: Live, workspace_id: int) -> None:
    ana = born(live, workspace_id, "ana")
    about: dict[str, Any] = {"workspace_id": workspace_id, "profile_id": ana, "actor": "eve"}

    red = change_avatar(live, raw=picture(color="red"), now=NOON, **about)
    blue = change_avatar(live, raw=picture(color="blue"), now=NOON + timedelta(seconds=1), **about)
    stored = avatar_of(live, workspace_id, ana)
    stranger = avatar_of(live, workspace_id + 1, ana)
    remove_avatar(live, now=NOON + timedelta(seconds=2), **about)

    assert red != blue
    assert stored is not None
    assert stored[0] == blue
    assert stranger is None
    assert avatar_of(live, workspace_id, ana) is None
