"""Who becomes one person, told through the inbox."""

from typing import Any

import psycopg

from factories.people import NOON, ingest, message, owner, root
from tessera.foundation.clock import DAY, to_micros
from tessera.identity import queries

Connection = psycopg.Connection[Any]


def identifiers(live: Connection, kind: str, value: str) -> set[tuple[str, str]]:
    of = root(live, kind, value)
    assert of is not None
    ids = [member.profile_id for member in queries.members_of(live, [of])]
    return {(held.kind, held.value) for held in queries.identifiers_of(live, ids)}


def test_a_visitor_who_signs_up_is_one_person(live: Connection, workspace_id: int):
    ingest(
        live,
        workspace_id,
        [
            message("page", anonymousId="a1"),
            message("identify", anonymousId="a1", userId="u1", traits={"email": "Ana@Example.com"}),
            message(userId="u1", event="Order Completed"),
        ],
    )
    assert identifiers(live, "email", "ana@example.com") == {
        ("anonymous_id", "a1"),
        ("user_id", "u1"),
        ("email", "ana@example.com"),
    }
    assert live.execute("SELECT count(*) FROM identity_profile").fetchone() == (1,)


def test_a_known_user_who_logs_in_on_a_new_device_absorbs_the_visitor(live: Connection, workspace_id: int):
    ingest(live, workspace_id, [message(userId="u1"), message(anonymousId="a2")])
    user, visitor = owner(live, "user_id", "u1"), owner(live, "anonymous_id", "a2")
    ingest(live, workspace_id, [message("identify", userId="u1", anonymousId="a2", messageId="login")])

    assert root(live, "anonymous_id", "a2") == user
    assert owner(live, "anonymous_id", "a2") == visitor, "the row keeps the profile it was born with"
    assert user is not None
    (merge,) = queries.merges_of(live, [user])
    assert (merge.kept, merge.absorbed, merge.reason) == (user, visitor, "event")
    assert merge.evidence["linked"] == [["user_id", "u1"], ["anonymous_id", "a2"]]
    assert merge.evidence["type"] == "identify"
    history = live.execute("SELECT name, profile_id FROM events_history WHERE kind = 'system'").fetchall()
    assert history == [("Profiles Merged", user)]


def test_two_user_ids_never_share_a_person(live: Connection, workspace_id: int):
    ingest(live, workspace_id, [message("identify", userId="u1", anonymousId="shared")])
    ingest(live, workspace_id, [message("identify", userId="u2", anonymousId="shared", messageId="second")])

    assert root(live, "user_id", "u1") != root(live, "user_id", "u2")
    assert root(live, "anonymous_id", "shared") == root(live, "user_id", "u1")
    second = root(live, "user_id", "u2")
    assert second is not None
    (refusal,) = queries.refusals_of(live, [second])
    assert (refusal.rule, refusal.dropped_kind, refusal.dropped_value) == ("limit:user_id", "anonymous_id", "shared")
    assert refusal.other_id == root(live, "user_id", "u1")


def test_a_refusal_that_repeats_is_counted_and_not_piled_up(live: Connection, workspace_id: int):
    ingest(live, workspace_id, [message("identify", userId="u1", traits={"email": "team@example.com"})])
    ingest(live, workspace_id, [message("identify", userId="u2", traits={"email": "team@example.com"}) for _ in "12"])
    ingest(live, workspace_id, [message("identify", userId="u2", traits={"email": "team@example.com"})])
    second = root(live, "user_id", "u2")
    assert second is not None
    (refusal,) = queries.refusals_of(live, [second])
    assert (refusal.rule, refusal.times) == ("limit:user_id", 3)


def test_the_sixth_email_of_a_year_is_left_out_and_the_event_still_counts(live: Connection, workspace_id: int):
    for number in range(6):
        traits = {"email": f"ana{number}@example.com"}
        ingest(live, workspace_id, [message("identify", userId="u1", traits=traits)])
    kinds = [kind for kind, _ in identifiers(live, "user_id", "u1")]
    assert kinds.count("email") == 5
    assert root(live, "email", "ana5@example.com") is None
    assert live.execute("SELECT count(*) FROM events_history WHERE kind = 'identify'").fetchone() == (6,)


def test_an_alias_joins_the_old_name_to_the_new(live: Connection, workspace_id: int):
    ingest(live, workspace_id, [message(anonymousId="old"), message("alias", previousId="old", userId="new")])
    assert root(live, "anonymous_id", "old") == root(live, "user_id", "new")


def test_an_alias_between_two_user_ids_is_refused(live: Connection, workspace_id: int):
    ingest(live, workspace_id, [message(userId="old"), message(userId="new")])
    ingest(live, workspace_id, [message("alias", previousId="old", userId="new")])
    assert root(live, "user_id", "old") != root(live, "user_id", "new")
    new = root(live, "user_id", "new")
    assert new is not None
    assert [refusal.rule for refusal in queries.refusals_of(live, [new])] == ["limit:user_id"]
    aliased = live.execute("SELECT profile_id FROM events_history WHERE kind = 'alias'").fetchall()
    assert aliased == [(new,)], "the event belongs to the new name"


def test_device_tokens_and_external_ids_identify(live: Connection, workspace_id: int):
    context = {
        "device": {"id": "d1", "token": "push-1"},
        "externalIds": [
            {"id": "crm-7", "type": "crm", "collection": "users", "encoding": "none"},
            {"id": "acme", "type": "company", "collection": "accounts", "encoding": "none"},
            {"id": "ANA@example.com", "type": "email", "collection": "users"},
        ],
    }
    ingest(live, workspace_id, [message(anonymousId="a1", context=context)])
    assert identifiers(live, "external:crm", "crm-7") == {
        ("anonymous_id", "a1"),
        ("device_token", "push-1"),
        ("external:crm", "crm-7"),
        ("email", "ana@example.com"),
    }


def test_a_group_call_joins_nobody(live: Connection, workspace_id: int):
    ingest(live, workspace_id, [message("group", userId="u1", groupId="acme", traits={"plan": "pro"})])
    ingest(live, workspace_id, [message("group", userId="u2", groupId="acme")])
    assert root(live, "user_id", "u1") != root(live, "user_id", "u2")


def test_blocked_values_name_nobody(live: Connection, workspace_id: int):
    live.execute("INSERT INTO identity_blocked_value VALUES (%s, 'user_id', 'guest')", (workspace_id,))
    ingest(live, workspace_id, [message(userId="guest", anonymousId="a1"), message(userId="null")])
    assert root(live, "user_id", "guest") is None
    assert root(live, "anonymous_id", "a1") is not None
    rejected = live.execute("SELECT stage, code FROM events_rejection").fetchall()
    assert rejected == [("intake", "blocked_identifier")], "refused, and said so"


def test_the_first_sight_of_an_identifier_is_its_earliest_event(live: Connection, workspace_id: int):
    early, late = "2026-01-01T00:00:00Z", "2026-05-01T00:00:00Z"
    ingest(live, workspace_id, [message(userId="u1", timestamp=late)])
    ingest(live, workspace_id, [message(userId="u1", timestamp=early)])
    row = live.execute("SELECT first_seen FROM identity_identifier WHERE value = 'u1'").fetchone()
    assert row is not None
    assert row[0].isoformat() == "2026-01-01T00:00:00+00:00"


def test_workspaces_do_not_know_each_other(live: Connection, workspace_id: int):
    ingest(live, workspace_id, [message(userId="u1")])
    ingest(live, workspace_id + 1, [message(userId="u1")], source_id=2)
    assert live.execute("SELECT count(DISTINCT profile_id) FROM identity_identifier").fetchone() == (2,)
    here = queries.roots_by_identifier(live, workspace_id, "user_id", "u1")
    there = queries.roots_by_identifier(live, workspace_id + 1, "user_id", "u1")
    assert len(here) == len(there) == 1
    assert here != there
    assert queries.root_of(live, workspace_id, there[0]) is None


def test_anonymous_ids_are_limited_per_week_and_not_for_ever(live: Connection, workspace_id: int):
    start = to_micros(NOON) - 60 * DAY
    for week in range(8):
        moment = start + week * 7 * DAY
        ingest(live, workspace_id, [message(userId="u1", anonymousId=f"w{week}")], received_at=moment)
    kinds = [kind for kind, _ in identifiers(live, "user_id", "u1")]
    assert kinds.count("anonymous_id") == 8


def test_a_late_event_is_judged_by_its_own_time(live: Connection, workspace_id: int):
    for year in (2020, 2021, 2022, 2023, 2024, 2025, 2018):
        traits = {"email": f"ana{year}@example.com"}
        ingest(live, workspace_id, [message("identify", userId="u1", timestamp=f"{year}-01-01", traits=traits)])
    assert root(live, "email", "ana2018@example.com") == root(live, "user_id", "u1")


def test_what_a_clerk_allowed_does_not_freeze_the_person(live: Connection, workspace_id: int):
    from tessera.identity.actions import merge_profiles

    ingest(live, workspace_id, [message(anonymousId=f"a{n}") for n in range(6)])
    first = root(live, "anonymous_id", "a0")
    assert first is not None
    for n in range(1, 6):
        other = root(live, "anonymous_id", f"a{n}")
        assert other is not None
        merge_profiles(live, workspace_id=workspace_id, keep=first, absorb=other, reason="kiosk", actor="eva", now=NOON)
    traits = {"email": "ana@example.com"}
    ingest(live, workspace_id, [message("identify", anonymousId="a0", userId="ana", traits=traits)])
    assert root(live, "user_id", "ana") == root(live, "email", "ana@example.com") == first
