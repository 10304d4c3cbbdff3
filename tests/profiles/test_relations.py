"""Relations from events: the last word counts whatever the order, across merges and splits, within bounds."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from factories.people import NOON, ingest, message, root
from tessera.events.messages import Json
from tessera.identity.actions import merge_profiles, split_profiles
from tessera.profiles.relations import MOST_RELATIONS, Said, relations_from, write_relations
from tessera.profiles.relations_of import relations_of

Connection = psycopg.Connection[Any]
ME = UUID("01932a5e-0000-7000-8000-000000000001")


def person(live: Connection, kind: str, value: str) -> UUID:
    found = root(live, kind, value)
    assert found is not None
    return found


def told(live: Connection, workspace_id: int, profile: UUID) -> list[tuple[str, bool, str | None, Json]]:
    """(type, outgoing, the other's name or what they are called, properties), in some order of its own."""
    found = relations_of(live, workspace_id, profile)
    assert found is not None
    lines = [
        (one.type, one.outgoing, one.other.name or one.other.value, dict(one.properties)) for one in found.relations
    ]
    return sorted(lines, key=lambda line: (line[0], str(line[2])))


def relating(who: str, **properties: Any) -> dict[str, Any]:
    return message(userId=who, event="Relation Added", properties=properties)


def said(minute: int, *, kind: str = "follows", to: str = "user_id:bo", removed: bool = False, tie: int = 0) -> Said:
    other_kind, _, value = to.partition(":")
    at = NOON + timedelta(minutes=minute)
    return Said(ME, kind, (other_kind, value), 1, b'{"minute":%d}' % minute, removed, at, tie)


words = st.builds(
    said,
    st.integers(0, 3),
    kind=st.sampled_from(["follows", "household"]),
    to=st.sampled_from(["user_id:bo", "user_id:cy"]),
    removed=st.booleans(),
    tie=st.integers(0, 10**6),
)


@given(st.lists(words, max_size=8, unique_by=lambda one: (one.at, one.tie)), st.randoms(use_true_random=False))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_order_and_the_batches_in_which_words_come_do_not_matter(
    live: Connection, listed: list[Said], random: Any
) -> None:
    outcomes = []
    for _ in range(2):
        with live.transaction(force_rollback=True):
            shuffled = random.sample(listed, len(listed))
            for start in range(0, len(shuffled), 3):
                write_relations(live, shuffled[start : start + 3])
                write_relations(live, shuffled[start : start + 1])
            outcomes.append(sorted(relations_from(live, [ME]), key=str))
    assert outcomes[0] == outcomes[1]
    newest: dict[tuple[str, str], Said] = {}
    for one in sorted(listed, key=lambda one: (one.at, one.tie)):
        newest[one.type, one.other[1]] = one
    assert {(row.type, row.other_value): row.removed for row in outcomes[0]} == {
        key: one.removed for key, one in newest.items()
    }


def test_events_relate_people_in_every_spelling(live: Connection, workspace_id: int) -> None:
    ways: list[Any] = ["email:BO@example.com", {"kind": "email", "value": "bo@Example.com "}]
    for number, to in enumerate(ways):
        ingest(
            live,
            workspace_id,
            [
                message("identify", userId="bo", traits={"email": "bo@example.com", "name": "Bo"}),
                message(
                    userId=f"ana-{number}", event="Relation Added", properties={"type": "colleague", "to": to, "n": 1}
                ),
            ],
        )
        mine = told(live, workspace_id, person(live, "user_id", f"ana-{number}"))
        assert mine == [("colleague", True, "Bo", {"n": 1})]


def test_an_event_that_relates_nobody_is_kept_and_does_no_harm(live: Connection, workspace_id: int) -> None:
    wrong: list[Any] = [
        {},
        {"type": "follows"},
        {"type": "nonsense", "to": "user_id:bo"},
        {"type": ["follows"], "to": "user_id:bo"},
        {"type": "follows", "to": 7},
        {"type": "follows", "to": {"kind": "email", "value": "broken"}},
        {"type": "follows", "to": "user_id:null"},
        {"type": "follows", "to": "user_id:bo", "much": "x" * 5_000},
        {"type": "follows", "to": {"kind": "user_id", "value": "x" * 501}},
    ]
    ingest(live, workspace_id, [message(userId="ana", event="Relation Added", properties=one) for one in wrong])

    assert told(live, workspace_id, person(live, "user_id", "ana")) == []
    assert live.execute("SELECT count(*) FROM events_history").fetchone() == (len(wrong),)
    assert live.execute("SELECT count(*) FROM events_quarantine").fetchone() == (0,)


def test_a_late_word_does_not_undo_a_later_one(live: Connection, workspace_id: int) -> None:
    def at(name: str, time: str, **more: Any) -> dict[str, Any]:
        properties = {"type": "follows", "to": "user_id:bo", **more}
        return message(userId="ana", event=name, properties=properties, timestamp=time)

    ingest(live, workspace_id, [at("Relation Removed", "2026-10-02T10:00:00Z")])
    ingest(live, workspace_id, [at("Relation Added", "2026-10-01T10:00:00Z")])
    ana = person(live, "user_id", "ana")
    assert told(live, workspace_id, ana) == []

    ingest(live, workspace_id, [at("Relation Added", "2026-10-03T10:00:00Z", since="school")])
    assert told(live, workspace_id, ana) == [("follows", True, "bo", {"since": "school"})]


def test_a_merge_joins_relations_and_a_split_parts_them_again(live: Connection, workspace_id: int) -> None:
    def follow(who: str, whom: str) -> dict[str, Any]:
        return message(userId=who, event="Relation Added", properties={"type": "follows", "to": f"user_id:{whom}"})

    ingest(live, workspace_id, [message(anonymousId="guest"), follow("ana", "star")])
    ingest(
        live,
        workspace_id,
        [
            message(
                anonymousId="guest",
                event="Relation Added",
                properties={"type": "household", "to": "user_id:ana"},
            )
        ],
    )
    ana, guest = person(live, "user_id", "ana"), person(live, "anonymous_id", "guest")
    before = told(live, workspace_id, ana), told(live, workspace_id, guest)

    merged = merge_profiles(
        live, workspace_id=workspace_id, keep=ana, absorb=guest, reason="", actor="eva", now=datetime.now(UTC)
    )
    together = told(live, workspace_id, guest)
    split_profiles(live, workspace_id=workspace_id, merge_id=merged.merge_id, actor="eva", now=datetime.now(UTC))

    assert before == (
        [("follows", True, "star", {}), ("household", False, str(guest), {})],
        [("household", True, "ana", {})],
    )
    assert together == [("follows", True, "star", {})]
    assert (told(live, workspace_id, ana), told(live, workspace_id, guest)) == before


def test_one_person_has_a_thousand_at_most_and_what_was_removed_makes_room(live: Connection) -> None:
    def batch(first: int, last: int, *, removed: bool = False, minute: int = 0) -> list[Said]:
        return [said(minute, to=f"user_id:{n}", removed=removed) for n in range(first, last)]

    write_relations(live, batch(0, MOST_RELATIONS))
    write_relations(live, batch(0, 10, removed=True, minute=1))
    write_relations(live, batch(MOST_RELATIONS, MOST_RELATIONS + 25, minute=2))

    kept = relations_from(live, [ME])
    assert len(kept) == MOST_RELATIONS
    assert [one for one in kept if one.removed] == []
    assert {one.other_value for one in kept} >= {str(n) for n in range(10, MOST_RELATIONS)}
