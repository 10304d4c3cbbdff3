"""Inviting, changing, shutting out: the rules, the races, the strangers, the trail."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connections

from tessera.access import actions, queries, staffing
from tessera.access.models import Staff
from tessera.access.queries import StaffFacts
from tessera.access.staffing import By, Change
from tessera.foundation.errors import NotFound, TesseraError

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
PASSWORD = "correct horse battery staple"
OWNER = By("owner@example.com", makes_owners=True, sees_pii=True)
ADMIN = By("admin@example.com", makes_owners=False, sees_pii=True)
BLIND = By("blind@example.com", makes_owners=False, sees_pii=False)


@pytest.fixture
def member(workspace_id: int) -> Callable[..., StaffFacts]:
    def make(email: str = "bo@example.com", role: str = "support") -> StaffFacts:
        actions.create_staff(email=email, role=role, workspace_id=workspace_id, password=PASSWORD)
        found = queries.staff_by_email(email)
        assert found is not None
        return found

    return make


def invited(workspace_id: int, *, email: str = "cy@example.com", role: str = "marketer", by: By = OWNER) -> Any:
    return staffing.invite_staff(workspace_id=workspace_id, email=email, role=role, by=by, now=NOON)


def code_of(act: Callable[[], object]) -> str:
    with pytest.raises(TesseraError) as refusal:
        act()
    return refusal.value.code


def test_the_invited_choose_their_own_password(workspace_id: int) -> None:
    made = invited(workspace_id, email="Cy@Example.com")

    email = staffing.accept_invitation(made.token, password=PASSWORD, now=NOON + timedelta(hours=71))

    found = queries.staff_by_email(email)
    assert found is not None
    assert (found.email, found.role, found.sees_pii, found.revoked_at) == ("cy@example.com", "marketer", True, None)
    assert queries.open_invitations(workspace_id, now=NOON) == []
    actions_taken = [(entry.actor, entry.action) for entry in queries.audit_entries(workspace_id)][:2]
    assert actions_taken == [("cy@example.com", "accept_invitation"), ("owner@example.com", "invite_staff")]


@pytest.mark.parametrize("ending", ["used", "late", "withdrawn", "replaced", "made up"])
def test_a_link_opens_once_and_not_for_ever(workspace_id: int, ending: str) -> None:
    made = invited(workspace_id)
    token, now = made.token, NOON
    match ending:
        case "used":
            staffing.accept_invitation(token, password=PASSWORD, now=now)
        case "late":
            now = NOON + timedelta(hours=72)
        case "withdrawn":
            staffing.withdraw_invitation(made.invitation.id, workspace_id=workspace_id, by=OWNER, now=NOON)
        case "replaced":
            invited(workspace_id)
        case "made up":
            token = "tsi_" + "x" * 43
    before = len(queries.staff_members())

    assert queries.invitation_by_token(token, now=now) is None
    assert code_of(lambda: staffing.accept_invitation(token, password=PASSWORD, now=now)) == "not_found"
    assert len(queries.staff_members()) == before


def test_two_who_open_a_link_at_once_become_one_member(workspace_id: int) -> None:
    token = invited(workspace_id).token
    outcomes: list[str] = []

    def accept() -> None:
        try:
            outcomes.append(staffing.accept_invitation(token, password=PASSWORD, now=NOON))
        except TesseraError as error:
            outcomes.append(error.code)
        finally:
            connections.close_all()

    rivals = [threading.Thread(target=accept) for _ in range(4)]
    for rival in rivals:
        rival.start()
    for rival in rivals:
        rival.join(timeout=30)

    assert sorted(outcomes) == ["cy@example.com", "not_found", "not_found", "not_found"]
    assert len(queries.staff_members()) == 1


def test_a_weak_password_leaves_the_link_as_it_was(workspace_id: int) -> None:
    token = invited(workspace_id).token

    assert code_of(lambda: staffing.accept_invitation(token, password="short", now=NOON)) == "weak_password"
    assert staffing.accept_invitation(token, password=PASSWORD, now=NOON) == "cy@example.com"


def test_a_link_never_sets_the_password_of_an_account_that_exists(
    workspace_id: int, member: Callable[..., StaffFacts]
) -> None:
    """Whoever makes the link would otherwise own the account of any address they can type."""
    token = invited(workspace_id).token
    other = actions.create_staff(email="cy@example.com", role="owner", workspace_id=workspace_id + 1)

    assert code_of(lambda: staffing.accept_invitation(token, password=PASSWORD, now=NOON)) == "account_exists"
    found = queries.staff_by_email(other.email)
    assert found is not None
    assert found.workspace_id == workspace_id + 1


def test_who_is_or_was_staff_here_is_not_invited(workspace_id: int, member: Callable[..., StaffFacts]) -> None:
    bo = member()

    assert code_of(lambda: invited(workspace_id, email="BO@example.com")) == "already_staff"
    staffing.shut_out(bo.account_id, workspace_id=workspace_id, by=OWNER, now=NOON)
    assert code_of(lambda: invited(workspace_id, email="bo@example.com")) == "was_staff"
    assert code_of(lambda: invited(workspace_id, email="nonsense")) == "invalid_email"
    assert code_of(lambda: invited(workspace_id, role="king")) == "unknown_role"


@pytest.mark.parametrize(
    ("by", "role", "sees_pii", "code"),
    [
        (ADMIN, "owner", None, "owners_only"),
        (BLIND, "marketer", None, "cannot_grant_pii"),
        (BLIND, "support", True, "cannot_grant_pii"),
        (BLIND, "marketer", False, None),
        (ADMIN, "support", True, None),
        (OWNER, "owner", None, None),
    ],
)
def test_nobody_gives_what_they_do_not_have(
    workspace_id: int, by: By, role: str, sees_pii: bool | None, code: str | None
) -> None:
    def invite() -> object:
        return staffing.invite_staff(
            workspace_id=workspace_id, email="cy@example.com", role=role, sees_pii=sees_pii, by=by, now=NOON
        )

    if code is None:
        invite()
        assert len(queries.open_invitations(workspace_id, now=NOON)) == 1
    else:
        assert code_of(invite) == code
        assert queries.open_invitations(workspace_id, now=NOON) == []


def test_role_and_sight_are_changed_and_written_down(workspace_id: int, member: Callable[..., StaffFacts]) -> None:
    bo = member()

    shown = staffing.change_staff(
        bo.account_id, workspace_id=workspace_id, change=Change("support", sees_pii=True), by=ADMIN
    )
    moved = staffing.change_staff(bo.account_id, workspace_id=workspace_id, change=Change("analyst", None), by=ADMIN)

    assert (shown.role, shown.sees_pii, shown.pii_grant) == ("support", True, True)
    assert (moved.role, moved.sees_pii, moved.pii_grant) == ("analyst", False, None)
    (last, *_) = queries.audit_entries(workspace_id)
    assert (last.action, last.target) == ("change_staff", "bo@example.com")
    assert last.detail == {
        "before": {"role": "support", "sees_pii": True},
        "after": {"role": "analyst", "sees_pii": None},
    }


def test_a_change_that_changes_nothing_leaves_no_entry(workspace_id: int, member: Callable[..., StaffFacts]) -> None:
    bo = member()
    before = len(queries.audit_entries(workspace_id))

    staffing.change_staff(bo.account_id, workspace_id=workspace_id, change=Change("support", None), by=OWNER)

    assert len(queries.audit_entries(workspace_id)) == before


def acts_on(account_id: Any, workspace_id: int, by: By) -> dict[str, Callable[[], object]]:
    here = {"workspace_id": workspace_id, "by": by}
    return {
        "change": lambda: staffing.change_staff(account_id, change=Change("analyst", None), **here),  # type: ignore[arg-type]
        "shut out": lambda: staffing.shut_out(account_id, now=NOON, **here),  # type: ignore[arg-type]
        "let in": lambda: staffing.let_in_again(account_id, **here),  # type: ignore[arg-type]
        "reset": lambda: staffing.reset_second_factor(account_id, **here),  # type: ignore[arg-type]
        "end": lambda: staffing.end_sessions_of(account_id, **here),  # type: ignore[arg-type]
    }


@pytest.mark.parametrize("act", ["change", "shut out", "let in", "reset", "end"])
def test_an_administrator_does_nothing_to_an_owner(
    workspace_id: int, member: Callable[..., StaffFacts], act: str
) -> None:
    member("other@example.com", "owner")
    ana = member("ana@example.com", "owner")

    assert code_of(acts_on(ana.account_id, workspace_id, ADMIN)[act]) == "owners_only"
    assert queries.staff_member(workspace_id, ana.account_id) == ana


@pytest.mark.parametrize("act", ["change", "shut out", "let in", "reset"])
def test_nobody_changes_themselves(workspace_id: int, member: Callable[..., StaffFacts], act: str) -> None:
    member("other@example.com", "owner")
    ana = member("ana@example.com", "owner")
    by = By(ana.email, makes_owners=True, sees_pii=True, account_id=ana.account_id)

    assert code_of(acts_on(ana.account_id, workspace_id, by)[act]) == "not_oneself"


@pytest.mark.parametrize("act", ["change", "shut out", "let in", "reset", "end"])
def test_a_stranger_finds_nobody(workspace_id: int, member: Callable[..., StaffFacts], act: str) -> None:
    bo = member()

    with pytest.raises(NotFound):
        acts_on(bo.account_id, workspace_id + 1, OWNER)[act]()

    assert queries.staff_member(workspace_id, bo.account_id) == bo
    assert queries.staff_member(workspace_id + 1, bo.account_id) is None


@pytest.mark.parametrize("way", ["shut out", "demote"])
def test_of_two_owners_who_end_each_other_at_once_one_remains(
    workspace_id: int, member: Callable[..., StaffFacts], way: str
) -> None:
    owners = [member(f"{name}@example.com", "owner") for name in ("ana", "bo")]
    refusals: list[str] = []

    def end(target: StaffFacts, by: By) -> None:
        try:
            acts_on(target.account_id, workspace_id, by)["shut out" if way == "shut out" else "change"]()
        except TesseraError as error:
            refusals.append(error.code)
        finally:
            connections.close_all()

    by = [By(one.email, makes_owners=True, sees_pii=True, account_id=one.account_id) for one in owners]
    rivals = [threading.Thread(target=end, args=[owners[1 - n], by[n]]) for n in range(2)]
    for rival in rivals:
        rival.start()
    for rival in rivals:
        rival.join(timeout=30)

    assert refusals == ["last_owner"]
    in_force = [one for one in queries.staff_members(workspace_id) if one.role == "owner" and one.revoked_at is None]
    assert len(in_force) == 1


def test_who_is_shut_out_can_be_let_in_again(workspace_id: int, member: Callable[..., StaffFacts]) -> None:
    bo = member()

    staffing.shut_out(bo.account_id, workspace_id=workspace_id, by=ADMIN, now=NOON)
    staffing.shut_out(bo.account_id, workspace_id=workspace_id, by=ADMIN, now=NOON + timedelta(hours=1))
    out = queries.staff_member(workspace_id, bo.account_id)
    back = staffing.let_in_again(bo.account_id, workspace_id=workspace_id, by=ADMIN)

    assert out is not None
    assert out.revoked_at == NOON
    assert back.revoked_at is None
    taken = [entry.action for entry in queries.audit_entries(workspace_id)][:3]
    assert taken == ["restore_staff", "revoke_staff", "create_staff"]


def test_only_an_owner_demands_a_second_factor(workspace_id: int, member: Callable[..., StaffFacts]) -> None:
    admin, bo = member("ad@example.com", "admin"), member()

    assert code_of(lambda: staffing.demand_second_factor(workspace_id, of="everybody", by=ADMIN)) == "owners_only"
    assert code_of(lambda: staffing.demand_second_factor(workspace_id, of="cats", by=OWNER)) == "unknown_demand"
    demanded = {}
    for of in ("admins", "everybody", "nobody"):
        staffing.demand_second_factor(workspace_id, of=of, by=OWNER)
        demanded[of] = [
            one.second_factor_demanded
            for one in (queries.staff_of(admin.account_id), queries.staff_of(bo.account_id))
            if one is not None
        ]

    assert demanded == {"admins": [True, False], "everybody": [True, True], "nobody": [False, False]}


def by_of(found: StaffFacts) -> By:
    return By(found.email, makes_owners=found.role == "owner", sees_pii=found.sees_pii, account_id=found.account_id)


def trail(workspace_id: int) -> set[tuple[str, str, str]]:
    return {(entry.actor, entry.action, entry.target) for entry in queries.audit_entries(workspace_id)}


def test_who_is_shut_out_leaves_no_door_open(workspace_id: int, member: Callable[..., StaffFacts]) -> None:
    adm = member("adm@example.com", "admin")
    link = invited(workspace_id, email="sock@example.com", role="admin", by=by_of(adm))
    key = actions.create_api_key(
        workspace_id=workspace_id, name="k", scopes=["access:write"], actor=adm.email, made_by=adm.account_id
    )
    others = actions.create_api_key(workspace_id=workspace_id, name="of the shell", scopes=["access:write"])

    staffing.shut_out(adm.account_id, workspace_id=workspace_id, by=OWNER, now=NOON)

    assert queries.open_invitations(workspace_id, now=NOON) == []
    assert code_of(lambda: staffing.accept_invitation(link.token, password=PASSWORD, now=NOON)) == "not_found"
    assert queries.authenticate_api_key(key.token) is None
    assert queries.authenticate_api_key(others.token) is not None
    assert queries.staff_by_email("sock@example.com") is None
    revoked = next(entry for entry in queries.audit_entries(workspace_id) if entry.action == "revoke_staff")
    assert revoked.detail == {"api_keys": 1, "invitations": 1}
    assert trail(workspace_id) >= {
        (OWNER.actor, "revoke_api_key", f"api-key:{key.id}"),
        (OWNER.actor, "withdraw_invitation", "sock@example.com"),
    }
    staffing.let_in_again(adm.account_id, workspace_id=workspace_id, by=OWNER)
    assert queries.authenticate_api_key(key.token) is None
    assert queries.open_invitations(workspace_id, now=NOON) == []


def test_the_command_line_shuts_the_same_doors(workspace_id: int, member: Callable[..., StaffFacts]) -> None:
    adm = member("adm@example.com", "admin")
    invited(workspace_id, email="sock@example.com", by=by_of(adm))
    key = actions.create_api_key(workspace_id=workspace_id, name="k", scopes=["pii:read"], made_by=adm.account_id)

    actions.revoke_staff("adm@example.com", now=NOON)

    assert queries.open_invitations(workspace_id, now=NOON) == []
    assert queries.authenticate_api_key(key.token) is None


@pytest.mark.parametrize(
    ("role", "sees_pii", "left"),
    [("admin", None, {"blind@example.com", "seeing@example.com"}), ("admin", False, {"blind@example.com"})]
    + [(role, None, set()) for role in ("marketer", "developer")],
)
def test_who_is_demoted_invites_nobody_beyond_themselves(
    workspace_id: int, member: Callable[..., StaffFacts], role: str, sees_pii: bool | None, left: set[str]
) -> None:
    member("first@example.com", "owner")
    demoted = member("two@example.com", "owner")
    for email, as_role in [("owning", "owner"), ("seeing", "admin"), ("blind", "support")]:
        invited(workspace_id, email=f"{email}@example.com", role=as_role, by=by_of(demoted))

    staffing.change_staff(demoted.account_id, workspace_id=workspace_id, change=Change(role, sees_pii), by=OWNER)

    assert {one.email for one in queries.open_invitations(workspace_id, now=NOON)} == left


def test_a_link_is_worth_what_its_maker_may_do_when_it_is_opened(
    workspace_id: int, member: Callable[..., StaffFacts]
) -> None:
    """The withdrawal is for people to see; the link is looked at again when it opens, whatever was withdrawn."""
    adm = member("adm@example.com", "admin")
    link = invited(workspace_id, email="sock@example.com", role="marketer", by=by_of(adm))
    Staff.objects.filter(account_id=adm.account_id).update(sees_pii=False)

    assert code_of(lambda: staffing.accept_invitation(link.token, password=PASSWORD, now=NOON)) == "not_found"

    Staff.objects.filter(account_id=adm.account_id).update(sees_pii=None)
    assert staffing.accept_invitation(link.token, password=PASSWORD, now=NOON) == "sock@example.com"


def test_a_link_made_with_a_key_ends_with_the_key(workspace_id: int) -> None:
    key = actions.create_api_key(workspace_id=workspace_id, name="k", scopes=["access:write", "pii:read"])
    by = By("api-key:k", makes_owners=False, sees_pii=True, api_key_id=key.id)
    stopped, kept = (invited(workspace_id, email=f"{name}@example.com", by=by) for name in ("late", "early"))

    assert staffing.accept_invitation(kept.token, password=PASSWORD, now=NOON) == "early@example.com"
    actions.revoke_api_key(key.id, workspace_id=workspace_id, now=NOON)

    assert code_of(lambda: staffing.accept_invitation(stopped.token, password=PASSWORD, now=NOON)) == "not_found"


def test_a_key_can_do_no_more_than_its_maker_may_do_now(workspace_id: int, member: Callable[..., StaffFacts]) -> None:
    adm = member("adm@example.com", "admin")
    wanted = ["access:write", "events:write", "profiles:write", "pii:read"]
    key = actions.create_api_key(workspace_id=workspace_id, name="k", scopes=wanted, made_by=adm.account_id)

    def scopes_as(role: str, sees_pii: bool | None = None) -> tuple[str, ...]:
        Staff.objects.filter(account_id=adm.account_id).update(role=role, sees_pii=sees_pii)
        grant = queries.authenticate_api_key(key.token)
        assert grant is not None
        assert grant.made_by == adm.account_id
        return grant.scopes

    assert scopes_as("owner") == scopes_as("admin") == tuple(wanted)
    blind = "access:read access:write events:read events:write profiles:read profiles:write"
    assert scopes_as("admin", False) == tuple(blind.split())
    assert scopes_as("developer") == ("events:read", "events:write", "profiles:read")
    assert scopes_as("analyst") == ("events:read", "profiles:read")


def test_coming_in_and_being_shut_out_at_once_do_not_deadlock(
    workspace_id: int, member: Callable[..., StaffFacts]
) -> None:
    """Whoever is first is first: a member or a refusal, and no link left open."""
    adm = member("adm@example.com", "admin")
    link = invited(workspace_id, email="sock@example.com", role="support", by=by_of(adm))
    start, ends = threading.Barrier(2), {}

    def run(name: str, act: Callable[[], object]) -> None:
        try:
            start.wait(10)
            act()
            ends[name] = "done"
        except TesseraError as error:
            ends[name] = error.code
        finally:
            connections.close_all()

    both = [
        threading.Thread(
            target=run,
            args=("in", lambda: staffing.accept_invitation(link.token, password=PASSWORD, now=NOON)),
        ),
        threading.Thread(
            target=run,
            args=("out", lambda: staffing.shut_out(adm.account_id, workspace_id=workspace_id, by=OWNER, now=NOON)),
        ),
    ]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join(30)

    assert ends["out"] == "done"
    assert (queries.staff_by_email("sock@example.com") is not None) == (ends["in"] == "done")
    assert ends["in"] in {"done", "not_found"}
    assert queries.open_invitations(workspace_id, now=NOON) == []
