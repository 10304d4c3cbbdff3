"""What reviewers say about a pair, and what becomes of it."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from duplicates.conftest import make_twice
from factories.people import ingest, message, people
from tessera.duplicates import actions, queries
from tessera.duplicates.actions import AlreadyDecided, AlreadyLooking, NoSuchPair, NotDecided, NotInPair, PairIsStale
from tessera.duplicates.store import Pair
from tessera.foundation.database import connect
from tessera.identity import actions as identity
from tessera.identity import queries as identities

Live = psycopg.Connection[Any]
Look = Callable[..., Any]
Twice = tuple[UUID, UUID]


def now() -> datetime:
    return datetime.now(UTC)


def queue(live: Live, workspace_id: int) -> list[Pair]:
    return queries.pairs(live, workspace_id).pairs


def accept(live: Live, workspace_id: int, pair: Pair, keep: UUID | None = None) -> Pair:
    return actions.accept_pair(
        live, workspace_id=workspace_id, pair_id=pair.pair_id, keep=keep, actor="ada@example.com", now=now()
    )


def reject(live: Live, workspace_id: int, pair: Pair, actor: str = "bob@example.com") -> Pair:
    return actions.reject_pair(live, workspace_id=workspace_id, pair_id=pair.pair_id, actor=actor, now=now())


def undo(live: Live, workspace_id: int, pair: Pair) -> Pair:
    return actions.undo_decision(
        live, workspace_id=workspace_id, pair_id=pair.pair_id, actor="ada@example.com", now=now()
    )


def test_a_person_met_twice_is_proposed_with_the_weight_of_every_field(
    live: Live, workspace_id: int, ana_twice: Twice, look: Look
) -> None:
    run = look()

    (pair,) = queue(live, workspace_id)
    assert (pair.left, pair.right, pair.state, pair.run_id) == (*ana_twice, "open", run.run_id)
    assert pair.probability > 0.95
    levels = {weight.field: weight.level for weight in pair.weights}
    assert levels == {
        "first_name": "same",
        "last_name": "almost",
        "email": "almost",
        "dob": "same",
        "place": "same_city",
    }
    assert pair.bits == pytest.approx(pair.start + sum(weight.bits for weight in pair.weights), abs=0.01)
    assert (run.state, run.people, run.proposed, run.learned) == ("done", 2, 1, False)


def test_accepting_merges_with_the_weights_as_evidence_and_is_undone(
    live: Live, workspace_id: int, ana_twice: Twice, look: Look
) -> None:
    from tessera.access.queries import audit_entries

    look()
    before = people(live)
    (pair,) = queue(live, workspace_id)

    merged = accept(live, workspace_id, pair, keep=ana_twice[1])

    assert (merged.state, merged.decided_by) == ("merged", "ada@example.com")
    assert set(identities.roots_of(live, list(ana_twice)).values()) == {ana_twice[1]}
    assert merged.merge_id is not None
    merge = identities.merge_by_id(live, workspace_id, merged.merge_id)
    assert merge is not None
    assert merge.reason == merge.evidence["reason"] == "duplicate review"
    assert merge.evidence["weights"][0] == {
        "field": "first_name",
        "level": "same",
        "bits": pair.weights[0].bits,
    }
    assert queue(live, workspace_id) == []

    again = undo(live, workspace_id, merged)

    assert (again.state, again.merge_id, again.decided_by) == ("open", None, None)
    assert people(live) == before
    assert [one.pair_id for one in queue(live, workspace_id)] == [pair.pair_id]
    said = [entry.action for entry in audit_entries(workspace_id)]
    assert said[:3] == ["undo_duplicate", "accept_duplicate", "find_duplicates"]


def test_a_rejection_holds_until_the_data_change(live: Live, workspace_id: int, ana_twice: Twice, look: Look) -> None:
    look()
    (pair,) = queue(live, workspace_id)
    reject(live, workspace_id, pair)

    assert (look().remembered, queue(live, workspace_id)) == (1, [])
    ingest(live, workspace_id, [message("identify", userId="ana1", traits={"favourite": "red"})])
    assert (look().remembered, queue(live, workspace_id)) == (1, [])

    ingest(live, workspace_id, [message("identify", userId="ana1", traits={"phone": "+34600000001"})])

    assert (look().remembered, len(queue(live, workspace_id))) == (0, 1)


def test_a_merge_that_was_split_elsewhere_is_a_rejection(
    live: Live, workspace_id: int, ana_twice: Twice, look: Look
) -> None:
    look()
    merged = accept(live, workspace_id, queue(live, workspace_id)[0])
    assert merged.merge_id is not None
    identity.split_profiles(live, workspace_id=workspace_id, merge_id=merged.merge_id, actor="x", now=now())

    run = look()

    assert (run.remembered, queue(live, workspace_id)) == (1, [])


def test_a_pair_is_decided_once(live: Live, workspace_id: int, ana_twice: Twice, look: Look) -> None:
    look()
    (pair,) = queue(live, workspace_id)
    reject(live, workspace_id, pair)

    with pytest.raises(AlreadyDecided, match=r"bob@example\.com has rejected"):
        accept(live, workspace_id, pair)
    undo(live, workspace_id, pair)
    with pytest.raises(NotDecided):
        undo(live, workspace_id, pair)


def test_of_two_reviewers_at_once_one_wins_and_the_other_is_told(
    database: str, live: Live, workspace_id: int, ana_twice: Twice, look: Look
) -> None:
    look()
    (pair,) = queue(live, workspace_id)
    told: list[Exception | str] = []
    gate = threading.Barrier(2)

    def say(act: Callable[[Live, int, Pair], Pair]) -> None:
        with connect(autocommit=True) as own:
            gate.wait()
            try:
                told.append(act(own, workspace_id, pair).state)
            except AlreadyDecided as error:
                told.append(error)

    rivals = [threading.Thread(target=say, args=(act,)) for act in (accept, reject)]
    for rival in rivals:
        rival.start()
    for rival in rivals:
        rival.join(timeout=30)

    winner = next(one for one in told if isinstance(one, str))
    assert len(told) == 2
    assert any(isinstance(one, AlreadyDecided) for one in told)
    roots = set(identities.roots_of(live, list(ana_twice)).values())
    assert len(roots) == {"merged": 1, "rejected": 2}[winner]


def test_a_pair_whose_person_was_merged_elsewhere_is_not_shown_and_not_decided(
    live: Live, workspace_id: int, ana_twice: Twice, look: Look
) -> None:
    look()
    (pair,) = queue(live, workspace_id)
    ingest(live, workspace_id, [message(anonymousId="somebody")])
    somebody = identities.roots_by_identifier(live, workspace_id, "anonymous_id", "somebody")[0]
    identity.merge_profiles(
        live, workspace_id=workspace_id, keep=somebody, absorb=ana_twice[0], reason="x", actor="x", now=now()
    )

    assert queue(live, workspace_id) == []
    with pytest.raises(PairIsStale):
        accept(live, workspace_id, pair)

    look()
    (followed,) = queue(live, workspace_id)
    assert {followed.left, followed.right} == {somebody, ana_twice[1]}
    assert [one.pair_id for one in queries.pairs(live, workspace_id, state="stale").pairs] == [pair.pair_id]


def test_what_the_latest_run_does_not_find_is_stale(
    live: Live, workspace_id: int, ana_twice: Twice, look: Look
) -> None:
    look()
    (pair,) = queue(live, workspace_id)
    ingest(
        live,
        workspace_id,
        [message("identify", userId="ana1", traits={"lastName": "Zubizarreta", "birthday": "1951-07-30"})],
    )

    look()

    assert queue(live, workspace_id) == []
    with pytest.raises(PairIsStale):
        reject(live, workspace_id, pair)


def test_two_user_ids_are_counted_and_not_proposed(live: Live, workspace_id: int, look: Look) -> None:
    traits = {"firstName": "Ana", "lastName": "García", "birthday": "1980-02-01", "address": {"postalCode": "28001"}}
    ingest(live, workspace_id, [message("identify", userId=name, traits=traits) for name in ("one", "two")])

    run = look()

    assert (run.apart, run.proposed, queue(live, workspace_id)) == (1, 0, [])


def test_the_queue_is_paged_by_key(live: Live, workspace_id: int, look: Look) -> None:
    for number, name in enumerate(("García", "Fernández", "Ibáñez", "Rodríguez", "Montesinos"), start=1):
        make_twice(live, workspace_id, name, number)
    look()

    whole = queue(live, workspace_id)
    seen, after = [], None
    while True:
        page = queries.pairs(live, workspace_id, after=after, limit=2)
        seen += page.pairs
        after = page.next
        if after is None:
            break

    assert len(whole) == 5
    assert seen == whole == sorted(whole, key=lambda pair: (-pair.bits, -pair.pair_id.int))
    following = queries.next_pair(live, workspace_id, whole[1])
    assert following == whole[2]
    assert queries.next_pair(live, workspace_id, whole[-1]) == whole[0]


def test_a_stranger_sees_and_decides_nothing(live: Live, workspace_id: int, ana_twice: Twice, look: Look) -> None:
    from tessera.workspaces.actions import create_workspace

    look()
    (pair,) = queue(live, workspace_id)
    other = create_workspace(slug="other", name="Other").id

    assert queries.pairs(live, other).pairs == []
    assert queries.pair(live, other, pair.pair_id) is None
    assert queries.run(live, other, pair.run_id) is None
    for act in (accept, reject, undo):
        with pytest.raises(NoSuchPair):
            act(live, other, pair)
    assert actions.erase_traces(live, other, ana_twice) == {"duplicates_pair": 0}
    assert queue(live, workspace_id) == [pair]


def test_nobody_else_may_be_kept(live: Live, workspace_id: int, ana_twice: Twice, look: Look) -> None:
    look()
    (pair,) = queue(live, workspace_id)

    with pytest.raises(NotInPair):
        accept(live, workspace_id, pair, keep=uuid4())

    assert queue(live, workspace_id) == [pair]


def test_erasing_takes_the_pairs_of_a_person(live: Live, workspace_id: int, ana_twice: Twice, look: Look) -> None:
    look()

    assert actions.erase_traces(live, workspace_id, [ana_twice[1]]) == {"duplicates_pair": 1}
    assert live.execute("SELECT count(*) FROM duplicates_pair").fetchone() == (0,)


def test_one_search_at_a_time(live: Live, workspace_id: int) -> None:
    first = actions.ask_for_run(live, workspace_id=workspace_id, actor="a", now=now())

    with pytest.raises(AlreadyLooking):
        actions.ask_for_run(live, workspace_id=workspace_id, actor="b", now=now())
    later = actions.ask_for_run(live, workspace_id=workspace_id, actor="b", now=now() + actions.ABANDONED * 1.1)

    abandoned = queries.run(live, workspace_id, first.run_id)
    assert abandoned is not None
    assert (abandoned.state, abandoned.error, later.state) == ("failed", "abandoned", "waiting")
    assert live.execute("SELECT count(*) FROM procrastinate_jobs").fetchone() == (2,)


def test_a_search_killed_half_way_is_done_again_and_one_that_is_over_is_not(
    live: Live, workspace_id: int, ana_twice: Twice
) -> None:
    from tessera.duplicates import store

    run = actions.ask_for_run(live, workspace_id=workspace_id, actor="a", now=now(), deferred=False)
    assert store.begin_run(live, workspace_id, run.run_id, now=now())  # and there it was killed

    done = actions.carry_out_run(live, workspace_id=workspace_id, run_id=run.run_id)
    again = actions.carry_out_run(live, workspace_id=workspace_id, run_id=run.run_id)

    assert (done.state, done.proposed) == ("done", 1)
    assert again == done


def test_a_search_that_fails_says_so_and_leaves_the_queue(
    live: Live, workspace_id: int, ana_twice: Twice, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    look()
    before = queue(live, workspace_id)

    def broken(*args: Any, **kwargs: Any) -> None:
        raise MemoryError("out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(actions, "find_pairs", broken)
        with pytest.raises(MemoryError):
            look()

    run = queries.latest_run(live, workspace_id)
    assert run is not None
    assert (run.state, run.error) == ("failed", "MemoryError: out of memory")
    assert queue(live, workspace_id) == before
    assert look().state == "done"


def test_a_search_that_the_database_hindered_stays_begun_and_is_done_again(
    live: Live, workspace_id: int, ana_twice: Twice, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = actions.ask_for_run(live, workspace_id=workspace_id, actor="a", now=now())
    about: dict[str, Any] = {"workspace_id": workspace_id, "run_id": run.run_id}

    def hindered(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("no pairs") from psycopg.errors.DeadlockDetected("a rival was quicker")

    with monkeypatch.context() as patch:
        patch.setattr(actions, "find_pairs", hindered)
        with pytest.raises(RuntimeError):
            actions.carry_out_run(live, **about)

    left = queries.run(live, workspace_id, run.run_id)
    assert left is not None
    assert (left.state, left.error) == ("running", None)
    assert actions.carry_out_run(live, **about).state == "done"


def test_the_job_does_the_search(live: Live, workspace_id: int, ana_twice: Twice) -> None:
    import tessera.duplicates.tasks  # noqa: F401
    from tessera.jobs.registry import run_task

    run = actions.ask_for_run(live, workspace_id=workspace_id, actor="a", now=now())
    row = live.execute("SELECT args FROM procrastinate_jobs").fetchone()
    assert row is not None

    run_task(row[0]["task"], row[0]["arguments"])

    done = queries.run(live, workspace_id, run.run_id)
    assert done is not None
    assert (done.state, done.proposed) == ("done", 1)


def test_every_night_where_somebody_has_looked_once(live: Live, workspace_id: int, look: Look) -> None:
    from tessera.workspaces.actions import create_workspace

    create_workspace(slug="other", name="Other")
    assert actions.ask_for_nightly_runs(live, now=now()) == []
    look()

    (run,) = actions.ask_for_nightly_runs(live, now=now())

    assert run.asked_by == "every night"
    assert actions.ask_for_nightly_runs(live, now=now()) == []


def test_nobody_at_all(look: Look) -> None:
    run = look()

    assert (run.state, run.people, run.proposed) == ("done", 0, 0)


WAITING = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


def erase_in(ends: dict[str, str], workspace_id: int, person: UUID) -> None:
    from tessera.privacy.actions import erase_person

    with connect(autocommit=True) as other:
        by: dict[str, Any] = {
            "workspace_id": workspace_id,
            "actor": "eva",
            "reason": "",
            "suppress": False,
            "now": now(),
        }
        erase_person(other, profile_id=person, **by)
        ends["erase"] = "done"


@pytest.mark.parametrize("decision", ["accept", "undo"])
def test_a_decision_and_an_erasure_do_not_wait_for_each_other_for_ever(
    decision: str, live: Live, workspace_id: int, ana_twice: Twice, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The erasure begins when the pair is locked and nothing is merged or split yet, the worst moment."""
    look()
    (pair,) = queue(live, workspace_id)
    if decision == "undo":
        accept(live, workspace_id, pair)
    door = "merge_profiles" if decision == "accept" else "split_profiles"
    ends: dict[str, str] = {}
    eraser = threading.Thread(target=erase_in, args=(ends, workspace_id, pair.left))
    real = getattr(identity, door)

    def with_a_rival(connection: Live, **how: Any) -> Any:
        eraser.start()
        with connect(autocommit=True) as watcher:
            deadline = time.monotonic() + 30
            while not watcher.execute(WAITING).fetchone():
                assert time.monotonic() < deadline, "the erasure waits for nothing"
                time.sleep(0.01)
        return real(connection, **how)

    monkeypatch.setattr(identity, door, with_a_rival)
    decided = (accept if decision == "accept" else undo)(live, workspace_id, pair)
    eraser.join(60)

    assert decided.state == ("merged" if decision == "accept" else "open")
    assert ends == {"erase": "done"}
    assert live.execute("SELECT count(*) FROM duplicates_pair").fetchone() == (0,)


def test_a_search_does_not_bring_back_who_was_erased_meanwhile(
    live: Live, workspace_id: int, ana_twice: Twice, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tessera.duplicates import store

    propose = store.propose

    def late(*args: Any, **how: Any) -> int:
        erase_in({}, workspace_id, ana_twice[0])
        return propose(*args, **how)

    monkeypatch.setattr(store, "propose", late)

    assert look().proposed == 0
    assert live.execute("SELECT count(*) FROM duplicates_pair").fetchone() == (0,)
