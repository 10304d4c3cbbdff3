"""From the inbox to people: once each, whatever the order, the repetition and the cut into batches."""

from typing import Any

import msgspec
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from factories.people import NOON, drain, ingest, message, people, put_in_inbox, root
from tessera.events import archived, catalogue, followers, history, partitions
from tessera.events.history import Recorded
from tessera.foundation.clock import to_micros
from tessera.intake.reactions import Happened
from tessera.intake.settle import progress

Connection = psycopg.Connection[Any]
RECEIVED = to_micros(NOON)
TABLES = (
    "identity_profile, identity_identifier, identity_merge, identity_refusal, profiles_state, profiles_search,"
    " events_history, events_seen, events_catalogue, events_tally, events_rejection"
)


def empty(live: Connection) -> None:
    live.execute(f"TRUNCATE {TABLES}")


def world() -> st.SearchStrategy[list[dict[str, Any]]]:
    """Visitors, each of whom may become one user: no two users share anything, so no rule has to choose."""
    user = st.integers(0, 2)
    said = st.fixed_dictionaries(
        {
            "timestamp": st.integers(1, 27).map(lambda day: f"2026-10-{day:02}T10:00:00Z"),
            "context": st.fixed_dictionaries(
                {}, optional={"locale": st.sampled_from(["en", "es"]), "campaign": st.just({"name": "spring"})}
            ),
        }
    )

    def build(number: int, who: int, kind: str, fields: dict[str, Any], device: int) -> dict[str, Any]:
        basis = {**fields, "messageId": f"h{number}"}
        visitor, name = f"visitor-{who}-{device}", f"user-{who}"
        match kind:
            case "page":
                return basis | {"type": "page", "anonymousId": visitor}
            case "login":
                traits = {"email": f"{name}@example.com", "visits": {"inc": 1}, "plan": f"p{number % 3}"}
                return basis | {"type": "identify", "anonymousId": visitor, "userId": name, "traits": traits}
            case "order":
                properties = {"revenue": 0.1 * number, "currency": "EUR"}
                return basis | {"type": "track", "event": "Order Completed", "userId": name, "properties": properties}
            case "alias":
                return basis | {"type": "alias", "previousId": visitor, "userId": name}
            case _:
                return basis | {"type": "group", "groupId": "acme", "userId": name, "traits": {"size": number}}

    kinds = st.sampled_from(["page", "login", "order", "alias", "group"])
    drawn = st.lists(st.tuples(user, kinds, said, st.integers(0, 1)), min_size=1, max_size=16)
    return drawn.map(
        lambda rows: [build(n, who, kind, fields, device) for n, (who, kind, fields, device) in enumerate(rows)]
    )


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(world(), st.data())
def test_any_order_any_repetition_any_batches_give_the_same_people(
    live: Connection, workspace_id: int, messages: list[dict[str, Any]], data: st.DataObject
):
    empty(live)
    ingest(live, workspace_id, messages, received_at=RECEIVED)
    expected = people(live)

    empty(live)
    repeated = messages + data.draw(st.lists(st.sampled_from(messages), max_size=6))
    shuffled = data.draw(st.permutations(repeated))
    while shuffled:
        size = data.draw(st.integers(1, len(shuffled)))
        ingest(live, workspace_id, shuffled[:size], received_at=RECEIVED)
        shuffled = shuffled[size:]

    assert people(live) == expected
    assert live.execute("SELECT count(*) FROM events_history WHERE kind <> 'system'").fetchone() == (len(messages),)


def test_what_came_first_is_acted_on_first_whatever_the_lanes(live: Connection, workspace_id: int):
    """Where a rule has to choose, the order in which we heard of it decides; lanes must not shuffle one batch."""
    for number in range(20):
        device, first, second = f"device-{number}", f"first-{number}", f"second-{number}"
        ingest(
            live,
            workspace_id,
            [message("identify", userId=user, anonymousId=device) for user in (first, second)],
        )
        assert root(live, "anonymous_id", device) == root(live, "user_id", first)


def test_a_message_sent_twice_counts_once_even_under_another_name(live: Connection, workspace_id: int):
    ingest(live, workspace_id, [message(messageId="m1", userId="u1")] * 2)
    ingest(live, workspace_id, [message(messageId="m1", userId="u1"), message(messageId="m1", userId="u2")])
    assert live.execute("SELECT count(*) FROM events_history").fetchone() == (1,)
    assert root(live, "user_id", "u2") is None


def test_the_same_id_from_another_source_is_another_message(live: Connection, workspace_id: int):
    ingest(live, workspace_id, [message(messageId="m1", userId="u1")], source_id=1)
    ingest(live, workspace_id, [message(messageId="m1", userId="u1")], source_id=2)
    assert live.execute("SELECT count(*) FROM events_history").fetchone() == (2,)


def test_positions_of_a_lane_have_no_gaps(live: Connection, workspace_id: int):
    for _ in range(3):
        ingest(live, workspace_id, [message(userId=f"u{n}") for n in range(200)])
    gaps = live.execute(
        "SELECT lane FROM events_history GROUP BY lane"
        " HAVING min(position) <> 1 OR max(position) <> count(*) OR count(DISTINCT position) <> count(*)"
    ).fetchall()
    assert gaps == []
    assert history.total(live) == 600


@pytest.mark.parametrize(
    ("fields", "happened"),
    [
        ({"timestamp": "2026-11-20T10:00:00Z"}, "2026-11-20T10:00:00+00:00"),
        ({"timestamp": "2026-11-20T10:00:00+02:00"}, "2026-11-20T08:00:00+00:00"),
        ({"timestamp": "2026-11-20T15:00:00Z", "sentAt": "2026-11-20T15:30:00Z"}, "2026-11-20T11:30:00+00:00"),
        ({"originalTimestamp": "2026-11-20T15:00:00Z", "sentAt": "2026-11-20T16:00:00Z"}, "2026-11-20T11:00:00+00:00"),
        ({"timestamp": "9999-12-31T00:00:00Z"}, "2026-11-20T12:00:00+00:00"),
        ({"timestamp": "1970-01-01T00:00:00Z"}, "1970-01-01T00:00:00+00:00"),
        ({"timestamp": "0001-01-01T00:00:00Z"}, "0001-01-01T00:00:00+00:00"),
        ({"timestamp": "0001-01-01T00:00:00Z", "sentAt": "9999-12-31T00:00:00Z"}, "0001-01-01T00:00:00+00:00"),
        ({"timestamp": "9999-12-31T00:00:00Z", "sentAt": "0001-01-01T00:00:00Z"}, "2026-11-20T12:00:00+00:00"),
        ({}, "2026-11-20T12:00:00+00:00"),
    ],
)
def test_when_it_happened_by_our_clock(live: Connection, workspace_id: int, fields: dict[str, Any], happened: str):
    ingest(live, workspace_id, [message(userId="u1", **fields)], received_at=RECEIVED)
    row = live.execute("SELECT occurred_at FROM events_history").fetchone()
    assert row is not None
    assert row[0].isoformat() == happened


def test_history_keeps_the_message_as_it_was_sent(live: Connection, workspace_id: int):
    said = message(
        userId="u1", properties={"note": "Ñandú 🐦 \\u0000 text", "deep": [[[1e300]]]}, unknown={"kept": True}
    )
    ingest(live, workspace_id, [said])
    row = live.execute("SELECT body::text FROM events_history").fetchone()
    assert row is not None
    assert msgspec.json.decode(row[0]) == said


def test_what_one_batch_cannot_do_does_not_stop_the_others(
    live: Connection, workspace_id: int, monkeypatch: pytest.MonkeyPatch
):
    from tessera.intake import pipeline

    fold = pipeline.fold

    def failing(state: Any, events: Any) -> None:
        if any(event.name == "Poison" for event in events):
            raise ValueError("cannot be digested")
        fold(state, events)

    monkeypatch.setattr(pipeline, "fold", failing)
    good = [message(userId=f"u{n}") for n in range(40)]
    ingest(live, workspace_id, [*good[:20], message(userId="bad", event="Poison", messageId="p1"), *good[20:]])

    assert live.execute("SELECT count(*) FROM events_history").fetchone() == (40,)
    kept = live.execute(
        "SELECT convert_from(body, 'UTF8')::json ->> 'messageId', error FROM events_quarantine"
    ).fetchall()
    assert kept == [("p1", "ValueError: cannot be digested")]
    assert live.execute("SELECT code FROM events_rejection").fetchall() == [("unprocessable",)]
    assert root(live, "user_id", "bad") is None, "nothing half-applied"


def test_a_fault_of_ours_does_not_empty_the_inbox(live: Connection, workspace_id: int, monkeypatch: pytest.MonkeyPatch):
    from tessera.intake import pipeline

    def failing(*_: Any) -> None:
        raise ValueError("everything fails")

    monkeypatch.setattr(pipeline, "fold", failing)
    put_in_inbox(live, workspace_id, [message(userId=f"u{n}") for n in range(100)])
    with pytest.raises(RuntimeError, match="all failed"):
        drain(live)
    assert live.execute("SELECT count(*) FROM events_inbox").fetchone() == (100,)
    assert live.execute("SELECT count(*) FROM events_quarantine").fetchone() == (0,)


def test_what_was_set_aside_can_be_put_back(live: Connection, workspace_id: int, monkeypatch: pytest.MonkeyPatch):
    from tessera.events import rejections
    from tessera.intake import pipeline

    def failing(*_: Any) -> None:
        raise ValueError("not today")

    with monkeypatch.context() as broken:
        broken.setattr(pipeline, "fold", failing)
        ingest(live, workspace_id, [message(userId="u1")])
    assert live.execute("SELECT count(*) FROM events_quarantine").fetchone() == (1,)
    assert [row.error for row in rejections.set_aside(live)] == ["ValueError: not today"]
    assert rejections.put_back(live) == 1
    drain(live)
    assert root(live, "user_id", "u1") is not None
    assert live.execute("SELECT count(*) FROM events_quarantine").fetchone() == (0,)


def test_a_row_the_database_cannot_hold_is_set_aside_and_stops_nobody(live: Connection, workspace_id: int):
    import random

    endless = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=9_000))
    put_in_inbox(live, workspace_id, [message(userId=endless), *[message(userId=f"u{n}") for n in range(50)]])
    drain(live)
    assert live.execute("SELECT count(*) FROM events_history").fetchone() == (50,)
    assert live.execute("SELECT count(*) FROM events_quarantine").fetchone() == (1,)


def test_without_a_partition_nothing_is_set_aside(live: Connection, workspace_id: int):
    for name in partitions.names(live):
        live.execute(f"DROP TABLE {name}")
    put_in_inbox(live, workspace_id, [message(userId=f"u{n}") for n in range(100)])
    with pytest.raises(RuntimeError, match="all failed"):
        drain(live)
    assert live.execute("SELECT count(*) FROM events_inbox").fetchone() == (100,)


@pytest.mark.parametrize("number", [b"1e400", b"9" * 5000])
def test_a_number_nobody_can_read_does_not_hide_the_rest(live: Connection, workspace_id: int, number: bytes):
    from tessera.events import inbox
    from tessera.profiles.timeline import timeline

    body = b'{"type":"track","event":"e","messageId":"m1","userId":"u1","x":%s}' % number
    key = inbox.message_key(1, "m1")
    row = inbox.copy_row(
        lane=3, workspace_id=workspace_id, source_id=1, received_at=RECEIVED, key=key, envelope=b"", body=body
    )
    with live.cursor() as cursor, cursor.copy(inbox.COPY_INBOX) as copy:
        copy.write(inbox.COPY_HEADER + row + inbox.COPY_TRAILER)
    ingest(live, workspace_id, [message(userId="u1", event="Readable")])
    person = root(live, "user_id", "u1")
    assert person is not None
    page = timeline(live, workspace_id, person)
    assert page is not None
    assert sorted(event.name for event in page.events) == ["Readable", "e"]
    assert [event.body for event in page.events if event.name == "e"] == [{"unreadable": body.decode()}]


@pytest.mark.parametrize(
    "fields",
    [
        {"traits": {"x": 10**400}},
        {"traits": {"x": [10**400], "y": {"z": -(10**400)}}},
        {"traits": {"x": {"inc": 10**400}}},
        {"traits": {"email": {"inc": 1}, "phone": [1], "first_name": {"a": 1}}},
        {"traits": {"x": {"inc": 1.7e308}}},
        {"traits": {"__proto__": {"a": 1}, "": "nameless", "n" * 300: 1}},
        {"traits": {"_merge_objects": True, "a": {"b": {"c": None}}}},
        {"type": "group", "groupId": "g", "traits": {"x": 10**400, "n" * 300: 1}},
        {"context": {"device": 5, "campaign": [], "page": "x", "app": None, "os": 1, "library": {"name": 7}}},
        {"context": {"traits": [], "externalIds": {"a": 1}, "ip": "::ffff:999", "userAgent": 5, "locale": 1}},
        {"context": {"ip": "fe80::1%eth0", "userAgent": "x" * 30_000, "locale": "x" * 5_000, "timezone": "y" * 5_000}},
        {"context": {"page": {"search": "?utm_source=" + "a" * 20_000, "url": "http://[::1"}}},
        {"event": "Order Completed", "properties": {"revenue": 1e308, "currency": "ßßß", "products": {"a": 1}}},
        {"event": "Order Completed", "properties": {"products": [{"price": 1e9, "quantity": 10**6}] * 50}},
        {"userId": True},
        {"userId": 123456789012345678901234567890},
    ],
)
def test_hostile_content_is_recorded_and_spoils_nothing(live: Connection, workspace_id: int, fields: dict[str, Any]):
    kind = fields.pop("type", "identify" if "traits" in fields else "track")
    said = message(kind, **{"userId": "u1", **fields}) | {"messageId": "hostile"}
    ingest_raw(live, workspace_id, said)
    ingest(live, workspace_id, [message("identify", userId="u1", traits={"plan": "pro"})])
    assert live.execute("SELECT count(*) FROM events_quarantine").fetchone() == (0,)


def ingest_raw(live: Connection, workspace_id: int, said: dict[str, Any]) -> None:
    """As it would stand in the inbox, numbers of any size included (msgspec writes none beyond 64 bits)."""
    import json

    from tessera.events import inbox
    from tessera.events.messages import Rejected, parse_message

    body = json.dumps(said).encode()
    try:
        parsed = parse_message(body)
    except Rejected:
        return
    key = inbox.message_key(1, said["messageId"])
    lane = inbox.lane_of_message(parsed)
    row = inbox.copy_row(
        lane=lane, workspace_id=workspace_id, source_id=1, received_at=RECEIVED, key=key, envelope=b"", body=body
    )
    with live.cursor() as cursor, cursor.copy(inbox.COPY_INBOX) as copy:
        copy.write(inbox.COPY_HEADER + row + inbox.COPY_TRAILER)
    drain(live)


class Diary:
    """A reaction that writes down what happened, and may refuse."""

    name = "diary"

    def __init__(self, fail: bool = False) -> None:
        self.fail = fail

    def react(self, connection: Connection, happened: list[Happened]) -> None:
        for event, profile, of in happened:
            connection.execute("INSERT INTO diary VALUES (%s, %s, %s)", (event.name, profile, of))
        if self.fail:
            raise psycopg.errors.SerializationFailure("try again")


def test_reactions_commit_with_the_events_or_not_at_all(live: Connection, workspace_id: int):
    live.execute("CREATE TABLE diary (name text, profile_id uuid, root_id uuid)")
    put_in_inbox(live, workspace_id, [message(userId="u1", event="Signed Up")])
    drain(live, [Diary(fail=True)])
    assert live.execute("SELECT count(*) FROM diary").fetchone() == (0,)
    assert live.execute("SELECT count(*) FROM events_inbox").fetchone() == (1,)

    drain(live, [Diary()])

    person = root(live, "user_id", "u1")
    assert live.execute("SELECT * FROM diary").fetchall() == [("Signed Up", person, person)]


class Reader:
    """A follower that remembers what it read."""

    name = "reader"

    def __init__(self) -> None:
        self.read: list[tuple[int, int]] = []

    def follow(self, connection: Connection, records: list[Recorded]) -> None:
        self.read += [(record.lane, record.position) for record in records]


def test_a_follower_reads_each_record_once_and_in_order(live: Connection, workspace_id: int):
    reader = Reader()
    followers.register(live, "reader")
    for part in range(3):
        ingest(live, workspace_id, [message(userId=f"u{part}-{n}") for n in range(50)])
        while followers.advance(live, reader, most=7):
            pass
    assert len(reader.read) == len(set(reader.read)) == 150
    for lane in {lane for lane, _ in reader.read}:
        positions = [position for of, position in reader.read if of == lane]
        assert positions == list(range(1, len(positions) + 1))
    assert followers.lag(live) == {"reader": 0}
    assert progress(live).settled is False, "the tallies are not added up yet"


def test_a_follower_never_skips_a_late_commit(database: str, live: Connection, workspace_id: int):
    from tessera.events.history import SystemRecord, append
    from tessera.events.inbox import claim_lane
    from tessera.foundation.database import connect
    from tessera.foundation.ids import uuid7

    reader = Reader()
    followers.register(live, "reader")
    with connect(autocommit=True) as slow, slow.transaction():
        positions = claim_lane(slow, 5)
        record = SystemRecord(5, uuid7(), workspace_id, uuid7(), "Late", RECEIVED, {})
        append(slow, [record], positions=positions, now=RECEIVED)
        assert claim_lane(live, 5) == {}, "nobody can number past an open transaction"
        assert followers.advance(live, reader) == 0
    assert followers.advance(live, reader) == 1
    assert reader.read == [(5, 1)]


def test_the_catalogue_knows_every_name_and_how_often(live: Connection, workspace_id: int):
    ingest(
        live,
        workspace_id,
        [
            message(userId="u1", event="Order Completed", properties={"total": 5, "when": "2026-01-01", "gift": True}),
            message(userId="u1", event="Order Completed", properties={"total": "five", "products": []}),
            message("identify", userId="u1", traits={"plan": "pro", "visits": {"inc": 1}, "email": "broken@"}),
        ],
    )
    assert catalogue.add_up(live) > 0
    found = {(e.kind, e.parent, e.name): (e.type, e.volume, e.misfits) for e in catalogue.entries(live, workspace_id)}
    assert found == {
        ("event", "", "Order Completed"): ("", 2, 0),
        ("event", "", "Identified"): ("", 1, 0),
        ("property", "Order Completed", "total"): ("number", 2, 0),
        ("property", "Order Completed", "when"): ("date", 1, 0),
        ("property", "Order Completed", "gift"): ("boolean", 1, 0),
        ("property", "Order Completed", "products"): ("list", 1, 0),
        ("attribute", "", "plan"): ("text", 1, 0),
        ("attribute", "", "visits"): ("number", 1, 0),
        ("attribute", "", "email"): ("", 0, 1),
    }
    assert catalogue.add_up(live) == 0
    ingest(live, workspace_id, [message(userId="u1", event="Order Completed", properties={"total": "six"})])
    catalogue.add_up(live)
    types = {entry.name: entry.type for entry in catalogue.entries(live, workspace_id)}
    assert types["total"] == "mixed"


def test_a_runaway_client_cannot_create_ten_thousand_attributes(live: Connection, workspace_id: int):
    runaway = [message("identify", userId=f"u{n}", traits={f"field_{n}_{m}": m for m in range(250)}) for n in range(40)]
    ingest(live, workspace_id, runaway)
    while catalogue.add_up(live):
        pass
    names = [entry for entry in catalogue.entries(live, workspace_id) if entry.kind == "attribute" and entry.volume]
    assert len(names) == catalogue.LIMITS["attribute"]
    assert live.execute("SELECT count(*) FROM events_history").fetchone() == (40,), "history keeps every event"
    ingest(live, workspace_id, [message("identify", userId="u0", traits={names[0].name: "still works"})])


def test_merging_objects_is_a_word_and_not_an_attribute(live: Connection, workspace_id: int):
    ingest(live, workspace_id, [message("identify", userId="u1", traits={"_merge_objects": True, "a": {"b": 1}})])
    catalogue.add_up(live)
    assert [e.name for e in catalogue.entries(live, workspace_id) if e.kind == "attribute"] == ["a"]


class Broken:
    """A follower that fails."""

    name = "broken"

    def follow(self, connection: Connection, records: list[Recorded]) -> None:
        raise ValueError("cannot follow")


def test_a_broken_follower_stops_neither_intake_nor_the_others(live: Connection, workspace_id: int):
    from tessera.intake.context import load_context
    from tessera.intake.worker import Worker

    reader = Reader()
    worker = Worker(live, load_context(live), [Broken(), reader])
    put_in_inbox(live, workspace_id, [message(userId=f"u{n}") for n in range(20)])
    while worker.step():
        pass
    assert len(reader.read) == 20
    assert followers.lag(live) == {"reader": 0, "broken": 20}


def test_partitions_are_made_ahead_and_dropped_in_whole_months(live: Connection):
    from datetime import UTC, datetime

    partitions.ensure(live, now=datetime(2030, 12, 31, 23, 59, tzinfo=UTC))
    names = [name for name in partitions.names(live) if name >= "events_history_2030"]
    assert names == [f"events_history_{month}" for month in ("2030_11", "2030_12", "2031_01", "2031_02", "2031_03")]
    assert partitions.ensure(live, now=datetime(2030, 12, 31, tzinfo=UTC)) == []
    dropped = partitions.drop_older_than(live, months=1, now=datetime(2031, 2, 1, tzinfo=UTC))
    assert dropped[-2:] == ["events_history_2030_11", "events_history_2030_12"]
    assert "events_history_2031_01" in partitions.names(live)


def test_retention_waits_for_followers_and_followers_survive_it(live: Connection, workspace_id: int):
    from datetime import UTC, datetime, timedelta

    reader = Reader()
    followers.register(live, "reader")
    ingest(live, workspace_id, [message(userId=f"u{n}") for n in range(20)])
    future = datetime.now(UTC) + timedelta(days=400)
    (current,) = [row[0] for row in live.execute("SELECT DISTINCT tableoid::regclass::text FROM events_history")]
    assert current not in partitions.drop_older_than(live, months=1, now=future)
    while followers.advance(live, reader):
        pass
    assert current not in partitions.drop_older_than(live, months=1, now=future), "no archive has it"
    reached = history.positions(live)
    archived.note(
        live, {lane: position - (lane == max(reached, key=reached.__getitem__)) for lane, position in reached.items()}
    )
    assert current not in partitions.drop_older_than(live, months=1, now=future), "one row is wanting"
    archived.note(live, reached)
    assert current in partitions.drop_older_than(live, months=1, now=future)
    live.execute("UPDATE events_cursor SET position = 0")
    partitions.ensure(live, now=datetime.now(UTC))
    while any(followers.lag(live).values()):
        assert followers.advance(live, reader) == 0
    assert len(reader.read) == 20
