"""The audit trail: each entry in the transaction of the change itself, through Django or on a psycopg connection."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import psycopg

from tessera.foundation.ids import uuid7

_ADD: Final = """
INSERT INTO access_auditentry (id, at, workspace_id, actor, action, target, detail)
VALUES (%s, now(), %s, %s, %s, %s, %s)
"""


def record_audit(
    *, workspace_id: int | None, actor: str, action: str, target: str, detail: Mapping[str, object] | None = None
) -> None:
    """Note who did what to which thing. Call it in the transaction of the change itself."""
    from tessera.access.models import AuditEntry  # commands and rooms that speak psycopg need no Django

    AuditEntry.objects.create(
        workspace_id=workspace_id, actor=actor[:300], action=action, target=target[:300], detail=dict(detail or {})
    )


def record_audit_on(
    connection: psycopg.Connection[Any],
    *,
    workspace_id: int,
    actor: str,
    action: str,
    target: str,
    detail: Mapping[str, object] | None = None,
) -> None:
    """As `record_audit`, which writes through Django's connection and so cannot share this transaction."""
    encoded = msgspec.json.encode(dict(detail or {})).decode()
    connection.execute(_ADD, (uuid7(), workspace_id, actor[:300], action, target[:300], encoded))
