"""What staff decide about names, carried out by intake: through the real pipeline on a real database."""

import threading
from typing import Any
from uuid import uuid4

import msgspec
import psycopg
import pytest
from msgspec import UNSET

from factories import people
from factories.people import NOON, drain, ingest, message, put_in_inbox
from tessera.events import catalogue, dictionary, problems, rejections
from tessera.events.dictionary import Change
from tessera.events.event import Field
from tessera.events.inbox import InboxRow
from tessera.foundation.clock import now_micros, to_datetime, to_micros
from tessera.foundation.database import connect
from tessera.intake.actions import EventBlocked, InvalidAttributes, apply, change_attributes
from tessera.intake.context import load_context, refresh
from tessera.intake.normalise import normalise
from tessera.intake.worker import Worker

Connection = psycopg.Connection[Any]
CLERK = "clerk@example.com"


def decide(live: Connection, workspace_id: int, field: Field, **change: Any) -> None:
    with live.transaction():
        dictionary.change_entry(live, workspace_id=workspace_id, field=field, change=Change(**change), actor=CLERK)


def added_up(live: Connection, workspace_id: int) -> dict[Field, catalogue.Entry]:
    while catalogue.add_up(live):
        pass
    return {entry.field: entry for entry in catalogue.entries(live, workspace_id)}


def troubles(live: Connection, workspace_id: int) -> dict[tuple[Field, str], int]:
    while catalogue.add_up(live):
        pass
    found = problems.find(live, workspace_id, problems.Wanted(), limit=1000).problems
    return {((one.kind, one.parent, one.name), one.code): one.count for one in found}


def bodies(live: Connection) -> list[dict[str, Any]]:
    rows = live.execute("SELECT body::text FROM events_history ORDER BY lane, position").fetchall()
    return [msgspec.json.decode(text) for (text,) in rows]


def attributes_of(live: Connection, workspace_id: int, user: str) -> dict[str, Any]:
    from datetime import UTC, datetime

    from tessera.profiles import queries

    root = people.root(live, "user_id", user)
    assert root is not None
    view = queries.person(live, workspace_id, root, now=datetime.now(UTC))
    assert view is not None
    return view.attributes


def test_a_blocked_event_is_dropped_counted_and_can_be_looked_up(live: Connection, workspace_id: int) -> None:
    decide(live, workspace_id, ("event", "", "Mouse Moved"), status="blocked")

    noise = [message(userId=f"u{n}", event="Mouse Moved") for n in range(300)]
    ingest(live, workspace_id, [*noise, message(userId="u0", event="Bought")])

    assert [body["event"] for body in bodies(live)] == ["Bought"]
    entry = added_up(live, workspace_id)["event", "", "Mouse Moved"]
    assert (entry.volume, entry.dropped) == (0, 300)
    refused = rejections.of_source(live, 1, after=None, limit=100)
    assert {one.code for one in refused} == {"event_blocked"}
    assert 1 <= len(refused) <= 20, "one row for all of a batch"
    assert "Mouse Moved" in refused[0].excerpt
    assert people.root(live, "user_id", "u1") is None


def test_a_blocked_attribute_reaches_neither_profile_nor_history(live: Connection, workspace_id: int) -> None:
    decide(live, workspace_id, ("attribute", "", "firstName"), status="blocked")

    ingest(
        live,
        workspace_id,
        [
            message("identify", userId="u1", traits={"firstName": "Ana", "plan": "pro", "n": 1.10}),
            message(userId="u1", event="Bought", context={"traits": {"first_name": "Ana", "plan": "pro"}}),
        ],
    )

    assert attributes_of(live, workspace_id, "u1") == {"plan": "pro", "n": 1.10}
    assert "Ana" not in msgspec.json.encode(bodies(live)).decode()
    entries = added_up(live, workspace_id)
    assert entries["attribute", "", "first_name"].dropped == 2
    assert entries["attribute", "", "first_name"].volume == 0
    assert entries["attribute", "", "plan"].volume == 2


def test_a_blocked_email_names_nobody(live: Connection, workspace_id: int) -> None:
    decide(live, workspace_id, ("attribute", "", "email"), status="blocked")

    ingest(live, workspace_id, [message("identify", userId="u1", traits={"email": "ana@example.com", "plan": "pro"})])

    assert people.root(live, "email", "ana@example.com") is None
    assert attributes_of(live, workspace_id, "u1") == {"plan": "pro"}
    assert "ana@" not in msgspec.json.encode(bodies(live)).decode()


def test_a_blocked_property_goes_from_its_event_only(live: Connection, workspace_id: int) -> None:
    decide(live, workspace_id, ("property", "Bought", "card"), status="blocked")

    ingest(
        live,
        workspace_id,
        [
            message(userId="u1", event="Bought", properties={"card": "4111", "total": 5}),
            message(userId="u1", event="Returned", properties={"card": "4111"}),
        ],
    )

    by_event = {body["event"]: body["properties"] for body in bodies(live)}
    assert by_event == {"Bought": {"total": 5}, "Returned": {"card": "4111"}}
    entries = added_up(live, workspace_id)
    assert entries["property", "Bought", "card"].dropped == 1


def test_what_does_not_fit_stays_in_history_and_is_a_problem_with_the_event_to_look_at(
    live: Connection, workspace_id: int
) -> None:
    decide(live, workspace_id, ("attribute", "", "visits"), declared_type="number")
    decide(live, workspace_id, ("attribute", "", "plan"), declared_type="text", allowed=["free", "pro"])
    decide(live, workspace_id, ("property", "Bought", "total"), declared_type="number")

    ingest(
        live,
        workspace_id,
        [
            message("identify", userId="u1", traits={"visits": "12", "plan": "pro", "gender": "blue"}),
            message("identify", userId="u2", traits={"visits": "many", "plan": "gold"}),
            message(userId="u1", event="Bought", properties={"total": "five"}),
            message(userId="u1", event="Bought", properties={"total": "5"}),
        ],
    )

    assert attributes_of(live, workspace_id, "u1") == {"visits": 12, "plan": "pro"}
    assert attributes_of(live, workspace_id, "u2") == {}
    assert {"visits": "many", "plan": "gold"} in [body.get("traits") for body in bodies(live)]
    assert troubles(live, workspace_id) == {
        (("attribute", "", "gender"), "does_not_fit"): 1,
        (("attribute", "", "visits"), "wrong_type"): 1,
        (("attribute", "", "plan"), "not_allowed"): 1,
        (("property", "Bought", "total"), "wrong_type"): 1,
    }
    wanted = problems.Wanted(field=("attribute", "", "visits"))
    (problem,) = problems.find(live, workspace_id, wanted).problems
    (example,) = problem.examples
    assert (problem.source_id, problem.open) == (1, True)
    assert example.profile_id == people.owner(live, "user_id", "u2")
    stored = live.execute("SELECT body::text FROM events_history WHERE event_id = %s", (example.event_id,)).fetchone()
    assert stored is not None
    assert "many" in stored[0]
    assert added_up(live, workspace_id)["attribute", "", "visits"].misfits == 1


def test_a_declaration_does_not_rewrite_what_is_there(live: Connection, workspace_id: int) -> None:
    ingest(live, workspace_id, [message("identify", userId="u1", traits={"visits": "many"})])
    decide(live, workspace_id, ("attribute", "", "visits"), declared_type="number")
    assert attributes_of(live, workspace_id, "u1") == {"visits": "many"}
    ingest(live, workspace_id, [message("identify", userId="u1", traits={"visits": "7"})])
    assert attributes_of(live, workspace_id, "u1") == {"visits": 7}


def test_writing_at_once_keeps_the_same_rules(live: Connection, workspace_id: int) -> None:
    ingest(live, workspace_id, [message(userId="u1", event="Bought")])
    profile = people.root(live, "user_id", "u1")
    assert profile is not None
    decide(live, workspace_id, ("attribute", "", "visits"), declared_type="number")
    decide(live, workspace_id, ("attribute", "", "secret"), status="blocked")
    decide(live, workspace_id, ("event", "", "Mouse Moved"), status="blocked")
    now = to_datetime(now_micros())
    known = {"workspace_id": workspace_id, "profile_id": profile, "now": now}

    change_attributes(live, **known, changes={"visits": "12"}, actor=CLERK)
    for changes in ({"visits": "many"}, {"secret": "x", "plan": "pro"}):
        with pytest.raises(InvalidAttributes):
            change_attributes(live, **known, changes=changes, actor=CLERK)
    with pytest.raises(EventBlocked):
        apply(live, **known, body=message(userId="u1", event="Mouse Moved"))

    assert attributes_of(live, workspace_id, "u1") == {"visits": 12}
    assert len(bodies(live)) == 2


def test_ten_thousand_attributes_become_a_thousand_and_one_problem(live: Connection, workspace_id: int) -> None:
    runaway = [message("identify", userId=f"u{n}", traits={f"f_{n}_{m}": m for m in range(250)}) for n in range(40)]

    ingest(live, workspace_id, runaway)

    entries = added_up(live, workspace_id)
    admitted = {name for kind, _, name in entries if kind == "attribute"}
    assert len(admitted) == 1_000
    assert len([name for name in entries if name[0] == "attribute"]) == 1_000
    assert troubles(live, workspace_id) == {(("attribute", "", ""), "too_many_names"): 9_000}
    kept = {name for body in bodies(live) for name in body["traits"]}
    assert len(kept) == 10_000, "history keeps all"
    held = sum(len(attributes_of(live, workspace_id, f"u{n}")) for n in range(40))
    assert held == 1_000


def test_misfits_of_invented_names_are_limited_too(live: Connection, workspace_id: int) -> None:
    runaway = [
        message("identify", userId="u1", traits={f"f_{n}_{m}": {"inc": "x"} for m in range(250)}) for n in range(6)
    ]
    ingest(live, workspace_id, runaway)
    entries = added_up(live, workspace_id)
    assert len([name for name in entries if name[0] == "attribute"]) == 1_000
    assert troubles(live, workspace_id)[("attribute", "", ""), "too_many_names"] == 500
    row = live.execute("SELECT count(*) FROM events_problem").fetchone()
    assert row == (1_001,)


def test_rules_reach_workers_that_run_already(live: Connection, workspace_id: int) -> None:
    with connect(autocommit=True) as other:
        contexts = [load_context(live), load_context(other)]
        decide(live, workspace_id, ("attribute", "", "visits"), declared_type="number")
        decide(live, workspace_id, ("event", "", "Mouse Moved"), status="blocked")
        for connection, context in zip((live, other), contexts, strict=True):
            refresh(connection, context)
        sent = [message("identify", userId=f"u{n}", traits={"visits": "x" if n % 2 else str(n)}) for n in range(200)]
        sent += [message(userId=f"u{n}", event="Mouse Moved") for n in range(100)]
        put_in_inbox(live, workspace_id, sent)

        def work(connection: Connection, context: Any) -> None:
            worker = Worker(connection, context)
            while worker.drain_some().taken:
                pass

        threads = [threading.Thread(target=work, args=pair) for pair in zip((live, other), contexts, strict=True)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    drain(live)

    entries = added_up(live, workspace_id)
    assert entries["event", "", "Mouse Moved"].dropped == 100
    assert (entries["attribute", "", "visits"].volume, entries["attribute", "", "visits"].misfits) == (100, 100)
    assert troubles(live, workspace_id) == {(("attribute", "", "visits"), "wrong_type"): 100}
    assert len(bodies(live)) == 200


def test_the_catalogue_knows_types_sources_days_and_an_example(live: Connection, workspace_id: int) -> None:
    for value in (5, "five", 7):
        ingest(live, workspace_id, [message(userId="u1", event="Bought", properties={"total": value})], source_id=3)
    ingest(live, workspace_id, [message("identify", userId="u1", traits={"email": "ana@example.com"})], source_id=4)

    entries = added_up(live, workspace_id)
    total = entries["property", "Bought", "total"]
    assert (total.type, total.types, total.sources) == ("mixed", {"number": 2, "text": 1}, [3])
    assert total.example in {"5", "five", "7"}
    assert sum(total.days.values()) == 3
    email = entries["attribute", "", "email"]
    assert (email.personal, email.personal_by_hand, email.example) == (True, False, "ana@example.com")
    assert catalogue.personal_fields(live, workspace_id) == {("attribute", "", "email")}


def test_a_flag_set_by_hand_stays(live: Connection, workspace_id: int) -> None:
    ingest(live, workspace_id, [message(userId="u1", event="Bought", properties={"email": "a@example.com", "x": 1})])
    added_up(live, workspace_id)
    decide(live, workspace_id, ("property", "Bought", "email"), personal=False)
    decide(live, workspace_id, ("property", "Bought", "x"), personal=True)
    ingest(live, workspace_id, [message(userId="u1", event="Bought", properties={"email": "a@example.com", "x": 1})])
    added_up(live, workspace_id)
    assert catalogue.personal_fields(live, workspace_id) == {("property", "Bought", "x")}


def test_examples_are_forgotten_also_those_not_added_up_yet(live: Connection, workspace_id: int) -> None:
    long = {"who": "x" * 180 + "ana@example.com" * 5}
    first = message("identify", userId="u1", traits={"email": "ana@example.com", "plan": "pro", "deep": long})
    ingest(live, workspace_id, [first])
    added_up(live, workspace_id)
    ingest(live, workspace_id, [message(userId="u1", event="Bought", properties={"to": "Ana@Example.com", "n": 5})])

    with live.transaction():
        assert catalogue.forget_examples(live, workspace_id) == 5

    assert {entry.example for entry in added_up(live, workspace_id).values()} == {""}
    assert "ana@" not in str(live.execute("SELECT * FROM events_catalogue").fetchall()).lower()


def test_examples_of_problems_are_forgotten_by_profile(live: Connection, workspace_id: int) -> None:
    ingest(live, workspace_id, [message("identify", userId=f"u{n}", traits={"gender": "blue"}) for n in range(2)])
    added_up(live, workspace_id)
    gone, stays = people.owner(live, "user_id", "u0"), people.owner(live, "user_id", "u1")
    assert gone is not None

    assert problems.forget_profiles(live, workspace_id, [gone]) == 1

    (problem,) = problems.find(live, workspace_id, problems.Wanted()).problems
    assert [example.profile_id for example in problem.examples] == [stays]
    assert problem.count == 2


def test_tallies_of_the_version_before_are_added_up_too(live: Connection, workspace_id: int) -> None:
    old = {"at": now_micros(), "rows": [[workspace_id, "event", "", "Bought", "", 3, 0]]}
    live.execute("INSERT INTO events_tally (lane, tally) VALUES (0, %s)", (msgspec.json.encode(old).decode(),))
    assert added_up(live, workspace_id)["event", "", "Bought"].volume == 3


def test_the_write_key_does_not_reach_history(live: Connection, workspace_id: int) -> None:
    ingest(live, workspace_id, [message(userId="u1", event="Bought", writeKey="twk_secret", properties={"n": 1.10})])
    assert "twk_secret" not in str(live.execute("SELECT body::text FROM events_history").fetchall())
    assert bodies(live)[0]["properties"] == {"n": 1.10}


def test_an_unset_change_changes_nothing(live: Connection, workspace_id: int) -> None:
    from tessera.access.queries import audit_entries

    ingest(live, workspace_id, [message("identify", userId="u1", traits={"plan": "pro"})])
    added_up(live, workspace_id)
    decide(live, workspace_id, ("attribute", "", "plan"), status=UNSET)
    assert [entry.action for entry in audit_entries(workspace_id)] == ["create_workspace"]


def test_names_of_a_batch_that_was_rolled_back_are_judged_again(
    live: Connection, workspace_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(catalogue.LIMITS, "attribute", 2)
    gate = load_context(live).gate

    def judged(**traits: int) -> tuple[list[str], list[str]]:
        body = msgspec.json.encode(message("identify", userId="u1", traits=traits))
        event = normalise(InboxRow(0, 0, workspace_id, 1, to_micros(NOON), uuid4(), b"", body), region="ES")
        gate.judge(event)
        return list(event.traits), event.misfits

    assert judged(a=1, b=2) == (["a", "b"], [])
    gate.forget_fresh()
    assert judged(c=3) == (["c"], [])
    assert judged(a=1, b=2) == (["a"], ["b"])
