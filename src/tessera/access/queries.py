"""Who may enter, as other rooms read it."""

from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from msgspec import Struct

from tessera.access.models import ApiKey, AuditEntry, Staff
from tessera.access.scopes import allows


class StaffFacts(Struct, frozen=True):
    account_id: UUID
    email: str
    workspace_id: int
    role: str
    language: str
    time_zone: str
    created_at: datetime
    revoked_at: datetime | None
    last_login: datetime | None


class ApiKeyFacts(Struct, frozen=True):
    id: int
    workspace_id: int
    name: str
    prefix: str
    scopes: tuple[str, ...]
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class ApiKeyGrant(Struct, frozen=True):
    """What the bearer of a key may do."""

    api_key_id: int
    workspace_id: int
    name: str
    scopes: tuple[str, ...]
    last_used_at: datetime | None

    @property
    def actor(self) -> str:
        """How the audit trail names the bearer."""
        return f"api-key:{self.name}"

    def allows(self, scope: str) -> bool:
        """Whether the key carries `scope`; a room's write scope includes reading it."""
        return allows(self.scopes, scope)


class AuditFacts(Struct, frozen=True):
    id: UUID
    at: datetime
    workspace_id: int | None
    actor: str
    action: str
    target: str
    detail: dict[str, Any]


def api_key_digest(token: str) -> bytes:
    """What is kept of a key. A plain hash is enough: the key is 256 random bits, not a chosen password."""
    return sha256(token.encode()).digest()


def authenticate_api_key(token: str) -> ApiKeyGrant | None:
    """What the key allows, or None when it is unknown or revoked."""
    key = ApiKey.objects.filter(digest=api_key_digest(token), revoked_at=None).first()
    if key is None:
        return None
    return ApiKeyGrant(key.pk, key.workspace_id, key.name, tuple(key.scopes), key.last_used_at)


def api_keys(workspace_id: int) -> list[ApiKeyFacts]:
    """Every key of the workspace, revoked ones too, newest first."""
    return [
        ApiKeyFacts(
            id=key.pk,
            workspace_id=key.workspace_id,
            name=key.name,
            prefix=key.prefix,
            scopes=tuple(key.scopes),
            created_at=key.created_at,
            last_used_at=key.last_used_at,
            revoked_at=key.revoked_at,
        )
        for key in ApiKey.objects.filter(workspace_id=workspace_id).order_by("-pk")
    ]


def count_unused_api_keys(workspace_id: int, *, made_before: datetime) -> int:
    """Keys in force that were made before then and never let anybody in."""
    return ApiKey.objects.filter(
        workspace_id=workspace_id, revoked_at=None, last_used_at=None, created_at__lt=made_before
    ).count()


def staff_of(account_id: UUID) -> StaffFacts | None:
    """The account's row as staff while it is in force, else None."""
    row = Staff.objects.select_related("account").filter(account_id=account_id, revoked_at=None).first()
    return _staff_facts(row) if row else None


def staff_by_email(email: str) -> StaffFacts | None:
    """The row of this e-mail, in force or revoked."""
    row = Staff.objects.select_related("account").filter(account__email__iexact=email.strip()).first()
    return _staff_facts(row) if row else None


def staff_members(workspace_id: int | None = None) -> list[StaffFacts]:
    """Everybody who is or was staff, by e-mail; of all workspaces when none is named."""
    rows = Staff.objects.select_related("account").order_by("account__email")
    return [_staff_facts(row) for row in (rows if workspace_id is None else rows.filter(workspace_id=workspace_id))]


def _staff_facts(row: Staff) -> StaffFacts:
    return StaffFacts(
        account_id=row.account_id,
        email=row.account.email,
        workspace_id=row.workspace_id,
        role=row.role,
        language=row.language,
        time_zone=row.time_zone,
        created_at=row.created_at,
        revoked_at=row.revoked_at,
        last_login=row.account.last_login,
    )


def audit_entries(workspace_id: int, *, limit: int = 50, before: datetime | None = None) -> list[AuditFacts]:
    """What was changed in the workspace, newest first, older than `before`."""
    rows = AuditEntry.objects.filter(workspace_id=workspace_id).order_by("-at", "-pk")
    if before is not None:
        rows = rows.filter(at__lt=before)
    return [
        AuditFacts(row.id, row.at, row.workspace_id, row.actor, row.action, row.target, row.detail)
        for row in rows[:limit]
    ]
