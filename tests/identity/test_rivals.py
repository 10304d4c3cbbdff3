"""Two at once: first contacts, opposite merges, a merge against the pipeline."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import psycopg
import pytest

from factories.people import NOON, drain, ingest, message, owner, put_in_inbox, root
from tessera.foundation.database import connect
from tessera.identity import store
from tessera.identity.actions import AlreadyOnePerson, merge_profiles, split_profiles
from tessera.identity.rules import Link, roots_after

Connection = psycopg.Connection[Any]


def at_once(calls: list[Callable[[], None]]) -> None:
    """Run these together, released by one barrier; the first failure is raised."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], None]) -> None:
        barrier.wait(30)
        call()

    with ThreadPoolExecutor(len(calls)) as threads:
        for done in [threads.submit(run, call) for call in calls]:
            done.result(120)


def draining() -> None:
    with connect(autocommit=True) as connection:
        drain(connection)


def test_sixteen_first_contacts_of_one_address_make_one_person(live: Connection, workspace_id: int):
    contacts = [
        message("identify", anonymousId=f"visitor-{number}", traits={"email": "new@example.com"}) for number in range(5)
    ]
    servers = [message(userId="ana", context={"traits": {"email": "new@example.com"}}) for _ in range(11)]
    put_in_inbox(live, workspace_id, contacts + servers)
    at_once([draining] * 16)
    drain(live)
    assert live.execute("SELECT count(*) FROM events_history WHERE kind <> 'system'").fetchone() == (16,)
    assert live.execute("SELECT count(*) FROM identity_profile WHERE id = root_id").fetchone() == (1,)
    person = root(live, "email", "new@example.com")
    assert person == root(live, "user_id", "ana")
    assert {root(live, "anonymous_id", f"visitor-{number}") for number in range(5)} == {person}


def test_one_new_identifier_in_sixteen_lanes_is_owned_once(live: Connection, workspace_id: int):
    for round_number in range(5):
        email = f"round{round_number}@example.com"
        put_in_inbox(
            live,
            workspace_id,
            [message(userId=f"user-{round_number}-{n}", context={"traits": {"email": email}}) for n in range(16)],
        )
        at_once([draining] * 4)
        drain(live)
        assert live.execute("SELECT count(*) FROM identity_identifier WHERE value = %s", (email,)).fetchone() == (1,)
    assert live.execute("SELECT count(*) FROM identity_identifier WHERE kind = 'user_id'").fetchone() == (80,)
    assert live.execute("SELECT count(*) FROM identity_profile WHERE id = root_id").fetchone() == (80,)


def test_opposite_merges_do_not_deadlock(live: Connection, workspace_id: int):
    def merging(keep: Any, absorb: Any) -> Callable[[], None]:
        def call() -> None:
            with connect(autocommit=True) as connection, suppress(AlreadyOnePerson):
                merge_profiles(
                    connection,
                    workspace_id=workspace_id,
                    keep=keep,
                    absorb=absorb,
                    reason="rival",
                    actor="eva",
                    now=NOON,
                )

        return call

    for pair in range(10):
        names = f"left-{pair}", f"right-{pair}"
        ingest(live, workspace_id, [message(anonymousId=name) for name in names])
        left, right = (owner(live, "anonymous_id", name) for name in names)
        at_once([merging(left, right), merging(right, left)])
        assert root(live, "anonymous_id", names[0]) == root(live, "anonymous_id", names[1])
    assert live.execute("SELECT count(*) FROM identity_merge").fetchone() == (10,)


def test_events_that_link_the_same_people_from_both_sides_do_not_deadlock(live: Connection, workspace_id: int):
    pairs = range(40)
    ingest(live, workspace_id, [message(anonymousId=f"{side}{n}") for n in pairs for side in "ab"])
    links = [message("alias", previousId=f"a{n}", anonymousId=f"b{n}", userId=f"u{n}") for n in pairs]
    links += [message("identify", userId=f"u{n}", anonymousId=f"a{n}") for n in pairs]
    links += [message("identify", userId=f"u{n}", anonymousId=f"b{n}") for n in pairs]
    put_in_inbox(live, workspace_id, links)
    at_once([draining] * 4)
    drain(live)
    for n in pairs:
        assert (
            root(live, "anonymous_id", f"a{n}") == root(live, "anonymous_id", f"b{n}") == root(live, "user_id", f"u{n}")
        )
    assert live.execute("SELECT count(*) FROM events_quarantine").fetchone() == (0,)


@pytest.fixture
def between_reads(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Connection], object]], None]:
    """Let a rival commit between two unlocked reads of a plan, once: where a person was, and what the person is."""

    def arrange(rival: Callable[[Connection], object]) -> None:
        read_roots = store._read_roots
        waiting = [rival]

        def read(*arguments: Any) -> Any:
            roots = read_roots(*arguments)
            if waiting:
                with connect(autocommit=True) as connection:
                    waiting.pop()(connection)
            return roots

        monkeypatch.setattr(store, "_read_roots", read)

    return arrange


def promises_kept(live: Connection) -> bool:
    shared = live.execute(
        "SELECT 1 FROM identity_identifier i JOIN identity_profile p ON p.id = i.profile_id"
        " WHERE kind = 'user_id' GROUP BY p.root_id HAVING count(*) > 1"
    ).fetchall()
    links = live.execute(
        "SELECT kept_link, absorbed_link FROM identity_merge WHERE undone_at IS NULL ORDER BY seq"
    ).fetchall()
    roots = dict(live.execute("SELECT id, root_id FROM identity_profile").fetchall())
    return not shared and roots_after(roots, [Link(*link) for link in links]) == roots


def by_hand(workspace_id: int, keep: Any, absorb: Any) -> dict[str, Any]:
    return {"workspace_id": workspace_id, "keep": keep, "absorb": absorb, "reason": "", "actor": "eva", "now": NOON}


def test_a_merge_between_the_reads_of_a_plan_is_noticed(
    live: Connection, workspace_id: int, between_reads: Callable[..., None]
):
    ingest(live, workspace_id, [message("identify", userId="u1", anonymousId="x"), message(anonymousId="boss")])
    ana, boss = root(live, "user_id", "u1"), root(live, "anonymous_id", "boss")
    between_reads(lambda rival: merge_profiles(rival, **by_hand(workspace_id, boss, ana)))
    ingest(live, workspace_id, [message(userId="u2", anonymousId="x")])
    assert root(live, "user_id", "u1") == boss
    assert promises_kept(live)


def test_a_merge_is_not_undone_by_an_event_planned_before_it(
    live: Connection, workspace_id: int, between_reads: Callable[..., None]
):
    ingest(live, workspace_id, [message(anonymousId="x"), message(anonymousId="boss")])
    visitor, boss = root(live, "anonymous_id", "x"), root(live, "anonymous_id", "boss")
    between_reads(lambda rival: merge_profiles(rival, **by_hand(workspace_id, boss, visitor)))
    ingest(live, workspace_id, [message("identify", anonymousId="x", traits={"email": "x@example.com"})])
    assert root(live, "email", "x@example.com") == boss
    assert promises_kept(live)


def test_a_split_between_the_reads_of_a_plan_is_noticed(
    live: Connection, workspace_id: int, between_reads: Callable[..., None]
):
    ingest(live, workspace_id, [message(userId="u1"), message(anonymousId="boss")])
    ana, boss = root(live, "user_id", "u1"), root(live, "anonymous_id", "boss")
    done = merge_profiles(live, **by_hand(workspace_id, boss, ana))
    ingest(live, workspace_id, [message(userId="u1", anonymousId="ax")])
    between_reads(
        lambda rival: split_profiles(rival, workspace_id=workspace_id, merge_id=done.merge_id, actor="eva", now=NOON)
    )
    ingest(live, workspace_id, [message(userId="u2", anonymousId="ax")])
    assert root(live, "user_id", "u1") == ana
    assert promises_kept(live)
