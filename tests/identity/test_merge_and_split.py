"""Merging and splitting by hand: exact, explained, reversible."""

from typing import Any

import psycopg
import pytest

from factories.people import NOON, ingest, message, owner, people, root
from tessera.foundation.ids import uuid7
from tessera.identity import queries
from tessera.identity.actions import (
    AlreadyOnePerson,
    AlreadyUndone,
    NoSuchMerge,
    merge_profiles,
    split_profiles,
)
from tessera.identity.directory import MergeRefused, NoSuchProfile

Connection = psycopg.Connection[Any]


def merge(live: Connection, workspace_id: int, keep: Any, absorb: Any) -> queries.MergeRecord:
    return merge_profiles(
        live, workspace_id=workspace_id, keep=keep, absorb=absorb, reason="same person", actor="eva", now=NOON
    )


def split(live: Connection, workspace_id: int, merge_id: Any) -> queries.MergeRecord:
    return split_profiles(live, workspace_id=workspace_id, merge_id=merge_id, actor="eva", now=NOON)


def roots(live: Connection) -> dict[Any, Any]:
    return dict(live.execute("SELECT id, root_id FROM identity_profile").fetchall())


@pytest.fixture
def two(live: Connection, workspace_id: int) -> tuple[Any, Any]:
    ingest(
        live,
        workspace_id,
        [
            message("identify", userId="ana", traits={"email": "ana@example.com", "plan": "pro"}),
            message(anonymousId="guest", event="Cart Viewed"),
            message("identify", anonymousId="guest", traits={"plan": "free", "color": "red"}),
        ],
    )
    return owner(live, "user_id", "ana"), owner(live, "anonymous_id", "guest")


def test_merge_then_split_is_the_identity(live: Connection, workspace_id: int, two: tuple[Any, Any]):
    before, roots_before = people(live), roots(live)
    done = merge(live, workspace_id, *two)
    assert len(people(live)) == 1
    assert done.evidence == {"actor": "eva", "reason": "same person"}

    undone = split(live, workspace_id, done.merge_id)

    assert people(live) == before
    assert roots(live) == roots_before
    assert (undone.undone_at, undone.undone_by) == (NOON, "eva")
    names = live.execute("SELECT name FROM events_history WHERE kind = 'system' ORDER BY recorded_at").fetchall()
    assert names == [("Profiles Merged",), ("Profiles Split",)]


def test_a_split_in_the_middle_leaves_the_other_merges(live: Connection, workspace_id: int):
    ingest(live, workspace_id, [message(anonymousId=name) for name in "abcd"])
    a, b, c, d = (owner(live, "anonymous_id", name) for name in "abcd")
    merge(live, workspace_id, a, b)
    middle = merge(live, workspace_id, b, c)
    merge(live, workspace_id, d, c)
    assert set(roots(live).values()) == {d}

    split(live, workspace_id, middle.merge_id)

    assert roots(live) == {a: a, b: a, c: d, d: d}


def test_events_do_not_join_again_what_a_clerk_took_apart(live: Connection, workspace_id: int):
    ingest(live, workspace_id, [message(userId="ana"), message(anonymousId="kiosk")])
    ingest(live, workspace_id, [message("identify", userId="ana", anonymousId="kiosk")])
    ana = root(live, "user_id", "ana")
    assert ana is not None
    (joined,) = queries.merges_of(live, [ana])
    split(live, workspace_id, joined.merge_id)

    ingest(live, workspace_id, [message("identify", userId="ana", anonymousId="kiosk")])

    assert root(live, "anonymous_id", "kiosk") != ana
    assert [refusal.rule for refusal in queries.refusals_of(live, [ana])] == ["kept_apart"]
    again = merge(live, workspace_id, ana, owner(live, "anonymous_id", "kiosk"))
    assert root(live, "anonymous_id", "kiosk") == ana, "a clerk may"
    ingest(live, workspace_id, [message(anonymousId="kiosk", context={"traits": {"email": "ana@example.com"}})])
    assert root(live, "email", "ana@example.com") == ana
    assert again.undone_at is None


def test_a_clerk_cannot_give_a_person_two_user_ids(live: Connection, workspace_id: int):
    ingest(live, workspace_id, [message(userId="ana"), message(userId="bob")])
    before = roots(live)
    with pytest.raises(MergeRefused, match="limit:user_id"):
        merge(live, workspace_id, owner(live, "user_id", "ana"), owner(live, "user_id", "bob"))
    assert roots(live) == before
    assert live.execute("SELECT count(*) FROM identity_merge").fetchone() == (0,)


def test_what_cannot_be_done_says_so(live: Connection, workspace_id: int, two: tuple[Any, Any]):
    ana, guest = two
    done = merge(live, workspace_id, ana, guest)
    with pytest.raises(AlreadyOnePerson):
        merge(live, workspace_id, guest, ana)
    split(live, workspace_id, done.merge_id)
    with pytest.raises(AlreadyUndone):
        split(live, workspace_id, done.merge_id)
    with pytest.raises(NoSuchMerge):
        split(live, workspace_id, uuid7())
    with pytest.raises(NoSuchProfile):
        merge(live, workspace_id, ana, uuid7())


def test_a_stranger_can_neither_merge_nor_split(live: Connection, workspace_id: int, two: tuple[Any, Any]):
    done = merge(live, workspace_id, *two)
    before = roots(live)
    with pytest.raises(NoSuchMerge):
        split(live, workspace_id + 1, done.merge_id)
    with pytest.raises(NoSuchProfile):
        merge(live, workspace_id + 1, *two)
    assert roots(live) == before


def test_members_and_identifiers_all_reach_the_person(live: Connection, workspace_id: int, two: tuple[Any, Any]):
    ana, guest = two
    merge(live, workspace_id, ana, guest)
    assert queries.root_of(live, workspace_id, guest) == ana
    for kind, value in (("user_id", "ana"), ("anonymous_id", "guest"), ("email", "ana@example.com")):
        assert queries.roots_by_identifier(live, workspace_id, kind, value) == [ana]
