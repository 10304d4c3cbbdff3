"""Doors that somebody leaves open: links they sent and keys they made. Both hang on what they may do now."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from tessera.access.abilities import Ability, abilities_of_role, scopes_of_role
from tessera.access.audit import record_audit
from tessera.access.models import ApiKey, Invitation, Role, Staff
from tessera.access.roles import sees_pii
from tessera.access.scopes import SCOPES, SEE_PII, allows

INVITES_BY_KEY = "access:write"


class Reach(Struct, frozen=True):
    """How far somebody may go in letting others in."""

    makes_owners: bool
    sees_pii: bool

    def covers(self, role: str, grant: bool | None) -> bool:
        """Whether they may give this role and this sight of personal data."""
        return (self.makes_owners or role != Role.OWNER) and (self.sees_pii or not sees_pii(role, grant))


def close_doors(account_id: UUID, *, workspace_id: int, actor: str, now: datetime) -> dict[str, int]:
    """Withdraw the links of a member who is shut out, and revoke the keys they made. Says how many there were."""
    keys = ApiKey.objects.filter(workspace_id=workspace_id, made_by=account_id, revoked_at=None)
    revoked = list(keys.select_for_update().order_by("pk").values_list("pk", flat=True))
    keys.update(revoked_at=now)
    for key in revoked:
        record_audit(workspace_id=workspace_id, actor=actor, action="revoke_api_key", target=f"api-key:{key}")
    counted = {"api_keys": len(revoked), "invitations": _withdraw(account_id, workspace_id, None, actor, now)}
    return {what: count for what, count in counted.items() if count}


def withdraw_beyond(member: Staff, *, actor: str, now: datetime) -> dict[str, int]:
    """Withdraw the links a member sent and could not send any more, as they are now. Says how many there were."""
    count = _withdraw(member.account_id, member.workspace_id, reach_of_member(member), actor, now)
    return {"invitations": count} if count else {}


def _withdraw(account_id: UUID, workspace_id: int, reach: Reach | None, actor: str, now: datetime) -> int:
    waiting = Invitation.objects.select_for_update().filter(
        workspace_id=workspace_id, inviter_id=account_id, accepted_at=None, withdrawn_at=None
    )
    beyond = [one for one in waiting.order_by("pk") if reach is None or not reach.covers(one.role, one.sees_pii)]
    Invitation.objects.filter(pk__in=[one.pk for one in beyond]).update(withdrawn_at=now)
    for one in beyond:
        record_audit(workspace_id=workspace_id, actor=actor, action="withdraw_invitation", target=one.email)
    return len(beyond)


def reach_of_member(member: Staff) -> Reach | None:
    """None for who invites nobody (any more)."""
    sees = sees_pii(member.role, member.sees_pii)
    if member.revoked_at is not None or Ability.MANAGE_STAFF not in abilities_of_role(member.role, sees_pii=sees):
        return None
    return Reach(makes_owners=member.role == Role.OWNER, sees_pii=sees)


def still_stands(invitation: Invitation) -> bool:
    """Whether who sent the link could send it now. Locks their row: they are not shut out while somebody comes in."""
    if invitation.inviter_id is not None:
        members = Staff.objects.select_for_update()
        member = members.filter(account_id=invitation.inviter_id, workspace_id=invitation.workspace_id).first()
        reach = reach_of_member(member) if member else None
        if reach is None or not reach.covers(invitation.role, invitation.sees_pii):
            return False
    if invitation.api_key_id is None:
        return True
    key = ApiKey.objects.select_for_update().filter(pk=invitation.api_key_id, revoked_at=None).first()
    scopes = scopes_in_force(key) if key else ()
    by_key = Reach(makes_owners=False, sees_pii=SEE_PII in scopes)
    return allows(scopes, INVITES_BY_KEY) and by_key.covers(invitation.role, invitation.sees_pii)


def scopes_in_force(key: ApiKey) -> tuple[str, ...]:
    """What the key may do now: what it was given, and of that what its maker may still do. Empty where they are out."""
    if key.made_by is None:
        return tuple(key.scopes)
    maker = Staff.objects.filter(account_id=key.made_by, workspace_id=key.workspace_id, revoked_at=None).first()
    if maker is None:
        return ()
    held = scopes_of_role(maker.role, sees_pii=sees_pii(maker.role, maker.sees_pii))
    if all(allows(held, scope) for scope in key.scopes):
        return tuple(key.scopes)
    return tuple(scope for scope in SCOPES if allows(key.scopes, scope) and allows(held, scope))
