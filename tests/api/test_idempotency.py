"""A request that is sent again does nothing again and gets the same answer."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from time import sleep

import psycopg
import pytest
from django.db import connection as django_connection

from tessera.access.ledgers import forget_old
from tessera.access.requests import (
    Claim,
    IdempotencyKeyReused,
    RememberedAnswer,
    RequestInProgress,
    claim_request,
    release_claim,
    remember_answer,
)
from tessera.foundation.database import connect
from tessera.foundation.settings import settings

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_an_edit_sent_twice_counts_once(api, ana):
    first = api.patch("profiles/user_id:u-1", key="visit-1", attributes={"visits": {"inc": 1}})
    again = api.patch("profiles/user_id:u-1", key="visit-1", attributes={"visits": {"inc": 1}})

    assert first.content == again.content
    assert (first.has_header("Idempotency-Replayed"), again["Idempotency-Replayed"]) == (False, "true")
    assert api.get("profiles/user_id:u-1").data["attributes"]["visits"] == 1


def test_a_merge_sent_twice_is_one_merge(api, ana, guest):
    body = {"keep": ana["profile_id"], "absorb": guest["profile_id"], "reason": "one"}
    first, again = (api.post("profiles/merge", key="m-1", **body) for _ in range(2))
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.content == again.content
    assert len(api.get(f"profiles/{ana['profile_id']}").data["merges"]) == 1


def test_a_refusal_is_remembered_too(api, ana, guest):
    body = {"keep": ana["profile_id"], "absorb": "anonymous_id:nobody", "reason": "one"}
    first = api.post("profiles/merge", key="m-1", **body)
    again = api.post("profiles/merge", key="m-1", **body)
    assert (first.status_code, first.content) == (404, again.content)
    assert again["Idempotency-Replayed"] == "true"
    assert again["Content-Type"] == "application/problem+json"


def test_a_key_stands_for_one_request_only(api, ana):
    api.patch("profiles/user_id:u-1", key="k", attributes={"plan": "free"})
    other_body = api.patch("profiles/user_id:u-1", key="k", attributes={"plan": "pro"})
    other_path = api.patch("profiles/anonymous_id:a-1", key="k", attributes={"plan": "free"})

    for answer in (other_body, other_path):
        assert (answer.status_code, answer.data["code"]) == (422, "idempotency_key_reused")
    assert api.get("profiles/user_id:u-1").data["attributes"]["plan"] == "free"


def test_two_api_keys_may_use_the_same_word(api, key, ana):
    for client in (api, key(name="other")):
        client.patch("profiles/user_id:u-1", key="k", attributes={"visits": {"inc": 1}})
    assert api.get("profiles/user_id:u-1").data["attributes"]["visits"] == 2


def test_a_request_that_was_refused_unheard_leaves_its_key_free(api, ana):
    misfit = api.patch("profiles/user_id:u-1", key="k", attributes={"gender": "blue"})
    mended = api.patch("profiles/user_id:u-1", key="k", attributes={"gender": "F"})
    assert (misfit.status_code, mended.status_code) == (422, 200)


@pytest.mark.parametrize("word", ["", "k" * 256, "tab\there", "ünprintable"])
def test_a_key_is_printable_and_not_too_long(api, ana, word):
    answer = api.patch("profiles/user_id:u-1", key=word, attributes={"plan": "free"})
    assert (answer.status_code, answer.data["code"]) == (422, "invalid_idempotency_key")


@pytest.fixture
def visit(api, ana, live):
    """`visit()` counts one visit under the key `k`, from whichever thread."""

    def edit():
        try:
            return api.patch("profiles/user_id:u-1", key="k", attributes={"visits": {"inc": 1}})
        finally:
            django_connection.close()

    return edit


@contextmanager
def _held_up(live, edit):
    """The edit waits for a lane that somebody else has, until the block ends."""
    with psycopg.connect(settings().database_url) as holder, ThreadPoolExecutor(1) as threads:
        holder.execute("SELECT FROM events_lane FOR UPDATE")
        waiting = threads.submit(edit)
        while not live.execute("SELECT 1 FROM access_rememberedreply").fetchone():
            sleep(0.01)
        yield waiting
        holder.rollback()
        waiting.result(timeout=30)


def test_the_same_request_twice_at_once_is_carried_out_once(api, live, visit):
    with _held_up(live, visit) as first:
        second = visit()
    third = visit()

    assert (second.status_code, second.data["code"]) == (409, "request_in_progress")
    assert second["Retry-After"] == "1"
    assert (first.result().status_code, third.content) == (200, first.result().content)
    assert api.get("profiles/user_id:u-1").data["attributes"]["visits"] == 1


def test_who_was_given_up_for_dead_and_was_only_slow_undoes_what_it_did(api, live, visit):
    with _held_up(live, visit) as slow:
        live.execute("UPDATE access_rememberedreply SET created_at = created_at - interval '61 seconds'")
        took_over = api.patch("profiles/user_id:u-1", key="k", attributes={"visits": {"inc": 1}, "late": True})
        live.execute("UPDATE access_rememberedreply SET created_at = now()")  # as a rival's claim would have

    assert took_over.data["code"] == "idempotency_key_reused"
    assert (slow.result().status_code, slow.result().data["code"]) == (409, "request_in_progress")
    assert "visits" not in api.get("profiles/user_id:u-1").data["attributes"]
    assert live.execute("SELECT count(*) FROM access_auditentry WHERE action = 'change_attributes'").fetchone() == (0,)


def test_a_failure_of_ours_is_not_remembered(api, ana, monkeypatch):
    from tessera.api import people

    def broken(*_args, **_kwargs):
        raise RuntimeError("a secret of ours")

    with monkeypatch.context() as patched:
        patched.setattr(people, "find_person", broken)
        failed = api.patch("profiles/user_id:u-1", key="k", attributes={"visits": {"inc": 1}})
    again = api.patch("profiles/user_id:u-1", key="k", attributes={"visits": {"inc": 1}})

    assert (failed.status_code, failed.data["code"]) == (500, "internal_error")
    assert b"secret" not in failed.content
    assert failed.data["instance"].startswith("urn:uuid:")
    assert again.data["attributes"]["visits"] == 1
    assert not again.has_header("Idempotency-Replayed")


def _claim(connection, *, now=NOON, digest=b"a", key="k"):
    return claim_request(connection, api_key_id=1, key=key, digest=digest, now=now)


def test_a_claim_whose_holder_died_is_taken_over_after_a_minute(live):
    first = _claim(live)
    with pytest.raises(RequestInProgress):
        _claim(live, now=NOON + timedelta(seconds=59))
    second = _claim(live, now=NOON + timedelta(seconds=60))

    assert second == Claim(1, "k", NOON + timedelta(seconds=60))
    with pytest.raises(RequestInProgress):  # the first was only slow: it must undo what it did
        remember_answer(live, first, status=200, body=b"late")
    release_claim(live, first)
    remember_answer(live, second, status=200, body=b"right")
    assert _claim(live, now=NOON + timedelta(seconds=61)) == RememberedAnswer(200, b"right")


def test_an_abandoned_claim_is_not_given_to_another_request(live):
    _claim(live)
    with pytest.raises(IdempotencyKeyReused):
        _claim(live, now=NOON + timedelta(hours=1), digest=b"b")


def test_an_answer_is_remembered_for_a_day(live):
    claim = _claim(live)
    assert isinstance(claim, Claim)
    remember_answer(live, claim, status=409, body=b"{}")
    day = timedelta(hours=24)
    assert _claim(live, now=NOON + day - timedelta(seconds=1)) == RememberedAnswer(409, b"{}")
    assert _claim(live, now=NOON + day, digest=b"b") == Claim(1, "k", NOON + day)


def test_of_many_claims_at_once_one_wins(live):
    def claim(_):
        with connect(autocommit=True) as connection:
            try:
                return _claim(connection)
            except RequestInProgress:
                return None

    with ThreadPoolExecutor(8) as threads:
        won = [claim for claim in threads.map(claim, range(8)) if claim]
    assert won == [Claim(1, "k", NOON)]


def test_old_rows_are_forgotten(live):
    now = datetime.now(UTC)
    _claim(live, key="old", now=now - timedelta(days=2))
    _claim(live, key="new", now=now)
    forget_old(live)
    assert live.execute("SELECT idempotency_key FROM access_rememberedreply").fetchall() == [("new",)]


def test_an_answer_that_was_erased_is_not_carried_out_again(api, ana):
    api.patch("profiles/user_id:u-1", key="k", attributes={"visits": {"inc": 1}})
    with connect(autocommit=True) as live:
        live.execute("UPDATE access_rememberedreply SET body = NULL")
    again = api.patch("profiles/user_id:u-1", key="k", attributes={"visits": {"inc": 1}})
    assert (again.status_code, again.data["code"]) == (409, "answer_erased")
    assert api.get("profiles/user_id:u-1").data["attributes"]["visits"] == 1
