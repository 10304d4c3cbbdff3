"""A stateful test: identify, alias, merge and split in any sequence keep what identity promises."""

from collections import Counter
from typing import Any

import psycopg
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from factories.people import NOON, ingest, message
from tessera.foundation.errors import TesseraError
from tessera.identity import queries
from tessera.identity.actions import merge_profiles, split_profiles
from tessera.identity.rules import Link, roots_after

Connection = psycopg.Connection[Any]
users = st.sampled_from(["u1", "u2", "u3"])
visitors = st.sampled_from(["a1", "a2", "a3", "a4"])
emails = st.sampled_from(["x@example.com", "y@example.com"])
picks = st.integers(0, 50)


def machine(live: Connection, workspace_id: int, outcomes: Counter[str]) -> type[RuleBasedStateMachine]:
    """`outcomes` counts what came of the steps of all runs."""

    class Identity(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            live.execute(
                "TRUNCATE identity_profile, identity_identifier, identity_merge, identity_refusal, profiles_state,"
                " profiles_search, events_history, events_seen"
            )
            self.sent = 0

        def say(self, **fields: Any) -> None:
            ingest(live, workspace_id, [message(**fields)])
            self.sent += 1
            outcomes[fields["kind"]] += 1

        @rule(visitor=visitors)
        def browse(self, visitor: str) -> None:
            self.say(kind="page", anonymousId=visitor)

        @rule(user=users, visitor=visitors)
        def log_in(self, user: str, visitor: str) -> None:
            self.say(kind="identify", userId=user, anonymousId=visitor)

        @rule(user=users, email=emails)
        def give_email(self, user: str, email: str) -> None:
            self.say(kind="identify", userId=user, traits={"email": email})

        @rule(visitor=visitors, email=emails)
        def subscribe(self, visitor: str, email: str) -> None:
            self.say(kind="identify", anonymousId=visitor, traits={"email": email})

        @rule(visitor=visitors, user=users)
        def alias(self, visitor: str, user: str) -> None:
            self.say(kind="alias", previousId=visitor, userId=user)

        @rule(keep=picks, absorb=picks)
        def merge(self, keep: int, absorb: int) -> None:
            profiles = [row[0] for row in live.execute("SELECT id FROM identity_profile ORDER BY id")]
            if len(profiles) < 2:
                return
            before = self.people()
            try:
                done = merge_profiles(
                    live,
                    workspace_id=workspace_id,
                    keep=profiles[keep % len(profiles)],
                    absorb=profiles[absorb % len(profiles)],
                    reason="",
                    actor="eva",
                    now=NOON,
                )
            except TesseraError:
                assert self.people() == before, "a refusal changes nothing"
                outcomes["refused"] += 1
                return
            outcomes["merged"] += 1
            if keep % 3 == 0:
                self.undo(done.merge_id)
                assert self.people() == before, "merge then split is the identity"

        @rule(pick=picks)
        def split(self, pick: int) -> None:
            standing = live.execute(
                "SELECT merge_id FROM identity_merge WHERE undone_at IS NULL ORDER BY seq"
            ).fetchall()
            if standing:
                self.undo(standing[pick % len(standing)][0])

        def undo(self, merge_id: Any) -> None:
            split_profiles(live, workspace_id=workspace_id, merge_id=merge_id, actor="eva", now=NOON)
            outcomes["split"] += 1

        def people(self) -> dict[Any, Any]:
            return dict(live.execute("SELECT id, root_id FROM identity_profile").fetchall())

        @invariant()
        def roots_stand_for_themselves(self) -> None:
            roots = self.people()
            assert all(roots[of] == of for of in roots.values())

        @invariant()
        def roots_are_the_replay_of_standing_merges(self) -> None:
            merges = live.execute(
                "SELECT kept_link, absorbed_link FROM identity_merge WHERE undone_at IS NULL ORDER BY seq"
            ).fetchall()
            roots = self.people()
            assert roots_after(roots, [Link(*merge) for merge in merges]) == roots

        @invariant()
        def no_person_has_two_user_ids(self) -> None:
            rows = live.execute(
                "SELECT p.root_id FROM identity_identifier i JOIN identity_profile p ON p.id = i.profile_id"
                " WHERE kind = 'user_id' GROUP BY 1 HAVING count(*) > 1"
            ).fetchall()
            assert rows == []

        @invariant()
        def every_identifier_leads_to_one_person(self) -> None:
            for kind, value in live.execute("SELECT kind, value FROM identity_identifier").fetchall():
                assert len(queries.roots_by_identifier(live, workspace_id, kind, value)) == 1

        @invariant()
        def every_message_is_in_history_once_and_on_a_profile_with_a_state(self) -> None:
            row = live.execute("SELECT count(*) FROM events_history WHERE kind <> 'system'").fetchone()
            assert row == (self.sent,)
            orphans = live.execute(
                "SELECT count(*) FROM events_history h LEFT JOIN profiles_state s USING (profile_id)"
                " WHERE h.kind <> 'system' AND s.profile_id IS NULL"
            ).fetchone()
            assert orphans == (0,)

    return Identity


def test_identity_keeps_its_promises(live: Connection, workspace_id: int):
    outcomes: Counter[str] = Counter()

    run_state_machine_as_test(
        machine(live, workspace_id, outcomes),
        settings=settings(
            max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )

    assert set(outcomes) == {"page", "identify", "alias", "merged", "refused", "split"}, "the promises were tried"
