"""The demo world: what a newcomer sees first must show what the product is for."""

from datetime import UTC, datetime, timedelta
from typing import Any

import phonenumbers
import psycopg
import pytest

from tessera.foundation.clock import DAY, to_micros
from tessera.project.demo import load
from tessera.project.demo.load import _invent
from tessera.project.demo.names import LANGUAGES, phone_of
from tessera.workspaces import queries as workspaces

NOW = datetime.now(UTC)


def rows(dsn: str, statement: str, *values: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn, options="-c timezone=UTC") as connection:
        return connection.execute(statement, values).fetchall()


def invented(*, people: int, seed: int) -> list[tuple[str, str]]:
    until = to_micros(NOW)
    calls = _invent(people=people, seed=seed, since=until - 30 * DAY, until=until)
    return [(call.body["messageId"], repr(call)) for call in calls]


def test_the_same_seed_makes_the_same_world_and_a_larger_one_contains_it() -> None:
    world = invented(people=30, seed=7)

    assert invented(people=30, seed=7) == world
    assert set(world) <= set(invented(people=60, seed=7))
    assert not {message for message, _ in world} & {message for message, _ in invented(people=30, seed=8)}


def test_every_person_has_one_profile_however_they_were_met(database: str) -> None:
    seen: list[tuple[int, int]] = []

    report = load(people=120, days=30, seed=3, now=NOW, progress=lambda done, of: seen.append((done, of)))

    merges = rows(database, "SELECT count(*) FROM identity_merge")[0][0]
    assert (report.persons, report.quarantined) == (120, 0)
    assert report.recorded == report.calls + merges
    assert merges > 10
    assert report.profiles == 120 + merges
    assert rows(database, "SELECT code FROM events_rejection") == []
    assert seen[-1] == (report.calls, report.calls)
    assert seen == sorted(seen)


def test_it_shows_every_channel_of_both_brands_and_people_in_four_languages(database: str, workspace_id: int) -> None:
    load(people=200, days=30, seed=1, now=NOW)

    sources = {source.id: source for source in workspaces.sources(workspace_id)}
    spoke = rows(database, "SELECT DISTINCT source_id FROM events_history WHERE source_id IS NOT NULL")
    used = {sources[source].name for (source,) in spoke}
    assert used == {f"{brand} {channel}" for brand in ("Alder", "Kite") for channel in ("web shop", "app", "till")}
    assert {source.brand for source in sources.values()} == {"Alder", "Kite"}
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


def test_loading_it_again_adds_nothing(database: str) -> None:
    first = load(people=40, days=30, seed=1, now=NOW)

    again = load(people=40, days=30, seed=1, now=NOW + timedelta(minutes=5))

    assert (again.calls, again.recorded) == (first.calls, 0)
    assert (again.profiles, again.persons) == (first.profiles, first.persons)
    assert len(rows(database, "SELECT 1 FROM workspaces_source")) == 6


def test_nothing_happens_in_the_future_or_before_the_first_day(database: str) -> None:
    load(people=60, days=10, seed=2, now=NOW)

    ((earliest, latest),) = rows(
        database, "SELECT min(occurred_at), max(occurred_at) FROM events_history WHERE kind <> 'system'"
    )
    assert NOW - timedelta(days=10) <= earliest
    assert latest <= NOW


@pytest.mark.parametrize("country", sorted({city.country for language in LANGUAGES for city in language.cities}))
def test_phone_numbers_are_possible_and_given_once(country: str) -> None:
    numbers = [phone_of(country, index) for index in range(1_200)]

    given = [number for number in numbers if number is not None]
    assert len(set(given)) == len(given) >= 1_000
    for number in given:
        parsed = phonenumbers.parse(number, None)
        assert phonenumbers.is_possible_number(parsed)
        assert phonenumbers.region_code_for_country_code(parsed.country_code) == country
