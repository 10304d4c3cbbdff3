"""Erasures that are killed, meet each other, a clerk's merge, or events that go on arriving."""

import os
import signal
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any
from uuid import UUID

import psycopg
import pytest

from factories.people import NOON, drain, ingest, message, put_in_inbox, root
from tessera.foundation.database import connect
from tessera.identity.actions import AlreadyOnePerson, MergeRefused, merge_profiles, split_profiles
from tessera.identity.directory import NoSuchProfile
from tessera.privacy import actions
from tessera.privacy.actions import ErasureReport, erase_person
from tessera.privacy.requests import ask_to_erase, resume_erasures, run_erasure

from .world import MARKS, people_with_marks, places_of, tables

Connection = psycopg.Connection[Any]

DYING = """
import os, signal, sys
from datetime import UTC, datetime
from uuid import UUID
import django
django.setup()
from tessera.foundation.database import connect
from tessera.privacy import actions
place, workspace, person = sys.argv[1:]
def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
setattr(actions, place, die)
with connect(autocommit=True) as connection:
    actions.erase_person(connection, workspace_id=int(workspace), profile_id=UUID(person), actor="eva", reason="",
                         suppress=True, now=datetime.now(UTC))
"""


def erasing(workspace_id: int, profile: UUID, reports: list[ErasureReport]) -> Callable[[], None]:
    def call() -> None:
        with connect(autocommit=True) as connection, suppress(NoSuchProfile):
            reports.append(
                erase_person(
                    connection,
                    workspace_id=workspace_id,
                    profile_id=profile,
                    actor="eva",
                    reason="",
                    suppress=False,
                    now=NOON,
                )
            )

    return call


def at_once(calls: list[Callable[[], None]]) -> None:
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], None]) -> None:
        barrier.wait(30)
        call()

    with ThreadPoolExecutor(len(calls)) as threads:
        for done in [threads.submit(run, call) for call in calls]:
            done.result(120)


def sizes(live: Connection) -> dict[str, int]:
    found = {}
    for table in tables(live):
        row = live.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
        assert row is not None
        found[table] = row[0]
    return found


def left_of(live: Connection, profiles: list[UUID]) -> set[str]:
    """Where rows of these profiles are left, beside the word to the followers."""
    found = set()
    for table, column in (
        ("identity_profile", "id"),
        ("identity_profile", "root_id"),
        ("identity_identifier", "profile_id"),
        ("profiles_state", "profile_id"),
        ("profiles_search", "profile_id"),
        ("events_history", "profile_id"),
    ):
        kept = " AND name <> 'Person Erased'" if table == "events_history" else ""
        rows = live.execute(f"SELECT 1 FROM {table} WHERE {column} = ANY(%s){kept}", (profiles,))  # noqa: S608
        if rows.fetchone():
            found.add(table)
    return found


@pytest.mark.parametrize("place", ["claim_all_lanes", "erase_identity", "redact_history", "record_audit_on"])
def test_an_erasure_killed_half_way_has_not_happened(live: Connection, workspace_id: int, place: str):
    person = people_with_marks(live, workspace_id)
    before, marked = sizes(live), {mark: places_of(live, mark) for mark in MARKS}

    killed = subprocess.run(
        [sys.executable, "-c", DYING, place, str(workspace_id), str(person)], env=dict(os.environ), timeout=60
    )

    assert killed.returncode == -signal.SIGKILL
    assert sizes(live) == before
    assert {mark: places_of(live, mark) for mark in MARKS} == marked
    reports: list[ErasureReport] = []
    erasing(workspace_id, person, reports)()
    assert {mark: places_of(live, mark) for mark in MARKS if places_of(live, mark)} == {}


def test_a_job_killed_half_way_goes_on_with_the_next_name(
    live: Connection, workspace_id: int, monkeypatch: pytest.MonkeyPatch
):
    ingest(live, workspace_id, [message(userId=f"many-{number}") for number in range(6)])
    asked = ask_to_erase(
        live,
        workspace_id=workspace_id,
        references=[f"user_id:many-{number}" for number in range(6)],
        actor="eva",
        reason="",
        suppress=False,
        now=NOON,
    )
    from tessera.privacy import requests

    done: list[int] = []
    erase_one = requests._erase_one

    def dying(*arguments: Any) -> None:
        if len(done) == 3:
            raise psycopg.OperationalError("gone")
        erase_one(*arguments)
        done.append(1)

    with monkeypatch.context() as patch:
        patch.setattr(requests, "_erase_one", dying)
        with pytest.raises(psycopg.OperationalError):
            run_erasure(live, workspace_id=workspace_id, erasure_id=asked.id)
    half = live.execute("SELECT status, count(*) FROM privacy_erased GROUP BY status ORDER BY status").fetchall()
    run_erasure(live, workspace_id=workspace_id, erasure_id=asked.id)
    run_erasure(live, workspace_id=workspace_id, erasure_id=asked.id)

    assert half == [("done", 3), ("waiting", 3)]
    assert live.execute("SELECT status, code, count(*) FROM privacy_erased GROUP BY 1, 2").fetchall() == [
        ("done", "", 6)
    ]
    assert live.execute("SELECT status FROM privacy_erasure").fetchone() == ("done",)


def ask_for(live: Connection, workspace_id: int, *names: str) -> UUID:
    ingest(live, workspace_id, [message(userId=name) for name in names])
    references = [f"user_id:{name}" for name in names]
    by: dict[str, Any] = {"workspace_id": workspace_id, "actor": "eva", "reason": "", "suppress": False, "now": NOON}
    return ask_to_erase(live, references=references, **by).id


@pytest.mark.parametrize("error", [psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure])
def test_who_meets_a_rival_is_tried_again(
    live: Connection, workspace_id: int, error: type[Exception], monkeypatch: pytest.MonkeyPatch
):
    from tessera.privacy import requests

    asked = ask_for(live, workspace_id, "ana")
    erase, rivals = requests.erase_whole_person, [1, 2]

    def met(*args: Any, **kwargs: Any) -> Any:
        if rivals:
            rivals.pop()
            raise error("a rival")
        return erase(*args, **kwargs)

    monkeypatch.setattr(requests, "erase_whole_person", met)
    run_erasure(live, workspace_id=workspace_id, erasure_id=asked)

    assert rivals == []
    assert live.execute("SELECT status, code FROM privacy_erased").fetchall() == [("done", "")]


def test_a_request_that_lost_its_job_gets_another(live: Connection, workspace_id: int):
    lost, kept, over = (ask_for(live, workspace_id, name) for name in ("lost", "kept", "over"))
    run_erasure(live, workspace_id=workspace_id, erasure_id=over)
    live.execute("DELETE FROM procrastinate_jobs WHERE args->'arguments'->>'erasure_id' <> %s", (str(kept),))

    assert (resume_erasures(live), resume_erasures(live)) == (1, 0)
    jobs = live.execute("SELECT args->'arguments'->>'erasure_id', lock FROM procrastinate_jobs ORDER BY id").fetchall()
    assert jobs == [(str(kept), "privacy"), (str(lost), "privacy")]


def test_of_two_erasures_of_one_person_one_does_it(live: Connection, workspace_id: int):
    for number in range(5):
        ingest(live, workspace_id, [message(userId=f"twice-{number}") for _ in range(20)])
        person = root(live, "user_id", f"twice-{number}")
        assert person is not None
        reports: list[ErasureReport] = []
        at_once([erasing(workspace_id, person, reports)] * 3)
        assert [report.counts["events_history"] for report in reports] == [20]
        assert left_of(live, [person]) == set()


def test_an_erasure_against_a_merge_takes_all_or_its_own(live: Connection, workspace_id: int):
    for number in range(8):
        ingest(live, workspace_id, [message(userId=f"left-{number}"), message(anonymousId=f"right-{number}")])
        left, right = root(live, "user_id", f"left-{number}"), root(live, "anonymous_id", f"right-{number}")
        assert left is not None
        assert right is not None
        reports: list[ErasureReport] = []

        def merge(keep: UUID = left, absorb: UUID = right) -> None:
            with connect(autocommit=True) as connection, suppress(NoSuchProfile, AlreadyOnePerson, MergeRefused):
                merge_profiles(
                    connection,
                    workspace_id=workspace_id,
                    keep=keep,
                    absorb=absorb,
                    reason="",
                    actor="eva",
                    now=NOON,
                )

        at_once([erasing(workspace_id, right, reports), merge])
        (report,) = reports
        assert report.profile_ids in ([right], [left, right])
        assert left_of(live, report.profile_ids) == set()
        assert (root(live, "user_id", f"left-{number}") is None) is (left in report.profile_ids)


def test_a_profile_split_away_meanwhile_keeps_what_is_its_own(
    live: Connection, workspace_id: int, monkeypatch: pytest.MonkeyPatch
):
    ingest(live, workspace_id, [message(userId="ana"), message(anonymousId="guest", event="Looked")])
    ana, guest = root(live, "user_id", "ana"), root(live, "anonymous_id", "guest")
    assert ana is not None
    assert guest is not None
    by_hand = {"workspace_id": workspace_id, "actor": "eva", "now": NOON}
    merged = merge_profiles(live, keep=ana, absorb=guest, reason="", **by_hand)
    claim, rivals = actions.claim_all_lanes, [1]

    def claim_after_a_split(connection: Connection) -> dict[int, int]:
        if rivals:
            rivals.pop()
            with connect(autocommit=True) as other:
                split_profiles(other, merge_id=merged.merge_id, **by_hand)
        return claim(connection)

    monkeypatch.setattr(actions, "claim_all_lanes", claim_after_a_split)
    reports: list[ErasureReport] = []
    erasing(workspace_id, ana, reports)()

    assert reports[0].profile_ids == [ana]
    assert left_of(live, [ana]) == set()
    assert root(live, "anonymous_id", "guest") == guest
    kept = live.execute("SELECT name FROM events_history WHERE profile_id = %s", (guest,)).fetchall()
    assert kept == [("Looked",)]


def test_events_that_go_on_arriving_make_somebody_new(live: Connection, workspace_id: int):
    names = {"userId": "busy", "context": {"traits": {"email": "busy@example.com"}}}
    ingest(live, workspace_id, [message(anonymousId="first", **names)])
    person = root(live, "user_id", "busy")
    assert person is not None
    stop = threading.Event()

    def arriving(lane: int) -> None:
        with connect(autocommit=True) as connection:
            while not stop.is_set():
                put_in_inbox(connection, workspace_id, [message(anonymousId=f"browser-{lane}", **names)])
                drain(connection)

    reports: list[ErasureReport] = []
    with ThreadPoolExecutor(4) as threads:
        busy = [threads.submit(arriving, lane) for lane in range(3)]
        try:
            for _ in range(5):
                now_called = root(live, "user_id", "busy")
                if now_called is not None:
                    erasing(workspace_id, now_called, reports)()
        finally:
            stop.set()
        for done in busy:
            done.result(60)
    drain(live)

    assert reports
    assert left_of(live, [profile for report in reports for profile in report.profile_ids]) == set()
    assert live.execute("SELECT count(*) FROM events_quarantine").fetchone() == (0,)
    lone = live.execute(
        "SELECT count(*) FROM events_history h WHERE kind <> 'system'"
        " AND NOT EXISTS (SELECT 1 FROM identity_profile p WHERE p.id = h.profile_id)"
    ).fetchone()
    assert lone == (0,)


def test_a_person_with_a_hundred_thousand_events(live: Connection, workspace_id: int):
    ingest(live, workspace_id, [message(userId="much", event="Ping")])
    person = root(live, "user_id", "much")
    assert person is not None
    live.execute(
        "INSERT INTO events_history SELECT lane, position + n, recorded_at, event_id, workspace_id, source_id,"
        " profile_id, kind, name, occurred_at + (n %% 977) * interval '1 s', received_at, envelope, body"
        " FROM events_history CROSS JOIN generate_series(1, 99999) AS more (n) WHERE profile_id = %s",
        (person,),
    )
    reports: list[ErasureReport] = []
    tracemalloc.start()
    erasing(workspace_id, person, reports)()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert reports[0].counts["events_history"] == 100_000
    assert left_of(live, [person]) == set()
    assert peak < 20 * 1024**2


def test_search_words_are_found_by_their_key(live: Connection, workspace_id: int):
    traits = {"firstName": "Ana", "lastName": "Ruiz Gómez", "phone": "+34600111222"}
    ingest(live, workspace_id, [message("identify", userId="ana", traits=traits)])
    live.execute(
        "INSERT INTO profiles_search SELECT %s, md5(n::text), gen_random_uuid() FROM generate_series(1, 20000) n",
        (workspace_id,),
    )
    live.execute("ANALYZE profiles_search")
    live.execute("SELECT pg_stat_force_next_flush()")
    scans = "SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'profiles_search'"
    before = live.execute(scans).fetchone()
    person = root(live, "user_id", "ana")
    assert person is not None
    reports: list[ErasureReport] = []

    erasing(workspace_id, person, reports)()

    assert live.execute(scans).fetchone() == before
    assert reports[0].counts["profiles_search"] == 4
    assert live.execute("SELECT count(*) FROM profiles_search WHERE profile_id = %s", (person,)).fetchone() == (0,)
