"""Webhooks: a POST with the delivery's content, signed so that the receiver knows who sent it and when.

`Tessera-Signature: t=<seconds>,v1=<hex>` is HMAC-SHA256, with the export's secret, over `<seconds>.<delivery>.<body>`.
"""

import hashlib
import hmac
import secrets
from typing import Final
from uuid import UUID

from tessera.foundation.errors import TesseraError
from tessera.foundation.outbound import post

SECONDS: Final = 30.0


class NotTaken(TesseraError):
    """The receiver answered that it did not take it."""

    code = "not_taken"


def new_secret() -> str:
    return f"tws_{secrets.token_urlsafe(32)}"


def signature(secret: str, delivery: UUID, body: bytes, *, at: int) -> str:
    """The value of `Tessera-Signature` for this moment (seconds since 1970)."""
    signed = f"{at}.{delivery}.".encode() + body
    return f"t={at},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


def call(
    url: str,
    secret: str,
    body: bytes,
    *,
    delivery: UUID,
    export: UUID,
    number: int,
    content_type: str,
    name: str,
    at: int,
) -> None:
    """Any answer of 2xx takes it. Raises `NotTaken`, `OutboundRefused`, `OutboundFailed`."""
    headers = {
        "Content-Type": content_type,
        "User-Agent": "Tessera-Webhook/1",
        "Tessera-Delivery": str(delivery),
        "Tessera-Export": str(export),
        "Tessera-Number": str(number),
        "Tessera-File": name,
        "Tessera-Signature": signature(secret, delivery, body, at=at),
    }
    answer = post(url, body, headers, seconds=SECONDS)
    if not 200 <= answer.status < 300:
        raise NotTaken(f"HTTP {answer.status} {answer.excerpt[:200]}".strip())
