"""The audit trail on a psycopg connection: for changes that the rooms make there, in the change's own transaction."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import psycopg

from tessera.foundation.ids import uuid7

_ADD: Final = """
INSERT INTO access_auditentry (id, at, workspace_id, actor, action, target, detail)
VALUES (%s, now(), %s, %s, %s, %s, %s)
"""


def record_audit_on(
    connection: psycopg.Connection[Any],
    *,
    workspace_id: int,
    actor: str,
    action: str,
    target: str,
    detail: Mapping[str, object] | None = None,
) -> None:
    """As `actions.record_audit`, which writes through Django's connection and so cannot share this transaction."""
    encoded = msgspec.json.encode(dict(detail or {})).decode()
    connection.execute(_ADD, (uuid7(), workspace_id, actor[:300], action, target[:300], encoded))
