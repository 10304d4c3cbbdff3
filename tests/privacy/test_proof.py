"""The proof: a mark of one person in every place, an erasure, and a look through every table of the database."""

from typing import Any

import psycopg
import pytest

from factories.people import NOON, drain, message, owner, put_in_inbox, root
from factories.pictures import picture
from tessera.identity.suppression import count_suppressions, suppressed_among
from tessera.intake.standing import change_avatar
from tessera.privacy.actions import erase_person

from .world import MARKS, people_with_marks, places_of, waiting

Connection = psycopg.Connection[Any]
MEANT_TO_KEEP_IDS = {"access_auditentry", "privacy_erased", "events_history"}
"""Where the id of a profile that is gone may stand: who did what to it, the report, and the word to the followers."""


def where(live: Connection, marks: tuple[str, ...]) -> dict[str, set[str]]:
    found = {mark: places_of(live, mark) for mark in marks}
    return {mark: places for mark, places in found.items() if places}


@pytest.mark.parametrize("suppress", [False, True])
def test_nothing_of_the_person_is_anywhere_in_the_database(live: Connection, workspace_id: int, suppress: bool):
    person = people_with_marks(live, workspace_id)
    members = [row[0] for row in live.execute("SELECT id FROM identity_profile WHERE root_id = %s", (person,))]
    marked = set().union(*where(live, MARKS).values())
    assert marked >= {
        "identity_identifier",
        "identity_merge",
        "identity_refusal",
        "profiles_state",
        "profiles_search",
        "profiles_relation",
        "events_history",
        "events_inbox",
        "events_quarantine",
        "events_rejection",
        "access_auditentry",
        "access_rememberedreply",
    }

    report = erase_person(
        live, workspace_id=workspace_id, profile_id=person, actor="eva", reason="Zyxwname Qqfamily asked us",
        suppress=suppress, now=NOON,
    )  # fmt: skip

    assert where(live, MARKS) == {}
    assert set(report.profile_ids) == set(members)
    ids = set().union(*where(live, tuple(str(member) for member in members)).values())
    assert {name.partition("_2")[0] for name in ids} == MEANT_TO_KEEP_IDS
    kept = live.execute(
        "SELECT kind, name FROM events_history WHERE strpos(events_history::text, %s) > 0", (str(person),)
    )
    assert kept.fetchall() == [("system", "Person Erased")]


def test_the_report_says_what_was_removed(live: Connection, workspace_id: int):
    person = people_with_marks(live, workspace_id)
    change_avatar(live, workspace_id=workspace_id, profile_id=person, raw=picture(), actor="eva", now=NOON)

    report = erase_person(
        live, workspace_id=workspace_id, profile_id=person, actor="eva", reason="asked", suppress=True, now=NOON
    )

    assert report.counts == {
        "access_auditentry": 10,
        "access_rememberedreply": 1,
        "audience_member": 1,
        "audience_move": 2,
        "audience_report": 1,
        "audience_segment": 4,
        "deliveries_delivery": 1,
        "deliveries_export": 1,
        "duplicates_pair": 0,
        "events_catalogue": 9,
        "events_history": 12,
        "events_history_of_others": 4,
        "events_inbox": 2,
        "events_problem": 0,
        "events_quarantine": 2,
        "events_rejection": 2,
        "exports_export": 0,
        "exports_files": 0,
        "identity_identifier": 7,
        "identity_merge": 2,
        "identity_profile": 2,
        "identity_refusal": 1,
        "imports_chunk": 0,
        "imports_error": 0,
        "profiles_avatar": 1,
        "profiles_relation": 2,
        "profiles_search": 3,
        "profiles_state": 2,
    }
    assert report.suppressed == 7
    assert sum(count_suppressions(live, workspace_id).values()) == 7


def test_others_keep_what_is_theirs(live: Connection, workspace_id: int):
    person = people_with_marks(live, workspace_id)
    before = {name: root(live, "user_id", name) for name in ("neighbour", "friend")}

    erase_person(live, workspace_id=workspace_id, profile_id=person, actor="eva", reason="", suppress=True, now=NOON)

    assert {name: root(live, "user_id", name) for name in before} == before
    assert waiting(live) == 1
    shared = live.execute("SELECT body FROM events_history WHERE name = 'Shared Computer'").fetchone()
    assert shared is not None
    assert shared[0]["anonymousId"] == "[erased]"
    assert shared[0]["userId"] == "neighbour"
    drain(live)
    assert root(live, "user_id", "bystander") is not None


def test_what_comes_afterwards_is_somebody_new(live: Connection, workspace_id: int):
    person = people_with_marks(live, workspace_id)
    erase_person(live, workspace_id=workspace_id, profile_id=person, actor="eva", reason="", suppress=False, now=NOON)

    put_in_inbox(live, workspace_id, [message(userId="zyxw-user-1", event="Back Again")])
    drain(live)

    again = owner(live, "user_id", "zyxw-user-1")
    assert again not in (None, person)
    names = live.execute("SELECT name FROM events_history WHERE profile_id = %s", (again,)).fetchall()
    assert names == [("Back Again",)]


def test_a_message_sent_once_more_is_late(live: Connection, workspace_id: int):
    late = message(userId="zyxw-user-1", event="Twice")
    put_in_inbox(live, workspace_id, [message(userId="zyxw-user-1")])
    drain(live)
    put_in_inbox(live, workspace_id, [late])
    person = root(live, "user_id", "zyxw-user-1")
    assert person is not None
    erase_person(live, workspace_id=workspace_id, profile_id=person, actor="eva", reason="", suppress=False, now=NOON)

    put_in_inbox(live, workspace_id, [late])
    drain(live)

    assert root(live, "user_id", "zyxw-user-1") is None


def test_who_is_kept_out_does_not_come_back_by_any_name(live: Connection, workspace_id: int):
    person = people_with_marks(live, workspace_id)
    erase_person(live, workspace_id=workspace_id, profile_id=person, actor="eva", reason="", suppress=True, now=NOON)

    put_in_inbox(
        live,
        workspace_id,
        [
            message(userId="zyxw-user-1"),
            message("identify", anonymousId="new-browser", traits={"email": "ZYXWMARK@marker.example "}),
            message(anonymousId="other-browser", context={"traits": {"phone": "+34 (655) 112.233"}}),
            message("alias", userId="somebody", previousId="zyxw-browser-2"),
        ],
    )
    drain(live)

    assert where(live, MARKS) == {}
    refused = live.execute("SELECT code, excerpt FROM events_rejection WHERE code = 'suppressed'").fetchall()
    assert refused == [("suppressed", "")] * 4
    assert suppressed_among(live, workspace_id, [("email", "zyxwmark@marker.example"), ("email", "b@example.com")]) == {
        ("email", "zyxwmark@marker.example")
    }
