"""The fold: what events make of a profile, and that their order makes nothing of it."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from factories.people import NOON
from tessera.events.event import Event
from tessera.events.history import SystemRecord
from tessera.events.inbox import InboxRow
from tessera.events.vocabulary import AVATAR_CHANGED, PROFILES_MERGED, STATUS_CHANGED, TEST_SUBSCRIBER_CHANGED
from tessera.foundation.clock import DAY, HOUR, MINUTE, iso, to_micros
from tessera.intake.normalise import normalise
from tessera.profiles.facts import STATUSES, fold_fact
from tessera.profiles.fold import fold
from tessera.profiles.person import AvatarView, StandingView, bucket_of, md5_of, placeholder_of, view_of, xxh_of
from tessera.profiles.state import BUCKET_DAYS, State, decode_state, encode_state, merge_states

RECEIVED = to_micros(NOON)
SPACE = UUID(int=7)
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36"
)
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.5 Mobile/15E148 Safari/604.1"
)


def event(name: str, fields: dict[str, Any], *, ago: int = 0, received: int = RECEIVED) -> Event:
    """One event, `ago` microseconds before it was received."""
    body = {"type": "track", "event": "Seen", "userId": "u1", "timestamp": iso(received - ago), **fields}
    row = InboxRow(0, 0, 1, 1, received, uuid5(SPACE, name), b"", msgspec.json.encode(body))
    return normalise(row, region="ES")


def view(state: State):
    root = UUID(int=1)
    today = RECEIVED // DAY
    return view_of(root, state, members=[], identifiers=[], merges=[], currency="EUR", today=today)


traits = st.fixed_dictionaries(
    {},
    optional={
        "plan": st.sampled_from(["free", "pro", None]),
        "visits": st.builds(lambda n: {"inc": n}, st.integers(-2, 2)),
        "tags": st.one_of(
            st.builds(lambda v: {"add": [v]}, st.sampled_from("xyz")),
            st.builds(lambda v: {"remove": [v]}, st.sampled_from("xyz")),
        ),
        "address": st.fixed_dictionaries({"city": st.sampled_from(["Lyon", "Lima"])}),
        "_merge_objects": st.just(True),
        "email": st.sampled_from(["ana@example.com", "Ana@Example.org", "broken@"]),
        "firstName": st.sampled_from(["Ana", "Eva"]),
    },
)
contexts = st.fixed_dictionaries(
    {},
    optional={
        "userAgent": st.sampled_from([CHROME, PHONE]),
        "ip": st.sampled_from(["8.8.8.8", "10.0.0.1", "2001:4860:4860::8888"]),
        "locale": st.sampled_from(["en-GB", "es", "ru_RU"]),
        "timezone": st.sampled_from(["Europe/Madrid", "Asia/Bangkok"]),
        "device": st.fixed_dictionaries({"id": st.sampled_from(["d1", "d2"]), "token": st.sampled_from(["t1", "t2"])}),
        "campaign": st.fixed_dictionaries({"name": st.sampled_from(["spring", "autumn"])}),
        "channel": st.just("server"),
        "traits": st.fixed_dictionaries({"color": st.sampled_from(["red", "blue"])}),
    },
)
messages = st.one_of(
    st.fixed_dictionaries(
        {
            "event": st.sampled_from(["Product Viewed", "Order Completed"]),
            "properties": st.fixed_dictionaries(
                {}, optional={"revenue": st.sampled_from([0.1, 0.2, 11.77, "19.99"]), "currency": st.just("EUR")}
            ),
            "context": contexts,
        }
    ),
    st.fixed_dictionaries({"type": st.just("identify"), "traits": traits, "context": contexts}),
    st.fixed_dictionaries({"type": st.sampled_from(["page", "screen"]), "context": contexts}),
    st.fixed_dictionaries(
        {"type": st.just("group"), "groupId": st.sampled_from(["acme", "umbrella"]), "traits": traits}
    ),
)
facts = st.one_of(
    st.tuples(
        st.just(STATUS_CHANGED),
        st.builds(lambda status: {"status": status, "reason": "said so"}, st.sampled_from(STATUSES)),
    ),
    st.tuples(st.just(TEST_SUBSCRIBER_CHANGED), st.builds(lambda on: {"test_subscriber": on}, st.booleans())),
    st.tuples(st.just(AVATAR_CHANGED), st.builds(lambda one: {"digest": one}, st.sampled_from(["a1", "b2", None]))),
    st.tuples(st.just(PROFILES_MERGED), st.just({"reason": "event"})),
)
said = st.lists(st.tuples(facts, st.integers(0, 20)), max_size=10).map(
    lambda drawn: [fact(str(number), *what, ago=minutes * MINUTE) for number, (what, minutes) in enumerate(drawn)]
)


def fact(key: str, name: str, body: dict[str, Any], *, ago: int = 0) -> SystemRecord:
    """What a clerk says of the profile, some microseconds ago."""
    who = UUID(int=5)
    return SystemRecord(0, uuid5(SPACE, f"fact {key}"), 1, who, name, RECEIVED - ago, {**body, "actor": "eve"})


def fold_facts(state: State, records: list[SystemRecord]) -> State:
    for record in records:
        fold_fact(state, record)
    return state


histories = st.lists(st.tuples(messages, st.integers(0, 90 * 24 * 60), st.integers(0, 5)), max_size=25).map(
    lambda drawn: [
        event(str(number), fields, ago=minutes * MINUTE, received=RECEIVED - delay)
        for number, (fields, minutes, delay) in enumerate(drawn)
    ]
)


@given(histories, st.randoms(use_true_random=False))
def test_any_order_gives_equal_bytes(events: list[Event], random: Any):
    shuffled = random.sample(events, len(events))
    assert encode_state(fold(State(), shuffled)) == encode_state(fold(State(), events))


@given(histories, st.lists(st.integers(0, 3), min_size=25, max_size=25))
def test_any_split_over_profiles_merges_to_equal_bytes(events: list[Event], homes: list[int]):
    parts = [State() for _ in range(4)]
    for home, happened in zip(homes, events, strict=False):
        fold(parts[home], [happened])
    whole = encode_state(fold(State(), events))
    assert encode_state(merge_states(parts)) == whole
    assert encode_state(merge_states(reversed(parts))) == whole


@given(histories, said, st.lists(st.integers(0, 3), min_size=35, max_size=35), st.randoms(use_true_random=False))
def test_what_staff_say_depends_on_no_order_either(
    events: list[Event], records: list[SystemRecord], homes: list[int], random: Any
):
    whole = encode_state(fold_facts(fold(State(), events), records))
    shuffled = random.sample(records, len(records))
    assert encode_state(fold(fold_facts(State(), shuffled), events)) == whole
    parts = [State() for _ in range(4)]
    for home, one in zip(homes, records, strict=False):
        fold_fact(parts[home], one)
    for home, happened in zip(homes[10:], events, strict=False):
        fold(parts[home], [happened])
    assert encode_state(merge_states(parts)) == whole
    assert encode_state(merge_states(reversed(parts))) == whole
    assert encode_state(fold_facts(decode_state(whole), records)) == whole, "saying it again changes nothing"


def test_old_states_keep_their_bytes():
    """No field that nothing was said about is written."""
    assert encode_state(State()) == b'{"sessions":{}}'
    stored = encode_state(fold(State(), [event("1", {"type": "page", "userId": None, "anonymousId": "a"})]))
    for name in (b"registration", b"standing", b"test", b"portrait"):
        assert name not in stored
    assert encode_state(decode_state(stored)) == stored


def test_the_latest_word_of_staff_holds():
    later, earlier = {"status": "suspended", "reason": "b"}, {"status": "invalid", "reason": "a"}
    records = [fact("1", STATUS_CHANGED, later), fact("2", STATUS_CHANGED, earlier, ago=DAY)]
    records += [fact("3", TEST_SUBSCRIBER_CHANGED, {"test_subscriber": True})]
    records += [fact("4", AVATAR_CHANGED, {"digest": "d1"}, ago=HOUR)]
    shown = view(fold_facts(State(), records))
    assert (shown.status, shown.test_subscriber) == ("suspended", True)
    assert shown.standing == StandingView(NOON, "b", "eve")
    assert shown.avatar == AvatarView(UUID(int=5), "d1")
    gone = view(fold_facts(State(), [*records, fact("5", AVATAR_CHANGED, {"digest": None})]))
    assert gone.avatar is None
    assert (gone.first_seen_at, gone.last_seen_at) == (None, None), "a clerk's word is not the person's activity"
    assert view(State()).status == "subscribed"


def test_the_registration_is_the_first_time_they_said_who_they_are():
    page = {"url": "https://a.example/join?x=1", "referrer": "https://b.example/"}
    context = {"ip": "8.8.8.8", "userAgent": CHROME, "page": page, "library": {"name": "analytics.js"}}
    nobody = {"type": "page", "userId": None, "anonymousId": "a", "context": context}
    events = [
        event("later", {"type": "identify", "userId": "u1"}),
        event("first", {"type": "identify", "traits": {"email": "a@example.com"}, "context": context}, ago=DAY),
        event("before", nobody, ago=2 * DAY),
        event("viewed", nobody | {"type": "track", "event": "Seen"}, ago=3 * DAY),
    ]
    found = view(fold(State(), events)).registration
    assert found is not None
    assert (found.at, found.event, found.source_id) == (NOON - timedelta(days=1), "Identified", 1)
    assert (found.ip, found.country, found.page, found.referrer) == ("8.8.8.8", "US", page["url"], page["referrer"])
    assert (found.user_agent, found.vendor) == (CHROME, "analytics.js")


def test_what_a_clerk_typed_in_is_no_registration():
    typed = event("1", {"type": "identify", "traits": {"email": "a@example.com"}})
    typed.source_id = None
    assert view(fold(State(), [typed])).registration is None


@given(histories)
def test_a_state_survives_storage_byte_for_byte(events: list[Event]):
    stored = encode_state(fold(State(), events))
    assert encode_state(decode_state(stored)) == stored


@given(histories, st.integers(0, 25))
def test_folding_on_from_storage_is_folding_at_once(events: list[Event], cut: int):
    first = encode_state(fold(State(), events[:cut]))
    assert encode_state(fold(decode_state(first), events[cut:])) == encode_state(fold(State(), events))


def test_merging_states_leaves_its_parts_alone():
    one = fold(State(), [event("1", {"context": {"userAgent": CHROME}, "properties": {"revenue": 1}})])
    two = fold(State(), [event("2", {"context": {"userAgent": PHONE}, "properties": {"revenue": 2}})])
    before = encode_state(one), encode_state(two)
    merge_states([one, two])
    assert (encode_state(one), encode_state(two)) == before


def order(name: str, amount: Any, *, ago: int = 0, **properties: Any) -> Event:
    return event(name, {"event": "Order Completed", "properties": {"revenue": amount, **properties}}, ago=ago)


def test_orders_add_up_to_the_cent():
    state = fold(State(), [order(str(number), 0.1, ago=number * DAY) for number in range(30)])
    purchases = view(state).purchases
    assert (purchases.count, purchases.revenue, purchases.currency) == (30, 3.0, "EUR")
    assert purchases.last_at == NOON


@pytest.mark.parametrize(
    ("properties", "revenue"),
    [
        ({"revenue": 12.5}, 12.5),
        ({"revenue": "12.5"}, 12.5),
        ({"total": 20, "value": 3}, 20.0),
        ({"value": 3}, 3.0),
        ({"products": [{"price": 2.5, "quantity": 4}, {"price": 1}, "junk"]}, 11.0),
        ({"revenue": -5}, -5.0),
        ({"revenue": 1e300}, 0.0),
        ({"revenue": "much"}, 0.0),
        ({"revenue": True}, 0.0),
        ({"revenue": {"amount": 1}}, 0.0),
        ({}, 0.0),
    ],
)
def test_what_an_order_brings_in(properties: dict[str, Any], revenue: float):
    state = fold(State(), [event("o", {"event": "Order Completed", "properties": properties})])
    assert view(state).purchases.revenue == revenue
    assert view(state).purchases.count == 1


def test_currencies_are_kept_apart():
    state = fold(State(), [order("1", 10, currency="usd"), order("2", 5, currency="EUR"), order("3", 1)])
    purchases = view(state).purchases
    assert purchases.revenue_by_currency == {"EUR": 6.0, "USD": 10.0}
    assert (purchases.revenue, purchases.currency) == (6.0, "EUR")


def test_counters_know_first_last_and_the_last_thirty_days():
    state = fold(State(), [event(str(days), {}, ago=days * DAY) for days in (0, 1, 30, 31, 400)])
    seen = view(state).events["Seen"]
    assert (seen.count, seen.last_30_days) == (5, 3)
    assert (seen.first_at, seen.last_at) == (to_moment(400), NOON)
    assert len(state.events["Seen"].days) <= BUCKET_DAYS


def to_moment(days_ago: int):
    return NOON - timedelta(days=days_ago)


def test_standard_traits_take_their_standard_form():
    given_traits = {
        "firstName": " Ana ", "email": "Ana@Example.COM", "phone": "612 345 678", "birthday": "1990-02-29T00:00:00Z",
        "gender": "female", "country": "Spain", "language": "es-ES", "timezone": "Europe/Madrid", "favourite": [1, 2],
    }  # fmt: skip
    happened = event("i", {"type": "identify", "traits": given_traits})
    assert happened.misfits == ["dob"], "1990 had no 29 February; the value stays in history"
    assert view(fold(State(), [happened])).attributes == {
        "country": "ES",
        "email": "ana@example.com",
        "favourite": [1, 2],
        "first_name": "Ana",
        "gender": "F",
        "language": "es",
        "phone": "+34612345678",
        "time_zone": "Europe/Madrid",
    }


def test_what_is_said_outright_goes_before_what_a_device_reports():
    browsing = event("1", {"type": "page", "context": {"locale": "en-GB", "ip": "8.8.8.8", "userAgent": CHROME}})
    state = fold(State(), [browsing])
    assert view(state).inferred == {"country": "US", "language": "en"}
    fold(state, [event("2", {"type": "identify", "traits": {"language": "es"}}, ago=HOUR)])
    assert view(state).inferred == {"country": "US"}
    assert view(state).attributes == {"language": "es"}


def test_a_device_is_read_from_its_user_agent():
    state = fold(State(), [event("1", {"type": "page", "context": {"userAgent": PHONE, "locale": "es"}}, ago=HOUR)])
    (device,) = view(state).devices
    assert (device.type, device.platform, device.browser, device.model) == ("Mobile", "iOS", "Safari", "iPhone")
    assert device.platform_version == "17.5"
    activity = view(state).last_activity
    assert activity is not None
    assert (activity.event, activity.browser, activity.device) == ("Page Viewed", "Safari", "iPhone")


def test_a_server_speaks_of_people_who_are_not_there():
    said = {"event": "Order Completed", "context": {"library": {"name": "analytics-python"}, "ip": "8.8.8.8"}}
    state = fold(State(), [event("1", said)])
    shown = view(state)
    assert (shown.sessions.count, shown.devices, shown.last_activity) == (0, [], None)
    assert shown.purchases.count == 1


def test_first_and_last_touch():
    def landing(name: str, query: str, ago: int) -> Event:
        return event(
            name, {"type": "page", "context": {"page": {"search": query, "url": "https://a.example/"}}}, ago=ago
        )

    visits = [
        landing("2", "?utm_source=mail&utm_campaign=spring", 2 * DAY),
        landing("1", "?utm_source=search&utm_medium=cpc", 9 * DAY),
        landing("3", "?page=2", DAY),
    ]
    utm = view(fold(State(), visits)).utm
    assert utm.first is not None
    assert utm.last is not None
    assert (utm.first.source, utm.first.medium) == ("search", "cpc")
    assert (utm.last.source, utm.last.name) == ("mail", "spring")


def test_the_profile_names_itself():
    profile = UUID("01890000-0000-7000-8000-000000000001")
    assert md5_of(profile) == "69647a2e175ab223cf6cd75102a91891"
    assert xxh_of(profile) == "aa610a7d3d64296c"
    assert 0 <= bucket_of(profile) <= 9999
    shown = view_of(profile, State(), members=[], identifiers=[], merges=[], currency="EUR", today=0)
    assert (shown.email, shown.email_is_placeholder) == (placeholder_of(profile), True)
    assert shown.email == f"{profile}@localhost"
