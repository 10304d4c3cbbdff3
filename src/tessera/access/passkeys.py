"""Passkeys (WebAuthn level 2, by py_webauthn): a second factor, and a way in without a password.

The relying party is the host of `TESSERA_CONSOLE_URL`. User verification (PIN, finger, face) is always asked for, so
that a passkey alone is two factors. The authenticator's counter must grow where it counts at all.
"""

from datetime import datetime
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
from django.db import IntegrityError, transaction
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import parse_authentication_credential_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from tessera.access.actions import record_audit
from tessera.access.models import Passkey
from tessera.access.second_factor import (
    SecondFactorRefused,
    check_may_lose_one,
    first_recovery_codes,
    forget_codes_without_factor,
    locked_staff,
)
from tessera.foundation.errors import NotFound
from tessera.foundation.settings import settings

NAME: Final = "Tessera"
MOST_PASSKEYS: Final = 20
LONGEST_NAME: Final = 100
MOST_LETTERS: Final = 20_000
"""Of what a browser sends; a real answer has about a thousand."""


class PasskeyRefused(SecondFactorRefused):
    """The authenticator's answer does not prove anything."""

    code = "passkey_refused"


def relying_party() -> str | None:
    """The host passkeys belong to; None where browsers allow none: without TLS, and on bare addresses."""
    console = urlsplit(settings().public_console_url)
    host = console.hostname or ""
    try:
        ip_address(host)
    except ValueError:
        local = host == "localhost" or host.endswith(".localhost")
        return host if host and (console.scheme == "https" or local) else None
    return None


def registration_options(account_id: UUID, email: str) -> tuple[str, bytes]:
    """What the browser must be asked (JSON), and the challenge to be remembered until its answer comes."""
    options = generate_registration_options(
        rp_id=_party(),
        rp_name=NAME,
        user_name=email,
        user_id=account_id.bytes,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=_descriptors(account_id),
    )
    return options_to_json(options), options.challenge


def add_passkey(account_id: UUID, *, answer: str, challenge: bytes, name: str, now: datetime) -> list[str]:
    """Keep what the browser answered. Returns recovery codes to be shown once where the account had none.

    Raises `PasskeyRefused`, or `SecondFactorRefused` beyond twenty.
    """
    credential = _parsed(answer)
    try:
        found = verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=_party(),
            expected_origin=_origin(),
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as error:
        raise PasskeyRefused(f"the browser's answer is not valid: {error}") from None
    with transaction.atomic():
        staff = locked_staff(account_id)
        if Passkey.objects.filter(account_id=account_id).count() >= MOST_PASSKEYS:
            raise SecondFactorRefused(f"an account has at most {MOST_PASSKEYS} passkeys", code="too_many_passkeys")
        try:
            with transaction.atomic():
                Passkey.objects.create(
                    account_id=account_id,
                    credential_id=found.credential_id,
                    public_key=found.credential_public_key,
                    sign_count=found.sign_count,
                    transports=_transports(credential),
                    name=name.strip()[:LONGEST_NAME] or NAME,
                    created_at=now,
                )
        except IntegrityError:
            raise PasskeyRefused("this passkey is known already") from None
        record_audit(
            workspace_id=staff.workspace_id,
            actor=staff.email,
            action="add_passkey",
            target=staff.email,
            detail={"name": name.strip()[:LONGEST_NAME]},
        )
        return first_recovery_codes(account_id)


def authentication_options(account_id: UUID | None = None) -> tuple[str, bytes]:
    """As `registration_options`, for proving oneself; for nobody in particular the browser offers what it has."""
    options = generate_authentication_options(
        rp_id=_party(),
        allow_credentials=_descriptors(account_id) if account_id else [],
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json(options), options.challenge


def account_by_passkey(answer: str, *, challenge: bytes, now: datetime) -> UUID:
    """The account whose passkey answered the challenge. Raises `PasskeyRefused`, whatever was wrong."""
    try:
        credential = parse_authentication_credential_json(_parsed(answer))
        key = Passkey.objects.filter(credential_id=credential.raw_id).first()
        if key is None or credential.response.user_handle not in (None, key.account_id.bytes):
            raise PasskeyRefused("no such passkey")
        found = verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=_party(),
            expected_origin=_origin(),
            credential_public_key=bytes(key.public_key),
            credential_current_sign_count=key.sign_count,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as error:
        raise PasskeyRefused(f"the browser's answer is not valid: {error}") from None
    used = Passkey.objects.filter(pk=key.pk, sign_count=key.sign_count)
    if not used.update(sign_count=found.new_sign_count, last_used_at=now):
        raise PasskeyRefused("the passkey was used elsewhere at this very moment")
    return key.account_id


@transaction.atomic
def remove_passkey(account_id: UUID, passkey_id: UUID) -> None:
    """Forget one. Raises `NotFound`, and `SecondFactorRefused` where it is the last factor and one is demanded."""
    staff = locked_staff(account_id)
    key = Passkey.objects.filter(account_id=account_id, pk=passkey_id).first()
    if key is None:
        raise NotFound(f"no passkey {passkey_id} of this account")
    check_may_lose_one(staff)
    key.delete()
    forget_codes_without_factor(account_id)
    record_audit(
        workspace_id=staff.workspace_id,
        actor=staff.email,
        action="remove_passkey",
        target=staff.email,
        detail={"name": key.name},
    )


def _party() -> str:
    host = relying_party()
    if host is None:
        raise PasskeyRefused("passkeys need https and a host name: set TESSERA_CONSOLE_URL", code="no_passkeys_here")
    return host


def _origin() -> str:
    console = urlsplit(settings().public_console_url)
    return f"{console.scheme}://{console.netloc}"


def _parsed(answer: str) -> dict[str, Any]:
    if len(answer) > MOST_LETTERS:
        raise PasskeyRefused("the browser's answer is too long")
    try:
        document = msgspec.json.decode(answer)
    except (msgspec.DecodeError, RecursionError):
        raise PasskeyRefused("the browser's answer is not JSON") from None
    if not isinstance(document, dict):
        raise PasskeyRefused("the browser's answer is not an object")
    return document


def _transports(credential: dict[str, Any]) -> list[str]:
    response = credential.get("response")
    said = response.get("transports") if isinstance(response, dict) else None
    known = {transport.value for transport in AuthenticatorTransport}
    return sorted(known & {one for one in said if isinstance(one, str)}) if isinstance(said, list) else []


def _descriptors(account_id: UUID) -> list[PublicKeyCredentialDescriptor]:
    return [
        PublicKeyCredentialDescriptor(
            id=bytes(key.credential_id), transports=[AuthenticatorTransport(one) for one in key.transports] or None
        )
        for key in Passkey.objects.filter(account_id=account_id)
    ]
