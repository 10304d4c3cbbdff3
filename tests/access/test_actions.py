"""Who may enter, at the level of actions: races, strangers and the audit trail."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections

from tessera.access import actions, queries
from tessera.access.scopes import SCOPES, UnknownScope, allows, checked_scopes
from tessera.foundation.errors import NotFound, TesseraError

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_a_revoked_key_opens_nothing_and_revoking_again_changes_nothing(workspace_id: int) -> None:
    key = actions.create_api_key(workspace_id=workspace_id, name="CRM", scopes=["profiles:read"])
    actions.revoke_api_key(key.id, workspace_id=workspace_id, now=NOON)

    actions.revoke_api_key(key.id, workspace_id=workspace_id, now=NOON + timedelta(hours=1))

    assert queries.authenticate_api_key(key.token) is None
    (facts,) = queries.api_keys(workspace_id)
    assert facts.revoked_at == NOON
    assert [entry.action for entry in queries.audit_entries(workspace_id)][:2] == ["revoke_api_key", "create_api_key"]


def test_another_workspace_cannot_revoke_a_key(workspace_id: int) -> None:
    key = actions.create_api_key(workspace_id=workspace_id, name="CRM", scopes=["profiles:read"])

    with pytest.raises(NotFound):
        actions.revoke_api_key(key.id, workspace_id=workspace_id + 1, now=NOON)

    assert queries.authenticate_api_key(key.token) is not None
    assert queries.api_keys(workspace_id + 1) == []


def test_use_is_noted_to_the_minute(workspace_id: int) -> None:
    key = actions.create_api_key(workspace_id=workspace_id, name="CRM", scopes=["profiles:read"])

    for seconds in (0, 30, 90):
        actions.note_api_key_used(key.id, now=NOON + timedelta(seconds=seconds))
        (facts,) = queries.api_keys(workspace_id)
        assert facts.last_used_at == NOON + timedelta(seconds=90 if seconds == 90 else 0)


@pytest.mark.parametrize("token", ["", "tsk_", "tsk_" + "x" * 43, "' OR 1=1 --", "\x00"])
def test_a_made_up_key_opens_nothing(database: str, token: str) -> None:
    assert queries.authenticate_api_key(token) is None


@pytest.mark.parametrize(
    ("granted", "asked", "answer"),
    [
        (["profiles:read"], "profiles:read", True),
        (["profiles:write"], "profiles:read", True),
        (["profiles:read"], "profiles:write", False),
        (["profiles:write"], "events:read", False),
        ([], "profiles:read", False),
    ],
)
def test_what_a_scope_allows(granted: list[str], asked: str, answer: bool) -> None:
    assert allows(granted, asked) is answer


def test_scopes_are_kept_once_and_in_order() -> None:
    assert checked_scopes(["profiles:read", "access:write", "profiles:read"]) == ["access:write", "profiles:read"]
    assert checked_scopes(reversed(SCOPES)) == list(SCOPES)
    with pytest.raises(UnknownScope, match="at least one"):
        checked_scopes([])


def test_two_owners_who_revoke_each_other_at_once_leave_one(workspace_id: int) -> None:
    owners = ("ana@example.com", "bo@example.com")
    for email in owners:
        actions.create_staff(email=email, role="owner", workspace_id=workspace_id)
    refusals: list[str] = []

    def revoke(email: str) -> None:
        try:
            actions.revoke_staff(email, now=NOON)
        except TesseraError as error:
            refusals.append(error.code)
        finally:
            connections.close_all()

    rivals = [threading.Thread(target=revoke, args=[email]) for email in owners]
    for rival in rivals:
        rival.start()
    for rival in rivals:
        rival.join(timeout=30)

    assert refusals == ["last_owner"]
    assert [member.revoked_at for member in queries.staff_members(workspace_id)].count(None) == 1


def test_one_email_is_one_account_whatever_its_case(workspace_id: int) -> None:
    actions.create_staff(email="Ana@Example.com", role="owner", workspace_id=workspace_id)

    with pytest.raises(TesseraError) as refusal:
        actions.create_staff(email="ANA@example.COM", role="admin", workspace_id=workspace_id)

    assert refusal.value.code == "already_staff"
    (member,) = queries.staff_members()
    assert (member.email, member.role) == ("ana@example.com", "owner")


def test_staff_are_read_with_the_same_number_of_queries_however_many_they_are(workspace_id: int) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    counts = []
    for number in range(3):
        actions.create_staff(email=f"p{number}@example.com", role="owner", workspace_id=workspace_id)
        with CaptureQueriesContext(connection) as captured:
            queries.staff_members(workspace_id)
        counts.append(len(captured))

    assert counts == [1, 1, 1]
