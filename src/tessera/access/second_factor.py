"""Proving oneself with something besides the password: an authenticator app (TOTP, RFC 6238) and recovery codes.

A code is accepted once (`totp_step`), one step early or late; five wrong ones in a row shut the second step of the
account for a quarter of an hour. Passkeys are in `passkeys`.
"""

import secrets
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from typing import Final
from uuid import UUID

import pyotp
from django.db import transaction
from django.db.models import F, Q
from msgspec import Struct

from tessera.access.actions import record_audit
from tessera.access.models import Account, RecoveryCode, SecondFactor
from tessera.access.queries import StaffFacts, factors_of, staff_of
from tessera.foundation.errors import NotFound, TesseraError
from tessera.foundation.sealed import seal, unseal

ISSUER: Final = "Tessera"
STEP_SECONDS: Final = 30
MOST_FAILURES: Final = 5
"""Wrong codes in a row before the second step is shut; with a million codes and three valid at a time that leaves a
guesser about one chance in 70,000 per quarter of an hour."""

SHUT_FOR: Final = timedelta(minutes=15)
RECOVERY_CODES: Final = 10
_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"
_CODE_LETTERS: Final = 16


class SecondFactorRefused(TesseraError):
    """The second factor stays as it was."""


class Enrolment(Struct, frozen=True):
    """What the authenticator app must be told: the secret in base 32, and the same inside an `otpauth://` address."""

    secret: str
    address: str


def begin_totp(account_id: UUID) -> None:
    """Make a new secret, which counts for nothing until `confirm_totp`. Raises `SecondFactorRefused` where one is."""
    sealed = seal(pyotp.random_base32().encode(), context=_context(account_id))
    with transaction.atomic():
        row, _ = SecondFactor.objects.select_for_update().get_or_create(account_id=account_id)
        if row.totp_confirmed_at is not None:
            raise SecondFactorRefused("there is an authenticator app already", code="totp_exists")
        row.totp_secret = sealed
        row.save(update_fields=["totp_secret"])


def pending_totp(account_id: UUID) -> Enrolment | None:
    """The secret that waits to be confirmed, for the picture on the screen."""
    row = SecondFactor.objects.select_related("account").filter(account_id=account_id, totp_confirmed_at=None).first()
    if row is None or row.totp_secret is None:
        return None
    plain = _secret_of(row)
    return Enrolment(plain, pyotp.TOTP(plain).provisioning_uri(name=row.account.email, issuer_name=ISSUER))


@transaction.atomic
def confirm_totp(account_id: UUID, code: str, *, now: datetime) -> list[str] | None:
    """The app shows what we expect: from now on its codes count.

    Returns recovery codes to be shown once where the account had none, else an empty list; None for a wrong code.
    """
    row = SecondFactor.objects.select_for_update().filter(account_id=account_id, totp_confirmed_at=None).first()
    if row is None or row.totp_secret is None:
        raise SecondFactorRefused("begin with a new secret", code="totp_not_begun")
    step = _matching_step(_secret_of(row), code, now)
    if step is None:
        return None
    row.totp_confirmed_at, row.totp_step = now, step
    row.save(update_fields=["totp_confirmed_at", "totp_step"])
    staff = _staff(account_id)
    record_audit(workspace_id=staff.workspace_id, actor=staff.email, action="add_totp", target=staff.email)
    return first_recovery_codes(account_id)


@transaction.atomic
def remove_totp(account_id: UUID) -> None:
    """Forget the authenticator app. Raises `SecondFactorRefused` where it is the last factor and one is demanded."""
    staff = locked_staff(account_id)
    check_may_lose_one(staff)
    gone = SecondFactor.objects.filter(account_id=account_id, totp_confirmed_at__isnull=False).update(
        totp_secret=None, totp_confirmed_at=None
    )
    if gone:
        forget_codes_without_factor(account_id)
        record_audit(workspace_id=staff.workspace_id, actor=staff.email, action="remove_totp", target=staff.email)


def check_totp(account_id: UUID, code: str, *, now: datetime) -> bool:
    """Whether the app's code is right, and used for the first time. Raises `SecondFactorRefused` while shut."""
    _count_attempt(account_id, now)
    row = SecondFactor.objects.filter(account_id=account_id, totp_confirmed_at__isnull=False).first()
    step = _matching_step(_secret_of(row), code, now) if row else None
    if step is None:
        return False
    if not SecondFactor.objects.filter(account_id=account_id, totp_step__lt=step).update(totp_step=step):
        return False  # this code, or a later one, opened already
    forget_failures(account_id)
    return True


@transaction.atomic
def check_recovery_code(account_id: UUID, code: str, *, now: datetime) -> bool:
    """Whether this is an unused recovery code; it is used up. Raises `SecondFactorRefused` while shut."""
    _count_attempt(account_id, now)
    spent = RecoveryCode.objects.filter(account_id=account_id, digest=_digest(code), used_at=None).update(used_at=now)
    if not spent:
        return False
    forget_failures(account_id)
    staff = _staff(account_id)
    left = factors_of(account_id).recovery_codes
    record_audit(
        workspace_id=staff.workspace_id,
        actor=staff.email,
        action="use_recovery_code",
        target=staff.email,
        detail={"left": left},
    )
    return True


@transaction.atomic
def renew_recovery_codes(account_id: UUID) -> list[str]:
    """Ten new codes, to be shown once; the old ones open nothing. Raises `SecondFactorRefused` without a factor."""
    staff = locked_staff(account_id)
    if not factors_of(account_id).any:
        raise SecondFactorRefused("recovery codes stand in for a second factor; add one first", code="no_factor")
    codes = [_new_code() for _ in range(RECOVERY_CODES)]
    RecoveryCode.objects.filter(account_id=account_id).delete()
    RecoveryCode.objects.bulk_create(RecoveryCode(account_id=account_id, digest=_digest(code)) for code in codes)
    record_audit(workspace_id=staff.workspace_id, actor=staff.email, action="renew_recovery_codes", target=staff.email)
    return codes


def first_recovery_codes(account_id: UUID) -> list[str]:
    """New codes where the account has none that opens; else none."""
    return [] if factors_of(account_id).recovery_codes else renew_recovery_codes(account_id)


def check_may_lose_one(staff: StaffFacts) -> None:
    """Raises `SecondFactorRefused` where the account's only factor is demanded of it."""
    if staff.second_factor_demanded and factors_of(staff.account_id).count <= 1:
        raise SecondFactorRefused("a second factor is demanded of you; add another one first", code="factor_demanded")


def forget_failures(account_id: UUID) -> None:
    SecondFactor.objects.filter(account_id=account_id).update(failures=0)


def _count_attempt(account_id: UUID, now: datetime) -> None:
    """Count it before it is looked at, in one statement, so that many at once get no more tries than one by one."""
    SecondFactor.objects.get_or_create(account_id=account_id)
    rows = SecondFactor.objects.filter(account_id=account_id)
    rows.filter(last_failure_at__lt=now - SHUT_FOR).update(failures=0)
    open_still = Q(failures__lt=MOST_FAILURES)
    if not rows.filter(open_still).update(failures=F("failures") + 1, last_failure_at=now):
        raise SecondFactorRefused("too many wrong codes; wait a quarter of an hour", code="second_step_shut")


def forget_codes_without_factor(account_id: UUID) -> None:
    """Recovery codes stand in for a factor; with the last one gone they would only be passwords nobody thinks of."""
    if not factors_of(account_id).any:
        RecoveryCode.objects.filter(account_id=account_id).delete()


def _matching_step(secret: str, code: str, now: datetime) -> int | None:
    typed = "".join(char for char in code if char.isdigit())
    current = int(now.timestamp()) // STEP_SECONDS
    codes = pyotp.TOTP(secret)
    matching = [
        step
        for step in (current - 1, current, current + 1)
        if compare_digest(codes.generate_otp(step), typed.rjust(6, "x")[:7])
    ]
    return matching[-1] if matching else None


def _new_code() -> str:
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(_CODE_LETTERS))
    return "-".join(letters[start : start + 4] for start in range(0, _CODE_LETTERS, 4))


def _digest(code: str) -> bytes:
    """Of the letters alone, however they were typed."""
    return sha256("".join(char for char in code.lower() if char.isalnum()).encode()).digest()


def _context(account_id: UUID) -> str:
    return f"totp:{account_id}"


def _secret_of(row: SecondFactor) -> str:
    assert row.totp_secret is not None
    return unseal(bytes(row.totp_secret), context=_context(row.account_id)).decode()


def _staff(account_id: UUID) -> StaffFacts:
    staff = staff_of(account_id)
    if staff is None:
        raise NotFound("this account is not staff")
    return staff


def locked_staff(account_id: UUID) -> StaffFacts:
    """Changes to one account's factors wait for each other: two removals at once must not leave none."""
    Account.objects.select_for_update().filter(pk=account_id).first()
    return _staff(account_id)
