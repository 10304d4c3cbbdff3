"""Who is staff and what they may: invitations, roles, grants, being shut out and let in again, ending sessions.

Owners are made and changed by owners only; nobody changes or shuts out themselves; nobody grants a sight of personal
data they do not have; and a workspace always keeps an owner in force, also with two rivals at once.
"""

import secrets
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone
from msgspec import Struct

from tessera.access.actions import SYSTEM, checked_email, checked_password, record_audit
from tessera.access.demands import DEMANDS, NOBODY
from tessera.access.models import (
    Account,
    Invitation,
    Passkey,
    RecoveryCode,
    Role,
    SecondFactor,
    SecondFactorPolicy,
    Staff,
)
from tessera.access.open_doors import close_doors, still_stands, withdraw_beyond
from tessera.access.queries import InvitationFacts, StaffFacts, invitation_facts, staff_member, token_digest
from tessera.access.roles import sees_pii as effective_pii
from tessera.foundation.errors import NotFound, TesseraError

INVITATION_LASTS: Final = timedelta(hours=72)
INVITATION_PREFIX: Final = "tsi_"
MOST_INVITATIONS: Final = 200
"""That wait at a time in one workspace."""


class StaffRefused(TesseraError):
    """A rule of this room forbids the change; nothing was changed."""


class By(Struct, frozen=True):
    """Who makes a change, and how far they may go. `account_id` is who answers for it: None for the command line.

    `api_key_id` is the key that a program of theirs uses.
    """

    actor: str
    makes_owners: bool
    sees_pii: bool
    account_id: UUID | None = None
    api_key_id: int | None = None


COMMAND_LINE: Final = By(actor=SYSTEM, makes_owners=True, sees_pii=True)


class NewInvitation(Struct, frozen=True):
    """`token` is shown once, inside a link; only its digest is kept."""

    invitation: InvitationFacts
    token: str


class Change(Struct, frozen=True):
    """What is to become of a member. `sees_pii` None means: what the role says."""

    role: str
    sees_pii: bool | None


@transaction.atomic
def invite_staff(
    *, workspace_id: int, email: str, role: str, sees_pii: bool | None = None, by: By, now: datetime
) -> NewInvitation:
    """Make a link by which the person sets a password and becomes staff; it lasts 72 hours and opens once.

    An older invitation of the same address ends. Raises `StaffRefused`, or `TesseraError` for what was typed in.
    """
    address = checked_email(email)
    _check_grant(by, role, sees_pii)
    known = Staff.objects.filter(account__email__iexact=address, workspace_id=workspace_id).first()
    if known is not None:
        code = "already_staff" if known.revoked_at is None else "was_staff"
        raise StaffRefused(f"{address} is or was staff of this workspace", code=code)
    waiting = Invitation.objects.filter(workspace_id=workspace_id, accepted_at=None, withdrawn_at=None)
    waiting.filter(email__iexact=address).update(withdrawn_at=now)
    if waiting.filter(expires_at__gt=now).count() >= MOST_INVITATIONS:
        raise StaffRefused(f"{MOST_INVITATIONS} invitations wait already", code="too_many_invitations")
    token = INVITATION_PREFIX + secrets.token_urlsafe(32)
    made = Invitation.objects.create(
        workspace_id=workspace_id,
        email=address,
        role=role,
        sees_pii=sees_pii,
        digest=token_digest(token),
        invited_by=by.actor[:300],
        inviter_id=by.account_id,
        api_key_id=by.api_key_id,
        created_at=now,
        expires_at=now + INVITATION_LASTS,
    )
    detail = {"role": role, "sees_pii": sees_pii}
    record_audit(workspace_id=workspace_id, actor=by.actor, action="invite_staff", target=address, detail=detail)
    return NewInvitation(invitation_facts(made), token)


@transaction.atomic
def withdraw_invitation(invitation_id: UUID, *, workspace_id: int, by: By, now: datetime) -> None:
    """The link opens nothing any more; repeating it changes nothing. Raises `NotFound`."""
    invitations = Invitation.objects.filter(pk=invitation_id, workspace_id=workspace_id)
    found = invitations.first()
    if found is None:
        raise NotFound(f"no invitation {invitation_id} in this workspace")
    if found.role == Role.OWNER and not by.makes_owners:
        raise StaffRefused("only owners change who becomes an owner", code="owners_only")
    if invitations.filter(accepted_at=None, withdrawn_at=None).update(withdrawn_at=now):
        record_audit(workspace_id=workspace_id, actor=by.actor, action="withdraw_invitation", target=found.email)


@transaction.atomic
def accept_invitation(token: str, *, password: str, now: datetime) -> str:
    """Become staff with a password of one's own; returns the e-mail to log in with.

    The link is spent by one conditional update, so of two at once one gets in. An address that has an account already
    is refused: a link made by somebody else must not set its password. So is a link that its maker could not make now.
    Raises `NotFound` and `TesseraError`.
    """
    words = checked_password(password)
    links = Invitation.objects.filter(digest=token_digest(token))
    invitation = links.first()
    # Who invited is locked before the link, as in `shut_out`: the other way round the two would deadlock.
    stands = invitation is not None and still_stands(invitation)
    spent = stands and links.filter(accepted_at=None, withdrawn_at=None, expires_at__gt=now).update(accepted_at=now)
    if invitation is None or not spent:
        raise NotFound("this invitation was used, withdrawn or is too old")
    if Account.objects.filter(email__iexact=invitation.email).exists():
        raise StaffRefused(f"{invitation.email} has an account already", code="account_exists")
    account = Account(email=invitation.email)
    account.set_password(words)
    try:
        account.save()
    except IntegrityError:
        raise StaffRefused(f"{invitation.email} has an account already", code="account_exists") from None
    Staff.objects.create(
        account=account, workspace_id=invitation.workspace_id, role=invitation.role, sees_pii=invitation.sees_pii
    )
    record_audit(
        workspace_id=invitation.workspace_id,
        actor=invitation.email,
        action="accept_invitation",
        target=invitation.email,
        detail={"role": invitation.role, "invited_by": invitation.invited_by},
    )
    return invitation.email


@transaction.atomic
def change_staff(account_id: UUID, *, workspace_id: int, change: Change, by: By) -> StaffFacts:
    """Give a member another role, and grant or deny them personal data. Links they could not send now are withdrawn.

    Raises `NotFound` and `StaffRefused`.
    """
    member, owners = _locked(workspace_id, account_id)
    _check_not_oneself(by, account_id)
    if (member.role, member.sees_pii) == (change.role, change.sees_pii):
        return _facts(workspace_id, account_id)
    if member.role == Role.OWNER and not by.makes_owners:
        raise StaffRefused("only owners change owners", code="owners_only")
    _check_grant(by, change.role, change.sees_pii, before=member)
    if member.role == Role.OWNER and change.role != Role.OWNER:
        _check_another_owner(member, owners)
    before = {"role": member.role, "sees_pii": member.sees_pii}
    member.role, member.sees_pii = change.role, change.sees_pii
    member.save(update_fields=["role", "sees_pii"])
    closed = withdraw_beyond(member, actor=by.actor, now=timezone.now())
    record_audit(
        workspace_id=workspace_id,
        actor=by.actor,
        action="change_staff",
        target=member.account.email,
        detail={"before": before, "after": {"role": change.role, "sees_pii": change.sees_pii}, **closed},
    )
    return _facts(workspace_id, account_id)


@transaction.atomic
def shut_out(account_id: UUID, *, workspace_id: int, by: By, now: datetime) -> StaffFacts:
    """Shut the console to a member, at once, with the links they sent and the keys they made.

    Repeating it changes nothing. Raises `NotFound` and `StaffRefused`.
    """
    member, owners = _locked(workspace_id, account_id)
    _check_not_oneself(by, account_id)
    _check_may_change(by, member)
    if member.revoked_at is None:
        if member.role == Role.OWNER:
            _check_another_owner(member, owners)
        member.revoked_at = now
        member.save(update_fields=["revoked_at"])
        _end_sessions(account_id)
        closed = close_doors(account_id, workspace_id=workspace_id, actor=by.actor, now=now)
        target = member.account.email
        record_audit(workspace_id=workspace_id, actor=by.actor, action="revoke_staff", target=target, detail=closed)
    return _facts(workspace_id, account_id)


@transaction.atomic
def let_in_again(account_id: UUID, *, workspace_id: int, by: By) -> StaffFacts:
    """Restore a member with the role and the password they had. Raises `NotFound` and `StaffRefused`."""
    member, _owners = _locked(workspace_id, account_id)
    _check_not_oneself(by, account_id)
    _check_grant(by, member.role, member.sees_pii)
    if member.revoked_at is not None:
        member.revoked_at = None
        member.save(update_fields=["revoked_at"])
        record_audit(workspace_id=workspace_id, actor=by.actor, action="restore_staff", target=member.account.email)
    return _facts(workspace_id, account_id)


@transaction.atomic
def end_sessions_of(account_id: UUID, *, workspace_id: int, by: By) -> None:
    """Every browser of the member has to log in again. Raises `NotFound` and `StaffRefused`."""
    member, _owners = _locked(workspace_id, account_id)
    if by.account_id != account_id:
        _check_may_change(by, member)
    _end_sessions(account_id)
    record_audit(workspace_id=workspace_id, actor=by.actor, action="end_sessions", target=member.account.email)


@transaction.atomic
def reset_second_factor(account_id: UUID, *, workspace_id: int, by: By) -> None:
    """Take every second factor of a member, who lost them; their sessions end. Raises `NotFound`, `StaffRefused`."""
    member, _owners = _locked(workspace_id, account_id)
    _check_not_oneself(by, account_id)
    _check_may_change(by, member)
    for held in (SecondFactor, Passkey, RecoveryCode):
        held.objects.filter(account_id=account_id).delete()
    _end_sessions(account_id)
    record_audit(workspace_id=workspace_id, actor=by.actor, action="reset_second_factor", target=member.account.email)


@transaction.atomic
def demand_second_factor(workspace_id: int, *, of: str, by: By) -> None:
    """Of whom the workspace demands a second factor from now on; only an owner says so. Raises `TesseraError`."""
    if not by.makes_owners:
        raise StaffRefused("only owners say of whom a second factor is demanded", code="owners_only")
    if of not in DEMANDS:
        raise TesseraError(f"no such demand: {of}; there are {', '.join(DEMANDS)}", code="unknown_demand")
    row, _made = SecondFactorPolicy.objects.select_for_update().get_or_create(
        workspace_id=workspace_id, defaults={"demanded_of": NOBODY}
    )
    if row.demanded_of == of:
        return
    before, row.demanded_of = row.demanded_of, of
    row.save(update_fields=["demanded_of"])
    record_audit(
        workspace_id=workspace_id,
        actor=by.actor,
        action="demand_second_factor",
        target=f"workspace:{workspace_id}",
        detail={"before": before, "after": of},
    )


def _locked(workspace_id: int, account_id: UUID) -> tuple[Staff, list[Staff]]:
    """The member, and the owners in force: locked together and in one order, so that rivals wait, not deadlock."""
    in_force = Q(role=Role.OWNER, revoked_at=None)
    rows = Staff.objects.select_for_update(of=("self",)).select_related("account")
    locked = list(rows.filter(in_force | Q(account_id=account_id), workspace_id=workspace_id).order_by("pk"))
    member = next((row for row in locked if row.account_id == account_id), None)
    if member is None:
        raise NotFound("nobody of that id is staff of this workspace")
    return member, [row for row in locked if row.role == Role.OWNER and row.revoked_at is None]


def _check_not_oneself(by: By, account_id: UUID) -> None:
    if by.account_id == account_id:
        raise StaffRefused("nobody changes their own access; ask somebody else", code="not_oneself")


def _check_may_change(by: By, member: Staff) -> None:
    if member.role == Role.OWNER and not by.makes_owners:
        raise StaffRefused("only owners change owners", code="owners_only")


def _check_another_owner(member: Staff, owners: list[Staff]) -> None:
    if all(owner.pk == member.pk for owner in owners):
        raise StaffRefused(f"{member.account.email} is the last owner; make another owner first", code="last_owner")


def _check_grant(by: By, role: str, grant: bool | None, *, before: Staff | None = None) -> None:
    """Whether `by` may let somebody have this role and this sight of personal data."""
    if role not in Role.values:
        raise TesseraError(f"no such role: {role}. Roles are {', '.join(Role.values)}", code="unknown_role")
    if role == Role.OWNER and not by.makes_owners:
        raise StaffRefused("only owners make owners", code="owners_only")
    had = before is not None and effective_pii(before.role, before.sees_pii)
    if effective_pii(role, grant) and not had and not by.sees_pii:
        raise StaffRefused("who does not see personal data cannot grant it", code="cannot_grant_pii")


def _end_sessions(account_id: UUID) -> None:
    Account.objects.filter(pk=account_id).update(sessions_generation=F("sessions_generation") + 1)


def _facts(workspace_id: int, account_id: UUID) -> StaffFacts:
    facts = staff_member(workspace_id, account_id)
    assert facts is not None  # it is locked by this transaction
    return facts
