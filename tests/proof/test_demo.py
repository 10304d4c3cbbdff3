"""The demo world: what a newcomer sees first must show what the product is for."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import phonenumbers
import psycopg
import pytest

from factories.people import root
from tessera.foundation.clock import DAY, HOUR, MINUTE, to_datetime, to_micros
from tessera.project.demo import WorkspaceNotEmpty, live, load
from tessera.project.demo.live import Stream
from tessera.project.demo.names import LANGUAGES, phone_of
from tessera.project.demo.world import World, invent
from tessera.workspaces import queries as workspaces

NOW = datetime.now(UTC)


def rows(dsn: str, statement: str, *values: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn, options="-c timezone=UTC") as connection:
        return connection.execute(statement, values).fetchall()


def world(*, people: int, seed: int, days: int = 30) -> World:
    until = to_micros(NOW)
    return invent(people=people, seed=seed, since=until - days * DAY, until=until)


def invented(*, people: int, seed: int) -> list[tuple[str, str]]:
    return [(call.body["messageId"], repr(call)) for call in world(people=people, seed=seed).calls]


def test_the_same_seed_makes_the_same_world_and_a_larger_one_contains_it() -> None:
    small = invented(people=30, seed=7)

    assert invented(people=30, seed=7) == small
    assert set(small) <= set(invented(people=60, seed=7))
    assert not {message for message, _ in small} & {message for message, _ in invented(people=30, seed=8)}
    assert len({message for message, _ in small}) == len(small)


def test_every_person_has_one_profile_however_they_were_met(database: str) -> None:
    seen: list[tuple[int, int]] = []

    report = load(people=120, days=30, seed=3, now=NOW, progress=lambda done, of: seen.append((done, of)))

    merges = rows(database, "SELECT count(*) FROM identity_merge")[0][0]
    assert (report.persons, report.quarantined) == (120 + report.twins, 0)
    assert report.recorded == report.calls + merges
    assert merges > 10
    assert report.profiles == report.persons + merges
    assert seen[-1] == (report.calls, report.calls)
    assert seen == sorted(seen)
    assert len(report.look_at) == len({place.path for place in report.look_at}) == 3


def test_it_shows_every_channel_of_both_brands_and_people_in_four_languages(database: str, workspace_id: int) -> None:
    load(people=300, days=30, seed=1, now=NOW)

    sources = {source.id: source for source in workspaces.sources(workspace_id)}
    spoke = rows(database, "SELECT DISTINCT source_id FROM events_history WHERE source_id IS NOT NULL")
    used = {sources[source].name for (source,) in spoke}
    ours = {f"{brand} {channel}" for brand in ("Alder", "Kite") for channel in ("web shop", "app", "till")}
    assert used == ours | {"Call centre"}
    assert {source.brand for source in sources.values()} == {"Alder", "Kite", None}
    known = "SELECT state->'attributes'->%s->>2 FROM profiles_state WHERE state->'attributes'->%s IS NOT NULL"
    languages = {language for (language,) in rows(database, known, "language", "language")}
    spelled = " ".join(name for (name,) in rows(database, known, "first_name", "first_name"))
    assert languages == {"en", "es", "ru", "th"}
    assert any("а" <= letter <= "я" for letter in spelled)
    assert any("\u0e00" <= letter <= "\u0e7f" for letter in spelled)
    kinds = dict(rows(database, "SELECT kind, count(*) FROM identity_identifier GROUP BY 1"))
    assert set(kinds) == {"user_id", "anonymous_id", "email", "phone", "device_token"}
    currencies = rows(
        database, "SELECT DISTINCT body->'properties'->>'currency' FROM events_history WHERE name = 'Order Completed'"
    )
    assert sorted(currencies) == [("EUR",), ("USD",)]
    refusals = rows(database, "SELECT rule FROM identity_refusal WHERE dropped_kind = 'anonymous_id'")
    assert set(refusals) == {("limit:user_id",)}, "a tablet that two people share"
    refused = rows(database, "SELECT DISTINCT code FROM events_rejection WHERE stage = 'collect'")
    assert len(refused) == 4
    assert rows(database, "SELECT 1 FROM events_catalogue WHERE name = 'dob' AND misfits > 0") != []


def test_a_workspace_with_people_is_left_alone_unless_told_otherwise(database: str) -> None:
    first = load(people=40, days=30, seed=1, now=NOW)

    with pytest.raises(WorkspaceNotEmpty):
        load(people=40, days=30, seed=1, now=NOW)
    again = load(people=40, days=30, seed=1, now=NOW, add=True)
    other = load(people=10, days=30, seed=2, now=NOW, add=True)

    assert (again.calls, again.recorded) == (first.calls, 0)
    assert (again.profiles, again.persons) == (first.profiles, first.persons)
    assert other.persons == first.persons + 10 + other.twins
    assert len(rows(database, "SELECT 1 FROM workspaces_source")) == 7


def test_nothing_happens_in_the_future_or_before_the_first_day(database: str) -> None:
    load(people=60, days=10, seed=2, now=NOW)

    ((earliest, latest),) = rows(
        database, "SELECT min(occurred_at), max(occurred_at) FROM events_history WHERE kind <> 'system'"
    )
    assert NOW - timedelta(days=10) <= earliest
    assert latest <= NOW


def test_two_thousand_people_behave_as_people_do() -> None:
    lives = world(people=2000, seed=1, days=90)
    events = Counter(call.body.get("event", call.body["type"]) for call in lives.calls)
    orders = Counter(call.body.get("userId") for call in lives.calls if call.body.get("event") == "Order Completed")
    members = {call.body["userId"] for call in lives.calls if "userId" in call.body}

    def share(part: int, whole: int) -> float:
        return part / whole

    assert 0.55 < share(len(orders), len(members)) < 0.8, "buyers among those who told who they are"
    assert 0.4 < share(sum(count > 1 for count in orders.values()), len(orders)) < 0.7, "buyers who came again"
    assert 0.02 < share(events["Order Refunded"], events["Order Completed"]) < 0.1
    assert 0.3 < share(events["Email Opened"], events["Email Delivered"]) < 0.6
    assert 0.005 < share(events["Email Bounced"], events["Email Sent"]) < 0.03
    assert 0.02 < share(len(lives.twins), 2000) < 0.04
    assert {"Push Notification Tapped", "SMS Replied", "Email Replied", "Relation Added", "Call Answered"} <= set(
        events
    )
    spoken = Counter(person.language.code for person in lives.people)
    assert [code for code, _ in spoken.most_common()] == ["en", "es", "ru", "th"]
    assert share(spoken["th"], 2000) > 0.08
    bought = [to_datetime(call.at) for call in lives.calls if call.body.get("event") == "Product Viewed"]
    weekend = sum(at.weekday() >= 5 for at in bought)
    assert share(weekend, len(bought)) > 2 / 7
    assert sum(call.at > to_micros(NOW) - HOUR for call in lives.calls) > 100, "live charts move"
    longest = max(Counter(call.body.get("userId") for call in lives.calls if "userId" in call.body).values())
    assert longest > 300


def test_households_and_invitations_name_people_there_are() -> None:
    lives = world(people=400, seed=5)
    there = {f"user_id:{person.user_id}" for person in lives.people}

    told = [call.body["properties"] for call in lives.calls if call.body.get("event") == "Relation Added"]

    assert {relation["type"] for relation in told} == {"referred_by", "household"}
    assert {relation["to"] for relation in told} <= there


def test_twins_share_nothing_that_a_rule_would_join_them_by(database: str) -> None:
    report = load(people=400, days=30, seed=4, now=NOW)

    twins = world(people=400, seed=4).twins
    with psycopg.connect(database) as connection:
        pairs = [
            (root(connection, "user_id", twin.user_id), root(connection, "anonymous_id", twin.anonymous_id))
            for twin in twins
        ]
    assert len(pairs) == report.twins > 5
    assert all(one and other and one != other for one, other in pairs)


def test_the_live_stream_is_gentle_and_goes_through_the_inbox(database: str) -> None:
    load(people=40, days=10, seed=1, now=NOW)

    sent = live(people=40, seed=1, per_second=20, seconds=1.5)

    assert 0 < sent <= 60
    assert rows(database, "SELECT count(*) FROM events_inbox") == [(sent,)]


def test_a_visit_of_the_stream_is_told_call_by_call() -> None:
    stream, now = Stream(people=60, seed=1, per_second=0.001), to_micros(NOW)

    first = stream.due(now)
    later = [call for step in range(1, 60) for call in stream.due(now + step * MINUTE)]

    assert len(first) == 1
    assert stream.due(now) == []
    assert all(now <= call.at <= now + HOUR for call in [*first, *later])


@pytest.mark.parametrize("country", sorted({city.country for language in LANGUAGES for city in language.cities}))
def test_phone_numbers_are_possible_and_given_once(country: str) -> None:
    numbers = [phone_of(country, index) for index in range(1_200)]

    given = [number for number in numbers if number is not None]
    assert len(set(given)) == len(given) >= 1_000
    for number in given:
        parsed = phonenumbers.parse(number, None)
        assert phonenumbers.is_possible_number(parsed)
        assert phonenumbers.region_code_for_country_code(parsed.country_code) == country
