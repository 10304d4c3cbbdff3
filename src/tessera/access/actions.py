"""Every change to who may enter. Each leaves an entry in the audit trail, in the same transaction."""

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import Q
from msgspec import Struct

from tessera.access.audit import record_audit as record_audit
from tessera.access.models import Account, ApiKey, Role, Staff
from tessera.access.open_doors import close_doors
from tessera.access.queries import token_digest
from tessera.access.scopes import check_held, checked_scopes
from tessera.foundation.errors import NotFound, TesseraError

SYSTEM: Final = "system"
API_KEY_PREFIX: Final = "tsk_"
LEAST_PASSWORD: Final = 10
_USED_EVERY = timedelta(minutes=1)
_SHOWN = 12


class UnknownTimeZone(TesseraError):
    code = "unknown_time_zone"


class NewApiKey(Struct, frozen=True):
    """`token` is shown once; only its digest is kept."""

    id: int
    token: str


class NewStaff(Struct, frozen=True):
    email: str
    password: str


@transaction.atomic
def create_api_key(
    *,
    workspace_id: int,
    name: str,
    scopes: Iterable[str],
    actor: str = SYSTEM,
    held: Iterable[str] | None = None,
    made_by: UUID | None = None,
) -> NewApiKey:
    """Make a key of the management API. `held` is what its maker may do themselves; None for no limit.

    `made_by` is the account that answers for it: the key never does more than they may do by then. None for nobody.

    Raises `UnknownScope`, and `ScopeNotHeld` where the key could do more than its maker.
    """
    granted = checked_scopes(scopes)
    if held is not None:
        check_held(granted, held=tuple(held))
    token = API_KEY_PREFIX + secrets.token_urlsafe(32)
    key = ApiKey.objects.create(
        workspace_id=workspace_id,
        name=name,
        prefix=token[:_SHOWN],
        digest=token_digest(token),
        scopes=granted,
        made_by=made_by,
    )
    record_audit(
        workspace_id=workspace_id,
        actor=actor,
        action="create_api_key",
        target=f"api-key:{key.pk}",
        detail={"name": name, "scopes": granted},
    )
    return NewApiKey(key.pk, token)


@transaction.atomic
def revoke_api_key(api_key_id: int, *, workspace_id: int, now: datetime, actor: str = SYSTEM) -> None:
    """End a key at once; repeating it changes nothing. Raises `NotFound`."""
    keys = ApiKey.objects.filter(pk=api_key_id, workspace_id=workspace_id)
    if keys.filter(revoked_at=None).update(revoked_at=now):
        record_audit(workspace_id=workspace_id, actor=actor, action="revoke_api_key", target=f"api-key:{api_key_id}")
    elif not keys.exists():
        raise NotFound(f"no API key {api_key_id} in this workspace")


def note_api_key_used(api_key_id: int, *, now: datetime) -> None:
    """Remember that the key is in use, to the minute: a write per request would be waste."""
    stale = Q(last_used_at=None) | Q(last_used_at__lt=now - _USED_EVERY)
    ApiKey.objects.filter(stale, pk=api_key_id).update(last_used_at=now)


@transaction.atomic
def create_staff(
    *, email: str, role: str, workspace_id: int, password: str | None = None, actor: str = SYSTEM
) -> NewStaff:
    """Let a person into the console; an account of that e-mail is used where there is one.

    The password is made at random when none is given, and replaces an older one. Raises `TesseraError` when the
    person is staff already, or the role, the e-mail or the password will not do.
    """
    address, words = checked_email(email), checked_password(password)
    if role not in Role.values:
        raise TesseraError(f"no such role: {role}. Roles are {', '.join(Role.values)}", code="unknown_role")
    account = Account.objects.select_for_update().filter(email__iexact=address).first() or Account(email=address)
    account.set_password(words)
    try:
        account.save()
    except IntegrityError:
        raise TesseraError(f"{address} is being added by somebody else", code="already_staff") from None
    staff = Staff.objects.filter(account=account).first() or Staff(account=account)
    if staff.pk and staff.revoked_at is None:
        raise TesseraError(f"{address} is staff already", code="already_staff")
    staff.workspace_id, staff.role, staff.revoked_at = workspace_id, role, None
    staff.save()
    record_audit(workspace_id=workspace_id, actor=actor, action="create_staff", target=address, detail={"role": role})
    return NewStaff(address, words)


@transaction.atomic
def revoke_staff(email: str, *, now: datetime, actor: str = SYSTEM) -> None:
    """Shut the console to a person, and the doors they left open (`open_doors`); repeating it changes nothing.

    Raises `NotFound`, or `TesseraError` for the last owner of a workspace, who could not be let in again.
    """
    found = _staff(email)
    in_force = Q(workspace_id=found.workspace_id, role=Role.OWNER, revoked_at=None)
    # Locked together and in one order, so that two owners who revoke each other wait instead of deadlocking.
    locked = Staff.objects.select_for_update().filter(in_force | Q(pk=found.pk)).order_by("pk")
    staff = next(row for row in locked if row.pk == found.pk)
    if staff.revoked_at is not None:
        return
    if staff.role == Role.OWNER and len(locked) == 1:
        raise TesseraError(f"{found.account.email} is the last owner; make another owner first", code="last_owner")
    staff.revoked_at = now
    staff.save(update_fields=["revoked_at"])
    closed = close_doors(found.account_id, workspace_id=staff.workspace_id, actor=actor, now=now)
    record_audit(
        workspace_id=staff.workspace_id,
        actor=actor,
        action="revoke_staff",
        target=found.account.email,
        detail=closed,
    )


@transaction.atomic
def set_password(email: str, *, password: str | None = None, actor: str = SYSTEM) -> str:
    """Give a staff member a new password (at random when none is given) and return it; their sessions end.

    Raises `NotFound`, or `TesseraError` when the password will not do.
    """
    staff, words = _staff(email), checked_password(password)
    staff.account.set_password(words)
    staff.account.save(update_fields=["password"])
    record_audit(workspace_id=staff.workspace_id, actor=actor, action="set_password", target=staff.account.email)
    return words


def change_preferences(account_id: UUID, *, language: str, time_zone: str) -> None:
    """Remember how a staff member reads the console: a language code and an IANA zone (empty: the browser's own).

    Raises `UnknownTimeZone`.
    """
    if time_zone and time_zone not in available_timezones():
        raise UnknownTimeZone(f"no such time zone: {time_zone}")
    Staff.objects.filter(account_id=account_id).update(language=language, time_zone=time_zone)


def change_language(account_id: UUID, *, language: str) -> None:
    """Remember the language a staff member reads the console in (a code such as `es`)."""
    Staff.objects.filter(account_id=account_id).update(language=language)


def _staff(email: str) -> Staff:
    staff = Staff.objects.select_related("account").filter(account__email__iexact=email.strip()).first()
    if staff is None:
        raise NotFound(f"nobody with the e-mail {email.strip()} is staff")
    return staff


def checked_email(email: str) -> str:
    """The address in lower case. Raises `TesseraError`."""
    address = email.strip().lower()
    try:
        validate_email(address)
    except ValidationError:
        raise TesseraError(f"not an e-mail address: {email!r}", code="invalid_email") from None
    return address


def checked_password(password: str | None) -> str:
    """The password, or one made at random for None. Raises `TesseraError` when it is too short."""
    if password is None:
        return secrets.token_urlsafe(12)
    if len(password) < LEAST_PASSWORD:
        raise TesseraError(f"a password needs at least {LEAST_PASSWORD} characters", code="weak_password")
    return password
