"""Who may enter, as other rooms read it."""

from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from msgspec import Struct

from tessera.access.demands import NOBODY, is_demanded
from tessera.access.models import (
    ApiKey,
    AuditEntry,
    Invitation,
    Passkey,
    RecoveryCode,
    SecondFactor,
    SecondFactorPolicy,
    Staff,
)
from tessera.access.open_doors import scopes_in_force
from tessera.access.roles import sees_pii
from tessera.access.scopes import SEE_PII, allows
from tessera.foundation.clock import in_utc, to_datetime, to_micros
from tessera.foundation.errors import TesseraError


class StaffFacts(Struct, frozen=True):
    """`sees_pii` is what holds in the end; `pii_grant` what was said of this person (None: what the role says)."""

    account_id: UUID
    email: str
    workspace_id: int
    role: str
    language: str
    time_zone: str
    sees_pii: bool
    pii_grant: bool | None
    has_second_factor: bool
    second_factor_demanded: bool
    created_at: datetime
    revoked_at: datetime | None
    last_login: datetime | None

    @property
    def must_set_up_second_factor(self) -> bool:
        return self.second_factor_demanded and not self.has_second_factor


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
    """What the bearer of a key may do. `made_by` is the account that answers for it, where it is known."""

    api_key_id: int
    workspace_id: int
    name: str
    scopes: tuple[str, ...]
    last_used_at: datetime | None
    made_by: UUID | None = None

    @property
    def actor(self) -> str:
        """How the audit trail names the bearer."""
        return f"api-key:{self.name}"

    @property
    def sees_pii(self) -> bool:
        """Whether the bearer reads personal data as it is; else masked."""
        return SEE_PII in self.scopes

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


def token_digest(token: str) -> bytes:
    """What is kept of a key or a link. A plain hash is enough: it is 256 random bits, not a chosen password."""
    return sha256(token.encode()).digest()


def authenticate_api_key(token: str) -> ApiKeyGrant | None:
    """What the key allows now: never more than its maker may. None when it is unknown or revoked, or they are out."""
    key = ApiKey.objects.filter(digest=token_digest(token), revoked_at=None).first()
    scopes = scopes_in_force(key) if key else ()
    if key is None or not scopes:
        return None
    return ApiKeyGrant(key.pk, key.workspace_id, key.name, scopes, key.last_used_at, key.made_by)


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
    row = _staff_rows().filter(account_id=account_id, revoked_at=None).first()
    return _staff_facts(row) if row else None


def staff_by_email(email: str) -> StaffFacts | None:
    """The row of this e-mail, in force or revoked."""
    row = _staff_rows().filter(account__email__iexact=email.strip()).first()
    return _staff_facts(row) if row else None


def staff_members(workspace_id: int | None = None) -> list[StaffFacts]:
    """Everybody who is or was staff, by e-mail; of all workspaces when none is named."""
    rows = _staff_rows().order_by("account__email")
    return [_staff_facts(row) for row in (rows if workspace_id is None else rows.filter(workspace_id=workspace_id))]


def staff_member(workspace_id: int, account_id: UUID) -> StaffFacts | None:
    """A member of this workspace's staff, in force or revoked."""
    row = _staff_rows().filter(workspace_id=workspace_id, account_id=account_id).first()
    return _staff_facts(row) if row else None


def _staff_rows() -> QuerySet[Any]:
    """With everything facts are made of, in one statement however many rows there are."""
    account = OuterRef("account_id")
    return Staff.objects.select_related("account").annotate(
        has_totp=Exists(SecondFactor.objects.filter(account_id=account, totp_confirmed_at__isnull=False)),
        has_passkey=Exists(Passkey.objects.filter(account_id=account)),
        demanded_of=Subquery(
            SecondFactorPolicy.objects.filter(workspace_id=OuterRef("workspace_id")).values("demanded_of")
        ),
    )


def _staff_facts(row: Any) -> StaffFacts:
    return StaffFacts(
        account_id=row.account_id,
        email=row.account.email,
        workspace_id=row.workspace_id,
        role=row.role,
        language=row.language,
        time_zone=row.time_zone,
        sees_pii=sees_pii(row.role, row.sees_pii),
        pii_grant=row.sees_pii,
        has_second_factor=row.has_totp or row.has_passkey,
        second_factor_demanded=is_demanded(row.demanded_of, row.role),
        created_at=row.created_at,
        revoked_at=row.revoked_at,
        last_login=row.account.last_login,
    )


class InvitationFacts(Struct, frozen=True):
    """An invitation that can still be accepted."""

    id: UUID
    email: str
    role: str
    pii_grant: bool | None
    invited_by: str
    created_at: datetime
    expires_at: datetime


def open_invitations(workspace_id: int, *, now: datetime) -> list[InvitationFacts]:
    """Those that wait, newest first."""
    rows = Invitation.objects.filter(
        workspace_id=workspace_id, accepted_at=None, withdrawn_at=None, expires_at__gt=now
    ).order_by("-created_at", "-pk")
    return [invitation_facts(row) for row in rows]


def invitation_by_token(token: str, *, now: datetime) -> InvitationFacts | None:
    """The invitation this link stands for, while it can be accepted."""
    row = Invitation.objects.filter(
        digest=token_digest(token), accepted_at=None, withdrawn_at=None, expires_at__gt=now
    ).first()
    return invitation_facts(row) if row else None


def invitation_facts(row: Invitation) -> InvitationFacts:
    """A row as other rooms see it."""
    return InvitationFacts(row.id, row.email, row.role, row.sees_pii, row.invited_by, row.created_at, row.expires_at)


def demanded_of(workspace_id: int) -> str:
    """Of whom the workspace demands a second factor (a key of `DEMANDS`)."""
    row = SecondFactorPolicy.objects.filter(workspace_id=workspace_id).first()
    return row.demanded_of if row else NOBODY


class PasskeyFacts(Struct, frozen=True):
    id: UUID
    name: str
    created_at: datetime
    last_used_at: datetime | None


class FactorFacts(Struct, frozen=True):
    """What an account proves itself with besides its password. `recovery_codes` counts those not used yet."""

    totp_since: datetime | None
    passkeys: tuple[PasskeyFacts, ...]
    recovery_codes: int

    @property
    def any(self) -> bool:
        return self.totp_since is not None or bool(self.passkeys)

    @property
    def count(self) -> int:
        return (self.totp_since is not None) + len(self.passkeys)


def factors_of(account_id: UUID) -> FactorFacts:
    """The second factors of an account; all empty for one that has none."""
    totp = SecondFactor.objects.filter(account_id=account_id).first()
    keys = Passkey.objects.filter(account_id=account_id).order_by("created_at", "pk")
    return FactorFacts(
        totp_since=totp.totp_confirmed_at if totp else None,
        passkeys=tuple(PasskeyFacts(key.id, key.name, key.created_at, key.last_used_at) for key in keys),
        recovery_codes=RecoveryCode.objects.filter(account_id=account_id, used_at=None).count(),
    )


def audit_entries(workspace_id: int, *, limit: int = 50, before: datetime | None = None) -> list[AuditFacts]:
    """What was changed in the workspace, newest first, older than `before`."""
    rows = AuditEntry.objects.filter(workspace_id=workspace_id).order_by("-at", "-pk")
    if before is not None:
        rows = rows.filter(at__lt=before)
    return [_audit_facts(row) for row in rows[:limit]]


class AuditFilter(Struct, frozen=True):
    """Which entries are wanted: all where a field is None. `since` and `until` bound the time, `until` excluded."""

    actor: str | None = None
    action: str | None = None
    target: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class AuditPage(Struct, frozen=True):
    """`next` is the cursor of the following page, or None."""

    entries: list[AuditFacts]
    next: str | None


def audit_page(workspace_id: int, wanted: AuditFilter, *, before: str | None = None, limit: int = 50) -> AuditPage:
    """Entries of the workspace, newest first, by key and not by offset. Raises `InvalidAuditCursor`."""
    named = {"actor": wanted.actor, "action": wanted.action, "target": wanted.target}
    rows = AuditEntry.objects.filter(workspace_id=workspace_id, **{k: v for k, v in named.items() if v is not None})
    if wanted.since is not None:
        rows = rows.filter(at__gte=in_utc(wanted.since))
    if wanted.until is not None:
        rows = rows.filter(at__lt=in_utc(wanted.until))
    if before is not None:
        at, key = _audit_position(before)
        rows = rows.filter(Q(at__lt=at) | Q(at=at, pk__lt=key))
    found = [_audit_facts(row) for row in rows.order_by("-at", "-pk")[: limit + 1]]
    page = found[:limit]
    return AuditPage(page, f"{to_micros(page[-1].at)}.{page[-1].id}" if len(found) > limit else None)


class InvalidAuditCursor(TesseraError):
    code = "invalid_cursor"


def _audit_position(cursor: str) -> tuple[datetime, UUID]:
    at, _, key = cursor.partition(".")
    try:
        return to_datetime(int(at)), UUID(key)
    except (ValueError, OverflowError):
        raise InvalidAuditCursor("the cursor is not one we gave") from None


def _audit_facts(row: AuditEntry) -> AuditFacts:
    return AuditFacts(row.id, row.at, row.workspace_id, row.actor, row.action, row.target, row.detail)
